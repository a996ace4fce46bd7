/* SPDX-License-Identifier: MIT */
/* The examples, run as a user runs them: each starts a private broker. And the README's program. */
#include "support/example.h"

#include <ctype.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- hello ---- */

static void given_hello_when_run_then_it_prints_sorted_numbers(void)
{
	struct harness_output output = run_example("hello", NULL, NULL);
	EXPECT_EQUAL(output.status, 0);
	EXPECT_STRING(output.out, "1 3 5 7 9\n");
	EXPECT_STRING(output.err, "");
}

static void given_no_broker_when_hello_is_run_then_it_says_so_and_fails(void)
{
	setenv("CBB_ADDRESS", "unix:/nonexistent/broker.sock", 1);
	struct harness_output output = run_example("hello", NULL, NULL);
	EXPECT_EQUAL(output.status, 1);
	EXPECT_STRING(output.out, "");
	EXPECT_CONTAINS(output.err, "/nonexistent/broker.sock");
}

static void given_the_readme_when_compared_then_its_program_is_hello_c(void)
{
	const char *program = harness_read_file(harness_source_path("client/examples/hello.c"));
	const char *block = after(harness_read_file(harness_source_path("README.md")), "\n```c\n");
	const char *end = strstr(block, "```\n");
	REQUIRE(end != NULL);
	EXPECT_BYTES(block, (size_t)(end - block), program, strlen(program));
	EXPECT(count_of(program, "\n") <= 30);
}

/* ---- The README's table ---- */

/* Rows "A01" to "Z99". */
struct rows {
	bool seen[26][100];
};

static struct rows tested;

static void row_mark(struct rows *rows, const char *id)
{
	bool fits = id[0] >= 'A' && id[0] <= 'Z' && isdigit((unsigned char)id[1]) && isdigit((unsigned char)id[2]);
	if (fits)
		rows->seen[id[0] - 'A'][(id[1] - '0') * 10 + id[2] - '0'] = true;
}

static void mark_all(struct rows *rows, const char *text, const char *before, char behind)
{
	for (const char *at = text; (at = strstr(at, before));) {
		at += strlen(before);
		if (strnlen(at, 4) == 4 && at[3] == behind)
			row_mark(rows, at);
	}
}

static int mark_file(const char *path, const struct stat *status, int kind, struct FTW *where)
{
	(void)status;
	if (kind != FTW_F || strncmp(path + where->base, "test_", 5) != 0)
		return 0;
	const char *text = harness_read_file(path);
	mark_all(&tested, text, "TEST(", '_');
	mark_all(&tested, text, "TEST_TIMEOUT(", '_');
	return 0;
}

static void given_the_readmes_table_when_compared_then_each_row_has_a_test_and_each_test_a_row(void)
{
	struct rows promised = {0};
	mark_all(&promised, after(harness_read_file(harness_source_path("README.md")), "\n## Status\n"), "\n| ", ' ');
	REQUIRE_EQUAL(nftw(harness_source_path("tests"), mark_file, 16, FTW_PHYS), 0);
	EXPECT(promised.seen[0][1]);
	for (int letter = 0; letter < 26; letter++)
		for (int number = 0; number < 100; number++)
			if (promised.seen[letter][number] != tested.seen[letter][number])
				FAIL("row %c%02d is %s", 'A' + letter, number,
				     promised.seen[letter][number] ? "in the README and has no test" : "tested and not in the README");
}

/* ---- sort ---- */

static unsigned long comparisons(const char *out, const char *where)
{
	const char *at = strstr(after(out, where), " ms: ");
	REQUIRE(at != NULL);
	return strtoul(at + strlen(" ms: "), NULL, 10);
}

static void given_sort_when_run_then_every_comparison_was_a_callback(void)
{
	struct harness_output output = run_example("sort", "500", NULL);
	EXPECT_EQUAL(output.status, 0);
	EXPECT_STRING(output.err, "");
	unsigned long here = comparisons(output.out, "in this process:");
	EXPECT(here > 500);
	/* AddressSanitizer's qsort, in this process only, compares the result's neighbours as well. */
	unsigned long there = comparisons(output.out, "in the host:");
	EXPECT(there == here || there + 499 == here);
	EXPECT_CONTAINS(output.out, "Sorted, and the same in both.");
}

static void given_sort_when_it_gets_nonsense_then_it_says_so(void)
{
	struct harness_output output = run_example("sort", "nonsense", NULL);
	EXPECT_EQUAL(output.status, 1);
	EXPECT_CONTAINS(output.err, "COUNT");
}

/* ---- outline ---- */

static void given_outline_when_it_reads_a_document_then_lines_are_those_of_the_document(void)
{
	const char *path = harness_temp_file("a.xml", "<a>\n<b id='1'>one</b>\n<c>\n"
	                                              "&lt;p&gt;\n&lt;q/&gt;&lt;/p&gt;</c>\n</a>\n");
	struct harness_output output = run_example("outline", path, NULL);
	EXPECT_EQUAL(output.status, 0);
	EXPECT_STRING(output.err, "");
	const char *body = after(output.out, ":\n");
	const char expected[] = "    1 <a>\n"
	                        "    2   <b id...>\n"
	                        "    2     one\n"
	                        "    3   <c>\n"
	                        "    5     in <c> a document, read by a parser of its own:\n"
	                        "            1 <p>\n"
	                        "            2   <q>\n"
	                        "3 elements, 5 lines of outline";
	EXPECT_BYTES(body, strnlen(body, sizeof expected - 1), expected, sizeof expected - 1);
}

static void given_outline_when_a_document_is_wrong_then_expat_says_where(void)
{
	struct harness_output output = run_example("outline", harness_temp_file("b.xml", "<a>\n<b>\n</a>\n"), NULL);
	EXPECT_EQUAL(output.status, 1);
	EXPECT_CONTAINS(output.err, "line 3: mismatched tag");
}

static void given_outline_when_run_alone_then_it_finds_documents(void)
{
	struct harness_output output = run_example("outline", NULL, NULL);
	EXPECT_EQUAL(output.status, 0);
	EXPECT_STRING(output.err, "");
	EXPECT_CONTAINS(output.out, "feed.xml:\n");
	EXPECT_CONTAINS(after(output.out, "in <content> a document, read by a parser of its own:\n"),
	                "    1 <div class...>\n");
}

/* ---- tree ---- */

static const char *make_tree(void)
{
	const char *directory = harness_temp_path("tree");
	REQUIRE_EQUAL(mkdir(directory, 0755), 0);
	REQUIRE_EQUAL(mkdir(harness_temp_path("tree/inner"), 0750), 0);
	harness_temp_file("tree/five", "12345");
	harness_temp_file("tree/inner/three", "123");
	return directory;
}

static void given_tree_when_it_walks_a_directory_then_sizes_and_levels_are_right(void)
{
	struct harness_output output = run_example("tree", make_tree(), NULL);
	EXPECT_EQUAL(output.status, 0);
	EXPECT_STRING(output.err, "");
	EXPECT_CONTAINS(output.out, "\n    five  5 bytes, mode 06");
	EXPECT_CONTAINS(output.out, "\n      three  3 bytes, mode 06");
	EXPECT_CONTAINS(output.out, "The whole tree: 2 directories, 2 files with 8 bytes, 0 others; 2 levels deep; ");
}

static void given_tree_when_the_handler_has_seen_enough_then_the_walk_ends(void)
{
	struct harness_output output = run_example("tree", make_tree(), "1");
	EXPECT_EQUAL(output.status, 0);
	EXPECT_CONTAINS(output.out, "Stopped early by the handler: 1 directories, 0 files with 0 bytes, 0 others; ");
}

static void given_tree_when_there_is_no_directory_then_errno_has_come_back(void)
{
	struct harness_output output = run_example("tree", harness_temp_path("absent"), NULL);
	EXPECT_EQUAL(output.status, 1);
	EXPECT_CONTAINS(output.err, "No such file or directory");
}

/* ---- survive ---- */

static void given_survive_when_its_hosts_die_then_it_tells_how_and_goes_on(void)
{
	struct harness_output output = run_example("survive", NULL, NULL);
	EXPECT_EQUAL(output.status, 0);
	const char *at = after(output.out, "1. a null pointer in a call\n");
	at = after(at, "report: SIGSEGV at 0x0 in ");
	at = after(at, "libfaulty.so+0x");
	at = after(at, "in a call of faulty_length (libfaulty.so)");
	at = after(at, "2. a bad pointer in a callback\n");
	at = after(at, "in the listener: \"a text\"\n");
	at = after(at, "report: SIGSEGV at 0x10 in ");
	at = after(at, "in callback faulty_listener, in a call of faulty_talk");
	at = after(at, "3. a null pointer in a call that a callback makes\n");
	at = after(at, "item 1, faulty_length: 9\n");
	at = after(at, "report: SIGSEGV at 0x0 in ");
	at = after(at, "in a call of faulty_length");
	at = after(at, "4. another thread of the library crashes during a callback\n");
	at = after(at, "report: SIGSEGV at 0x0 in ");
	at = after(at, "5. a stack overflow\n");
	at = after(at, "report: SIGSEGV at 0x");
	at = after(at, "in a call of faulty_recurse");
	at = after(at, "6. the library calls exit(3)\n");
	at = after(at, "report: exit(3) was called");
	at = after(at, "7. a call through a closed callback\n");
	at = after(at, "open: faulty_use(4) is 40\n");
	at = after(at, "closed: faulty_use(4) is -1,");
	at = after(at, "notice: late call on closed callback faulty_visitor (closed ");
	at = after(at, " at survive.c:");
	after(at, "Six hosts died. This program");
}

/* ---- sqlite ---- */

static void given_sqlite_when_it_asks_for_files_then_its_own_function_and_collation_have_answered(void)
{
	const char *directory = harness_temp_path("files");
	REQUIRE_EQUAL(mkdir(directory, 0755), 0);
	harness_temp_file("files/a.so.10", "12345");
	harness_temp_file("files/a.so.9", "123");
	harness_temp_file("files/readme", "1");
	struct harness_output output = run_example("sqlite", directory, NULL);
	EXPECT_EQUAL(output.status, 0);
	EXPECT_STRING(output.err, "");
	const char *at = after(output.out, "3 files of ");
	at = after(at, "\n  kind=so files=2 bytes=8: a.so.9, a.so.10\n  kind=- files=1 bytes=1: readme\n");
	at = after(at, "Here ran: the row handlers 5 times, ");
	after(at, "SQLite says: no such table: fils\n");
}

static const struct test tests[] = {
	TEST(given_hello_when_run_then_it_prints_sorted_numbers),
	TEST(given_no_broker_when_hello_is_run_then_it_says_so_and_fails),
	TEST(given_the_readme_when_compared_then_its_program_is_hello_c),
	TEST(given_the_readmes_table_when_compared_then_each_row_has_a_test_and_each_test_a_row),
	TEST(given_sort_when_run_then_every_comparison_was_a_callback),
	TEST(given_sort_when_it_gets_nonsense_then_it_says_so),
	TEST(given_outline_when_it_reads_a_document_then_lines_are_those_of_the_document),
	TEST(given_outline_when_a_document_is_wrong_then_expat_says_where),
	TEST(given_outline_when_run_alone_then_it_finds_documents),
	TEST(given_tree_when_it_walks_a_directory_then_sizes_and_levels_are_right),
	TEST(given_tree_when_the_handler_has_seen_enough_then_the_walk_ends),
	TEST(given_tree_when_there_is_no_directory_then_errno_has_come_back),
	TEST(given_survive_when_its_hosts_die_then_it_tells_how_and_goes_on),
	TEST(given_sqlite_when_it_asks_for_files_then_its_own_function_and_collation_have_answered),
};
HARNESS_MAIN(tests)
