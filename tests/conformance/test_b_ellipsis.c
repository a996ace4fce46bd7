/* SPDX-License-Identifier: MIT */
/* Functions with `...`, pointers whose type another argument tells, cells that belong to the program, unions. */
#include "support/remote.h"

#include "../fixtures/settings.h"

static cbb_library *library;

static void given_the_settings(void)
{
	given_a_host();
	library = remote_library("settings", SETTINGS_TEXT);
}

static int times(void *user, int n)
{
	return *(int *)user * n;
}

typedef struct settings *new_fn(unsigned, ...);
typedef int set_fn(struct settings *, int, ...);
typedef const char *text_fn(struct settings *);
typedef int fire_fn(struct settings *, int);
typedef void free_fn(struct settings *);

static void given_c_code_with_an_ellipsis_when_it_calls_then_each_option_has_its_types(void)
{
	given_the_settings();
	int three = 3, five = 5, numbers[] = {7, 8, 9};
	struct settings *settings =
		REMOTE(library, new_fn, "settings_new")(6, SETTING_NAME, "one", SETTING_RATIO, 0.5, SETTING_NUMBERS, (size_t)2,
	                                            numbers, SETTING_HANDLER, times, &three, SETTING_QUIET, SETTING_RATIO, 1.5,
	                                            SETTING_END);
	EXPECT_CALL_OK();
	REQUIRE(settings != NULL);
	EXPECT_STRING(REMOTE(library, text_fn, "settings_text")(settings), "flags 6;name one;ratio 0.5;7;8;quiet;ratio 1.5;");
	EXPECT_EQUAL(REMOTE(library, fire_fn, "settings_fire")(settings, 4), 12);
	set_fn *set = REMOTE(library, set_fn, "settings_set");
	EXPECT_EQUAL(set(settings, SETTING_NAME, "two"), 0);
	EXPECT_EQUAL(set(settings, SETTING_NUMBERS, (size_t)1, numbers), 0);
	EXPECT_EQUAL(set(settings, SETTING_RATIO, 2.5), 0);
	EXPECT_EQUAL(set(settings, SETTING_QUIET), 0);
	EXPECT_EQUAL(set(settings, SETTING_DATA, &five), 0);
	EXPECT_EQUAL(REMOTE(library, fire_fn, "settings_fire")(settings, 4), 20);
	EXPECT_STRING(REMOTE(library, text_fn, "settings_text")(settings),
	              "flags 6;name one;ratio 0.5;7;8;quiet;ratio 1.5;name two;7;ratio 2.5;quiet;");
	REMOTE(library, free_fn, "settings_free")(settings);
	EXPECT_CALL_OK();
	remote_end();
}

static void given_an_option_without_a_case_when_called_then_refused_with_its_value(void)
{
	given_the_settings();
	struct settings *settings = REMOTE(library, new_fn, "settings_new")(1, SETTING_END);
	REQUIRE(settings != NULL);
	(void)REMOTE(library, set_fn, "settings_set")(settings, 77, 1);
	EXPECT_ERROR(CBB_ERR_ARGUMENT, "function settings_set: its interface has no case for option = 77");
	EXPECT(REMOTE(library, new_fn, "settings_new")(1, 78, 1, SETTING_END) == NULL);
	EXPECT_ERROR(CBB_ERR_ARGUMENT, "function settings_new: its interface has no case for the option 78");
	EXPECT_STRING(REMOTE(library, text_fn, "settings_text")(settings), "flags 1;");
	EXPECT_CALL_OK();
	remote_end();
}

static void given_a_list_of_texts_when_called_then_it_ends_at_null(void)
{
	given_the_settings();
	char to[32] = "";
	int (*join)(char *, size_t, const char *, ...) = REMOTE(library, int(char *, size_t, const char *, ...), "settings_join");
	EXPECT_EQUAL(join(to, sizeof to, "a", "bc", "def", "gh", "ijk", "l", NULL), 12);
	EXPECT_STRING(to, "abcdefghijkl");
	EXPECT_EQUAL(join(to, sizeof to, "alone", NULL), 5);
	EXPECT_STRING(to, "alone");
	EXPECT_CALL_OK();
	remote_end();
}

static void given_an_array_of_arguments_when_called_then_the_same(void)
{
	given_the_settings();
	unsigned flags = 2;
	int name = SETTING_NAME, handler = SETTING_HANDLER, end = SETTING_END, three = 3, result = 0, n = 2;
	const char *text = "x";
	setting_fn function = times;
	void *user = &three;
	struct settings *settings = NULL;
	void *arguments[] = {&flags, &name, &text, &handler, &function, &user, &end};
	REMOTE_OK(cbb_call(remote_function(library, "settings_new"), &settings, arguments));
	REMOTE_OK(cbb_call(remote_function(library, "settings_fire"), &result, (void *[]){&settings, &n}));
	EXPECT_EQUAL(result, 6);
	cbb_call_options options = {.size = sizeof options, .n_arguments = 7};
	REMOTE_OK(cbb_call_with(remote_function(library, "settings_new"), &settings, arguments, &options));
	options.n_arguments = 6;
	EXPECT_EQUAL(cbb_call_with(remote_function(library, "settings_new"), &settings, arguments, &options), CBB_ERR_ARGUMENT);
	EXPECT_CONTAINS(cbb_last_error_text(), "argument 7 is missing");
	options.n_arguments = 4;
	EXPECT_EQUAL(cbb_call_with(remote_function(library, "settings_set"), &result,
	                           (void *[]){&settings, &name, &text, &text}, &options), CBB_ERR_ARGUMENT);
	EXPECT_CONTAINS(cbb_last_error_text(), "takes 3 arguments in this case, not 4");
	remote_end();
}

static int kinds(int kind, void *user, const void *p)
{
	const struct place *place = p;
	++*(int *)user;
	return kind == KIND_PLACE ? place->x + place->y : 10 * (int)strlen(p);
}

static void given_pointers_of_many_kinds_when_called_then_the_kind_decides(void)
{
	given_the_settings();
	struct place place = {5, 6};
	int (*take)(int, void *) = REMOTE(library, int(int, void *), "kind_take");
	EXPECT_EQUAL(take(KIND_PLACE, &place), 56);
	EXPECT_EQUAL(take(KIND_TEXT, (char[]){"word"}), 4);
	EXPECT_EQUAL(take(KIND_BACK, &place), 34);
	EXPECT(place.x == 3 && place.y == 4);
	EXPECT_EQUAL(take(KIND_TEXT, NULL), -1);
	EXPECT_CALL_OK();
	(void)take(KIND_OTHER, &place);
	EXPECT_ERROR(CBB_ERR_ARGUMENT, "function kind_take: parameter 2 'p' has no case for the value 9");
	int n_calls = 0;
	/* native code passes a third kind, too, which nobody described: on_error stands for it */
	EXPECT_EQUAL(REMOTE(library, int(kinds_fn, void *), "kinds_fire")(kinds, &n_calls), 3 + 40 - 5);
	EXPECT_EQUAL(n_calls, 2);
	remote_end();
}

static int step_sum, cells[3];

static int on_step(void *user, int step, void **cell)
{
	EXPECT(user == &step_sum);
	EXPECT(*cell == (step == 0 ? NULL : &cells[step - 1]));
	*cell = step == 2 ? NULL : &cells[step];
	return step + 1;
}

static void given_a_cell_of_the_program_when_handlers_write_it_then_they_find_it_again(void)
{
	given_the_settings();
	EXPECT_EQUAL(REMOTE(library, int(request_fn, void *), "request")(on_step, &step_sum), 6);
	EXPECT_CALL_OK();
	void *mine = &cells[1];
	void (*next)(void **, int) = REMOTE(library, void(void **, int), "cell_next");
	next(&mine, 0);
	EXPECT(mine == &cells[1]);
	next(&mine, 1);
	EXPECT(mine == NULL);
	EXPECT_CALL_OK();
	remote_end();
}

static void given_a_union_by_value_when_called_then_it_comes_back(void)
{
	given_the_settings();
	union amount (*twice)(union amount, int) = REMOTE(library, union amount(union amount, int), "amount_double");
	EXPECT_EQUAL(twice((union amount){.whole = 21}, 0).whole, 42);
	EXPECT_EQUAL(twice((union amount){.real = 1.25}, 1).real, 2.5);
	EXPECT_CALL_OK();
	remote_end();
}

static const struct test tests[] = {
	TEST(given_c_code_with_an_ellipsis_when_it_calls_then_each_option_has_its_types),
	TEST(given_an_option_without_a_case_when_called_then_refused_with_its_value),
	TEST(given_a_list_of_texts_when_called_then_it_ends_at_null),
	TEST(given_an_array_of_arguments_when_called_then_the_same),
	TEST(given_pointers_of_many_kinds_when_called_then_the_kind_decides),
	TEST(given_a_cell_of_the_program_when_handlers_write_it_then_they_find_it_again),
	TEST(given_a_union_by_value_when_called_then_it_comes_back),
};
HARNESS_MAIN(tests)
