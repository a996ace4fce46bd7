/* SPDX-License-Identifier: MIT */
/* What the parser refuses: where it says so, in which words, and with which hint. */
#include "words.h"

#include <stdio.h>
#include <string.h>

static void given_wrong_words_when_parsed_then_refused(void)
{
	static const struct words_refusal table[] = {
	    {"int f(int a);\n#define N 4\n", 2, 1, "#define is refused", "enum"},
	    {"#include <stdio.h>", 1, 10, "names no interface file", "other.cbi"},
	    {"#include \"../x.cbi\"", 1, 10, "names no interface file", "without a directory"},
	    {"#include \"x.h\"", 1, 10, "names no interface file", "other.cbi"},
	    {"#include \"x.cbi\"", 1, 10, "no interface file \"x.cbi\"", "installed interfaces"},
	    {"#include\nint f(int a);", 1, 1, "name is missing", "other.cbi"},
	    {"int f(int a); #include \"x.cbi\"", 1, 15, "# has no place here", "line of its own"},
	    {"int f(int a);\n/* no end", 2, 1, "comment has no end", "*/"},
	    {"int f(int @);", 1, 11, "no place in an interface file", "ASCII"},
	    {"[library(\"x)]\nint f(int a);", 1, 10, "text has no end", "\""},
	    {"[library(\"a\\0b\")]", 1, 10, "NUL", "name"},
	    {"[on_error('ab')] int f(int a);", 1, 11, "character constant", "'x'"},
	    {"[on_error(12ab)] int f(int a);", 1, 11, "not a number", "0x2a"},
	    {"enum { A = 99999999999999999999 };", 1, 12, "too large", "2 to the 63"},
	    {"int f(int a)", 1, 13, "text ends", "ends with ';'"},
	    {"int f(int a) { return a; }", 1, 14, "no body", "prototype"},
	    {"int x;", 1, 5, "variable", "functions can be called"},
	    {"int;", 1, 1, "nothing is declared", "a name"},
	    {"int (int a);", 1, 5, "name is expected", "a type, a name"},
	};
	WORDS_REFUSE(table);
}

static void given_c_that_is_not_offered_when_parsed_then_refused_by_name(void)
{
	static const struct words_refusal table[] = {
	    {"int printf(const char *format, ...);", 1, 32, "functions with ...", "leave the function out"},
	    {"union u { int a; }; int f(union u *p);", 1, 36, "points to a union", "case(kind, 1: "},
	    {"double _Complex f(int a);", 1, 8, "'_Complex'", "struct of two numbers"},
	    {"__int128 f(int a);", 1, 1, "'__int128'", "64 bits"},
	    {"int f(volatile int *p);", 1, 7, "'volatile'", "leave it out"},
	    {"int f(int *volatile p);", 1, 12, "'volatile'", "plain C"},
	    {"static int f(int a);", 1, 1, "'static'", "exports"},
	    {"int f(_Atomic int *p);", 1, 7, "'_Atomic'", "cannot be copied"},
	    {"struct s { unsigned a : 3; };", 1, 23, "bit-fields", "whole integer"},
	    {"struct s { int n; char rest[]; };", 1, 24, "no fixed size", "parameter of its own"},
	    {"struct s { int a; struct { int b; }; };", 1, 36, "field without name", "members of structs without name"},
	    {"struct s { };", 1, 8, "without fields", "struct name;"},
	    {"struct s { const char *names[4]; };", 1, 24, "array of pointers inside a struct", "uintptr_t"},
	    {"int f();", 1, 7, "without parameters", "(void)"},
	    {"int f([in] int (*rows)[4]);", 1, 18, "points to an array", "first element"},
	    {"int f([out] void (**handler)(int));", 1, 21, "points to a function pointer", "[handle]"},
	    {"int f(struct s { int a; } *p);", 1, 16, "among the parameters", "define it before"},
	    {"int f(int a, int a);", 1, 18, "'a' is declared twice", "another name"},
	    {"int f(int a) __attribute__((pure));", 1, 14, "';' is expected", "ends with ';'"},
	    {"int f(int a[0]);", 1, 13, "array of 0 elements", "[size(n)]"},
	    {"struct s { char a[65537]; };", 1, 19, "65537 elements", "65,536"},
	    {"struct s { char a[40000], b[40000]; };", 1, 27, "struct 's' is too large", "65,536"},
	    {"int f(int ********************p);", 1, 27, "too deep", "[handle]"},
	};
	WORDS_REFUSE(table);
}

static void given_names_that_do_not_fit_when_parsed_then_refused(void)
{
	static const struct words_refusal table[] = {
		{"foo f(int a);", 1, 1, "'foo' is not declared", "a typedef"},
		{"struct foo { int a; };\nint f([in] foo *p);", 2, 12, "'foo' is not declared", "union or enum in front"},
		{"int f(int a);\nint f(int b);", 2, 5, "'f' is declared twice (first in t.cbi:1)", "take one"},
		{"typedef int f;\nint f(int b);", 2, 5, "'f' is declared twice", "take one"},
		{"enum { A };\nenum { A };", 2, 8, "'A' is declared twice", "another name"},
		{"struct s { int a; };\nstruct s { int a; };", 2, 10, "'s' is defined twice", "take one"},
		{"struct s;\nenum s { A };", 2, 6, "declared as a struct", "share their names"},
		{"struct s { int a, a; };", 1, 19, "field 'a' is declared twice", "another name"},
		{"typedef unsigned long size_t;", 1, 23, "'size_t' is built in", "take the declaration out"},
		{"enum e f(int a);", 1, 6, "enum 'e' is not defined", "constants"},
		{"struct s f(int a);", 1, 10, "incomplete struct", "define the struct"},
		{"int f(struct s value);", 1, 16, "incomplete struct", "pointer"},
		{"int f([in] struct s *p);", 1, 22, "incomplete struct", "[handle]"},
		{"int f(struct s *p);\nstruct s { int a; };", 2, 10, "after a pointer to it became a handle (t.cbi:1)",
	     "[handle]"},
		{"enum { A };\nA f(int a);", 2, 1, "'A' is no type", "typedef"},
		{"long long long f(int a);", 1, 1, "make no type", "C's"},
		{"unsigned float f(int a);", 1, 1, "make no type", "C's"},
		{"int f(void a);", 1, 12, "cannot be void", "(void)"},
		{"int f(int a[n]);", 1, 13, "'n' is not", "enum constant"},
		{"int f(int [in] *a);", 1, 12, "'in' is not", "before its type"},
		{"enum { A = 1 / 0 };", 1, 14, "cannot be computed", "divided by zero"},
		{"enum { A = 1 << 70 };", 1, 14, "cannot be computed", "64 bits"},
	};
	WORDS_REFUSE(table);
}

static void given_pointers_that_say_nothing_when_parsed_then_the_hint_names_what_would_settle_it(void)
{
	static const struct words_refusal table[] = {
	    {"int f(void *p);", 1, 13, "what 'void * p' of 'f' is", "[userdata]"},
	    {"int f(const void *p);", 1, 19, "'const void * p'", "[bytes(size)]"},
	    {"int f(char *s);", 1, 13, "'char * s'", "[out, string, size(n)]"},
	    {"int f(int *n);", 1, 12, "'int * n'", "[in], [out] or [inout]"},
	    {"int f(char **list);", 1, 14, "'char ** list'", "[string, zero]"},
	    {"int f(const char *const *list);", 1, 26, "'const char *const * list'", "[string, zero]"},
	    {"int f([out] char **text);", 1, 20, "behind the outer pointer", "string"},
	    {"int f([out] void **memory);", 1, 20, "behind the outer pointer", "handle"},
	    {"int f([out] int **list);", 1, 19, "behind the outer pointer", "lifetime(next)"},
	    {"int f([size(n)] int *list, int n);", 1, 22, "goes in or comes back", "in, out or inout"},
	    {"int f([size(n)] struct h **list, int n);\n", 1, 28, "goes in or comes back", "in, out or inout"},
	    {"char *f(int a);", 1, 7, "the result of 'f', 'char *',", "[string]"},
	    {"void *f(int a);", 1, 7, "the result of 'f'", "[into(parameter)]"},
	    {"int *f(int a);", 1, 6, "the result of 'f'", "[size(1)]"},
	    {"char **f(int a);", 1, 8, "the result of 'f'", "[string, zero]"},
	    {"struct s { void *p; };", 1, 18, "'void * p' of 's'", "[handle]"},
	    {"struct s { [size(1)] const struct s *next; };", 1, 38, "the very struct that it is in", "[handle]"},
	    {"struct s { struct t { const struct s *up; } t; };", 1, 39, "the very struct that it is in", "[handle]"},
	    {"struct s { struct s *next; };", 1, 22, "the very struct that it is in", "[handle]"},
	    {"int f(int a[]);", 1, 11, "array of unknown size", "size(how many)"},
	    {"int f([in] int a[]);", 1, 16, "array of unknown size", "size(how many)"},
	    {"int f(const int a[]);", 1, 17, "array of unknown size", "zero"},
	    {"int f([in] void *p);", 1, 18, "memory of unknown size", "bytes"},
	    {"int f([out] char *p);", 1, 8, "no known room", "string and size(n)"},
	    {"int f([string, out] char *p);", 1, 16, "no known room", "size"},
	    {"int f(int (*cb)(void *));", 1, 23, "a parameter without name, 'void *',", "[userdata]"},
	    {"typedef void *thing;\nint f(thing t);", 2, 13, "'void * t'", "[userdata]"},
	    {"[handle] typedef void *thing;\nint f(thing *t);", 2, 14, "'void ** t'", "[out]"},
	};
	WORDS_REFUSE(table);
}

static void given_attributes_that_do_not_fit_when_parsed_then_refused(void)
{
	static const struct words_refusal table[] = {
	    {"int f([inn] int *a);", 1, 8, "no attribute 'inn'", "[in]?"},
	    {"int f([nullabel] const char *a);", 1, 8, "no attribute 'nullabel'", "[nullable]?"},
	    {"int f([zzzzzz] const char *a);", 1, 8, "no attribute 'zzzzzz'", "cbbroker-interface(5)"},
	    {"int f([in, in] int *a);", 1, 12, "[in] stands here twice", "once"},
	    {"int f([in] [in] int *a);", 1, 13, "[in] stands here twice", "once"},
	    {"int f([in, out] int *a);", 1, 12, "more than one direction", "inout"},
	    {"int f([in] int a);", 1, 8, "[in] has no meaning on 'int a' of 'f' which is no pointer", "take it out"},
	    {"int f([out] const int *a);", 1, 8, "points to const", "take const out"},
	    {"int f([in, size(n), bytes(n)] int *a, int n);", 1, 21, "more than one of size, bytes and zero", "keep one"},
	    {"int f([in, zero, size(n)] int *a, int n);", 1, 18, "more than one of size, bytes and zero", "keep one"},
	    {"int f([out, zero] int *a);", 1, 13, "no known size", "size(n)"},
	    {"int f([in, filled(n), size(n)] int *a, int n);", 1, 12, "filled", "out"},
	    {"int f([out, filled(n)] int *a, int n);", 1, 13, "filled", "size(room)"},
	    {"int f([handle, userdata] void *a);", 1, 16, "more than one of string, handle", "keep one"},
	    {"int f([handle, size(n)] void *a, int n);", 1, 16, "[size] has no meaning", "take it out"},
	    {"int f([string] const int *a);", 1, 8, "no text", "char"},
	    {"int f([string, size(n)] const char *a, int n);", 1, 8, "ends at its NUL", "[size(n)]"},
	    {"int f([closes] const char *a);", 1, 8, "[closes] has no meaning", "take it out"},
	    {"typedef void (*cb)([closes] struct s *a);", 1, 21, "[closes] has no meaning", "take it out"},
	    {"int f([scope(call)] const char *a);", 1, 8, "[scope] has no meaning", "take it out"},
	    {"int f([userdata] int a);", 1, 8, "no room for userdata", "integer of its size"},
	    {"int f([userdata(b)] void *a, int b);", 1, 17, "no callback", "whose userdata"},
	    {"int f([userdata(c)] void *a);", 1, 17, "'c' is no parameter", "same function"},
	    {"int f([scope(owner(a))] void (*cb)(int), int a);", 1, 20, "no handle", "incomplete struct"},
	    {"int f([scope(owner(h))] void (*cb)(int));", 1, 20, "'h' is no parameter", "return"},
	    {"int f([scope(owner(return))] void (*cb)(int));", 1, 20, "no handle", "incomplete struct"},
	    {"int f([scope(never)] void (*cb)(int));", 1, 14, "'never' is no scope", "scope(call)"},
	    {"[lifetime(soon)] const char *f(int a);", 1, 11, "no lifetime", "lifetime(next)"},
	    {"[transfer(half)] const char *f(int a);", 1, 11, "no transfer", "transfer(none)"},
	    {"[transfer(full(g))] const char *f(int a);", 1, 16, "'g' cannot free", "void name_free"},
	    {"int g(int a);\n[transfer(full(g))] const char *f(int a);", 2, 16, "'g' cannot free", "one parameter"},
	    {"[transfer(full(free))] struct s *f(int a);", 1, 2, "[transfer] has no meaning", "take it out"},
	    {"typedef [in] int *p;", 1, 9, "type is expected", "a type is"},
	    {"[in] typedef int *p;", 1, 2, "[in] has no meaning on a typedef", "[handle]"},
	    {"[in] struct s { int a; };", 1, 2, "[in] has no meaning", "fields"},
	    {"[into(b)] void *f([in, size(4)] int *a);", 1, 7, "'b' is no other parameter", "buffer"},
	    {"[into(a)] void *f(int a);", 1, 7, "no buffer", "string or an array"},
	    {"int f([into(b)] char *a, const char *b);", 1, 8, "no buffer", "[out]"},
	    {"int f([elements(zero)] const char *a);", 1, 17, "elements(zero)", "elements(nullable)"},
	    {"int f([values()] struct s *a);", 1, 15, "value is expected", "constants"},
	    {"int f([size] const int *a);", 1, 12, "'(' is expected after [size", "size(number"},
	    {"int f([nullable(1)] const char *a);", 1, 16, "']' is expected", "[in, size(n)]"},
	    {"int f([fd] int a);", 1, 8, "[fd] is not offered", "path"},
	    {"int f([string16] const uint16_t *a);", 1, 8, "[string16] is not offered", "uint16_t"},
	    {"[library(\"a\")]\n[library(\"b\")]\nint f(int a);", 2, 2, "[library] stands here twice", "once"},
	    {"[library(\"a\")] int f(int a);\n[library(\"b\")] int g(int a);", 2, 2, "in the text twice", "once"},
	    {"[library(a)] int f(int a);", 1, 10, "text in quotes", "libname.so.1"},
	    {"[in]", 1, 2, "[in] has no meaning", "declaration"},
	};
	WORDS_REFUSE(table);
}

static void given_expressions_that_cannot_be_computed_when_parsed_then_refused(void)
{
	static const struct words_refusal table[] = {
		{"int f([size(m)] const int *a, int n);", 1, 13, "'m' is no parameter", "call.name"},
		{"int f([size(n)] const int *a, double n);", 1, 13, "no whole number", "integer"},
		{"int f([size(1.5)] const int *a);", 1, 13, "no whole number", "whole numbers"},
		{"int f([size(0)] const int *a);", 1, 8, "has no size", "from 1"},
		{"int f([size(-4)] const int *a);", 1, 8, "has no size", "from 1"},
		{"int f([size(call.n)] const int *a, int n);", 1, 18, "no function type", "parameter itself"},
		{"int f([out, size(return)] int *a);", 1, 18, "not known then", "filled(return)"},
		{"int f([out, size(*n)] int *a, [out] int *n);", 1, 19, "is out", "[inout]"},
		{"int f([in, size(*n)] int *a, [handle] int *n);", 1, 18, "cannot be followed", "const"},
		{"int f([in, size(*n)] int *a, const double *n);", 1, 17, "no whole number", "point to an integer"},
		{"struct p { double x; int n; };\nint f([size(p->y)] const int *a, const struct p *p);", 2, 16, "no field 'y'",
	     "complete"},
		{"struct p { double x; int n; };\nint f([size(p->x)] const int *a, const struct p *p);", 2, 16,
	     "no whole number", "integer field"},
		{"struct p { double x; int n; };\nint f([size(p.n)] const int *a, const struct p *p);", 2, 15, "'->' stands",
	     "parameter->field"},
		{"struct s { [size(m)] const int *a; int n; };", 1, 18, "'m' is no field", "its fields"},
		{"struct s { [size(*n)] const int *a; const int *n; };", 1, 19, "cannot be followed here", "integer fields"},
		{"int f([size(n << 1)] const int *a, int n);", 1, 15, "cannot be computed from a call", "min max"},
		{"int f([size(g(n))] const int *a, int n);", 1, 13, "cannot be computed here", "min(a, b)"},
		{"int f([size(sizeof(int))] const int *a);", 1, 13, "cannot be computed here", "constants"},
		{"int f([size(n + )] const int *a, int n);", 1, 17, "a value is expected", "expression"},
		{"int f([inout, size(*a)] int *a);", 1, 30, "depends on itself", "known before"},
		{"int f([inout, size(*b)] int *a, [inout, size(*a)] int *b);", 1, 30, "depends on itself", "known before"},
		{"int f([closes(return == 0)] struct s *a, ...);", 1, 42, "functions with ...", "leave"},
		{"void f([closes(return == 0)] struct s *a);", 1, 16, "no whole number", "integer"},
		{"typedef int (*cmp)([bytes(call.size)] const void *a);\nvoid f(cmp c);", 2, 12, "uses call.size",
	     "integer parameter"},
		{"typedef int (*cmp)([bytes(*call.size)] const void *a);\nvoid f(cmp c, long size);", 2, 12, "uses call.size",
	     "points to an integer"},
		{"typedef int (*cmp)([bytes(*call.n)] const void *a);\nvoid f(cmp c, [inout] int *n);", 2, 12, "uses call.n",
	     "only goes in"},
		{"int f([size(1+(2+(3+(4+(5+(6+(7+(8+(9+n)))))))))] const int *a, int n);", 1, 0, "too deep", "8 deep"},
	};
	for (size_t i = 0; i + 1 < sizeof table / sizeof *table; i++)
		words_refuse(&table[i]);
	struct interface *interface = NULL;
	const char *deep = table[sizeof table / sizeof *table - 1].text;
	EXPECT_EQUAL(interface_parse("t.cbi", deep, strlen(deep), NULL, NULL, &interface), CBB__STATUS__STATUS_INTERFACE);
	EXPECT_CONTAINS(detail_text(), "too deep");
}

static void given_error_values_that_do_not_fit_when_parsed_then_refused(void)
{
	static const struct words_refusal table[] = {
	    {"[on_error(1)] void f(int a);", 1, 2, "a number or a pointer", "void has none"},
	    {"struct s { int a; };\n[on_error(1)] struct s f(int a);", 2, 2, "a number or a pointer", "all zeros"},
	    {"[on_error(300)] unsigned char f(int a);", 1, 2, "on_error(300) does not fit", "type can have"},
	    {"[on_error(-200)] signed char f(int a);", 1, 2, "does not fit", "type can have"},
	    {"[on_error(2)] _Bool f(int a);", 1, 2, "does not fit", "type can have"},
	    {"[on_error(1.5)] int f(int a);", 1, 11, "constant whole number", "enum constant"},
	    {"[on_error(a)] int f(int a);", 1, 11, "'a' is not", "enum constant"},
	    {"[timeout(0)] int f(int a);", 1, 2, "no timeout", "milliseconds"},
	    {"[timeout(-1)] int f(int a);", 1, 2, "no timeout", "milliseconds"},
	    {"int f([on_error(1)] int (*cb)(int));", 1, 8, "[on_error] has no meaning", "typedef"},
	};
	WORDS_REFUSE(table);
}

static void given_an_error_when_words_are_read_then_they_show_the_line(void)
{
	const char *text = "int g(int a);\n\tint f(void *data);\n";
	struct interface *interface = NULL;
	EXPECT_EQUAL(interface_parse("dir/t.cbi", text, strlen(text), NULL, NULL, &interface),
	             CBB__STATUS__STATUS_INTERFACE);
	EXPECT_STRING(detail_text(), "dir/t.cbi:2:14: nothing says what 'void * data' of 'f' is\n"
	                             "    int f(void *data);\n"
	                             "Hint: [userdata] if it is the client's own pointer, [in, bytes(size)], [out, "
	                             "bytes(size)] or [inout, "
	                             "bytes(size)] if it is memory to copy, [handle] if only native code looks behind it");
	EXPECT(interface == NULL);
}

static const struct test tests[] = {
    TEST(given_wrong_words_when_parsed_then_refused),
    TEST(given_c_that_is_not_offered_when_parsed_then_refused_by_name),
    TEST(given_names_that_do_not_fit_when_parsed_then_refused),
    TEST(given_pointers_that_say_nothing_when_parsed_then_the_hint_names_what_would_settle_it),
    TEST(given_attributes_that_do_not_fit_when_parsed_then_refused),
    TEST(given_expressions_that_cannot_be_computed_when_parsed_then_refused),
    TEST(given_error_values_that_do_not_fit_when_parsed_then_refused),
    TEST(given_an_error_when_words_are_read_then_they_show_the_line),
};
HARNESS_MAIN(tests)
