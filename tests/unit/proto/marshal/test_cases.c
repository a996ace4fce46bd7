/* SPDX-License-Identifier: MIT */
/* Pointers whose type another argument tells, and cells that belong to the caller. */
#include "pair.h"

struct point { int x, y; };
struct line { int n; struct point *points; };
union any { struct point point; long number; };

static char seen[256];

#define TYPES \
	"struct point { int x, y; };\n" \
	"struct line { int n; [size(n)] struct point *points; };\n" \
	"union any { struct point point; long number; };\n" \
	"enum { POINT, TEXT, NUMBERS, LINE, HANDLE, MINE, BACK, BOTH };\n" \
	"struct thing;\n"

static const char cases[] = TYPES
    "int f(int kind, [nullable, case(kind, POINT: const struct point *; TEXT, 100: const char *; NUMBERS: [size(n)] const "
    "int *; LINE: const struct line *; HANDLE: struct thing *; MINE: [userdata] void *; BACK: [out] struct point *; "
    "BOTH: [inout, size(n)] int *)] void *p, int n);";

static int take(int kind, void *p, int n)
{
	const struct line *line = p;
	struct point *point = p;
	int *numbers = p;
	seen[0] = '\0';
	if (!p)
		snprintf(seen, sizeof seen, "none");
	else if (kind == 0)
		snprintf(seen, sizeof seen, "point %d %d", point->x, point->y);
	else if (kind == 1 || kind == 100)
		snprintf(seen, sizeof seen, "text %s", (const char *)p);
	else if (kind == 2)
		snprintf(seen, sizeof seen, "numbers %d %d", numbers[0], numbers[n - 1]);
	else if (kind == 3)
		snprintf(seen, sizeof seen, "line %d %d", line->n, line->points[line->n - 1].y);
	else if (kind == 4 || kind == 5)
		snprintf(seen, sizeof seen, "address %#lx", (long)p);
	else if (kind == 6)
		*point = (struct point){n, n + 1};
	for (int i = 0; kind == 7 && i < n; i++)
		numbers[i] *= 2;
	return kind;
}

static int call(struct pair *pair, int kind, void *p, int n)
{
	int result = -1;
	int r = pair_call(pair, NATIVE(take), ARGUMENTS(&kind, &p, &n), &result);
	EXPECT(r < 0 || result == kind);
	return r;
}

static void given_a_kind_when_called_then_the_pointer_is_what_its_case_says(void)
{
	struct pair pair;
	struct point point = {3, 4}, points[] = {{1, 2}, {5, 6}};
	struct line line = {2, points};
	int numbers[] = {7, 8, 9};
	pair_open(&pair, "f", cases);
	EXPECT_EQUAL(call(&pair, 0, &point, 0), 0);
	EXPECT_STRING(seen, "point 3 4");
	EXPECT_EQUAL(call(&pair, 1, (char[]){"word"}, 0), 0);
	EXPECT_STRING(seen, "text word");
	EXPECT_EQUAL(call(&pair, 100, (char[]){"other"}, 0), 0);
	EXPECT_STRING(seen, "text other");
	EXPECT_EQUAL(call(&pair, 2, numbers, 3), 0);
	EXPECT_STRING(seen, "numbers 7 9");
	EXPECT_EQUAL(call(&pair, 3, &line, 0), 0);
	EXPECT_STRING(seen, "line 2 6");
	EXPECT_EQUAL(call(&pair, 4, (void *)(uintptr_t)0x4000, 0), 0);
	EXPECT_STRING(seen, "address 0x4000");
	EXPECT_EQUAL(call(&pair, 5, (void *)(uintptr_t)0x5000, 0), 0);
	EXPECT_STRING(seen, "address 0x5000");
	for (int kind = 0; kind < 8; kind++) {
		EXPECT_EQUAL(call(&pair, kind, NULL, 0), 0);
		EXPECT_STRING(seen, "none");
	}
	pair_free(&pair);
}

static void given_cases_that_come_back_when_called_then_the_caller_sees_them(void)
{
	struct pair pair;
	struct point point = {0, 0};
	int numbers[] = {7, 8, 9};
	pair_open(&pair, "f", cases);
	EXPECT_EQUAL(call(&pair, 6, &point, 5), 0);
	EXPECT_EQUAL(point.x, 5);
	EXPECT_EQUAL(point.y, 6);
	EXPECT_EQUAL(call(&pair, 7, numbers, 2), 0);
	EXPECT_EQUAL(numbers[1], 16);
	EXPECT_EQUAL(numbers[2], 9);
	/* one that only goes in is not written */
	EXPECT_EQUAL(call(&pair, 0, &point, 9), 0);
	EXPECT_EQUAL(point.x, 5);
	pair_free(&pair);
}

static void given_a_kind_without_a_case_when_called_then_refused_with_its_value(void)
{
	struct pair pair;
	pair_open(&pair, "f", cases);
	EXPECT_EQUAL(call(&pair, 77, &pair, 0), CBB__STATUS__STATUS_ARGUMENT);
	EXPECT_STRING(detail_text(), "function f: parameter 2 'p' has no case for the value 77");
	EXPECT_EQUAL(call(&pair, 2, &pair, -1), CBB__STATUS__STATUS_ARGUMENT);
	EXPECT_STRING(detail_text(), "function f: parameter 2 'p' has a negative size: -1");
	pair_free(&pair);
}

static void given_a_message_with_another_kind_when_read_then_a_breach(void)
{
	struct pair pair;
	int kind = 0, n = 0, result;
	struct point point = {3, 4}, *at = &point;
	pair_open(&pair, "f", cases);
	pair.caller.arguments = ARGUMENTS(&kind, &at, &n);
	pair.caller.result = &result;
	REQUIRE_EQUAL(pair_put(&pair, false), 0);
	pair.message.words[0] = 77;
	EXPECT_EQUAL(marshal_get_arguments(&pair.callee, &pair.message), -EBADMSG);
	EXPECT_CONTAINS(detail_text(), "no case for the value 77");
	pair_free(&pair);
}

/* The program's own variable, which decides, is where the result goes. */
static int change_kind(int kind, void *p, int *same)
{
	*same = 0;
	*(struct point *)p = (struct point){kind, kind};
	return 7;
}

static void given_a_result_written_over_the_kind_when_called_then_the_case_stays_what_it_was(void)
{
	struct pair pair;
	int kind = 6, *same = &kind;
	struct point point = {1, 2}, *at = &point;
	pair_open(&pair, "f", TYPES
	          "int f(int kind, [case(kind, 0: [inout, size(1000)] int *; BACK: [out] struct point *)] void *p, "
	          "[out] int *same);");
	EXPECT_EQUAL(pair_call(&pair, NATIVE(change_kind), ARGUMENTS(&kind, &at, &same), &kind), 0);
	EXPECT_EQUAL(point.x, 6);
	pair_free(&pair);
}

static int take_union(unsigned flags, union any *any)
{
	snprintf(seen, sizeof seen, flags == 4 ? "point %ld" : "number %ld", flags == 4 ? (long)any->point.y : any->number);
	return 0;
}

static void given_a_pointer_to_a_union_when_called_then_the_case_says_which_member(void)
{
	struct pair pair;
	unsigned flags = 4;
	union any any = {.point = {1, 2}}, *at = &any;
	int result;
	pair_open(&pair, "f", TYPES "int f(unsigned flags, [case(flags / 4, 1: const struct point *; 2: [in] long *)] union any "
	                            "*any);");
	EXPECT_EQUAL(pair_call(&pair, NATIVE(take_union), ARGUMENTS(&flags, &at), &result), 0);
	EXPECT_STRING(seen, "point 2");
	flags = 8;
	any.number = 12345678901;
	EXPECT_EQUAL(pair_call(&pair, NATIVE(take_union), ARGUMENTS(&flags, &at), &result), 0);
	EXPECT_STRING(seen, "number 12345678901");
	pair_free(&pair);
}

/* sqlite3_trace_v2: two pointers of one call, each by its own cases */
static void given_a_callback_with_two_cases_when_called_then_both_are_carried(void)
{
	struct pair pair;
	static const char text[] =
	    "typedef struct sqlite3 sqlite3;\n"
	    "typedef struct sqlite3_stmt sqlite3_stmt;\n"
	    "enum { STMT = 1, PROFILE = 2, ROW = 4, CLOSE = 8 };\n"
	    "typedef int (*trace)(unsigned what, [userdata] void *c, [case(what, STMT, PROFILE, ROW: sqlite3_stmt *; CLOSE: "
	    "sqlite3 *)] void *p, [nullable, case(what, STMT: const char *; PROFILE: const int64_t *; ROW, CLOSE: [handle] void "
	    "*)] void *x);\n"
	    "int f([scope(forever)] trace t);";
	unsigned what = 1;
	uintptr_t user = 16, p = 32;
	int64_t time = 99, *time_at = &time;
	const char *x = "SELECT";
	int result = 0;
	pair_open(&pair, "trace", text);
	EXPECT_EQUAL(pair_invoke(&pair, ARGUMENTS(&what, &user, &p, &x), &result), 0);
	EXPECT_STRING(*(const char **)pair.callee.arguments[3], "SELECT");
	EXPECT_EQUAL(*(uintptr_t *)pair.callee.arguments[2], 32);
	what = 2;
	EXPECT_EQUAL(pair_invoke(&pair, ARGUMENTS(&what, &user, &p, &time_at), &result), 0);
	EXPECT_EQUAL(**(int64_t **)pair.callee.arguments[3], 99);
	pair_free(&pair);
}

/* ---- Cells ---- */

static void *cell_seen;

static int use_cell(void **cell, int write)
{
	if (!cell)
		return -1;
	cell_seen = *cell;
	if (write)
		*cell = (void *)(write ^ TOKEN_BITS); /* as if it were the token of that pointer */
	return 0;
}

static void given_a_slot_when_called_then_the_other_side_sees_a_token_and_may_change_it(void)
{
	struct pair pair;
	void *mine = (void *)(uintptr_t)0x70, **cell = &mine;
	int write = 0, result = 0;
	pair_open(&pair, "f", "int f([slot, nullable] void **cell, int write);");
	EXPECT_EQUAL(pair_call(&pair, NATIVE(use_cell), ARGUMENTS(&cell, &write), &result), 0);
	EXPECT_EQUAL((uintptr_t)mine, 0x70);
	/* both sides of the pair translate: one turns it into a token, the other back */
	EXPECT_EQUAL((uintptr_t)cell_seen, 0x70);
	write = 0x90;
	EXPECT_EQUAL(pair_call(&pair, NATIVE(use_cell), ARGUMENTS(&cell, &write), &result), 0);
	EXPECT_EQUAL((uintptr_t)mine, 0x90 ^ TOKEN_BITS);
	mine = NULL;
	write = 0;
	EXPECT_EQUAL(pair_call(&pair, NATIVE(use_cell), ARGUMENTS(&cell, &write), &result), 0);
	EXPECT(cell_seen == NULL && mine == NULL);
	cell = NULL;
	EXPECT_EQUAL(pair_call(&pair, NATIVE(use_cell), ARGUMENTS(&cell, &write), &result), 0);
	EXPECT_EQUAL(result, -1);
	pair_free(&pair);
}

static const struct test tests[] = {
	TEST(given_a_kind_when_called_then_the_pointer_is_what_its_case_says),
	TEST(given_cases_that_come_back_when_called_then_the_caller_sees_them),
	TEST(given_a_kind_without_a_case_when_called_then_refused_with_its_value),
	TEST(given_a_message_with_another_kind_when_read_then_a_breach),
	TEST(given_a_result_written_over_the_kind_when_called_then_the_case_stays_what_it_was),
	TEST(given_a_pointer_to_a_union_when_called_then_the_case_says_which_member),
	TEST(given_a_callback_with_two_cases_when_called_then_both_are_carried),
	TEST(given_a_slot_when_called_then_the_other_side_sees_a_token_and_may_change_it),
};
HARNESS_MAIN(tests)
