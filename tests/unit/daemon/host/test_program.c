/* SPDX-License-Identifier: MIT */
#include "started_host.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define IDLE_PRIVATE_MAX_KB (3 * 1024)

/* ---- Running ---- */

static void given_lanes_when_the_broker_ends_the_host_then_they_end(void)
{
	struct started host = running_host(-1);
	int lane = attach_lane(&host);
	send_end(&host);
	EXPECT(ends(lane));
	EXPECT_EQUAL(end_of(&host), 0);
	close(lane);
}

static void given_no_lane_when_the_broker_is_gone_then_the_host_ends(void)
{
	struct started host = running_host(-1);
	host.connection.fd = descriptor_close(host.connection.fd);
	EXPECT_EQUAL(end_of(&host), 0);
}

/* The thread that serves the lane has begun. */
static bool has_lane(void *context)
{
	struct started *host = context;
	struct page_lane_view view;
	return page_lane(host->page, 0, &view);
}

/* Reads what the lane's thread says at first. */
static int lane_quiet(int lane)
{
	char buffer[4096];
	EXPECT(harness_wait_readable(lane, ANSWER_MS));
	while (recv(lane, buffer, sizeof buffer, MSG_DONTWAIT) > 0)
		;
	return lane;
}

static void given_a_lane_when_the_broker_is_gone_then_the_host_stays_until_it_is_closed(void)
{
	struct started host = running_host(-1);
	int lane = attach_lane(&host), status;
	EXPECT(harness_wait_until(has_lane, &host, ANSWER_MS));
	host.connection.fd = descriptor_close(host.connection.fd);
	EXPECT(!harness_wait_readable(lane_quiet(lane), 200)); /* neither end of file nor anything else */
	EXPECT_EQUAL(waitpid(host.pid, &status, WNOHANG), 0);
	close(lane);
	EXPECT_EQUAL(end_of(&host), 0);
}

static void wait_for_ever(void *context)
{
	(void)context;
	for (;;)
		pause();
}

static void given_a_client_when_it_is_gone_then_the_lanes_end_and_the_host_too(void)
{
	pid_t client = harness_fork(wait_for_ever, NULL);
	int pidfd = descriptor_pidfd(client), status;
	if (pidfd == -ENOSYS) {
		kill(client, SIGKILL);
		waitpid(client, &status, 0);
		SKIP("no pidfd_open here");
	}
	REQUIRE(pidfd >= 0);
	struct started host = running_host(pidfd);
	int lane = attach_lane(&host);
	EXPECT(harness_wait_until(has_lane, &host, ANSWER_MS));
	kill(client, SIGKILL);
	EXPECT(ends(lane));
	EXPECT_EQUAL(end_of(&host), 0);
	waitpid(client, &status, 0);
	close(lane);
}

static void given_an_idle_host_when_measured_then_its_private_memory_is_small(void)
{
	struct started host = running_host(-1);
	int lane = attach_lane(&host);
	EXPECT(harness_wait_until(has_lane, &host, ANSWER_MS));
	const char *text = harness_read_file(harness_format("/proc/%d/smaps_rollup", (int)host.pid));
	const char *clean = strstr(text, "Private_Clean:"), *dirty = strstr(text, "Private_Dirty:");
	REQUIRE(clean != NULL && dirty != NULL);
	long kb = strtol(clean + 14, NULL, 10) + strtol(dirty + 14, NULL, 10);
	printf("idle host with one lane: %ld KiB private\n", kb);
	if (harness_slow() == 1)
		EXPECT(kb < IDLE_PRIVATE_MAX_KB);
	EXPECT_STRING(harness_read_file(harness_format("/proc/%d/comm", (int)host.pid)), "cbb-host\n");
	close(lane);
	send_end(&host);
	EXPECT_EQUAL(end_of(&host), 0);
}

static void given_a_running_host_when_looked_at_then_it_leaves_no_descriptor_to_programs_it_executes(void)
{
	struct started host = running_host(-1);
	for (int fd = 3; fd < 32; fd++) {
		const char *info = harness_read_file(harness_format("/proc/%d/fdinfo/%d", (int)host.pid, fd));
		const char *flags = strstr(info, "flags:");
		if (flags && !(strtol(flags + 6, NULL, 8) & O_CLOEXEC))
			FAIL("descriptor %d is not close-on-exec", fd);
	}
	send_end(&host);
	EXPECT_EQUAL(end_of(&host), 0);
}

/* ---- A broker that breaks the protocol ---- */

static void expect_fault(struct started *host, const char *words)
{
	EXPECT_EQUAL(end_of(host), 3);
	EXPECT_CONTAINS(harness_read_file(host->log), "cbb-host h7: the broker broke the protocol");
	EXPECT_CONTAINS(harness_read_file(host->log), words);
}

static void given_an_attach_without_descriptor_when_received_then_the_host_ends(void)
{
	struct started host = running_host(-1);
	Cbb__HostAttach attach = CBB__HOST_ATTACH__INIT;
	connection_send(&host.connection, CBB__FRAME_TYPE__FRAME_HOST_ATTACH, &attach.base, NULL, 0, soon());
	expect_fault(&host, "HOST_ATTACH with 0 descriptors");
}

static void given_a_frame_for_others_when_received_then_the_host_ends(void)
{
	struct started host = running_host(-1);
	Cbb__Done done = CBB__DONE__INIT;
	connection_send(&host.connection, CBB__FRAME_TYPE__FRAME_DONE, &done.base, NULL, 0, soon());
	expect_fault(&host, "DONE");
}

static void given_a_frame_that_is_too_large_when_received_then_the_host_ends(void)
{
	struct started host = running_host(-1);
	uint8_t header[FRAME_HEADER_BYTES];
	frame_write_header(header, 1 << 20, CBB__FRAME_TYPE__FRAME_HOST_END);
	EXPECT_EQUAL(send(host.connection.fd, header, sizeof header, MSG_NOSIGNAL), (ssize_t)sizeof header);
	expect_fault(&host, "at most");
}

static void given_an_attach_that_is_garbage_when_received_then_the_host_ends(void)
{
	struct started host = running_host(-1);
	Cbb__HostEnd garbage = CBB__HOST_END__INIT;
	int fd = memfd_create("any", MFD_CLOEXEC);
	garbage.why = (ProtobufCBinaryData){.len = 3, .data = (uint8_t *)(uintptr_t)"abc"};
	connection_send(&host.connection, CBB__FRAME_TYPE__FRAME_HOST_ATTACH, &garbage.base, &fd, 1, soon());
	expect_fault(&host, "HOST_ATTACH");
}

static const struct test tests[] = {
    TEST(given_lanes_when_the_broker_ends_the_host_then_they_end),
    TEST(given_no_lane_when_the_broker_is_gone_then_the_host_ends),
    TEST(given_a_lane_when_the_broker_is_gone_then_the_host_stays_until_it_is_closed),
    TEST(given_a_client_when_it_is_gone_then_the_lanes_end_and_the_host_too),
    TEST(given_an_idle_host_when_measured_then_its_private_memory_is_small),
    TEST(given_a_running_host_when_looked_at_then_it_leaves_no_descriptor_to_programs_it_executes),
    TEST(given_an_attach_without_descriptor_when_received_then_the_host_ends),
    TEST(given_a_frame_for_others_when_received_then_the_host_ends),
    TEST(given_a_frame_that_is_too_large_when_received_then_the_host_ends),
    TEST(given_an_attach_that_is_garbage_when_received_then_the_host_ends),
};
HARNESS_MAIN(tests)
