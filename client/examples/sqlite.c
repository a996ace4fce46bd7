/* SPDX-License-Identifier: MIT */
/*
 * sqlite [DIRECTORY]: Debian's SQLite, in a host, with a function and a collation of this program.
 *
 * The rows of a query come to a handler here. The handler runs a query of its own on the same connection, and that one
 * needs the function and the collation, which are handlers here too: host and program take turns four deep.
 */
#include "examples.h"

#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

#define FILES_MAX 400
#define SQLITE_UTF8_DETERMINISTIC (1 | 0x800)
#define SQLITE_ROW 100
#define SQLITE_TRANSIENT ((void (*)(void *)) - 1) /* a value, not an address: the interface file says so */

/* What sqlite3.h declares, as pointers into the host. */
typedef struct sqlite3 sqlite3;
typedef struct sqlite3_stmt sqlite3_stmt;
typedef struct sqlite3_context sqlite3_context;
typedef struct sqlite3_value sqlite3_value;
typedef int row_fn(void *user, int n, char **values, char **names);
typedef void function_fn(sqlite3_context *, int n, sqlite3_value **values);
typedef int compare_fn(void *user, int n_a, const void *a, int n_b, const void *b);
static int (*sqlite3_open)(const char *filename, sqlite3 **);
static int (*sqlite3_close)(sqlite3 *);
static int (*sqlite3_exec)(sqlite3 *, const char *sql, row_fn *, void *user, char **message);
static void (*sqlite3_free)(void *);
static int (*sqlite3_prepare_v2)(sqlite3 *, const char *sql, int size, sqlite3_stmt **, const char **tail);
static int (*sqlite3_bind_text)(sqlite3_stmt *, int index, const char *text, int size, void (*destructor)(void *));
static int (*sqlite3_bind_int64)(sqlite3_stmt *, int index, long long value);
static int (*sqlite3_step)(sqlite3_stmt *);
static int (*sqlite3_reset)(sqlite3_stmt *);
static int (*sqlite3_finalize)(sqlite3_stmt *);
static int (*sqlite3_create_function)(sqlite3 *, const char *name, int n, int flags, void *user, function_fn *,
                                      function_fn *step, void (*final)(sqlite3_context *));
static int (*sqlite3_create_collation)(sqlite3 *, const char *name, int flags, void *user, compare_fn *);
static const unsigned char *(*sqlite3_value_text)(sqlite3_value *);
static void (*sqlite3_result_text)(sqlite3_context *, const char *text, int size, void (*destructor)(void *));
static const char *(*sqlite3_libversion)(void);

static sqlite3 *db;
static unsigned long n_rows, n_functions, n_compares;

/* SQL: kind('libz.so.1.2') is 'so', kind('readme') is '-'. Asks SQLite for its argument and gives it the result. */
static void kind(sqlite3_context *context, int n, sqlite3_value **values)
{
	char text[64];
	const char *name = n == 1 ? (const char *)sqlite3_value_text(values[0]) : NULL;
	const char *dot = name ? strchr(name, '.') : NULL;
	snprintf(text, sizeof text, "%.*s", dot ? (int)strcspn(dot + 1, ".'") : 1, dot ? dot + 1 : "-");
	n_functions++;
	sqlite3_result_text(context, text, -1, SQLITE_TRANSIENT);
}

/* SQL: ORDER BY name COLLATE numbers. "so.9" stands before "so.10". The texts have no NUL at their ends. */
static int numbers(void *user, int n_a, const void *a, int n_b, const void *b)
{
	char x[256], y[256];
	snprintf(x, sizeof x, "%.*s", n_a, (const char *)a);
	snprintf(y, sizeof y, "%.*s", n_b, (const char *)b);
	(*(unsigned long *)user)++; /* the very pointer that sqlite3_create_collation was given */
	return strverscmp(x, y);
}

static void run(const char *sql, row_fn *row, void *user)
{
	char *message = NULL;
	int status = sqlite3_exec(db, sql, row, user, &message);
	check_last(sql);
	if (status != 0)
		printf("SQLite says: %s\n", message);
	check_that((status != 0) == (message != NULL), "a failed statement has a message");
	sqlite3_free(message);
}

static int on_name(void *user, int n, char **values, char **names)
{
	(void)n, (void)names;
	n_rows++;
	printf("%s %s", *(int *)user ? "," : "", values[0]);
	*(int *)user = 1;
	return 0;
}

/* Runs here while sqlite3_exec waits in the host for its answer, and runs another query meanwhile. */
static int on_kind(void *user, int n, char **values, char **names)
{
	char sql[160];
	int is_begun = 0;
	(void)user;
	n_rows++;
	printf("  %s=%s %s=%s %s=%s:", names[0], values[0], names[1], values[1], names[n - 1], values[n - 1]);
	snprintf(sql, sizeof sql, "SELECT name FROM files WHERE kind(name) = '%s' ORDER BY name COLLATE numbers LIMIT 3",
	         values[0]);
	run(sql, on_name, &is_begun);
	printf("\n");
	return 0;
}

static int fill(const char *path)
{
	int n = 0;
	sqlite3_stmt *insert = NULL;
	struct dirent *entry;
	struct stat status;
	DIR *directory = opendir(path);
	check_that(directory != NULL, path);
	run("BEGIN", NULL, NULL);
	sqlite3_prepare_v2(db, "INSERT INTO files VALUES (?, ?)", -1, &insert, NULL);
	while (n < FILES_MAX && (entry = readdir(directory))) {
		if (fstatat(dirfd(directory), entry->d_name, &status, 0) < 0 || !S_ISREG(status.st_mode))
			continue;
		sqlite3_bind_text(insert, 1, entry->d_name, -1, SQLITE_TRANSIENT);
		sqlite3_bind_int64(insert, 2, status.st_size);
		check_that(sqlite3_step(insert) != SQLITE_ROW && sqlite3_reset(insert) == 0, "a row is inserted");
		n++;
	}
	sqlite3_finalize(insert);
	run("COMMIT", NULL, NULL);
	closedir(directory);
	return n;
}

#define FIND(library, name) check_that((name = CBB_SYMBOL(library, __typeof__(*name), #name)) != NULL, #name " is found")

static void find_functions(cbb_library *sqlite)
{
	FIND(sqlite, sqlite3_open);
	FIND(sqlite, sqlite3_close);
	FIND(sqlite, sqlite3_exec);
	FIND(sqlite, sqlite3_free);
	FIND(sqlite, sqlite3_prepare_v2);
	FIND(sqlite, sqlite3_bind_text);
	FIND(sqlite, sqlite3_bind_int64);
	FIND(sqlite, sqlite3_step);
	FIND(sqlite, sqlite3_reset);
	FIND(sqlite, sqlite3_finalize);
	FIND(sqlite, sqlite3_create_function);
	FIND(sqlite, sqlite3_create_collation);
	FIND(sqlite, sqlite3_value_text);
	FIND(sqlite, sqlite3_result_text);
	FIND(sqlite, sqlite3_libversion);
}

int main(int argc, char **argv)
{
	const char *directory = argc > 1 ? argv[1] : "/usr/lib/x86_64-linux-gnu";
	cbb_client *client = NULL;
	cbb_host *host = NULL;
	cbb_library *sqlite = NULL;
	show_at_once();
	check(cbb_connect(&client, NULL), "connect");
	check(cbb_host_open(client, NULL, &host), "open a host");
	check(cbb_library_open(host, "sqlite3", &sqlite), "open sqlite3");
	find_functions(sqlite);

	check_that(sqlite3_open(":memory:", &db) == 0, "a database is opened");
	printf("SQLite %s in process %d.\n", sqlite3_libversion(), (int)cbb_host_pid(host));
	run("CREATE TABLE files (name TEXT, bytes INTEGER)", NULL, NULL);
	sqlite3_create_function(db, "kind", 1, SQLITE_UTF8_DETERMINISTIC, NULL, kind, NULL, NULL);
	sqlite3_create_collation(db, "numbers", 1, &n_compares, numbers);
	int n = fill(directory);
	printf("%d files of %s are rows of a table in the host. Their commonest kinds, each with its first names:\n", n,
	       directory);
	run("SELECT kind(name) AS kind, count(*) AS files, sum(bytes) AS bytes FROM files GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 5",
	    on_kind, NULL);
	printf("Here ran: the row handlers %lu times, kind() %lu times, the collation %lu times.\n", n_rows, n_functions,
	       n_compares);
	run("SELECT name FROM fils", on_kind, NULL);
	check_that(sqlite3_close(db) == 0, "the database is closed");
	check_that(cbb_disconnect(client) == NULL, "disconnected");
	return 0;
}
