/* SPDX-License-Identifier: MIT */
/* B17: results that do not fit give native code the default, and the program an error. */
#include "support/foreign.h"

#include "../fixtures/memory_text.h"

/* As in fixtures/memory.h, which has names that fixtures/threads.h has, too. */
typedef int (*room_fn)(char *text, size_t room, size_t *n_bytes, uint8_t *bytes);
typedef void *(*into_fn)(uint8_t *buffer, size_t n);

static cbb_library *memory;
static _Atomic long n_told;
static int told_code;
static char told_name[64], told_text[256];

static void on_failure(const cbb_failure *failure, void *user_data)
{
	EXPECT(user_data == &n_told);
	told_code = failure->code;
	snprintf(told_name, sizeof told_name, "%s", failure->callback_name);
	snprintf(told_text, sizeof told_text, "%s", failure->text);
	n_told++;
}

static void given_the_libraries(void)
{
	given_native_threads();
	memory = remote_library("memory", MEMORY_TEXT);
	REMOTE_OK(cbb_set_failure_hook(remote_client, on_failure, &n_told));
}

static void expect_told(const char *name, const char *words)
{
	EXPECT_EQUAL(n_told, 1);
	EXPECT_STRING(told_name, name);
	EXPECT_CONTAINS(told_text, words);
	EXPECT(told_code < 0);
}

/* ---- Nested ---- */

static uint8_t elsewhere[8];

static void *handler_into_another_buffer(uint8_t *buffer, size_t n)
{
	buffer[0] = 0xff;
	EXPECT(n > 0);
	return elsewhere;
}

static void B17_a_pointer_that_is_not_into_its_buffer_gives_the_default_and_an_error(void)
{
	given_the_libraries();
	cbb_callback *callback = CALLBACK_WITH(memory, "into_fn", handler_into_another_buffer, .name = "astray");
	into_fn pointer = (into_fn)cbb_callback_pointer(callback);
	EXPECT_EQUAL(REMOTE(memory, int(into_fn, size_t), "call_into")(pointer, 8), -1); /* it got NULL */
	EXPECT_CALL_OK();
	expect_told("astray", "into_fn");
	EXPECT_EQUAL(counts_of(callback).handled, 1);
	EXPECT_EQUAL(counts_of(callback).failed, 1);
	remote_end();
}

static int handler_filling_too_much(char *text, size_t room, size_t *n_bytes, uint8_t *bytes)
{
	snprintf(text, room, "written");
	memset(bytes, 1, *n_bytes);
	*n_bytes = 100;
	return 9;
}

static void B17_a_count_beyond_the_room_gives_the_default_and_an_error(void)
{
	given_the_libraries();
	/* -1: its count is what it was */
	EXPECT_EQUAL(REMOTE(memory, int(room_fn, size_t), "call_with_room")(handler_filling_too_much, 12), -1);
	EXPECT_CALL_OK();
	expect_told("room_fn", "room_fn");
	remote_end();
}

/* What is wrong with a result is asked of on_error as any other failure is. */
static void place_found_instead(cbb_invocation *invocation, const cbb_failure *failure, void *result)
{
	EXPECT(failure->code < 0);
	*(void **)result = *(void *const *)cbb_invocation_arguments(invocation)[0];
}

static void B17_an_error_handler_may_give_a_result_that_fits_instead(void)
{
	given_the_libraries();
	cbb_callback *callback =
	    CALLBACK_WITH(memory, "into_fn", handler_into_another_buffer, .on_error = place_found_instead);
	into_fn pointer = (into_fn)cbb_callback_pointer(callback);
	EXPECT_EQUAL(REMOTE(memory, int(into_fn, size_t), "call_into")(pointer, 8), 0);
	EXPECT_CALL_OK();
	EXPECT_EQUAL(n_told, 1);
	remote_end();
}

/* ---- For a thread of the library ---- */

static cbb_deferred *deferred;
static _Atomic long n_deferred;

static int sum_later(int thread, int number)
{
	(void)thread, (void)number;
	REMOTE_OK(cbb_invocation_defer(cbb_invocation_current(), &deferred));
	n_deferred++;
	return 0;
}

static void B17_an_answer_of_another_size_gives_a_thread_of_the_library_the_default_and_an_error(void)
{
	double wrong = 1.5;
	given_the_libraries();
	cbb_callback *callback = SUM_CALLBACK(sum_later, .delivery = CBB_BLOCKING, .name = "later");
	struct puppet *puppet = given_a_puppet("asking");
	tell_sum(puppet, sum_pointer(callback), 1, 1);
	EXPECT(dispatch_until(default_queue, &n_deferred, 1));
	EXPECT_EQUAL(cbb_deferred_answer(deferred, &wrong, sizeof wrong), CBB_ERR_ARGUMENT);
	EXPECT_CONTAINS(cbb_last_error_text(), "sum_fn");
	EXPECT_EQUAL(wait_for_puppet(puppet), SUM_ON_ERROR);
	expect_told("later", "8");
	EXPECT_EQUAL(counts_of(callback).failed, 1);
	EXPECT(cbb_deferred_free(deferred) == NULL);
	end_puppet(puppet);
	remote_end();
}

static void B17_a_fetched_one_that_is_completed_in_another_size_too(void)
{
	double wrong = 1.5;
	cbb_invocation *invocation = NULL;
	given_the_libraries();
	cbb_queue *queue = QUEUE_WITH(.pull = 1);
	cbb_callback *callback = SUM_CALLBACK(sum_later, .delivery = CBB_BLOCKING, .queue = queue, .name = "fetched");
	struct puppet *puppet = given_a_puppet("asking");
	tell_sum(puppet, sum_pointer(callback), 1, 1);
	REQUIRE_EQUAL(cbb_queue_next(queue, FOREIGN_WAIT_MS, &invocation), 1);
	EXPECT_EQUAL(cbb_invocation_complete(invocation, &wrong, sizeof wrong), CBB_ERR_ARGUMENT);
	EXPECT_EQUAL(wait_for_puppet(puppet), SUM_ON_ERROR);
	expect_told("fetched", "8");
	end_puppet(puppet);
	remote_end();
}

static const struct test tests[] = {
	TEST(B17_a_pointer_that_is_not_into_its_buffer_gives_the_default_and_an_error),
	TEST(B17_a_count_beyond_the_room_gives_the_default_and_an_error),
	TEST(B17_an_error_handler_may_give_a_result_that_fits_instead),
	TEST(B17_an_answer_of_another_size_gives_a_thread_of_the_library_the_default_and_an_error),
	TEST(B17_a_fetched_one_that_is_completed_in_another_size_too),
};
HARNESS_MAIN(tests)
