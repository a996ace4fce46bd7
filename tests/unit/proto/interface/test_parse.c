/* SPDX-License-Identifier: MIT */
/* What the parser makes of a text that it accepts. */
#include "base/detail.h"
#include "interface/check.h"
#include "interface/parse.h"
#include "support/harness.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct interface *parse(const char *text)
{
	struct interface *interface = NULL;
	int r = interface_parse("t.cbi", text, strlen(text), NULL, NULL, &interface);
	if (r < 0)
		FAIL("%d: %s", r, detail_text());
	REQUIRE(r == 0);
	return interface;
}

static const Cbb__Function *function_of(const struct interface *interface, const char *name)
{
	int index = interface_find_function(&interface->message, name);
	REQUIRE(index >= 0);
	return interface->message.functions[index];
}

static const Cbb__Param *param_of(const struct interface *interface, const char *function, unsigned number)
{
	const Cbb__Function *found = function_of(interface, function);
	REQUIRE(number < found->n);
	return interface->message.params[found->first + number];
}

static const Cbb__Param *result_of(const struct interface *interface, const char *function)
{
	return interface->message.params[function_of(interface, function)->result];
}

static const Cbb__Param *element_of(const struct interface *interface, const Cbb__Param *param)
{
	REQUIRE_EQUAL((int)param->mode, CBB__MODE__MODE_ELEMENTS);
	return interface->message.params[param->element];
}

static const Cbb__Expression *expression_of(const struct interface *interface, uint32_t reference)
{
	REQUIRE(reference > 0);
	return interface->message.expressions[reference - 1];
}

static const Cbb__Type *type_of(const struct interface *interface, const Cbb__Param *param)
{
	return interface->message.types[param->type];
}

static void given_all_scalars_when_parsed_then_kinds_and_names_are_right(void)
{
	static const struct {
		const char *text, *spelling;
		Cbb__Kind kind;
	} table[] = {
	    {"char", "char", CHAR_MIN < 0 ? CBB__KIND__KIND_I8 : CBB__KIND__KIND_U8},
	    {"signed char", "signed char", CBB__KIND__KIND_I8},
	    {"char unsigned", "unsigned char", CBB__KIND__KIND_U8},
	    {"short int", "short", CBB__KIND__KIND_I16},
	    {"unsigned short", "unsigned short", CBB__KIND__KIND_U16},
	    {"signed", "int", CBB__KIND__KIND_I32},
	    {"unsigned", "unsigned int", CBB__KIND__KIND_U32},
	    {"long signed int", "long", CBB__KIND__KIND_I64},
	    {"const unsigned long", "unsigned long", CBB__KIND__KIND_U64},
	    {"long long", "long long", CBB__KIND__KIND_I64},
	    {"int unsigned long const long", "unsigned long long", CBB__KIND__KIND_U64},
	    {"float", "float", CBB__KIND__KIND_F32},
	    {"double", "double", CBB__KIND__KIND_F64},
	    {"double long", "long double", CBB__KIND__KIND_LONG_DOUBLE},
	    {"bool", "_Bool", CBB__KIND__KIND_BOOL},
	    {"size_t", "size_t", CBB__KIND__KIND_U64},
	    {"int16_t", "int16_t", CBB__KIND__KIND_I16},
	    {"mode_t", "mode_t", CBB__KIND__KIND_U32},
	    {"off_t", "off_t", CBB__KIND__KIND_I64},
	    {"enum few", "enum few", CBB__KIND__KIND_U32},
	    {"enum below", "enum below", CBB__KIND__KIND_I32},
	    {"enum wide", "enum wide", CBB__KIND__KIND_U64},
	    {"other", "short", CBB__KIND__KIND_I16},
	};
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct interface *interface = parse(harness_format(
		    "enum few { A, B = 7 }; enum below { C = -1 }; enum wide { D = 1LL << 40, }; typedef short other;\n"
		    "void f(%s value);", table[i].text));
		const Cbb__Param *param = param_of(interface, "f", 0);
		EXPECT_EQUAL((int)param->mode, CBB__MODE__MODE_VALUE);
		EXPECT_EQUAL((int)type_of(interface, param)->kind, (int)table[i].kind);
		EXPECT_STRING(interface_type_name(&interface->message, param->type), table[i].spelling);
		interface_free(interface);
	}
}

static void given_declarators_when_parsed_then_types_are_those_of_c(void)
{
	static const char *const table[][2] = {
	    {"[handle] const char *const *p", "const char *const *"},
	    {"[handle] char *restrict p", "char *"},
	    {"int (*p)(int, const char *)", "int (*)(int, const char *)"},
	    {"int p(int)", "int (*)(int)"},
	    {"void (*p)(int (*)(void))", "void (*)(int (*)(void))"},
	    {"const char p[]", "const char *"},
	    {"[in] int p[4]", "int *"},
	    {"handler p", "handler"},
	    {"handler_function p", "handler_function *"},
	    {"handler_function *p", "handler_function *"},
	    {"struct opaque *p", "struct opaque *"},
	    {"const point *p", "const point *"},
	    {"[handle] int (*p)[3]", "int (*)[3]"},
	    {"point p", "point"},
	    {"const vector p", "const int *"},
	    {"int ((p))", "int"},
	};
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct interface *interface = parse(harness_format(
		    "typedef struct { int x, y; } point; typedef int vector[4]; typedef void (*handler)(int);\n"
		    "typedef void handler_function(int);\nvoid f(%s);", table[i][0]));
		EXPECT_STRING(interface_type_name(&interface->message, param_of(interface, "f", 0)->type), table[i][1]);
		interface_free(interface);
	}
}

static void given_pointers_without_brackets_when_parsed_then_they_have_their_defaults(void)
{
	struct interface *interface = parse("struct opaque; struct point { int x; };\n"
	                                    "const char *f(const char *text, const struct point *one, struct opaque "
	                                    "*handle,\n"
	                                    "              int (*callback)(int), const unsigned char *byte);\n"
	                                    "struct opaque *g(void);\nconst struct point *h(void);\n");
	EXPECT_EQUAL((int)param_of(interface, "f", 0)->mode, CBB__MODE__MODE_STRING);
	EXPECT_EQUAL((int)param_of(interface, "f", 0)->direction, CBB__DIRECTION__DIRECTION_IN);
	EXPECT(!param_of(interface, "f", 0)->nullable);
	EXPECT_EQUAL((int)param_of(interface, "f", 1)->direction, CBB__DIRECTION__DIRECTION_IN);
	EXPECT_EQUAL((int)type_of(interface, element_of(interface, param_of(interface, "f", 1)))->kind,
	             CBB__KIND__KIND_STRUCT);
	EXPECT_EQUAL(param_of(interface, "f", 1)->size, 0);
	EXPECT_EQUAL((int)param_of(interface, "f", 2)->mode, CBB__MODE__MODE_HANDLE);
	EXPECT_EQUAL((int)param_of(interface, "f", 3)->mode, CBB__MODE__MODE_CALLBACK);
	EXPECT_EQUAL((int)param_of(interface, "f", 3)->scope, CBB__SCOPE__SCOPE_CALL);
	EXPECT_EQUAL((int)param_of(interface, "f", 4)->mode, CBB__MODE__MODE_ELEMENTS);
	EXPECT_EQUAL((int)result_of(interface, "f")->mode, CBB__MODE__MODE_STRING);
	EXPECT(result_of(interface, "f")->nullable);
	EXPECT_EQUAL((int)result_of(interface, "f")->direction, CBB__DIRECTION__DIRECTION_NONE);
	EXPECT_EQUAL((int)result_of(interface, "g")->mode, CBB__MODE__MODE_HANDLE);
	EXPECT_EQUAL((int)result_of(interface, "h")->mode, CBB__MODE__MODE_ELEMENTS);
	EXPECT_EQUAL(result_of(interface, "f")->lifetime, 0);
	interface_free(interface);
}

static void given_arrays_when_parsed_then_sizes_and_directions_are_kept(void)
{
	struct interface *interface = parse(
	    "enum { FOUR = 4 };\n"
	    "int f([in, size(n * 2)] int *a, int n, [out, bytes(*room), filled(*room)] void *b, [inout] size_t *room,\n"
	    "      [out, string, size(n)] char *text, const int fixed[FOUR], [inout, size(min(n, 8))] double *d,\n"
	    "      [in, zero] long *ends);\n");
	const Cbb__Param *a = param_of(interface, "f", 0), *b = param_of(interface, "f", 2);
	const Cbb__Expression *size = expression_of(interface, a->size);
	EXPECT_EQUAL((int)size->op, CBB__OP__OP_MUL);
	EXPECT_EQUAL((int)interface->message.expressions[size->left]->op, CBB__OP__OP_PARAM);
	EXPECT_EQUAL(interface->message.expressions[size->left]->param, 1);
	EXPECT_EQUAL(interface->message.expressions[size->right]->constant, 2);
	EXPECT(b->size_in_bytes && !a->size_in_bytes);
	EXPECT_EQUAL((int)expression_of(interface, b->size)->op, CBB__OP__OP_DEREF);
	EXPECT_EQUAL((int)expression_of(interface, b->filled)->kind, CBB__KIND__KIND_U64);
	EXPECT_EQUAL((int)type_of(interface, element_of(interface, b))->kind, CBB__KIND__KIND_U8);
	EXPECT(param_of(interface, "f", 4)->text);
	EXPECT_EQUAL((int)param_of(interface, "f", 4)->direction, CBB__DIRECTION__DIRECTION_OUT);
	EXPECT_EQUAL(expression_of(interface, param_of(interface, "f", 5)->size)->constant, 4);
	EXPECT_EQUAL((int)expression_of(interface, param_of(interface, "f", 6)->size)->op, CBB__OP__OP_MIN);
	EXPECT(param_of(interface, "f", 7)->zero);
	interface_free(interface);
}

static void given_pointers_to_pointers_when_parsed_then_words_describe_the_right_one(void)
{
	struct interface *interface = parse(
	    "typedef struct sqlite3 sqlite3; void sqlite3_free([handle] void *memory);\n"
	    "int f([string, size(n), elements(nullable)] char **values, int n, [string, zero] const char *const *names,\n"
	    "      [out, string, nullable, transfer(full(sqlite3_free))] char **message, [out] sqlite3 **db,\n"
	    "      [out, nullable, into(text)] char **end, const char *text,\n"
	    "      [out, size(*count), lifetime(owner(h)), nullable] int **list, [inout] int *count, [handle] void *h,\n"
	    "      [out, userdata] void **user, [handle] char ***deep);\n");
	const Cbb__Param *values = param_of(interface, "f", 0), *message = param_of(interface, "f", 3);
	EXPECT_EQUAL((int)values->direction, CBB__DIRECTION__DIRECTION_IN);
	EXPECT(!values->nullable && element_of(interface, values)->nullable);
	EXPECT_EQUAL((int)element_of(interface, values)->mode, CBB__MODE__MODE_STRING);
	EXPECT(param_of(interface, "f", 2)->zero && !element_of(interface, param_of(interface, "f", 2))->nullable);
	EXPECT(message->nullable && element_of(interface, message)->nullable);
	EXPECT_EQUAL(message->free_function, 0);
	EXPECT_STRING(interface_name(&interface->message, element_of(interface, message)->free_function), "sqlite3_free");
	EXPECT_EQUAL((int)element_of(interface, param_of(interface, "f", 4))->mode, CBB__MODE__MODE_HANDLE);
	EXPECT(!param_of(interface, "f", 4)->nullable && element_of(interface, param_of(interface, "f", 4))->nullable);
	EXPECT_EQUAL((int)element_of(interface, param_of(interface, "f", 5))->mode, CBB__MODE__MODE_INTO);
	EXPECT_EQUAL(element_of(interface, param_of(interface, "f", 5))->into, 6);
	const Cbb__Param *list = param_of(interface, "f", 7), *inner = element_of(interface, list);
	EXPECT_EQUAL(list->size, 0);
	EXPECT_EQUAL((int)inner->mode, CBB__MODE__MODE_ELEMENTS);
	EXPECT_EQUAL((int)expression_of(interface, inner->size)->op, CBB__OP__OP_DEREF);
	EXPECT_EQUAL((int)inner->lifetime, CBB__LIFETIME__LIFETIME_OWNER);
	EXPECT_EQUAL(inner->lifetime_owner, 10);
	EXPECT(list->element > interface->message.functions[1]->first && inner->element > list->element);
	EXPECT_EQUAL((int)element_of(interface, param_of(interface, "f", 10))->mode, CBB__MODE__MODE_USERDATA);
	EXPECT_EQUAL((int)param_of(interface, "f", 11)->mode, CBB__MODE__MODE_HANDLE);
	interface_free(interface);
}

static void given_callbacks_when_parsed_then_scopes_owners_and_userdata_are_right(void)
{
	struct interface *interface = parse(
	    "typedef struct parser *parser;\n"
	    "[on_error(-1), timeout(250)] typedef int (*handler)([userdata] void *user, [size(n)] const char *s, int n);\n"
	    "void set(parser p, [nullable, scope(owner(p))] handler h, [userdata(h)] void *user);\n"
	    "void keep([scope(forever), values(0, -1)] handler h, [userdata] uintptr_t user);\n"
	    "parser make([scope(owner(return))] handler h, [userdata(h), scope(forever)] void *user);\n"
	    "int drop([closes(return == 0)] parser p);\n");
	int type = interface_find_callback_type(&interface->message, "handler");
	REQUIRE(type >= 0);
	EXPECT(interface->message.functions[type]->is_type);
	EXPECT_EQUAL((int64_t)interface->message.functions[type]->on_error, -1);
	EXPECT_EQUAL(interface->message.functions[type]->timeout_ms, 250);
	EXPECT_EQUAL(interface_find_function(&interface->message, "handler"), -1);
	EXPECT_EQUAL(interface_find_callback_type(&interface->message, "parser"), -1);
	EXPECT_EQUAL((int)param_of(interface, "set", 1)->scope, CBB__SCOPE__SCOPE_OWNER);
	EXPECT_EQUAL(param_of(interface, "set", 1)->owner, 1);
	EXPECT(param_of(interface, "set", 1)->nullable);
	EXPECT_EQUAL(param_of(interface, "set", 2)->userdata_of, 2);
	EXPECT_EQUAL((int)param_of(interface, "set", 2)->scope, CBB__SCOPE__SCOPE_OWNER);
	EXPECT_EQUAL(param_of(interface, "set", 2)->owner, 1);
	EXPECT_EQUAL((int)param_of(interface, "keep", 0)->scope, CBB__SCOPE__SCOPE_FOREVER);
	EXPECT_EQUAL(param_of(interface, "keep", 0)->n_values, 2);
	EXPECT_EQUAL(param_of(interface, "keep", 0)->values[1], UINT64_MAX);
	EXPECT_EQUAL((int)param_of(interface, "keep", 1)->mode, CBB__MODE__MODE_USERDATA);
	EXPECT_EQUAL(param_of(interface, "make", 0)->owner, 3);
	EXPECT_EQUAL((int)param_of(interface, "make", 1)->scope, CBB__SCOPE__SCOPE_FOREVER);
	EXPECT(param_of(interface, "drop", 0)->closes);
	EXPECT_EQUAL((int)expression_of(interface, param_of(interface, "drop", 0)->closes_when)->op, CBB__OP__OP_EQ);
	interface_free(interface);
}

static void given_call_names_and_fields_when_parsed_then_expressions_name_them(void)
{
	struct interface *interface = parse(
	    "struct time { long a; int b; }; struct header { char c; struct time t; unsigned caplen; };\n"
	    "struct list { int n; [size(n)] const int *items; [nullable] const char *name; struct list2 *more; };\n"
	    "typedef void (*pcap)(const struct header *h, [size(h->caplen - h->t.b)] const unsigned char *bytes);\n"
	    "typedef int (*compare)([bytes(call.size)] const void *a, [bytes(*call.more)] const void *b);\n"
	    "void sort(compare c, size_t size, [in] short *more, const struct list *l);\n");
	int pcap = interface_find_callback_type(&interface->message, "pcap");
	const Cbb__Function *function = interface->message.functions[pcap];
	const Cbb__Expression *size = expression_of(interface, interface->message.params[function->first + 1]->size);
	const Cbb__Expression *caplen = interface->message.expressions[size->left];
	const Cbb__Expression *b = interface->message.expressions[size->right];
	EXPECT_EQUAL((int)caplen->op, CBB__OP__OP_FIELD);
	EXPECT_EQUAL(caplen->offset_bytes, 24);
	EXPECT_EQUAL((int)caplen->kind, CBB__KIND__KIND_U32);
	EXPECT_EQUAL(b->offset_bytes, 16);
	const Cbb__Param *list = element_of(interface, param_of(interface, "sort", 3));
	const Cbb__Type *type = type_of(interface, list);
	const Cbb__Param *items = interface->message.params[type->first + 1];
	EXPECT_EQUAL((int)expression_of(interface, items->size)->op, CBB__OP__OP_SELF);
	EXPECT_EQUAL(items->offset_bytes, 8);
	EXPECT_EQUAL((int)items->direction, CBB__DIRECTION__DIRECTION_NONE);
	EXPECT_EQUAL((int)interface->message.params[type->first + 2]->mode, CBB__MODE__MODE_STRING);
	EXPECT_EQUAL((int)interface->message.params[type->first + 3]->mode, CBB__MODE__MODE_HANDLE);
	int compare = interface_find_callback_type(&interface->message, "compare");
	function = interface->message.functions[compare];
	EXPECT_EQUAL((int)expression_of(interface, interface->message.params[function->first]->size)->op,
	             CBB__OP__OP_CALL_PARAM);
	size = expression_of(interface, interface->message.params[function->first + 1]->size);
	EXPECT_EQUAL((int)size->op, CBB__OP__OP_CALL_DEREF);
	EXPECT_STRING(interface_name(&interface->message, size->name), "more");
	interface_free(interface);
}

static void given_results_and_error_values_when_parsed_then_bits_are_right(void)
{
	struct interface *interface = parse(
	    "enum e { BAD = 77 }; struct s { int a; };\n"
	    "[on_error(-7)] int a(void); [on_error(1.5)] float b(void); [on_error(-2)] long double c(void);\n"
	    "[on_error('x')] char d(void); [on_error(BAD)] enum e e(void); [on_error(NULL)] struct o *f(void);\n"
	    "[on_error(-1), handle] void *g(void); [on_error(-1)] unsigned h(void); struct s i(struct s by_value);\n"
	    "[size(*n), lifetime(next)] const int *j([out] int *n); [string, zero, transfer(full(free))] char **k(void);\n"
	    "[transfer(none)] struct s *l(void); void (*m(void))(int);\n");
	const uint64_t real = 0x3ff8000000000000, minus_two = 0xc000000000000000;
	EXPECT_EQUAL((int64_t)function_of(interface, "a")->on_error, -7);
	EXPECT_EQUAL(function_of(interface, "b")->on_error, real);
	EXPECT_EQUAL(function_of(interface, "c")->on_error, minus_two);
	EXPECT_EQUAL(function_of(interface, "d")->on_error, 'x');
	EXPECT_EQUAL(function_of(interface, "e")->on_error, 77);
	EXPECT_EQUAL(function_of(interface, "f")->on_error, 0);
	EXPECT_EQUAL(function_of(interface, "g")->on_error, UINT64_MAX);
	EXPECT_EQUAL(function_of(interface, "h")->on_error, UINT32_MAX);
	EXPECT_EQUAL((int)type_of(interface, result_of(interface, "i"))->kind, CBB__KIND__KIND_STRUCT);
	EXPECT_EQUAL((int)result_of(interface, "j")->lifetime, CBB__LIFETIME__LIFETIME_NEXT);
	EXPECT_EQUAL((int)expression_of(interface, result_of(interface, "j")->size)->op, CBB__OP__OP_DEREF);
	EXPECT_STRING(interface_name(&interface->message, result_of(interface, "k")->free_function), "free");
	EXPECT(element_of(interface, result_of(interface, "k"))->nullable);
	EXPECT_EQUAL((int)result_of(interface, "l")->mode, CBB__MODE__MODE_ELEMENTS);
	EXPECT_EQUAL((int)result_of(interface, "m")->mode, CBB__MODE__MODE_CALLBACK);
	interface_free(interface);
}

static void given_a_typedef_with_attributes_when_used_then_they_describe_its_pointer(void)
{
	struct interface *interface = parse("[handle] typedef void *thing;\n"
	                                    "thing make([out] thing *other, thing plain, [in, size(2)] thing *several);\n");
	EXPECT_EQUAL((int)result_of(interface, "make")->mode, CBB__MODE__MODE_HANDLE);
	EXPECT_EQUAL((int)element_of(interface, param_of(interface, "make", 0))->mode, CBB__MODE__MODE_HANDLE);
	EXPECT_EQUAL((int)param_of(interface, "make", 1)->mode, CBB__MODE__MODE_HANDLE);
	EXPECT_EQUAL((int)element_of(interface, param_of(interface, "make", 2))->mode, CBB__MODE__MODE_HANDLE);
	interface_free(interface);
}

static void given_a_file_attribute_when_parsed_then_the_message_has_it(void)
{
	struct interface *interface = parse("[library(\"lib\\x41.so.1\"), header(\"a.h b.h\")]\n\nint f(int a);\n");
	EXPECT_BYTES(interface->message.soname.data, interface->message.soname.len, "libA.so.1", 9);
	EXPECT_BYTES(interface->message.header.data, interface->message.header.len, "a.h b.h", 7);
	EXPECT_EQUAL(function_of(interface, "f")->line, 3);
	interface_free(interface);
}

static char *include_text(void *context, const char *name, size_t *ret_size)
{
	const char *const *texts = context;
	for (; *texts; texts += 2) {
		if (strcmp(texts[0], name) != 0)
			continue;
		*ret_size = strlen(texts[1]);
		return strdup(texts[1]);
	}
	return NULL;
}

static int parse_with(const char *text, const char *const *texts, struct interface **ret_interface)
{
	return interface_parse("main.cbi", text, strlen(text), include_text, (void *)(uintptr_t)texts, ret_interface);
}

static void given_includes_when_parsed_then_each_is_read_once(void)
{
	static const char *const texts[] = {"a.cbi", "#include \"b.cbi\"\n[library(\"liba.so\")] point2 a(point p);",
	                                    "b.cbi", "typedef struct { int x; } point; typedef point point2;", NULL};
	struct interface *interface = NULL;
	REQUIRE_EQUAL(parse_with("#include \"a.cbi\"\n  #include \"b.cbi\"\n[library(\"main.so\")]\npoint f(point p);",
	                         texts, &interface),
	              0);
	EXPECT(interface_find_function(&interface->message, "a") >= 0);
	EXPECT_BYTES(interface->message.soname.data, interface->message.soname.len, "main.so", 7);
	interface_free(interface);
}

static void given_includes_that_fail_when_parsed_then_the_error_is_in_the_right_file(void)
{
	static const char *const texts[] = {"a.cbi", "int f(int a);\nint g(foo a);", "loop.cbi", "#include \"loop2.cbi\"",
	                                    "loop2.cbi", "\n#include \"loop.cbi\"", NULL};
	struct interface *interface = NULL;
	EXPECT_EQUAL(parse_with("#include \"a.cbi\"", texts, &interface), CBB__STATUS__STATUS_INTERFACE);
	EXPECT_CONTAINS(detail_text(), "a.cbi:2:7: the type 'foo' is not declared\n    int g(foo a);\n");
	EXPECT_EQUAL(parse_with("#include \"loop.cbi\"", texts, &interface), CBB__STATUS__STATUS_INTERFACE);
	EXPECT_CONTAINS(detail_text(), "loop2.cbi:2:10: \"loop.cbi\" includes itself");
}

static char *include_next(void *context, const char *name, size_t *ret_size)
{
	(void)context;
	char *text = NULL;
	REQUIRE(asprintf(&text, "#include \"%d.cbi\"\n", atoi(name) + 1) > 0);
	*ret_size = strlen(text);
	return text;
}

static void given_includes_too_deep_when_parsed_then_refused(void)
{
	static const char text[] = "#include \"11.cbi\"";
	struct interface *interface = NULL;
	EXPECT_EQUAL(interface_parse("m.cbi", text, strlen(text), include_next, NULL, &interface),
	             CBB__STATUS__STATUS_INTERFACE);
	EXPECT_CONTAINS(detail_text(), "is included too deep");
	EXPECT_CONTAINS(detail_text(), "8 deep");
}

static char *repeat(const char *before, const char *part, size_t n, const char *after)
{
	size_t size = strlen(before) + n * strlen(part) + strlen(after);
	char *text = malloc(size + 1), *at = text;
	REQUIRE(text != NULL);
	at = stpcpy(at, before);
	for (size_t i = 0; i < n; i++)
		at = stpcpy(at, part);
	strcpy(at, after);
	return text;
}

/* At the limit and one beyond. */
static void expect_limit(const char *before, const char *part, size_t n, const char *after, const char *words)
{
	for (size_t i = 0; i < 2; i++) {
		char *text = repeat(before, part, n + i, after);
		struct interface *interface = NULL;
		int r = interface_parse("t.cbi", text, strlen(text), NULL, NULL, &interface);
		EXPECT_EQUAL(r, i == 0 ? 0 : CBB__STATUS__STATUS_INTERFACE);
		if ((r == 0) != (i == 0))
			FAIL("%zu of '%s': %s", n + i, part, detail_text());
		if (r < 0)
			EXPECT_CONTAINS(detail_text(), words);
		interface_free(interface);
		free(text);
	}
}

static void given_limits_when_reached_then_the_next_is_refused(void)
{
	expect_limit("void f(", "int,", INTERFACE_PARAMS_MAX - 1, "int);", "too many parameters");
	expect_limit("", " ", 1 << 20, "", "1048577 bytes");
	expect_limit("enum { A = ", "1 + ", 63, "1 };", "too long");
	expect_limit("void f([handle] int ", "*", INTERFACE_DEPTH_MAX, "p);", "too deep");
	expect_limit("[values(0", ",0", 63, ")] struct s *f(void);", "too many values");
}

static void given_too_many_functions_when_parsed_then_refused_where_the_table_is_full(void)
{
	const size_t n = INTERFACE_TABLE_MAX / 4;
	char *text = malloc((n + 1) * 32), *at = text;
	struct interface *interface = NULL;
	for (size_t i = 0; i <= n; i++)
		at += sprintf(at, "int f%zu(int a,int b,int c);\n", i);
	EXPECT_EQUAL(interface_parse("t.cbi", text, (size_t)(at - text), NULL, NULL, &interface),
	             CBB__STATUS__STATUS_INTERFACE);
	EXPECT_CONTAINS(detail_text(), harness_format("t.cbi:%zu:5: the interface is too large", n + 1));
	EXPECT_CONTAINS(detail_text(), "Hint: describe the functions that are used");
	free(text);
}

static void given_structs_in_structs_when_deeper_than_the_limit_then_refused(void)
{
	for (int n = 6; n <= 8; n++) {
		char *text = harness_format("struct s0 { int a; };\n");
		for (int i = 1; i <= n; i++)
			text = harness_format("%sstruct s%d { struct s%d a; };\n", text, i, i - 1);
		text = harness_format("%svoid f(struct s%d a);\n", text, n);
		struct interface *interface = NULL;
		EXPECT_EQUAL(interface_parse("t.cbi", text, strlen(text), NULL, NULL, &interface),
		             n == 6 ? 0 : CBB__STATUS__STATUS_INTERFACE);
		if (n > 6)
			EXPECT_CONTAINS(detail_text(), "too deep\n");
		interface_free(interface);
	}
}

static void given_a_failed_parse_when_repeated_then_the_result_pointer_is_untouched(void)
{
	struct interface *mark = (struct interface *)&mark, *interface = mark;
	EXPECT_EQUAL(interface_parse("t.cbi", "int f(", 6, NULL, NULL, &interface), CBB__STATUS__STATUS_INTERFACE);
	EXPECT(interface == mark);
	EXPECT(interface_free(NULL) == NULL);
}

static const struct test tests[] = {
    TEST(given_all_scalars_when_parsed_then_kinds_and_names_are_right),
    TEST(given_declarators_when_parsed_then_types_are_those_of_c),
    TEST(given_pointers_without_brackets_when_parsed_then_they_have_their_defaults),
    TEST(given_arrays_when_parsed_then_sizes_and_directions_are_kept),
    TEST(given_pointers_to_pointers_when_parsed_then_words_describe_the_right_one),
    TEST(given_callbacks_when_parsed_then_scopes_owners_and_userdata_are_right),
    TEST(given_call_names_and_fields_when_parsed_then_expressions_name_them),
    TEST(given_results_and_error_values_when_parsed_then_bits_are_right),
    TEST(given_a_typedef_with_attributes_when_used_then_they_describe_its_pointer),
    TEST(given_a_file_attribute_when_parsed_then_the_message_has_it),
    TEST(given_includes_when_parsed_then_each_is_read_once),
    TEST(given_includes_that_fail_when_parsed_then_the_error_is_in_the_right_file),
    TEST(given_includes_too_deep_when_parsed_then_refused),
    TEST(given_limits_when_reached_then_the_next_is_refused),
    TEST(given_too_many_functions_when_parsed_then_refused_where_the_table_is_full),
    TEST(given_structs_in_structs_when_deeper_than_the_limit_then_refused),
    TEST(given_a_failed_parse_when_repeated_then_the_result_pointer_is_untouched),
};
HARNESS_MAIN(tests)
