/* SPDX-License-Identifier: MIT */
/* B: function pointers that are not parameters of their own but fields. */
#include "support/remote.h"

#include "../fixtures/keeps.h"

#define TABLE 40

static cbb_library *library;
static int n_visits, n_done;

static int visit(void *user, int n)
{
	n_visits++;
	return *(int *)user + n;
}

static int visit_twice(void *user, int n)
{
	n_visits++;
	return *(int *)user + 2 * n;
}

static void done(void *user)
{
	n_done += *(int *)user;
}

static void given_the_library(void)
{
	given_a_host();
	library = remote_library("keeps", KEEPS_TEXT);
	n_visits = n_done = 0;
}

static void functions_in_a_struct_are_called_during_the_call(void)
{
	given_the_library();
	int ten = 10;
	struct visitor visitor = {"abc", visit, done, &ten};
	EXPECT_EQUAL(REMOTE(library, int(const struct visitor *, int), "visit_once")(&visitor, 5), 1503);
	EXPECT_CALL_OK();
	EXPECT_EQUAL(n_done, 10);
	visitor.done = NULL;
	EXPECT_EQUAL(REMOTE(library, int(struct visitor, int), "visit_value")(visitor, 6), 1603);
	EXPECT_CALL_OK();
	EXPECT_EQUAL(n_visits, 2);
	EXPECT_EQUAL(n_done, 10);
	EXPECT_EQUAL(remote_report().late_calls, 0);
	remote_end();
}

static void functions_in_structs_behind_a_struct_are_called(void)
{
	given_the_library();
	int user[TABLE];
	struct visitor others[TABLE - 1];
	int expected = 0;
	for (int i = 0; i < TABLE; i++) {
		struct visitor visitor = {"ab", i % 2 ? visit : visit_twice, done, &user[i]};
		user[i] = 100 * i;
		expected += (100 * i + (i % 2 ? 1 : 2) * (3 + i)) * 100 + 2;
		if (i > 0)
			others[i - 1] = visitor;
	}
	struct visitors visitors = {TABLE, {"ab", visit_twice, done, &user[0]}, others};
	/* 80 function pointers in one call are more than one call can arm */
	EXPECT_EQUAL(REMOTE(library, int(const struct visitors *, int), "visit_all")(&visitors, 3), 0);
	EXPECT_ERROR(CBB_ERR_LIMIT, "more than 64 callbacks");
	for (int i = 0; i < TABLE - 1; i++)
		others[i].done = NULL;
	EXPECT_EQUAL(REMOTE(library, int(const struct visitors *, int), "visit_all")(&visitors, 3), expected);
	EXPECT_CALL_OK();
	EXPECT_EQUAL(n_visits, TABLE);
	remote_end();
}

static void a_struct_that_comes_back_holds_the_functions_it_held(void)
{
	given_the_library();
	int one = 1;
	struct changed changed = {41, visit};
	EXPECT_EQUAL(REMOTE(library, int(struct changed *, void *), "visit_and_change")(&changed, &one), 42);
	EXPECT_CALL_OK();
	EXPECT_EQUAL(changed.n, 42);
	EXPECT(changed.visit == visit);
	remote_end();
}

static void an_explicit_callback_may_stand_in_a_struct(void)
{
	given_the_library();
	int one = 1;
	cbb_callback *callback = remote_callback(library, "visit_fn", CBB_FUNCTION(visit), NULL);
	struct visitor visitor = {"", (visit_fn)cbb_callback_pointer(callback), NULL, &one};
	EXPECT_EQUAL(REMOTE(library, int(const struct visitor *, int), "visit_once")(&visitor, 2), 300);
	EXPECT_EQUAL(cbb_callback_close(callback, NULL), 0);
	EXPECT_EQUAL(REMOTE(library, int(const struct visitor *, int), "visit_once")(&visitor, 2), -7700);
	EXPECT_EQUAL(n_visits, 1);
	remote_end();
}

static void a_function_of_the_wrong_kind_in_a_struct_is_refused(void)
{
	given_the_library();
	int one = 1;
	cbb_callback *callback = remote_callback(library, "gone_fn", CBB_FUNCTION(done), NULL);
	struct visitor visitor = {"", (visit_fn)cbb_callback_pointer(callback), NULL, &one};
	REMOTE(library, int(const struct visitor *, int), "visit_once")(&visitor, 2);
	EXPECT_ERROR(CBB_ERR_ARGUMENT, "gone_fn");
	visitor = (struct visitor){"", NULL, NULL, &one};
	REMOTE(library, int(const struct visitor *, int), "visit_once")(&visitor, 2);
	EXPECT_ERROR(CBB_ERR_ARGUMENT, "'visit' is NULL and not [nullable]");
	remote_end();
}

static void the_scope_of_the_struct_is_that_of_its_functions(void)
{
	given_the_library();
	int ten = 10;
	struct visitor visitor = {"", visit, done, &ten};
	struct box *box = REMOTE(library, struct box *(const struct visitor *), "box_open")(&visitor);
	EXPECT_CALL_OK();
	EXPECT_EQUAL(REMOTE(library, int(struct box *, int), "box_visit")(box, 1), 11);
	REMOTE(library, void(struct box *), "box_close")(box);
	EXPECT_CALL_OK();
	EXPECT_EQUAL(n_done, 10);
	EXPECT_EQUAL(remote_report().late_calls, 0);
	remote_end();
}

static void a_function_in_a_struct_is_not_called_after_its_call(void)
{
	given_a_host();
	library = remote_library("keeps", KEEPS_TYPES "box *box_open(const struct visitor *visitor);\n"
	                                              "int box_visit(box *box, int n);\n");
	int ten = 10;
	struct visitor visitor = {"", visit, NULL, &ten};
	struct box *box = REMOTE(library, struct box *(const struct visitor *), "box_open")(&visitor);
	EXPECT_EQUAL(REMOTE(library, int(struct box *, int), "box_visit")(box, 1), -77);
	EXPECT_EQUAL(remote_report().late_calls, 1);
	remote_end();
}

static void a_handle_that_comes_back_owns_the_function(void)
{
	given_the_library();
	int ten = 10;
	struct box *box = NULL, *other = NULL;
	EXPECT_EQUAL(REMOTE(library, int(struct box **, visit_fn, void *), "box_open_into")(&box, visit, &ten), 0);
	EXPECT_EQUAL(REMOTE(library, int(struct box **, visit_fn, void *), "box_open_into")(&other, visit, &ten), 0);
	EXPECT(box != other);
	REMOTE(library, void(struct box *), "box_close")(box);
	EXPECT_EQUAL(REMOTE(library, int(struct box *, int), "box_visit")(other, 1), 11);
	EXPECT_CALL_OK();
	EXPECT_EQUAL(remote_report().late_calls, 0);
	remote_end();
}

static const struct test tests[] = {
    TEST(functions_in_a_struct_are_called_during_the_call),
    TEST(functions_in_structs_behind_a_struct_are_called),
    TEST(a_struct_that_comes_back_holds_the_functions_it_held),
    TEST(an_explicit_callback_may_stand_in_a_struct),
    TEST(a_function_of_the_wrong_kind_in_a_struct_is_refused),
    TEST(the_scope_of_the_struct_is_that_of_its_functions),
    TEST(a_function_in_a_struct_is_not_called_after_its_call),
    TEST(a_handle_that_comes_back_owns_the_function),
};
HARNESS_MAIN(tests)
