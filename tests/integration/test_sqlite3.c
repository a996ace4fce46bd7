/* SPDX-License-Identifier: MIT */
/*
 * SQLite through its interface: statements, blobs, functions of the program, hooks, and what a handler's failure does.
 */
#include "support/remote.h"

#include <sqlite3.h>

/* The library's own header declares what is called; each name below is the host's function. */
#define SQLITE(name) REMOTE(library, name, #name)

static cbb_library *library;
static sqlite3 *db;

static void given_a_database(void)
{
	given_a_host();
	REMOTE_OK(cbb_library_open(remote_host, "sqlite3", &library));
	EXPECT_EQUAL(SQLITE(sqlite3_open)(":memory:", &db), SQLITE_OK);
	REQUIRE(db != NULL);
}

static void then_it_is_closed(void)
{
	EXPECT_EQUAL(SQLITE(sqlite3_close)(db), SQLITE_OK);
	EXPECT_CALL_OK();
	remote_end();
}

static void run(const char *sql)
{
	char *message = NULL;
	EXPECT_EQUAL(SQLITE(sqlite3_exec)(db, sql, NULL, NULL, &message), SQLITE_OK);
	EXPECT_STRING(message, NULL);
	EXPECT_CALL_OK();
}

/* The only value of the statement's only row. */
static sqlite3_int64 number(const char *sql)
{
	sqlite3_stmt *stmt = NULL;
	EXPECT_EQUAL(SQLITE(sqlite3_prepare_v2)(db, sql, -1, &stmt, NULL), SQLITE_OK);
	EXPECT_EQUAL(SQLITE(sqlite3_step)(stmt), SQLITE_ROW);
	sqlite3_int64 value = SQLITE(sqlite3_column_int64)(stmt, 0);
	EXPECT_EQUAL(SQLITE(sqlite3_finalize)(stmt), SQLITE_OK);
	return value;
}

/* ---- Statements ---- */

static void given_values_of_all_types_when_bound_then_the_columns_have_them(void)
{
	static const char bytes[] = {0, 1, -1, 0, 127};
	const char *tail = NULL, *sql = "SELECT ?, ?, ?, ?, ?, ? ; SELECT 2";
	sqlite3_stmt *stmt = NULL;
	char read[sizeof bytes];
	given_a_database();
	EXPECT_EQUAL(SQLITE(sqlite3_prepare_v2)(db, sql, -1, &stmt, &tail), SQLITE_OK);
	EXPECT_STRING(tail, " SELECT 2");
	EXPECT(tail == strchr(sql, ';') + 1);
	SQLITE(sqlite3_bind_int64)(stmt, 1, INT64_MIN);
	SQLITE(sqlite3_bind_double)(stmt, 2, 0.1);
	SQLITE(sqlite3_bind_text)(stmt, 3, "text", -1, SQLITE_TRANSIENT);
	SQLITE(sqlite3_bind_text64)(stmt, 4, "more text", 4, SQLITE_TRANSIENT, SQLITE_UTF8);
	SQLITE(sqlite3_bind_blob)(stmt, 5, bytes, sizeof bytes, SQLITE_TRANSIENT);
	SQLITE(sqlite3_bind_null)(stmt, 6);
	EXPECT_EQUAL(SQLITE(sqlite3_step)(stmt), SQLITE_ROW);
	EXPECT_EQUAL(SQLITE(sqlite3_column_count)(stmt), 6);
	EXPECT_EQUAL(SQLITE(sqlite3_column_int64)(stmt, 0), INT64_MIN);
	EXPECT_EQUAL(SQLITE(sqlite3_column_double)(stmt, 1), 0.1);
	EXPECT_STRING((const char *)SQLITE(sqlite3_column_text)(stmt, 2), "text");
	EXPECT_STRING((const char *)SQLITE(sqlite3_column_text)(stmt, 3), "more");
	EXPECT_EQUAL(SQLITE(sqlite3_column_bytes)(stmt, 4), sizeof bytes);
	REMOTE_OK(cbb_read(remote_host, SQLITE(sqlite3_column_blob)(stmt, 4), read, sizeof read));
	EXPECT_BYTES(read, sizeof read, bytes, sizeof bytes);
	EXPECT_EQUAL(SQLITE(sqlite3_column_type)(stmt, 5), SQLITE_NULL);
	EXPECT(SQLITE(sqlite3_column_text)(stmt, 5) == NULL);
	EXPECT_EQUAL(SQLITE(sqlite3_step)(stmt), SQLITE_DONE);
	EXPECT_EQUAL(SQLITE(sqlite3_finalize)(stmt), SQLITE_OK);
	then_it_is_closed();
}

static void given_a_destructor_that_is_no_sentinel_when_bound_then_it_is_refused(void)
{
	sqlite3_stmt *stmt = NULL;
	given_a_database();
	EXPECT_EQUAL(SQLITE(sqlite3_prepare_v2)(db, "SELECT ?", -1, &stmt, NULL), SQLITE_OK);
	EXPECT_EQUAL(SQLITE(sqlite3_bind_text)(stmt, 1, "text", -1, SQLITE_STATIC), SQLITE_ERROR);
	EXPECT_ERROR(CBB_ERR_ARGUMENT, "destructor");
	EXPECT_EQUAL(SQLITE(sqlite3_finalize)(stmt), SQLITE_OK);
	then_it_is_closed();
}

static void given_a_wrong_statement_when_run_then_its_message_comes_back_and_can_be_freed(void)
{
	char *message = NULL;
	given_a_database();
	EXPECT_EQUAL(SQLITE(sqlite3_exec)(db, "SELEKT 1", NULL, NULL, &message), SQLITE_ERROR);
	EXPECT_STRING(message, "near \"SELEKT\": syntax error");
	SQLITE(sqlite3_free)(message);
	EXPECT_CALL_OK();
	EXPECT_STRING(SQLITE(sqlite3_errmsg)(db), "near \"SELEKT\": syntax error");
	then_it_is_closed();
}

/* ---- Rows ---- */

struct rows {
	int n, stop_at;
	char text[64];
};

static int on_row(void *user, int n, char **values, char **names)
{
	struct rows *rows = user;
	EXPECT_EQUAL(n, 2);
	EXPECT_STRING(names[1], "b");
	strcat(strcat(rows->text, values[0]), values[1] ? values[1] : "NULL");
	return ++rows->n == rows->stop_at;
}

static void given_a_row_handler_when_it_returns_1_then_the_query_is_aborted(void)
{
	struct rows rows = {.stop_at = 2};
	char *message = NULL;
	given_a_database();
	run("CREATE TABLE t (a, b); INSERT INTO t VALUES (1, 'x'), (2, NULL), (3, 'z')");
	EXPECT_EQUAL(SQLITE(sqlite3_exec)(db, "SELECT a, b FROM t", on_row, &rows, &message), SQLITE_ABORT);
	EXPECT_STRING(rows.text, "1x2NULL");
	EXPECT_CONTAINS(message, "abort");
	then_it_is_closed();
}

/* ---- Functions of the program ---- */

static int n_destroyed;

static void on_destroy(void *user)
{
	EXPECT(user == &n_destroyed);
	n_destroyed++;
}

static void twice(sqlite3_context *context, int n, sqlite3_value **values)
{
	EXPECT_EQUAL(n, 1);
	EXPECT(SQLITE(sqlite3_user_data)(context) == &n_destroyed);
	if (SQLITE(sqlite3_value_type)(values[0]) == SQLITE_NULL)
		SQLITE(sqlite3_result_error)(context, "twice nothing?", -1);
	else
		SQLITE(sqlite3_result_int64)(context, 2 * SQLITE(sqlite3_value_int64)(values[0]));
}

/* The aggregate's memory is the host's. */
static void add(sqlite3_context *context, int n, sqlite3_value **values)
{
	sqlite3_int64 sum = 0;
	void *place = SQLITE(sqlite3_aggregate_context)(context, sizeof sum);
	EXPECT_EQUAL(n, 1);
	REMOTE_OK(cbb_read(remote_host, place, &sum, sizeof sum));
	sum += SQLITE(sqlite3_value_int64)(values[0]);
	REMOTE_OK(cbb_write(remote_host, place, &sum, sizeof sum));
}

static void tell(sqlite3_context *context)
{
	sqlite3_int64 sum = 0;
	REMOTE_OK(cbb_read(remote_host, SQLITE(sqlite3_aggregate_context)(context, sizeof sum), &sum, sizeof sum));
	SQLITE(sqlite3_result_int64)(context, sum);
}

static void given_functions_of_the_program_when_sql_uses_them_then_they_compute(void)
{
	char *message = NULL;
	given_a_database();
	EXPECT_EQUAL(SQLITE(sqlite3_create_function_v2)(db, "twice", 1, SQLITE_UTF8, &n_destroyed, twice, NULL, NULL, on_destroy),
	             SQLITE_OK);
	EXPECT_EQUAL(SQLITE(sqlite3_create_function)(db, "total_of", 1, SQLITE_UTF8, NULL, NULL, add, tell), SQLITE_OK);
	EXPECT_EQUAL(number("SELECT twice(21)"), 42);
	EXPECT_EQUAL(number("SELECT total_of(column1) FROM (VALUES (1), (2), (twice(20)))"), 43);
	EXPECT_EQUAL(SQLITE(sqlite3_exec)(db, "SELECT twice(NULL)", NULL, NULL, &message), SQLITE_ERROR);
	EXPECT_STRING(message, "twice nothing?");
	EXPECT_EQUAL(n_destroyed, 0);
	EXPECT_EQUAL(SQLITE(sqlite3_create_function)(db, "twice", 1, SQLITE_UTF8, NULL, NULL, NULL, NULL), SQLITE_OK);
	EXPECT_EQUAL(n_destroyed, 1);
	then_it_is_closed();
	EXPECT_EQUAL(n_destroyed, 1);
}

static int backwards(void *user, int n_a, const void *a, int n_b, const void *b)
{
	(void)user;
	EXPECT(n_a == 1 && n_b == 1);
	return memcmp(b, a, 1);
}

static void given_a_collation_of_the_program_when_rows_are_ordered_then_it_decides(void)
{
	struct rows rows = {.stop_at = -1};
	given_a_database();
	EXPECT_EQUAL(SQLITE(sqlite3_create_collation_v2)(db, "backwards", SQLITE_UTF8, NULL, backwards, NULL), SQLITE_OK);
	run("CREATE TABLE t (a, b); INSERT INTO t VALUES (1, 'x'), (2, 'z'), (3, 'y')");
	EXPECT_EQUAL(SQLITE(sqlite3_exec)(db, "SELECT a, b FROM t ORDER BY b COLLATE backwards", on_row, &rows, NULL), SQLITE_OK);
	EXPECT_STRING(rows.text, "2z3y1x");
	then_it_is_closed();
}

/* ---- Hooks ---- */

static int n_updates, n_traced;

static void on_update(void *user, int operation, char const *database, char const *table, sqlite3_int64 rowid)
{
	EXPECT(user == &n_updates);
	EXPECT_EQUAL(operation, SQLITE_INSERT);
	EXPECT_STRING(database, "main");
	EXPECT_STRING(table, "t");
	EXPECT_EQUAL(rowid, ++n_updates);
}

static int refuse(void *user)
{
	(void)user;
	return 1;
}

static int on_trace(unsigned event, void *user, void *what, void *detail)
{
	EXPECT(user == &n_traced && what != NULL);
	if (event == SQLITE_TRACE_STMT)
		EXPECT_STRING(detail, "SELECT 7");
	else if (event == SQLITE_TRACE_PROFILE)
		EXPECT(*(sqlite3_int64 *)detail >= 0);
	n_traced++;
	return 0;
}

static void given_hooks_when_rows_change_then_they_are_told_and_may_refuse(void)
{
	char *message = NULL;
	given_a_database();
	run("CREATE TABLE t (a)");
	EXPECT(SQLITE(sqlite3_update_hook)(db, on_update, &n_updates) == NULL);
	run("INSERT INTO t VALUES (1), (2)");
	EXPECT_EQUAL(n_updates, 2);
	EXPECT(SQLITE(sqlite3_update_hook)(db, NULL, NULL) == &n_updates);
	SQLITE(sqlite3_commit_hook)(db, refuse, NULL);
	EXPECT_EQUAL(SQLITE(sqlite3_exec)(db, "INSERT INTO t VALUES (3)", NULL, NULL, &message), SQLITE_CONSTRAINT);
	EXPECT_EQUAL(number("SELECT count(*) FROM t"), 2);
	then_it_is_closed();
}

static void given_a_trace_when_statements_run_then_each_event_has_what_it_is_about(void)
{
	given_a_database();
	EXPECT_EQUAL(SQLITE(sqlite3_trace_v2)(db, SQLITE_TRACE_STMT | SQLITE_TRACE_PROFILE | SQLITE_TRACE_ROW, on_trace, &n_traced),
	             SQLITE_OK);
	EXPECT_EQUAL(number("SELECT 7"), 7);
	EXPECT_EQUAL(n_traced, 3);
	then_it_is_closed();
}

static void given_settings_when_asked_through_three_points_then_they_are_set_and_told(void)
{
	int is_on = -1;
	given_a_database();
	EXPECT_EQUAL(SQLITE(sqlite3_db_config)(db, SQLITE_DBCONFIG_ENABLE_FKEY, 1, &is_on), SQLITE_OK);
	EXPECT_EQUAL(is_on, 1);
	EXPECT_EQUAL(number("PRAGMA foreign_keys"), 1);
	EXPECT_EQUAL(SQLITE(sqlite3_db_config)(db, SQLITE_DBCONFIG_MAINDBNAME, "x"), SQLITE_ERROR);
	EXPECT_ERROR(CBB_ERR_ARGUMENT, "option");
	then_it_is_closed();
}

/* ---- Memory ---- */

static void given_a_database_when_serialized_then_its_image_comes_back_whole(void)
{
	sqlite3_int64 size = 0;
	given_a_database();
	run("CREATE TABLE t (a); INSERT INTO t VALUES (zeroblob(20000))");
	unsigned char *image = SQLITE(sqlite3_serialize)(db, "main", &size, 0);
	EXPECT_CALL_OK();
	REQUIRE(image != NULL && size > 20000);
	EXPECT_BYTES(image, 15, "SQLite format 3", 15);
	SQLITE(sqlite3_free)(image);
	then_it_is_closed();
}

static const struct test tests[] = {
	TEST(given_values_of_all_types_when_bound_then_the_columns_have_them),
	TEST(given_a_destructor_that_is_no_sentinel_when_bound_then_it_is_refused),
	TEST(given_a_wrong_statement_when_run_then_its_message_comes_back_and_can_be_freed),
	TEST(given_a_row_handler_when_it_returns_1_then_the_query_is_aborted),
	TEST(given_functions_of_the_program_when_sql_uses_them_then_they_compute),
	TEST(given_a_collation_of_the_program_when_rows_are_ordered_then_it_decides),
	TEST(given_hooks_when_rows_change_then_they_are_told_and_may_refuse),
	TEST(given_a_trace_when_statements_run_then_each_event_has_what_it_is_about),
	TEST(given_settings_when_asked_through_three_points_then_they_are_set_and_told),
	TEST(given_a_database_when_serialized_then_its_image_comes_back_whole),
};
HARNESS_MAIN(tests)
