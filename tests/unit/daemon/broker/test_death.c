/* SPDX-License-Identifier: MIT */
#include "base/descriptor.h"
#include "broker/death.h"
#include "broker/session.h"
#include "support/harness.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

static struct host host;

/* A host that was reaped, with a page that the test writes. */
static struct page_death *given_an_ended_host(int wait_status)
{
	memset(&host, 0, sizeof host);
	host.page = calloc(1, sizeof *host.page);
	REQUIRE(host.page != NULL);
	host.wait_status = wait_status;
	return &host.page->death;
}

static void expect_why(const char *why)
{
	death_explain(&host);
	EXPECT_EQUAL(host.state, CBB__HOST_STATE__HOST_ENDED);
	EXPECT_STRING(host.why, why);
	free(host.page);
}

static void given_a_whole_record_when_explained_then_the_sentence_names_everything(void)
{
	struct page_death *death = given_an_ended_host(SIGSEGV);
	death->signal = SIGSEGV;
	death->address = 0x10;
	death->thread = 4711;
	strcpy(death->thread_name, "decoder-2");
	strcpy(death->library, "libdemo.so");
	strcpy(death->module, "libdemo.so+0x1c");
	strcpy(death->function, "XML_Parse");
	strcpy(death->callback, "on_start");
	atomic_store(&death->state, 2);
	expect_why("SIGSEGV at 0x10 in libdemo.so+0x1c, in callback on_start, in a call of XML_Parse (libdemo.so), "
	           "on thread 4711 \"decoder-2\"");
}

static void given_a_thread_in_no_call_when_filled_in_then_the_library_is_that_of_the_instruction(void)
{
	struct death_message message;
	Cbb__HostInfo info;
	struct page_death *death = given_an_ended_host(SIGSEGV);
	death->signal = SIGSEGV;
	strcpy(death->module, "/usr/lib/libdemo.so+0x1c");
	atomic_store(&death->state, 2);
	death_fill(&message, &host, &info);
	EXPECT_EQUAL(message.exited.library.len, strlen("libdemo.so"));
	EXPECT(memcmp(message.exited.library.data, "libdemo.so", strlen("libdemo.so")) == 0);
	free(host.page);
}

static void given_a_call_of_exit_when_explained_then_its_status_is_named(void)
{
	struct page_death *death = given_an_ended_host(3 << 8);
	death->exit_status = 3;
	strcpy(death->function, "quit");
	atomic_store(&death->state, 2);
	expect_why("exit(3) was called, in a call of quit");
}

static void given_no_record_when_explained_then_the_kernel_s_word_stands(void)
{
	given_an_ended_host(SIGKILL);
	expect_why("SIGKILL from outside ended it");
	given_an_ended_host(SIGBUS);
	expect_why("SIGBUS ended it and it left no record");
	given_an_ended_host(4 << 8);
	expect_why("it exited with status 4 and left no record");
}

static void given_a_record_that_does_not_fit_when_explained_then_the_kernel_s_word_comes_first(void)
{
	struct page_death *death = given_an_ended_host(SIGKILL);
	death->signal = SIGSEGV;
	atomic_store(&death->state, 2);
	expect_why("SIGKILL from outside ended it; its own record says: SIGSEGV at 0x0");
}

static void given_half_a_record_when_explained_then_it_is_not_told_as_true(void)
{
	struct page_death *death = given_an_ended_host(SIGSEGV);
	strcpy(death->function, "half");
	atomic_store(&death->state, 1);
	expect_why("SIGSEGV ended it and it left no record");
}

static void given_a_host_that_was_closed_when_explained_then_the_wish_stands(void)
{
	given_an_ended_host(SIGKILL);
	host.asked = true;
	strcpy(host.why, "its client closed it");
	expect_why("its client closed it");
}

static void end_at_once(void *context)
{
	(void)context;
}

static void given_a_host_that_saw_its_client_end_first_when_explained_then_it_was_meant_to_end(void)
{
	struct session session = {.client_pidfd = -1};
	pid_t client = harness_fork(end_at_once, NULL);
	session.client_pidfd = descriptor_pidfd(client);
	if (session.client_pidfd < 0) {
		harness_wait_child(client, NULL, 15000);
		SKIP("no pidfd_open here");
	}
	given_an_ended_host(0);
	host.session = &session;
	EXPECT(harness_wait_readable(session.client_pidfd, 15000));
	expect_why("its client's process ended");
	EXPECT(host.asked);
	/* A crash stays one, whoever is gone. */
	given_an_ended_host(SIGSEGV);
	host.session = &session;
	expect_why("SIGSEGV ended it and it left no record");
	EXPECT(!host.asked);
	EXPECT(harness_wait_child(client, NULL, 15000));
	descriptor_close(session.client_pidfd);
}

static void given_a_record_of_rubbish_when_read_then_texts_are_ended_and_printable(void)
{
	struct death_message message;
	struct page_death *death = given_an_ended_host(SIGSEGV);
	memset(host.page, 0xff, sizeof *host.page);
	memset(death->function, '\n', sizeof death->function);
	atomic_store(&death->state, 2);
	death_explain(&host);
	EXPECT(strlen(host.why) < HOST_WHY_BYTES);
	death_fill(&message, &host, NULL);
	EXPECT_EQUAL(message.exited.function.len, PAGE_TEXT_BYTES - 1);
	EXPECT_EQUAL(message.exited.function.data[0], '?');
	EXPECT(protobuf_c_message_get_packed_size(&message.exited.base) < 4096);
	free(host.page);
}

static const struct test tests[] = {
    TEST(given_a_whole_record_when_explained_then_the_sentence_names_everything),
    TEST(given_a_thread_in_no_call_when_filled_in_then_the_library_is_that_of_the_instruction),
    TEST(given_a_call_of_exit_when_explained_then_its_status_is_named),
    TEST(given_no_record_when_explained_then_the_kernel_s_word_stands),
    TEST(given_a_record_that_does_not_fit_when_explained_then_the_kernel_s_word_comes_first),
    TEST(given_half_a_record_when_explained_then_it_is_not_told_as_true),
    TEST(given_a_host_that_was_closed_when_explained_then_the_wish_stands),
    TEST(given_a_host_that_saw_its_client_end_first_when_explained_then_it_was_meant_to_end),
    TEST(given_a_record_of_rubbish_when_read_then_texts_are_ended_and_printable),
};
HARNESS_MAIN(tests)
