/* SPDX-License-Identifier: MIT */
/* interface_check(): one lie in an honest message, and it is refused. */
#include "base/detail.h"
#include "interface/check.h"
#include "interface/parse.h"
#include "support/harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char text[] =
	"[library(\"libx.so\"), header(\"x.h\")]\n"
	"typedef struct opaque *handle;\n"
	"struct inner { short a; long b; int c, d, e, f, g, h; };\n"
	"struct outer { char name[8]; struct inner in[2]; int n; [size(n)] const int *list; [nullable] const char *text; "
	"};\n"
	"typedef int (*compare)([bytes(call.size)] const void *a, [userdata] void *user);\n"
	"void x_free([handle] void *memory);\n"
	"handle open_it(compare c, [userdata(c)] void *user, size_t size, const struct outer *o);\n"
	"int read_it(handle h, [out, bytes(*n), filled(*n)] void *buffer, [inout] size_t *n, [in, size(2)] struct inner "
	"*s,\n"
	"            [out, into(key)] char **end, const char *key, [scope(owner(h)), values(0, 1)] compare keep);\n"
	"[size(*n), lifetime(owner(h)), transfer(full(x_free))] const int *list_it(handle h, [out] int *n);\n"
	"int close_it([closes(return == 0)] handle h, [out, string, size(max(room, 4))] char *why, int room);\n"
	"struct outer make_it(double d, long double l);\n";

/* An honest message that a test may change: nothing of it belongs to another. */
static Cbb__Interface *message_new(void)
{
	struct interface *interface = NULL;
	uint8_t packed[8192];
	int r = interface_parse("t.cbi", text, strlen(text), NULL, NULL, &interface);
	if (r < 0)
		FAIL("%s", detail_text());
	REQUIRE(r == 0);
	REQUIRE(cbb__interface__get_packed_size(&interface->message) <= sizeof packed);
	size_t size = cbb__interface__pack(&interface->message, packed);
	interface_free(interface);
	Cbb__Interface *message = cbb__interface__unpack(NULL, size, packed);
	REQUIRE(message != NULL);
	return message;
}

static Cbb__Function *function_of(Cbb__Interface *message, const char *name)
{
	int index = interface_find_function(message, name);
	REQUIRE(index >= 0);
	return message->functions[index];
}

static Cbb__Param *param_of(Cbb__Interface *message, const char *function, unsigned number)
{
	return message->params[function_of(message, function)->first + number];
}

static Cbb__Param *result_of(Cbb__Interface *message, const char *function)
{
	return message->params[function_of(message, function)->result];
}

static Cbb__Type *struct_of(Cbb__Interface *message, const char *name)
{
	for (size_t i = 0; i < message->n_types; i++)
		if (strcmp(interface_type_name(message, (uint32_t)i), name) == 0)
			return message->types[i];
	FAIL("no type %s", name);
	REQUIRE(false);
	return NULL;
}

static Cbb__Expression *expression_of(Cbb__Interface *message, uint32_t reference)
{
	REQUIRE(reference > 0);
	return message->expressions[reference - 1];
}

/* Runs `change` on a fresh message and expects the check to notice. */
#define EXPECT_REFUSED(words, change) \
	do { \
		Cbb__Interface *m = message_new(); \
		change; \
		int r = interface_check(m); \
		if (r != CBB__STATUS__STATUS_INTERFACE) \
			FAIL("accepted (%d): %s", r, #change); \
		else \
			EXPECT_CONTAINS(detail_text(), words); \
		cbb__interface__free_unpacked(m, NULL); \
	} while (0)

static void given_an_honest_message_when_checked_then_it_passes(void)
{
	Cbb__Interface *message = message_new();
	EXPECT_EQUAL(interface_check(message), 0);
	cbb__interface__free_unpacked(message, NULL);
}

static void given_names_that_are_none_when_checked_then_refused(void)
{
	EXPECT_REFUSED("name 0", m->names[0].len = m->names[1].len; m->names[0].data = (uint8_t *)strdup("x_free_"));
	EXPECT_REFUSED("is no name", m->names[1].data[0] = '\0');
	EXPECT_REFUSED("is no name", m->names[1].data[1] = '\0');
	EXPECT_REFUSED("is no name", m->names[1].data[0] = '9');
	EXPECT_REFUSED("is no name", m->names[1].data[1] = '\n');
	EXPECT_REFUSED("is no name", m->names[1].len = 0);
	EXPECT_REFUSED("name is no path", m->soname.data[2] = '\0');
	EXPECT_REFUSED("name is no path", m->header.data[0] = '\0');
	EXPECT_REFUSED("unknown mode or name", param_of(m, "read_it", 0)->name = (uint32_t)m->n_names);
	EXPECT_REFUSED("has no name", function_of(m, "read_it")->name = (uint32_t)m->n_names);
	EXPECT_REFUSED("has no name", function_of(m, "read_it")->name = 0);
	EXPECT_REFUSED("has no name", m->types[1]->name = UINT32_MAX);
	EXPECT_REFUSED("typedef 0", m->typedefs[0]->name = 100000);
	EXPECT_REFUSED("typedef 0", m->typedefs[0]->type = 100000);
}

static void given_types_that_lie_when_checked_then_refused(void)
{
	EXPECT_REFUSED("type 0", m->types[0]->kind = CBB__KIND__KIND_I32);
	EXPECT_REFUSED("unknown kind", struct_of(m, "double")->kind = 99);
	EXPECT_REFUSED("wrong size", struct_of(m, "double")->size_bytes = 4);
	EXPECT_REFUSED("wrong size", struct_of(m, "struct inner")->size_bytes = 24);
	EXPECT_REFUSED("wrong size", struct_of(m, "struct inner")->align_bytes = 4);
	EXPECT_REFUSED("wrong place", m->params[struct_of(m, "struct inner")->first + 1]->offset_bytes = 4);
	EXPECT_REFUSED("no size", m->params[struct_of(m, "struct inner")->first]->type = 0);
	EXPECT_REFUSED("used more than once", struct_of(m, "struct outer")->n = 60000);
	EXPECT_REFUSED("no fields", struct_of(m, "struct outer")->first = UINT32_MAX);
	EXPECT_REFUSED("has a size but no fields", struct_of(m, "struct outer")->n = 0);
	EXPECT_REFUSED("wrong size", struct_of(m, "char [8]")->count = 9);
	EXPECT_REFUSED("wrong size", struct_of(m, "char [8]")->count = UINT64_MAX);
	EXPECT_REFUSED("no target", struct_of(m, "char [8]")->target = UINT32_MAX);
	EXPECT_REFUSED("no target", struct_of(m, "void *")->target = UINT32_MAX);
	EXPECT_REFUSED("deeper than", struct_of(m, "void *")->target = param_of(m, "x_free", 0)->type);
	EXPECT_REFUSED("no function type", m->types[m->types[param_of(m, "open_it", 0)->type]->target]->function = 1000);
	EXPECT_REFUSED("no function type", m->types[m->types[param_of(m, "open_it", 0)->type]->target]->function = 2);
	EXPECT_REFUSED("enum", struct_of(m, "double")->is_enum = true);
}

static void given_a_struct_that_holds_itself_when_checked_then_refused(void)
{
	Cbb__Interface *m = message_new();
	Cbb__Type *outer = struct_of(m, "struct outer");
	/* Its pointer field becomes one to itself. */
	Cbb__Param *list = m->params[outer->first + 3];
	Cbb__Param *element = m->params[list->element];
	for (uint32_t i = 0; i < m->n_types; i++) {
		if (m->types[i] == outer)
			element->type = i;
		if (m->types[i]->kind == CBB__KIND__KIND_POINTER && m->types[m->types[i]->target] == outer)
			list->type = i;
	}
	EXPECT_EQUAL(interface_check(m), CBB__STATUS__STATUS_INTERFACE);
	EXPECT_CONTAINS(detail_text(), "deeper than 8");
	cbb__interface__free_unpacked(m, NULL);
}

static void given_ranges_that_leave_their_table_when_checked_then_refused(void)
{
	EXPECT_REFUSED("no such parameters", function_of(m, "read_it")->n = 65);
	EXPECT_REFUSED("no such parameters", function_of(m, "read_it")->first = (uint32_t)m->n_params);
	EXPECT_REFUSED("no such parameters", function_of(m, "read_it")->first = UINT32_MAX);
	EXPECT_REFUSED("no such parameters", function_of(m, "read_it")->result = (uint32_t)m->n_params);
	EXPECT_REFUSED("used more than once", for (size_t i = 0; i < m->n_functions; i++) {
		m->functions[i]->first = 0;
		m->functions[i]->n = 12;
	});
	EXPECT_REFUSED("no element", param_of(m, "read_it", 1)->element = 0);
	EXPECT_REFUSED("no element", param_of(m, "read_it", 1)->element = function_of(m, "read_it")->first + 1);
	EXPECT_REFUSED("no element", param_of(m, "read_it", 1)->element = UINT32_MAX);
	EXPECT_REFUSED("no type", param_of(m, "read_it", 1)->type = UINT32_MAX);
	EXPECT_REFUSED("function type", function_of(m, "read_it")->is_type = true; m->functions[0]->is_type = false);
}

static void given_params_that_contradict_their_mode_when_checked_then_refused(void)
{
	EXPECT_REFUSED("unknown mode", param_of(m, "read_it", 0)->mode = 99);
	EXPECT_REFUSED("unknown mode", param_of(m, "read_it", 0)->mode = -1);
	EXPECT_REFUSED("held in place", param_of(m, "x_free", 0)->mode = CBB__MODE__MODE_VALUE);
	EXPECT_REFUSED("cannot be NULL", param_of(m, "open_it", 2)->nullable = true);
	EXPECT_REFUSED("different types", param_of(m, "read_it", 2)->type = param_of(m, "read_it", 3)->type);
	EXPECT_REFUSED("wrong direction", param_of(m, "read_it", 2)->direction = 0);
	EXPECT_REFUSED("wrong direction", param_of(m, "read_it", 2)->direction = 4);
	EXPECT_REFUSED("wrong direction", param_of(m, "read_it", 5)->direction = 0);
	EXPECT_REFUSED("wrong direction", result_of(m, "list_it")->direction = 1);
	EXPECT_REFUSED("const", param_of(m, "open_it", 3)->direction = 2);
	EXPECT_REFUSED("no size", param_of(m, "read_it", 1)->size = 0; param_of(m, "read_it", 1)->filled = 0);
	EXPECT_REFUSED("said twice", param_of(m, "read_it", 3)->zero = true);
	EXPECT_REFUSED("said twice", param_of(m, "read_it", 2)->size_in_bytes = true);
	EXPECT_REFUSED("filled", param_of(m, "read_it", 3)->filled = 1);
	EXPECT_REFUSED("text is written", param_of(m, "read_it", 3)->text = true);
	EXPECT_REFUSED("not made of characters", param_of(m, "list_it", 1)->mode = CBB__MODE__MODE_STRING;
	               param_of(m, "list_it", 1)->element = 0; param_of(m, "list_it", 1)->direction = 1);
	EXPECT_REFUSED("not made of characters", param_of(m, "make_it", 0)->mode = CBB__MODE__MODE_STRING);
	EXPECT_REFUSED("no pointer", param_of(m, "make_it", 0)->mode = CBB__MODE__MODE_HANDLE);
	EXPECT_REFUSED("neither a pointer", param_of(m, "make_it", 0)->mode = CBB__MODE__MODE_USERDATA);
	EXPECT_REFUSED("no function pointer", param_of(m, "make_it", 0)->mode = CBB__MODE__MODE_CALLBACK);
	EXPECT_REFUSED("where none can", param_of(m, "make_it", 0)->mode = CBB__MODE__MODE_INTO);
	EXPECT_REFUSED("only others can", param_of(m, "make_it", 0)->closes = true);
	EXPECT_REFUSED("only others can", param_of(m, "make_it", 0)->size = 1);
	EXPECT_REFUSED("holds no callbacks", param_of(m, "make_it", 0)->scope = 1);
	EXPECT_REFUSED("only others can", param_of(m, "make_it", 0)->userdata_of = 1);
	EXPECT_REFUSED("only others can", param_of(m, "make_it", 0)->into = 1);
}

static void given_references_to_the_wrong_param_when_checked_then_refused(void)
{
	EXPECT_REFUSED("no buffer", m->params[param_of(m, "read_it", 4)->element]->into = 0);
	EXPECT_REFUSED("where none can", m->params[param_of(m, "read_it", 4)->element]->into = 64);
	EXPECT_REFUSED("where none can", m->params[m->types[param_of(m, "read_it", 3)->type]->target]->mode += 0;
	               param_of(m, "open_it", 1)->mode = CBB__MODE__MODE_INTO; param_of(m, "open_it", 1)->scope = 0;
	               param_of(m, "open_it", 1)->userdata_of = 0);
	EXPECT_REFUSED("not there", param_of(m, "read_it", 6)->owner = 0);
	EXPECT_REFUSED("not there", param_of(m, "read_it", 6)->owner = 9);
	EXPECT_REFUSED("no handle", param_of(m, "read_it", 6)->owner = 8);
	EXPECT_REFUSED("no handle", param_of(m, "read_it", 6)->owner = 2);
	EXPECT_REFUSED("unknown scope", param_of(m, "read_it", 6)->scope = 6);
	EXPECT_REFUSED("no such scope", param_of(m, "read_it", 6)->scope = 1);
	EXPECT_REFUSED("only others can", param_of(m, "read_it", 0)->n_values = param_of(m, "read_it", 6)->n_values;
	               param_of(m, "read_it", 0)->mode = CBB__MODE__MODE_INTO; param_of(m, "read_it", 0)->n_values = 65;
	               param_of(m, "read_it", 0)->values = calloc(65, 8));
	EXPECT_REFUSED("no callback", param_of(m, "open_it", 1)->userdata_of = 3);
	EXPECT_REFUSED("not there", param_of(m, "open_it", 1)->userdata_of = 5);
	EXPECT_REFUSED("no handle", result_of(m, "list_it")->lifetime_owner = 2);
	EXPECT_REFUSED("no such lifetime", result_of(m, "list_it")->lifetime = 1);
	EXPECT_REFUSED("unknown lifetime", result_of(m, "list_it")->lifetime = 5);
	EXPECT_REFUSED("kept", param_of(m, "read_it", 3)->direction = 3; param_of(m, "read_it", 3)->lifetime = 1);
	EXPECT_REFUSED("no such function", result_of(m, "list_it")->free_function = function_of(m, "list_it")->name);
	EXPECT_REFUSED("given away", result_of(m, "list_it")->free_function = UINT32_MAX);
	EXPECT_REFUSED("no handle of a call", param_of(m, "close_it", 0)->closes = false);
	EXPECT_REFUSED("come before", Cbb__Function *first = m->functions[0]; m->functions[0] = m->functions[2];
	               m->functions[2] = first;
	               m->types[m->types[param_of(m, "open_it", 0)->type]->target]->function = 2);
}

static void given_expressions_that_cannot_be_evaluated_when_checked_then_refused(void)
{
	EXPECT_REFUSED("unknown operator", m->expressions[0]->op = 20);
	EXPECT_REFUSED("unknown operator", m->expressions[0]->op = -1);
	EXPECT_REFUSED("refer backwards", m->expressions[0]->op = CBB__OP__OP_ADD);
	EXPECT_REFUSED("not there", param_of(m, "read_it", 1)->size = (uint32_t)m->n_expressions + 1);
	EXPECT_REFUSED("not there", expression_of(m, param_of(m, "read_it", 1)->size)->param = 7);
	EXPECT_REFUSED("no integer", expression_of(m, param_of(m, "read_it", 1)->size)->kind = CBB__KIND__KIND_I32);
	EXPECT_REFUSED("not known then", expression_of(m, param_of(m, "read_it", 1)->size)->param = 0);
	EXPECT_REFUSED("not known then", expression_of(m, param_of(m, "read_it", 1)->size)->op = CBB__OP__OP_RETURN);
	EXPECT_REFUSED("not known then", param_of(m, "read_it", 2)->direction = CBB__DIRECTION__DIRECTION_OUT);
	EXPECT_REFUSED("no integer", expression_of(m, param_of(m, "read_it", 1)->size)->op = CBB__OP__OP_PARAM);
	EXPECT_REFUSED("call that is not there",
	               expression_of(m, param_of(m, "read_it", 1)->size)->op = CBB__OP__OP_CALL_PARAM);
	EXPECT_REFUSED("no integer", expression_of(m, param_of(m, "read_it", 1)->size)->op = CBB__OP__OP_SELF);
	EXPECT_REFUSED("no integer",
	               expression_of(m, m->params[struct_of(m, "struct outer")->first + 3]->size)->offset_bytes = 4);
	EXPECT_REFUSED("no integer",
	               expression_of(m, m->params[struct_of(m, "struct outer")->first + 3]->size)->offset_bytes = 1 << 20);
	EXPECT_REFUSED("depends on itself", param_of(m, "read_it", 2)->size = param_of(m, "read_it", 1)->size);
}

static void given_too_many_entries_when_checked_then_refused(void)
{
	Cbb__Interface message = CBB__INTERFACE__INIT;
	Cbb__Type type = CBB__TYPE__INIT;
	size_t n = INTERFACE_TABLE_MAX + 1;
	message.names = calloc(1, sizeof *message.names);
	message.n_names = 1;
	message.types = calloc(n, sizeof *message.types);
	for (size_t i = 0; i < n; i++)
		message.types[i] = &type;
	message.n_types = INTERFACE_TABLE_MAX;
	EXPECT_EQUAL(interface_check(&message), 0);
	message.n_types = n;
	EXPECT_EQUAL(interface_check(&message), CBB__STATUS__STATUS_INTERFACE);
	EXPECT_CONTAINS(detail_text(), "the limit is 65535");
	free(message.types);
	free(message.names);
}

/* 1,000 pointers to a struct with 1,000 pointers: few entries, but a walk over what they describe is long. */
static void given_structs_that_multiply_when_checked_then_refused(void)
{
	char fields[2][20000] = {"", ""};
	for (int i = 0; i < 2; i++)
		for (int j = 0, at = 0; j < 1000; j++)
			at += snprintf(fields[i] + at, sizeof fields[i] - (size_t)at, "*p%d%s", j, j < 999 ? ", " : "");
	const char *many = harness_format("struct a { int n; };\nstruct b { const struct a %s; };\n"
	                                  "struct c { const struct b %s; };\nint f(const struct b *p);\n",
	                                  fields[0], fields[1]);
	struct interface *interface = NULL;
	EXPECT_EQUAL(interface_parse("t.cbi", many, strlen(many), NULL, NULL, &interface), 0);
	interface_free(interface);
	many = harness_format("%sint g(const struct c *p);", many);
	EXPECT_EQUAL(interface_parse("t.cbi", many, strlen(many), NULL, NULL, &interface), CBB__STATUS__STATUS_INTERFACE);
	EXPECT_CONTAINS(detail_text(), "t.cbi:5:23: with 'const struct c * p' of 'g' all functions together have more "
	                               "than");
}

static void given_a_message_of_structs_that_multiply_when_checked_then_refused(void)
{
	Cbb__Interface *m = message_new();
	Cbb__Function *make = function_of(m, "make_it");
	/* As many functions as fit, each with the largest struct for its result: over a million values. */
	size_t n = 65000;
	Cbb__Function **functions = calloc(n, sizeof *functions);
	Cbb__Function small = *make;
	small.n = 0;
	memcpy(functions, m->functions, m->n_functions * sizeof *functions);
	for (size_t i = m->n_functions; i < n; i++)
		functions[i] = &small;
	Cbb__Function **honest = m->functions;
	size_t n_honest = m->n_functions;
	m->functions = functions;
	m->n_functions = 40000;
	EXPECT_EQUAL(interface_check(m), 0);
	m->n_functions = n;
	EXPECT_EQUAL(interface_check(m), CBB__STATUS__STATUS_INTERFACE);
	EXPECT_CONTAINS(detail_text(), "more than 1048576 values");
	m->functions = honest;
	m->n_functions = n_honest;
	free(functions);
	cbb__interface__free_unpacked(m, NULL);
}

static void given_no_such_name_when_looked_for_then_there_is_none(void)
{
	Cbb__Interface *message = message_new();
	EXPECT_EQUAL(interface_find_function(message, ""), -1);
	EXPECT_EQUAL(interface_find_function(message, "read_i"), -1);
	EXPECT_EQUAL(interface_find_function(message, "compare"), -1);
	EXPECT_EQUAL(interface_find_callback_type(message, "handle"), -1);
	EXPECT_EQUAL(interface_find_callback_type(message, ""), -1);
	EXPECT(interface_find_callback_type(message, "compare") >= 0);
	const char *first = interface_type_name(message, param_of(message, "read_it", 5)->type);
	const char *second = interface_type_name(message, param_of(message, "open_it", 3)->type);
	const char *third = interface_name(message, function_of(message, "read_it")->name);
	EXPECT_STRING(interface_name(message, 0), "");
	EXPECT_STRING(first, "const char *");
	EXPECT_STRING(second, "const struct outer *");
	EXPECT_STRING(third, "read_it");
	cbb__interface__free_unpacked(message, NULL);
}

static const struct test tests[] = {
    TEST(given_an_honest_message_when_checked_then_it_passes),
    TEST(given_names_that_are_none_when_checked_then_refused),
    TEST(given_types_that_lie_when_checked_then_refused),
    TEST(given_a_struct_that_holds_itself_when_checked_then_refused),
    TEST(given_ranges_that_leave_their_table_when_checked_then_refused),
    TEST(given_params_that_contradict_their_mode_when_checked_then_refused),
    TEST(given_references_to_the_wrong_param_when_checked_then_refused),
    TEST(given_expressions_that_cannot_be_evaluated_when_checked_then_refused),
    TEST(given_too_many_entries_when_checked_then_refused),
    TEST(given_structs_that_multiply_when_checked_then_refused),
    TEST(given_a_message_of_structs_that_multiply_when_checked_then_refused),
    TEST(given_no_such_name_when_looked_for_then_there_is_none),
};
HARNESS_MAIN(tests)
