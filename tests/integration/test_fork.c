/* SPDX-License-Identifier: MIT */
/* fork() in the program: the child cannot use what was opened before, and harms nothing. */
#include "support/remote.h"

#include "../fixtures/callbacks.h"

#include <errno.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/wait.h>

static cbb_library *library;
static cbb_callback *callback;

static int doubled(int value)
{
	return value * 2;
}

static void given_a_used_host(void)
{
	given_a_host();
	library = remote_library("callbacks", CALLBACKS_TEXT);
	callback = remote_callback(library, "number_fn", CBB_FUNCTION(doubled), NULL);
	EXPECT_EQUAL(REMOTE(library, int(number_fn, int), "call_number")((number_fn)cbb_callback_pointer(callback), 4), 8);
}

static void expect_parent_works(void)
{
	EXPECT_EQUAL(REMOTE(library, int(number_fn, int), "call_number")((number_fn)cbb_callback_pointer(callback), 5), 10);
	EXPECT_CALL_OK();
	EXPECT_EQUAL(remote_report().state, CBB_HOST_RUNNING);
}

static void run_child(void (*run)(void *context))
{
	int status = -1;
	pid_t child = harness_fork(run, NULL);
	EXPECT(harness_wait_child(child, &status, 20000));
	EXPECT_EQUAL(status, 0);
}

/* ---- In the child ---- */

static void use_all(void *context)
{
	cbb_library *other = NULL;
	cbb_host *host = NULL;
	(void)context;
	EXPECT_EQUAL(REMOTE(library, int(int), "add_one")(1), 0);
	EXPECT_ERROR(CBB_ERR_FORKED, "fork");
	EXPECT_EQUAL(cbb_host_open(remote_client, NULL, &host), CBB_ERR_FORKED);
	EXPECT_EQUAL(cbb_library_open_text(remote_host, remote_text("callbacks", CALLBACKS_TEXT), &other), CBB_ERR_FORKED);
	EXPECT_EQUAL(cbb_host_kill(remote_host), CBB_ERR_FORKED);
	cbb_report report = {.size = sizeof report};
	EXPECT_EQUAL(cbb_host_report(remote_host, &report), CBB_ERR_FORKED);
	EXPECT_EQUAL(((number_fn)cbb_callback_pointer(callback))(6), 12); /* a function of the program, as ever */
}

static void end_all(void *context)
{
	(void)context;
	cbb_callback_close(callback, NULL);
	EXPECT(cbb_disconnect(remote_client) == NULL); /* frees memory, and ends nothing */
}

static void connect_anew(void *context)
{
	cbb_client *client = NULL;
	cbb_host *host = NULL;
	(void)context;
	REMOTE_OK(cbb_connect(&client, NULL));
	REMOTE_OK(cbb_host_open(client, NULL, &host));
	cbb_library *own = remote_library_in(host, "callbacks", CALLBACKS_TEXT);
	EXPECT_EQUAL(REMOTE(own, int(number_fn, int), "call_number")(doubled, 7), 14);
	EXPECT_CALL_OK();
	EXPECT_EQUAL(REMOTE(library, int(int), "add_one")(1), 0);
	EXPECT_EQUAL(cbb_last_error(), CBB_ERR_FORKED);
	EXPECT_EQUAL(REMOTE(own, int(int), "add_one")(1), 2);
	EXPECT(cbb_disconnect(client) == NULL);
}

/* The old connection's descriptor number is the new one's by now. */
static void connect_anew_and_end_the_old(void *context)
{
	cbb_client *client = NULL;
	cbb_host *host = NULL;
	cbb_callback *other = NULL;
	(void)context;
	EXPECT_EQUAL(cbb_callback_open(library, "number_fn", CBB_FUNCTION(doubled), NULL, &other), CBB_ERR_FORKED);
	EXPECT_EQUAL(cbb_callback_close(callback, NULL), CBB_ERR_FORKED);
	REMOTE_OK(cbb_connect(&client, NULL));
	EXPECT(cbb_disconnect(remote_client) == NULL);
	REMOTE_OK(cbb_host_open(client, NULL, &host));
	EXPECT(cbb_disconnect(client) == NULL);
}

static void given_a_fork_when_the_child_uses_what_was_open_then_it_is_told_so(void)
{
	given_a_used_host();
	run_child(use_all);
	expect_parent_works();
	remote_end();
}

static void given_a_fork_when_the_child_ends_what_was_open_then_the_parent_goes_on(void)
{
	given_a_used_host();
	run_child(end_all);
	expect_parent_works();
	remote_end();
}

static void given_a_fork_when_the_child_connects_anew_then_it_has_its_own_host(void)
{
	given_a_used_host();
	for (int i = 0; i < 3; i++)
		run_child(connect_anew);
	expect_parent_works();
	remote_end();
}

static void given_a_fork_when_the_child_ends_the_old_connection_then_its_new_one_stays(void)
{
	given_a_used_host();
	run_child(connect_anew_and_end_the_old);
	expect_parent_works();
	remote_end();
}

/* ---- Under way ---- */

static int forking_handler(int value)
{
	run_child(use_all);
	return value + 1;
}

static void given_a_fork_inside_a_handler_then_the_call_goes_on_in_the_parent(void)
{
	given_a_used_host();
	EXPECT_EQUAL(REMOTE(library, int(number_fn, int), "call_number")(forking_handler, 4), 5);
	EXPECT_CALL_OK();
	expect_parent_works();
	remote_end();
}

/* The numbers of the descriptors that fork() closed for the child belong to others there. */
static int ends_in_child[2] = {-1, -1};

static int handler_that_returns_in_the_child(int value)
{
	pid_t child = fork();
	if (child == 0) {
		EXPECT_EQUAL(socketpair(AF_UNIX, SOCK_STREAM, 0, ends_in_child), 0);
		for (int i = 0; i < 8; i++)
			dup(ends_in_child[0]);
		return value;
	}
	int status = -1;
	EXPECT(harness_wait_child(child, &status, 20000));
	EXPECT_EQUAL(status, 0);
	return value + 1;
}

static void given_a_handler_that_returns_in_a_child_of_fork_then_nothing_is_sent_there(void)
{
	char byte;
	given_a_used_host();
	int result = REMOTE(library, int(number_fn, int), "call_number")(handler_that_returns_in_the_child, 4);
	if (ends_in_child[1] >= 0) {
		EXPECT_EQUAL(result, 0);
		EXPECT_EQUAL(cbb_last_error(), CBB_ERR_FORKED);
		EXPECT_EQUAL(recv(ends_in_child[1], &byte, 1, MSG_DONTWAIT), -1);
		EXPECT_EQUAL(errno, EAGAIN);
		_exit(0); /* what failed has been told to the harness */
	}
	EXPECT_EQUAL(result, 5);
	EXPECT_CALL_OK();
	expect_parent_works();
	remote_end();
}

static void *thread_waiting(void *context)
{
	EXPECT_EQUAL(REMOTE(library, int(void), "wait_for_release")(), 1);
	return context;
}

static bool is_waiting(void *context)
{
	(void)context;
	return REMOTE(library, int(void), "count_waiting")() == 1;
}

static void given_a_fork_while_another_thread_waits_then_its_call_goes_on_in_the_parent(void)
{
	pthread_t thread;
	given_a_used_host();
	REQUIRE(pthread_create(&thread, NULL, thread_waiting, NULL) == 0);
	REQUIRE(harness_wait_until(is_waiting, NULL, 10000));
	run_child(use_all);
	run_child(connect_anew);
	REMOTE(library, void(void), "release_waiter")();
	pthread_join(thread, NULL);
	expect_parent_works();
	remote_end();
}

/* A child that lives on keeps no host alive: its copies of the sockets are closed. */
static void given_a_child_that_stays_when_the_parent_disconnects_then_the_host_ends(void)
{
	int ends[2];
	given_a_used_host();
	REQUIRE(pipe(ends) == 0);
	pid_t host = cbb_host_pid(remote_host), child = fork();
	REQUIRE(child >= 0);
	if (child == 0) {
		char byte;
		close(ends[1]);
		_exit(read(ends[0], &byte, 1) == 0 ? 0 : 1);
	}
	close(ends[0]);
	remote_end();
	EXPECT(harness_wait_gone(host, 15000));
	close(ends[1]);
	int status = -1;
	EXPECT(harness_wait_child(child, &status, 15000));
	EXPECT_EQUAL(status, 0);
}

static const struct test tests[] = {
	TEST(given_a_fork_when_the_child_uses_what_was_open_then_it_is_told_so),
	TEST(given_a_fork_when_the_child_ends_what_was_open_then_the_parent_goes_on),
	TEST(given_a_fork_when_the_child_connects_anew_then_it_has_its_own_host),
	TEST(given_a_fork_when_the_child_ends_the_old_connection_then_its_new_one_stays),
	TEST(given_a_fork_inside_a_handler_then_the_call_goes_on_in_the_parent),
	TEST(given_a_handler_that_returns_in_a_child_of_fork_then_nothing_is_sent_there),
	TEST(given_a_fork_while_another_thread_waits_then_its_call_goes_on_in_the_parent),
	TEST(given_a_child_that_stays_when_the_parent_disconnects_then_the_host_ends),
};
HARNESS_MAIN(tests)
