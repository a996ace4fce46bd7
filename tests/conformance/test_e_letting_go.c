/* SPDX-License-Identifier: MIT */
/* E: what native code keeps, until it says that it lets go. */
#include "support/remote.h"

#include "../fixtures/keeps.h"

static cbb_library *library;
static int n_visits, n_gone;
static void *last_gone;

static int visit(void *user, int n)
{
	n_visits++;
	return *(int *)user + n;
}

static void gone(void *user)
{
	n_gone++;
	last_gone = user;
}

static void given_the_library(void)
{
	given_a_host();
	library = remote_library("keeps", KEEPS_TEXT);
	n_visits = n_gone = 0;
	last_gone = NULL;
}

static struct box *given_a_box(void)
{
	struct box *box = REMOTE(library, struct box *(const struct visitor *), "box_open")(NULL);
	EXPECT_CALL_OK();
	return box;
}

static void register_in(struct box *box, int number, void *user, visit_fn fn, gone_fn gone_handler)
{
	REMOTE(library, int(struct box *, int, void *, visit_fn, gone_fn), "box_register")(box, number, user, fn, gone_handler);
	EXPECT_CALL_OK();
}

static int call_in(struct box *box, int number, int n)
{
	return REMOTE(library, int(struct box *, int, int), "box_call")(box, number, n);
}

static int call_forgotten(int n)
{
	return REMOTE(library, int(int), "box_call_forgotten")(n);
}

static void close_box(struct box *box)
{
	REMOTE(library, void(struct box *), "box_close")(box);
	EXPECT_CALL_OK();
}

static void destroy_is_called_and_ends_the_callback(void)
{
	given_the_library();
	struct box *box = given_a_box();
	int ten = 10;
	register_in(box, 1, &ten, visit, gone);
	EXPECT_EQUAL(call_in(box, 1, 1), 11);
	register_in(box, 1, NULL, NULL, NULL);
	EXPECT_EQUAL(n_gone, 1);
	EXPECT(last_gone == &ten);
	EXPECT_EQUAL(remote_report().late_calls, 0);
	EXPECT_EQUAL(call_forgotten(1), -77);
	EXPECT_EQUAL(remote_report().late_calls, 1);
	close_box(box);
	EXPECT_EQUAL(n_gone, 1);
	remote_end();
}

static void one_destroy_function_tells_registrations_apart_by_their_user_data(void)
{
	given_the_library();
	struct box *box = given_a_box();
	int users[3] = {10, 20, 30};
	for (int i = 0; i < 3; i++)
		register_in(box, i, &users[i], visit, gone);
	register_in(box, 1, NULL, NULL, NULL);
	EXPECT(last_gone == &users[1]);
	/* the same function is still in use twice */
	EXPECT_EQUAL(call_in(box, 0, 1), 11);
	EXPECT_EQUAL(call_in(box, 2, 1), 31);
	register_in(box, 0, &users[1], visit, gone); /* replaces */
	EXPECT(last_gone == &users[0]);
	EXPECT_EQUAL(call_in(box, 0, 2), 22);
	close_box(box);
	EXPECT_EQUAL(n_gone, 4);
	EXPECT_EQUAL(call_forgotten(1), -77);
	EXPECT_EQUAL(remote_report().late_calls, 1);
	remote_end();
}

static int visit_other(void *user, int n)
{
	return *(int *)user - n;
}

static void the_callback_that_was_let_go_of_ends_and_not_an_older_one(void)
{
	given_the_library();
	struct box *box = given_a_box();
	int users[2] = {10, 20};
	register_in(box, 0, &users[0], visit, gone);
	register_in(box, 1, &users[1], visit_other, gone);
	register_in(box, 1, NULL, NULL, NULL);
	EXPECT_EQUAL(call_in(box, 0, 1), 11);
	EXPECT_EQUAL(call_forgotten(1), -77);
	close_box(box);
	remote_end();
}

static void without_a_destroy_function_the_owner_ends_the_callback(void)
{
	given_the_library();
	struct box *box = given_a_box();
	int ten = 10;
	register_in(box, 1, &ten, visit, NULL);
	register_in(box, 1, NULL, NULL, NULL);
	EXPECT_EQUAL(call_forgotten(1), 11); /* nobody said that it is over */
	close_box(box);
	EXPECT_EQUAL(call_forgotten(1), -77);
	remote_end();
}

static void a_callback_for_one_invocation_ends_with_it(void)
{
	given_the_library();
	int one = 1, two = 2;
	for (int i = 0; i < 3; i++) {
		REMOTE(library, void(gone_fn, void *), "start_later")(gone, &one);
		REMOTE(library, void(void), "finish_later")();
		EXPECT_CALL_OK();
	}
	EXPECT_EQUAL(n_gone, 3);
	REMOTE(library, void(void), "finish_later")();
	EXPECT_EQUAL(n_gone, 3);
	EXPECT_EQUAL(remote_report().late_calls, 1);
	REMOTE(library, void(gone_fn, void *), "start_later")(gone, &one);
	REMOTE(library, void(gone_fn, void *), "start_later")(gone, &two); /* two are due */
	REMOTE(library, void(void), "finish_later")();
	REMOTE(library, void(void), "finish_later")();
	EXPECT_EQUAL(n_gone, 5);
	EXPECT_EQUAL(remote_report().late_calls, 1);
	remote_end();
}

static void memory_that_native_code_keeps_lives_as_long_as_its_owner(void)
{
	given_the_library();
	struct box *box = given_a_box();
	unsigned char bytes[5000];
	int sum = 0;
	for (size_t i = 0; i < sizeof bytes; i++) {
		bytes[i] = (unsigned char)(i * 7);
		sum += bytes[i];
	}
	REMOTE(library, void(struct box *, const void *, size_t), "box_keep")(box, bytes, sizeof bytes);
	memset(bytes, 0, sizeof bytes);
	const char *names[] = {"one", "three", "", NULL};
	REMOTE(library, void(struct box *, const char *const *), "box_keep_names")(box, names);
	for (int i = 0; i < 100; i++) /* what other calls carry does not get in the way */
		register_in(box, 0, NULL, NULL, NULL);
	EXPECT_EQUAL(REMOTE(library, int(struct box *), "box_sum")(box), sum);
	EXPECT_EQUAL(REMOTE(library, int(struct box *, int), "box_name_length")(box, 1), 5);
	close_box(box);
	remote_end();
}

static void memory_kept_by_the_result_lives_as_long_as_it(void)
{
	given_the_library();
	unsigned char bytes[] = {1, 2, 3, 4};
	struct box *box = REMOTE(library, struct box *(const void *, size_t), "box_open_with")(bytes, sizeof bytes);
	EXPECT_CALL_OK();
	EXPECT_EQUAL(REMOTE(library, int(struct box *), "box_sum")(box), 10);
	close_box(box);
	remote_end();
}

static void memory_kept_until_the_next_call_or_for_ever(void)
{
	given_the_library();
	struct box *boxes[2] = {given_a_box(), given_a_box()};
	void (*label)(struct box *, const char *) = REMOTE(library, void(struct box *, const char *), "box_label");
	char (*letter)(struct box *, int) = REMOTE(library, char(struct box *, int), "box_label_letter");
	label(boxes[0], "first");
	label(boxes[1], "second");
	EXPECT_EQUAL(letter(boxes[0], 0), 'f');
	EXPECT_EQUAL(letter(boxes[1], 0), 's');
	label(boxes[0], "third");
	EXPECT_EQUAL(letter(boxes[0], 4), 'd');
	EXPECT_EQUAL(letter(boxes[1], 5), 'd');
	REMOTE(library, void(const char *), "keep_letters")("xyz");
	close_box(boxes[0]);
	close_box(boxes[1]);
	EXPECT_EQUAL(REMOTE(library, char(int), "kept_letter")(2), 'z');
	EXPECT_CALL_OK();
	remote_end();
}

static const struct test tests[] = {
    TEST(destroy_is_called_and_ends_the_callback),
    TEST(one_destroy_function_tells_registrations_apart_by_their_user_data),
    TEST(the_callback_that_was_let_go_of_ends_and_not_an_older_one),
    TEST(without_a_destroy_function_the_owner_ends_the_callback),
    TEST(a_callback_for_one_invocation_ends_with_it),
    TEST(memory_that_native_code_keeps_lives_as_long_as_its_owner),
    TEST(memory_kept_by_the_result_lives_as_long_as_it),
    TEST(memory_kept_until_the_next_call_or_for_ever),
};
HARNESS_MAIN(tests)
