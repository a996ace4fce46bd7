/* SPDX-License-Identifier: MIT */
#include "base/detail.h"
#include "base/options.h"
#include "support/harness.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static struct {
	bool flag;
	const char *text;
	long number;
} values;

static const struct option_entry entries[] = {
    {"flag", 'f', OPTION_FLAG, NULL, &values.flag, "A flag."},
    {"text", 't', OPTION_TEXT, "WORDS", &values.text,
     "A text with many words that do not all fit one line of the help, so that it is broken between two of them."},
    {"number", 0, OPTION_NUMBER, "N", &values.number, "A number_with*markup."},
};

static const struct option_table table = {.program = "demo", .usage = "[OPTIONS]", .summary = "Shows options.",
                                          .entries = entries, .n = 3};

static int parse(const char *a, const char *b, const char *c)
{
	static char *arguments[5];
	int n = 0;
	const char *const given[] = {"demo", a, b, c};
	memset(&values, 0, sizeof values);
	for (int i = 0; i < 4 && given[i]; i++)
		arguments[n++] = (char *)(uintptr_t)given[i];
	arguments[n] = NULL;
	return options_parse(&table, n, arguments);
}

static void given_options_when_parsed_then_values_are_set_and_operands_are_left(void)
{
	EXPECT_EQUAL(parse("--flag", "--text=two words", "operand"), 3);
	EXPECT(values.flag);
	EXPECT_STRING(values.text, "two words");
	EXPECT_EQUAL(parse("operand", "-t", "x"), 3); /* operands go behind */
	EXPECT_STRING(values.text, "x");
	EXPECT_EQUAL(parse("--number", "42", NULL), 3);
	EXPECT_EQUAL(values.number, 42);
	EXPECT_EQUAL(parse(NULL, NULL, NULL), 1);
	EXPECT_EQUAL(parse("--", "--flag", NULL), 2);
	EXPECT(!values.flag);
}

static void expect_wrong(const char *a, const char *words)
{
	EXPECT_EQUAL(parse(a, NULL, NULL), -EINVAL);
	EXPECT_CONTAINS(detail_text(), words);
}

static void given_mistakes_when_parsed_then_the_words_name_them(void)
{
	expect_wrong("--flags", "--flags");
	expect_wrong("-x", "-x");
	expect_wrong("--text", "wants an argument");
	expect_wrong("--flag=1", "--flag=1");
	expect_wrong("--number=", "\"\"");
	expect_wrong("--number=-1", "-1");
	expect_wrong("--number=9x", "9x");
	expect_wrong("--number=99999999999999999999", "wants a number");
}

/* What a parse prints. */
static const char *printed(const char *argument)
{
	const char *path = harness_temp_path("out");
	int before = dup(STDOUT_FILENO);
	fflush(stdout);
	REQUIRE(freopen(path, "w", stdout) != NULL);
	EXPECT_EQUAL(parse(argument, NULL, NULL), 0);
	fflush(stdout);
	dup2(before, STDOUT_FILENO);
	close(before);
	return harness_read_file(path);
}

static void given_help_when_asked_for_then_every_option_is_in_it_and_no_line_is_long(void)
{
	const char *help = printed("--help");
	EXPECT_CONTAINS(help, "Usage: demo [OPTIONS]");
	EXPECT_CONTAINS(help, "  -f, --flag                A flag.\n");
	EXPECT_CONTAINS(help, "      --number=N            A number_with*markup.\n");
	EXPECT_CONTAINS(help, "--version");
	for (const char *line = help; *line; line += strcspn(line, "\n") + 1)
		EXPECT(strcspn(line, "\n") <= 80);
}

static void given_the_man_page_when_made_then_markup_in_words_is_escaped(void)
{
	const char *man = printed("--man-options");
	EXPECT_CONTAINS(man, "*-t*, *--text*=_WORDS_\n\tA text");
	EXPECT_CONTAINS(man, "A number\\_with\\*markup.");
	EXPECT_STRING(printed("--version"), "demo " CBB_VERSION "\n");
}

static const struct test tests[] = {
    TEST(given_options_when_parsed_then_values_are_set_and_operands_are_left),
    TEST(given_mistakes_when_parsed_then_the_words_name_them),
    TEST(given_help_when_asked_for_then_every_option_is_in_it_and_no_line_is_long),
    TEST(given_the_man_page_when_made_then_markup_in_words_is_escaped),
};
HARNESS_MAIN(tests)
