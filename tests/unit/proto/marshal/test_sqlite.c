/* SPDX-License-Identifier: MIT */
/* Shapes of parameters that sqlite3 has, together in one place. */
#include "pair.h"

#define TYPES \
	"typedef struct sqlite3 sqlite3;\n" \
	"typedef struct sqlite3_stmt sqlite3_stmt;\n" \
	"typedef struct sqlite3_value sqlite3_value;\n" \
	"typedef struct sqlite3_context sqlite3_context;\n"

static int prepare(void *db, const char *sql, int n, void **statement, const char **tail)
{
	(void)db;
	*statement = (void *)(uintptr_t)0x7000;
	if (tail)
		*tail = n < 0 ? strchr(sql, ';') + 1 : sql + n;
	return 0;
}

static void given_a_tail_into_the_text_when_called_then_it_points_into_the_callers_text(void)
{
	struct pair pair;
	uintptr_t db = 0x1000;
	const char *sql = "SELECT 1; SELECT 2;", *tail = NULL, **tail_at = &tail;
	int n = -1, result = -1;
	void *statement = NULL, **statement_at = &statement;
	pair_open(&pair, "f", TYPES "int f(sqlite3 *db, const char *sql, int n, [out] sqlite3_stmt **statement, "
	                            "[out, nullable, into(sql)] const char **tail);");
	void **arguments = ARGUMENTS(&db, &sql, &n, &statement_at, &tail_at);
	EXPECT_EQUAL(pair_call(&pair, NATIVE(prepare), arguments, &result), 0);
	EXPECT_EQUAL((uintptr_t)statement, 0x7000);
	EXPECT(tail == sql + 9);
	n = 19; /* the end of the text */
	EXPECT_EQUAL(pair_call(&pair, NATIVE(prepare), arguments, &result), 0);
	EXPECT(tail == sql + 19);
	tail_at = NULL;
	EXPECT_EQUAL(pair_call(&pair, NATIVE(prepare), arguments, &result), 0);
	pair_free(&pair);
}

static int open_db(const char *name, void **db)
{
	*db = strcmp(name, "good") == 0 ? (void *)(uintptr_t)0x9000 : NULL;
	return *db ? 0 : 14;
}

static void given_a_handle_that_comes_back_when_the_call_fails_then_it_may_be_null(void)
{
	struct pair pair;
	const char *name = "good";
	void *db = (void *)1, **db_at = &db;
	int result = -1;
	pair_open(&pair, "f", TYPES "int f(const char *name, [out] sqlite3 **db);");
	EXPECT_EQUAL(pair_call(&pair, NATIVE(open_db), ARGUMENTS(&name, &db_at), &result), 0);
	EXPECT_EQUAL((uintptr_t)db, 0x9000);
	EXPECT_EQUAL(pair.n_handles, 1);
	name = "bad";
	EXPECT_EQUAL(pair_call(&pair, NATIVE(open_db), ARGUMENTS(&name, &db_at), &result), 0);
	EXPECT_EQUAL(result, 14);
	EXPECT(db == NULL);
	pair_free(&pair);
}

static void given_an_array_of_handles_when_a_callback_gets_it_then_all_arrive(void)
{
	struct pair pair;
	uintptr_t context = 0x100;
	void *values[] = {(void *)(uintptr_t)0x200, (void *)(uintptr_t)0x300}, **at = values;
	int n = 2;
	pair_open(&pair, "step", TYPES "typedef void (*step)(sqlite3_context *c, int n, [in, size(n)] sqlite3_value **argv);\n"
	                               "int f([scope(forever)] step s);");
	EXPECT_EQUAL(pair_invoke(&pair, ARGUMENTS(&context, &n, &at), NULL), 0);
	void **there = *(void ***)pair.callee.arguments[2];
	EXPECT(there != values);
	EXPECT_EQUAL((uintptr_t)there[0], 0x200);
	EXPECT_EQUAL((uintptr_t)there[1], 0x300);
	n = 0;
	EXPECT_EQUAL(pair_invoke(&pair, ARGUMENTS(&context, &n, &at), NULL), 0);
	pair_free(&pair);
}

static uintptr_t destructor_seen;

static int bind(void *statement, const char *text, void (*destructor)(void *))
{
	(void)statement;
	(void)text;
	destructor_seen = (uintptr_t)destructor;
	return 0;
}

static void given_sentinels_for_a_callback_when_called_then_they_pass_unchanged(void)
{
	struct pair pair;
	uintptr_t statement = 8, destructor = (uintptr_t)-1;
	const char *text = "text";
	int result;
	pair_open(&pair, "f", TYPES
	          "typedef void (*sqlite3_destructor_type)([userdata] void *p);\n"
	          "enum { SQLITE_STATIC = 0, SQLITE_TRANSIENT = -1 };\n"
	          "int f(sqlite3_stmt *s, const char *text, [values(SQLITE_STATIC, SQLITE_TRANSIENT), scope(forever)] "
	          "sqlite3_destructor_type d);");
	void **arguments = ARGUMENTS(&statement, &text, &destructor);
	EXPECT_EQUAL(pair_call(&pair, NATIVE(bind), arguments, &result), 0);
	EXPECT_EQUAL(destructor_seen, (uintptr_t)-1);
	destructor = 0;
	EXPECT_EQUAL(pair_call(&pair, NATIVE(bind), arguments, &result), 0);
	EXPECT_EQUAL(destructor_seen, 0);
	destructor = 0x4000;
	EXPECT_EQUAL(pair_call(&pair, NATIVE(bind), arguments, &result), 0);
	EXPECT_EQUAL(destructor_seen, 0x4000);
	EXPECT_EQUAL(pair.callback_index, 2);
	pair_free(&pair);
}

static const struct test tests[] = {
	TEST(given_a_tail_into_the_text_when_called_then_it_points_into_the_callers_text),
	TEST(given_a_handle_that_comes_back_when_the_call_fails_then_it_may_be_null),
	TEST(given_an_array_of_handles_when_a_callback_gets_it_then_all_arrive),
	TEST(given_sentinels_for_a_callback_when_called_then_they_pass_unchanged),
};
HARNESS_MAIN(tests)
