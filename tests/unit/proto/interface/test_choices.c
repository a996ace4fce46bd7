/* SPDX-License-Identifier: MIT */
/* Functions with `...`, parameters with cases, unions and slots: what the parser makes of them, and refuses. */
#include "words.h"

static const char curl[] =
    "[library(\"libcurl.so.4\")]\n"
    "typedef struct curl CURL;\n"
    "enum option { URL = 10002, WRITEFUNCTION = 20011, WRITEDATA = 10001, VERBOSE = 41, PORT = 3, LARGE = 30115 };\n"
    "typedef size_t (*curl_write_callback)([in, bytes(size * n)] char *p, size_t size, size_t n, [userdata] void *user);\n"
    "[select(option,\n"
    "        case URL: const char *;\n"
    "        case WRITEFUNCTION: [scope(owner(handle))] curl_write_callback;\n"
    "        case WRITEDATA: [userdata(WRITEFUNCTION)] void *;\n"
    "        case VERBOSE, PORT: long)]\n"
    "int curl_easy_setopt(CURL *handle, enum option option, ...);\n";

static const Cbb__Function *case_of(const struct interface *interface, const char *name, unsigned number)
{
	uint32_t base = (uint32_t)interface_find_function(&interface->message, name);
	for (size_t i = 0; i < interface->message.n_functions; i++)
		if (interface->message.functions[i]->case_of == base + 1 && number-- == 0)
			return interface->message.functions[i];
	FAIL("no such case");
	expect_end();
	return NULL;
}

static void given_a_select_when_parsed_then_each_case_is_a_function(void)
{
	struct interface *interface = words_parse(curl);
	const Cbb__Function *base = words_function(interface, "curl_easy_setopt");
	EXPECT_EQUAL(base->variadic, CBB__VARIADIC__VARIADIC_SELECT);
	EXPECT_EQUAL(base->select, 1);
	EXPECT_EQUAL(base->n, 2);
	const Cbb__Function *url = case_of(interface, "curl_easy_setopt", 0);
	EXPECT_EQUAL(url->n, 3);
	EXPECT_EQUAL(url->n_fixed, 2);
	EXPECT_EQUAL(url->n_labels, 1);
	EXPECT_EQUAL(url->labels[0], 10002);
	EXPECT_EQUAL(interface->message.params[url->first + 2]->mode, CBB__MODE__MODE_STRING);
	const Cbb__Param *data = interface->message.params[case_of(interface, "curl_easy_setopt", 2)->first + 2];
	EXPECT_EQUAL(data->mode, CBB__MODE__MODE_USERDATA);
	EXPECT_EQUAL(data->scope, CBB__SCOPE__SCOPE_OWNER);
	EXPECT_EQUAL(data->owner, 1);
	EXPECT_EQUAL(case_of(interface, "curl_easy_setopt", 3)->n_labels, 2);
	interface_free(interface);
}

static void given_a_list_of_options_when_parsed_then_cases_begin_with_the_option(void)
{
	struct interface *interface =
		words_parse("enum option { END, NOTIFY = 4, SIZE = 14, SEED, DEBUG };\n"
	                "typedef struct d d;\n"
	                "typedef void (*notify)([userdata] void *user);\n"
	                "d *start(unsigned flags, [sentinel(END), select(enum option, case NOTIFY: [scope(owner(return))] notify, "
	                "[userdata] void *; case SIZE: unsigned; case SEED: size_t n, [size(n)] const char *; case DEBUG: void)] "
	                "...);");
	const Cbb__Function *base = words_function(interface, "start");
	EXPECT_EQUAL(base->variadic, CBB__VARIADIC__VARIADIC_LIST);
	EXPECT_EQUAL(base->sentinel, 0);
	EXPECT_EQUAL(case_of(interface, "start", 0)->n, 4);
	EXPECT_EQUAL(interface->message.params[case_of(interface, "start", 0)->first + 2]->owner, 5);
	EXPECT_EQUAL(case_of(interface, "start", 2)->n, 4);
	EXPECT_EQUAL(case_of(interface, "start", 3)->n, 2);
	interface_free(interface);
}

static void given_elements_with_a_sentinel_when_parsed_then_there_is_one_case(void)
{
	struct interface *interface = words_parse("[sentinel(NULL, const char *)] int execl(const char *path, ...);\n"
	                                          "int sum(int first, [sentinel(-1, int)] ...);");
	EXPECT_EQUAL(words_function(interface, "execl")->variadic, CBB__VARIADIC__VARIADIC_ELEMENTS);
	EXPECT_EQUAL(case_of(interface, "execl", 0)->n_labels, 0);
	EXPECT_EQUAL(words_function(interface, "sum")->sentinel, -1);
	interface_free(interface);
}

static void given_cases_of_a_parameter_when_parsed_then_each_is_described(void)
{
	struct interface *interface =
		words_parse("struct point { int x, y; };\n"
	                "union any { struct point point; void *other; };\n"
	                "int f(int kind, [nullable, case(kind * 2, 2: const struct point *; 4, 6: [size(n)] const int *; 8: "
	                "[userdata] void *)] const void *p, int n, [case(n, 1: [out] struct point *)] union any *u);");
	const Cbb__Param *param = words_param(interface, "f", 1);
	EXPECT_EQUAL(param->mode, CBB__MODE__MODE_CASE);
	EXPECT_EQUAL(param->n_cases, 3);
	EXPECT(param->selector != 0);
	const Cbb__Param *second = interface->message.params[param->first_case + 1];
	EXPECT_EQUAL(second->n_labels, 2);
	EXPECT_EQUAL(second->labels[1], 6);
	EXPECT(second->size != 0 && second->nullable);
	EXPECT_EQUAL(words_param(interface, "f", 3)->n_cases, 1);
	interface_free(interface);
}

static void given_a_union_when_parsed_then_its_members_lie_upon_each_other(void)
{
	struct interface *interface = words_parse("union u { char c; double d; struct { int a[3]; } s; void *p; };\n"
	                                          "struct s { char c; union u u; };\n"
	                                          "union u f(struct s s, struct t *t, union hidden *h);");
	const Cbb__Type *holder = interface->message.types[words_param(interface, "f", 0)->type];
	const Cbb__Param *field = interface->message.params[holder->first + 1];
	const Cbb__Type *type = interface->message.types[field->type];
	EXPECT(type->is_union);
	EXPECT_EQUAL(type->size_bytes, 16);
	EXPECT_EQUAL(type->align_bytes, 8);
	EXPECT_EQUAL(field->offset_bytes, 8);
	for (uint32_t i = 0; i < type->n; i++)
		EXPECT_EQUAL(interface->message.params[type->first + i]->offset_bytes, 0);
	EXPECT_STRING(interface_type_name(&interface->message, field->type), "union u");
	EXPECT_EQUAL(words_param(interface, "f", 2)->mode, CBB__MODE__MODE_HANDLE);
	interface_free(interface);
}

static void given_a_slot_when_parsed_then_it_is_user_data_in_a_cell(void)
{
	struct interface *interface = words_parse("typedef int (*handler)([userdata] void *cls, [slot] void **req_cls);");
	const Cbb__Param *param = words_param(interface, "handler", 1);
	EXPECT_EQUAL(param->mode, CBB__MODE__MODE_ELEMENTS);
	EXPECT_EQUAL(param->direction, CBB__DIRECTION__DIRECTION_INOUT);
	EXPECT_EQUAL(interface->message.params[param->element]->mode, CBB__MODE__MODE_USERDATA);
	EXPECT(interface->message.params[param->element]->nullable);
	interface_free(interface);
}

#define V "enum { A = 1, B = 2 };\n"

static void given_wrong_ellipses_when_parsed_then_refused(void)
{
	static const struct words_refusal table[] = {
	    {"int printf(const char *format, ...);", 1, 32, "functions with ... say what it takes", "leave the function out"},
	    {"int f(...);", 1, 7, "more parameters than ...", "at least one parameter"},
	    {"int f(int a, ..., int b);", 1, 17, "')' is expected", "parameters are listed"},
	    {"[select(a, case 1: int)] int f(int a);", 1, 2, "'f', which has no ...", "have ..."},
	    {"int f(int a, [nullable] ...);", 1, 15, "no meaning on ...", "select"},
	    {"[select(b, case 1: int)] int f(int a, ...);", 1, 9, "'b' is no parameter of 'f'", "name a parameter"},
	    {"[select(a, case 1: int)] int f(double a, ...);", 1, 9, "'a' is no integer", "integer"},
	    {"[select(a, 1: int)] int f(int a, ...);", 1, 12, "'case' is expected", "select(parameter, case 1"},
	    {"[select(a, case 1 int)] int f(int a, ...);", 1, 19, "':' is expected", "select(parameter, case 1"},
	    {"[select(a, case a: int)] int f(int a, ...);", 1, 17, "must be constant", "constant"},
	    {V "[select(a, case A: int; case B, A: long)] int f(int a, ...);", 2, 25, "the value 1 chooses two cases", "once"},
	    {"[select(a, case 1, 1: int)] int f(int a, ...);", 1, 12, "the value 1 chooses two cases", "once"},
	    {"[select(a, case 1: short)] int f(int a, ...);", 1, 25, "C passes int", "write int"},
	    {"[select(a, case 1: float)] int f(int a, ...);", 1, 25, "C passes double", "write double"},
	    {"struct s { int a; };\n[select(a, case 1: struct s)] int f(int a, ...);", 2, 28, "do not pass through", "leave"},
	    {"[select(a, case 1: void *)] int f(int a, ...);", 1, 26, "nothing says what", "[userdata]"},
	    {"[select(a, case 1: int a)] int f(int a, ...);", 1, 24, "'a' is declared twice", "another name"},
	    {"[select(a, case 1: ...)] int f(int a, ...);", 1, 20, "more parameters than ...", "at least one"},
	    {"[select(a, case 1: int, ...)] int f(int a, ...);", 1, 25, "and not ...", "list the types"},
	    {"[select(int, case 1: int)] int f(int a, ...);", 1, 2, "nothing ends this list", "sentinel"},
	    {"[sentinel(0)] int f(int a, ...);", 1, 2, "either elements of one type", "sentinel(0, type)"},
	    {"[sentinel(0), select(a, case 1: int)] int f(int a, ...);", 1, 2, "either elements", "[sentinel(0), select(int"},
	    {"[sentinel(1), select(int, case 1: int)] int f(int a, ...);", 1, 27, "sentinel 1 has a case", "ends there"},
	    {"[sentinel(0), select(double, case 1: int)] int f(int a, ...);", 1, 28, "no end that can be seen", "integers"},
	    {"[sentinel(0, double)] int f(int a, ...);", 1, 20, "no end that can be seen", "integers or pointers"},
	    {"[sentinel(1, const char *)] int f(int a, ...);", 1, 2, "cannot be told from copied memory", "NULL or -1"},
	    {"[sentinel(a, int)] int f(int a, ...);", 1, 11, "sentinel must be constant", "constant"},
	    {"struct s { int a; };\n[select(a, case 1: int)] int f(int a, struct s s, ...);", 2, 30, "take or return structs",
	     "leave the function out"},
	    {"[select(a, case 1: [userdata(A)] void *)] int f(int a, ...);", 1, 30, "'A' names no callback", "value whose case"},
	    {V "[select(a, case A: [userdata(B)] void *; case B: int)] int f(int a, ...);", 2, 30, "'B' names no callback",
	     "value whose case"},
	};
	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		words_refuse(&table[i]);
}

static void given_wrong_cases_of_a_parameter_when_parsed_then_refused(void)
{
	static const struct words_refusal table[] = {
	    {"int f(int k, [case(k, 1: int *)] const char *p);", 1, 15, "p' of 'f' is known", "void *"},
	    {"[case(k, 1: const char *)] void *f(int k);", 1, 2, "is known", "parameters"},
	    {"struct s { int k; [case(k, 1: const char *)] void *p; };", 1, 20, "is known", "parameters"},
	    {"int f(int k, [in, case(k, 1: const char *)] void *p);", 1, 15, "[in] beside [case]", "inside the case"},
	    {"int f(int k, [case(k)] void *p);", 1, 21, "',' is expected", "case(kind, 1"},
	    {"int f(int k, [case(q, 1: const char *)] void *p);", 1, 20, "'q' is no parameter", "parameters"},
	    {"int f(const int *k, [case(*k, 1: const char *)] void *p);", 1, 27, "more than integer parameters", "integer"},
	    {"int f(int k, [case(k, 1: const char *, const char *)] void *p);", 1, 23, "has 2 types", "case(kind, 1"},
	    {"int f(int k, [case(k, 1: void)] void *p);", 1, 23, "has 0 types", "case(kind, 1"},
	    {"int f(int k, [case(k, 1: int)] void *p);", 1, 23, "no pointer to something", "case(kind, 1"},
	    {"int f(int k, [case(k, 1: int *)] void *p);", 1, 31, "nothing says what", "[in]"},
	    {"int f(int k, [case(k, 1: const char *; 1: const int *)] void *p);", 1, 40, "the value 1 chooses two", "once"},
	    {"int f(int k, [case(k, 1: [case(k, 1: const char *)] void *)] void *p);", 1, 23, "no pointer to something",
	     "case(kind"},
	    {"int f(int k, [case(k, 1: int (*)(int))] void *p);", 1, 23, "no pointer to something", "case(kind"},
	    {"union u { int a; };\nint f(const union u *p);", 2, 22, "points to a union", "case(kind"},
	    {"union u { int a; };\nint f([in, size(2)] union u *p);", 2, 30, "points to a union", "case(kind"},
	    {"union u { int a; };\nint f(union u *p);", 2, 16, "points to a union", "case(kind"},
	    {"union u { [string] char *a; };", 1, 12, "no meaning on a member of a union", "pass as they are"},
	    {"union u { int a : 3; };", 1, 17, "bit-fields", "whole integer"},
	    {"union u { };", 1, 7, "without fields", "nobody looks inside"},
	    {"struct u { int a; };\nint f(union u *p);", 2, 13, "'u' is declared as a struct", "share their names"},
	    {"union u { int a; };\nstruct s { union u u; };\nint f(const struct s *s, [size(s->u.a)] const int *p);", 3, 37,
	     "members of unions", "beside the union"},
	    {"int f([slot] void *p);", 1, 8, "no cell for a pointer", "void **cell"},
	    {"int f([slot] void *const *p);", 1, 8, "no cell for a pointer", "void **cell"},
	    {"[slot] void **f(int a);", 1, 2, "no cell for a pointer", "void **cell"},
	    {"int f([slot, size(2)] void **p);", 1, 14, "a slot and more", "alone"},
	};
	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		words_refuse(&table[i]);
}

/* ---- Messages that say what no text can ---- */

static void expect_invalid(const char *text, void (*change)(const struct interface *interface), const char *why)
{
	struct interface *interface = words_parse(text);
	EXPECT_EQUAL(interface_check(&interface->message), 0);
	change(interface);
	EXPECT_EQUAL(interface_check(&interface->message), CBB__STATUS__STATUS_INTERFACE);
	EXPECT_CONTAINS(detail_text(), why);
	interface_free(interface);
}

static Cbb__Function *any_case(const struct interface *interface)
{
	return interface->message.functions[interface->message.n_functions - 1];
}

#define CHANGE(name, what) \
	static void name(const struct interface *interface) \
	{ \
		Cbb__Interface message = interface->message; \
		Cbb__Function *base = words_function(interface, "f"), *one = any_case(interface); \
		Cbb__Param **params = message.params + base->first; \
		(void)one; \
		(void)params; \
		what; \
	}

CHANGE(case_of_itself, one->case_of = (uint32_t)message.n_functions)
CHANGE(case_of_none, one->case_of = 0)
CHANGE(case_of_what_is_none, base->variadic = 0)
CHANGE(case_without_label, one->n_labels = 0)
CHANGE(case_with_fewer, one->n_fixed = 1)
CHANGE(case_with_more, one->n_fixed = 9)
CHANGE(case_of_type, one->is_type = true)
CHANGE(select_beyond, base->select = 2)
CHANGE(select_other, base->select = 0)
CHANGE(unknown_kind, base->variadic = 17)
CHANGE(a_sentinel, base->sentinel = 3)
CHANGE(small_argument, message.params[one->first + 2]->type = message.params[base->first]->type)

static void given_hostile_ellipses_when_checked_then_refused(void)
{
	static const char text[] = "[select(k, case 1: int)] long f(short h, int k, ...);";
	static const struct {
		void (*change)(const struct interface *interface);
		const char *why;
	} table[] = {
	    {case_of_itself, "case of nothing"},   {case_of_none, "half a case"},     {case_of_what_is_none, "half a case"},
	    {case_without_label, "no such case"}, {case_with_fewer, "no such case"}, {case_with_more, "no such case"},
	    {case_of_type, "case of nothing"},  {select_beyond, "by nothing"},     {unknown_kind, "cannot have ..."},
	    {a_sentinel, "by nothing"},         {small_argument, "wrong parameter 2"},
	};
	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		expect_invalid(text, table[i].change, table[i].why);
	expect_invalid("[select(k, case 1: int)] long f(double h, int k, ...);", select_other, "by nothing");
}

CHANGE(cases_before, params[1]->first_case = base->first)
CHANGE(cases_beyond, params[1]->first_case = UINT32_MAX)
CHANGE(cases_many, params[1]->n_cases = UINT32_MAX)
CHANGE(no_cases, params[1]->n_cases = 0)
CHANGE(no_selector, params[1]->selector = 0)
CHANGE(wrong_selector, params[1]->selector = UINT32_MAX)
CHANGE(nested, message.params[params[1]->first_case]->mode = CBB__MODE__MODE_CASE)
CHANGE(no_labels, message.params[params[1]->first_case]->n_labels = 0)
CHANGE(not_a_case, params[1]->mode = CBB__MODE__MODE_HANDLE)
CHANGE(follows, message.expressions[params[1]->selector - 1]->op = CBB__OP__OP_DEREF)

static void given_hostile_cases_when_checked_then_refused(void)
{
	static const char text[] = "int f(int k, [case(k, 1: const char *; 2: const int *)] void *p, const int *q);";
	static const struct {
		void (*change)(const struct interface *interface);
		const char *why;
	} table[] = {
	    {cases_before, "no such cases"}, {cases_beyond, "no such cases"}, {cases_many, "no such cases"},
	    {no_cases, "where none can"},    {no_selector, "nothing chooses"}, {wrong_selector, "is not there"},
	    {nested, "a case is none"},      {no_labels, "a case is none"},   {not_a_case, "only others can"},
	    {follows, "not known then"},
	};
	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		expect_invalid(text, table[i].change, table[i].why);
}

CHANGE(union_as_struct, message.types[params[0]->type]->is_union = false)
CHANGE(described_member, message.params[message.types[params[0]->type]->first]->mode = CBB__MODE__MODE_HANDLE)
CHANGE(member_elsewhere, message.params[message.types[params[0]->type]->first + 1]->offset_bytes = 8)
CHANGE(larger_union, message.types[params[0]->type]->size_bytes = 16)

static void given_hostile_unions_when_checked_then_refused(void)
{
	static const char text[] = "union u { void *p; int i; }; int f(union u u);";
	expect_invalid(text, union_as_struct, "at a wrong place");
	expect_invalid(text, described_member, "is described");
	expect_invalid(text, member_elsewhere, "at a wrong place");
	expect_invalid(text, larger_union, "wrong size");
}

static const struct test tests[] = {
	TEST(given_a_select_when_parsed_then_each_case_is_a_function),
	TEST(given_a_list_of_options_when_parsed_then_cases_begin_with_the_option),
	TEST(given_elements_with_a_sentinel_when_parsed_then_there_is_one_case),
	TEST(given_cases_of_a_parameter_when_parsed_then_each_is_described),
	TEST(given_a_union_when_parsed_then_its_members_lie_upon_each_other),
	TEST(given_a_slot_when_parsed_then_it_is_user_data_in_a_cell),
	TEST(given_wrong_ellipses_when_parsed_then_refused),
	TEST(given_wrong_cases_of_a_parameter_when_parsed_then_refused),
	TEST(given_hostile_ellipses_when_checked_then_refused),
	TEST(given_hostile_cases_when_checked_then_refused),
	TEST(given_hostile_unions_when_checked_then_refused),
};
HARNESS_MAIN(tests)
