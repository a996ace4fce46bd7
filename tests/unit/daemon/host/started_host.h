/* SPDX-License-Identifier: MIT */
/*
 * cbb-host itself, with the test in the broker's place.
 */
#ifndef CBB_TESTS_UNIT_DAEMON_HOST_STARTED_HOST_H
#define CBB_TESTS_UNIT_DAEMON_HOST_STARTED_HOST_H

#include "base/clock.h"
#include "base/descriptor.h"
#include "support/harness.h"
#include "telemetry/page.h"
#include "wire/connection.h"
#include "wire/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define BROKER_FD 3
#define ANSWER_MS 15000
#define ENDS_MS 20000

struct started {
	pid_t pid;
	struct connection connection;
	struct telemetry_page *page;
	const char *log;
};

/* ---- Starting ---- */

static inline void exec_host(int fd, const char *log)
{
	int to = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	dup2(to, STDERR_FILENO);
	if (fd != BROKER_FD)
		dup2(fd, BROKER_FD);
	else
		fcntl(fd, F_SETFD, 0);
	execl(harness_program("cbb-host"), "cbb-host", (char *)NULL);
	_exit(127);
}

/* Started, its hello not yet read. */
static inline struct started start_host(void)
{
	int pair[2];
	struct started host = {.log = harness_temp_path("host.log")};
	REQUIRE_EQUAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	host.pid = fork();
	if (host.pid == 0)
		exec_host(pair[1], host.log);
	REQUIRE(host.pid > 0);
	close(pair[1]);
	connection_init(&host.connection, pair[0], FRAME_HELLO_MAX_BYTES);
	return host;
}

/* Waits for its end; the exit status, or 128 + signal. */
static inline int end_of(struct started *host)
{
	int status;
	if (!harness_wait_child(host->pid, &status, ENDS_MS)) {
		FAIL("cbb-host has not ended");
		kill(host->pid, SIGKILL);
		waitpid(host->pid, &status, 0);
	}
	connection_free(&host->connection);
	page_unmap(host->page);
	host->page = NULL;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static inline uint64_t soon(void)
{
	return clock_deadline_ns(ANSWER_MS * harness_slow());
}

/* Its next hello: status, and detail text if that is wanted. */
static inline int receive_hello(struct started *host, char *ret_detail, size_t size)
{
	UNPACK_ARENA arena = {0};
	struct frame frame;
	REQUIRE_EQUAL(connection_receive(&host->connection, &frame, soon()), 1);
	REQUIRE_EQUAL(frame.type, CBB__FRAME_TYPE__FRAME_HOST_HELLO);
	Cbb__HostHello *hello = unpack_frame(&arena, &cbb__host_hello__descriptor, &frame);
	REQUIRE(hello != NULL);
	EXPECT_EQUAL(hello->version, CBB__PROTOCOL_VERSION__PROTOCOL_VERSION);
	EXPECT_EQUAL(hello->pid, (uint32_t)host->pid);
	if (ret_detail)
		snprintf(ret_detail, size, "%.*s", (int)hello->detail.len, (char *)hello->detail.data);
	return hello->status;
}

static inline Cbb__HostSetup make_setup(void)
{
	Cbb__HostSetup setup = CBB__HOST_SETUP__INIT;
	setup.version = CBB__PROTOCOL_VERSION__PROTOCOL_VERSION;
	setup.host = 7;
	return setup;
}

static inline void send_setup(struct started *host, const Cbb__HostSetup *setup, const int *fds, unsigned n_fds)
{
	EXPECT_EQUAL(connection_send(&host->connection, CBB__FRAME_TYPE__FRAME_HOST_SETUP, &setup->base, fds, n_fds,
	                             soon()), 0);
}

static inline int make_page(struct started *host)
{
	int fd = page_create();
	REQUIRE(fd >= 0);
	REQUIRE_EQUAL(page_map(fd, false, &host->page), 0);
	return fd;
}

static inline bool is_set_up(void *context)
{
	struct started *host = context;
	return *(const volatile uint64_t *)&host->page->magic == PAGE_MAGIC;
}

/* A host that has finished its handshake. client_pidfd -1: without; taken. */
static inline struct started running_host(int client_pidfd)
{
	struct started host = start_host();
	Cbb__HostSetup setup = make_setup();
	EXPECT_EQUAL(receive_hello(&host, NULL, 0), 0);
	int fds[2] = {make_page(&host), client_pidfd};
	setup.has_client_pidfd = client_pidfd >= 0;
	send_setup(&host, &setup, fds, client_pidfd >= 0 ? 2 : 1);
	EXPECT(harness_wait_until(is_set_up, &host, ANSWER_MS));
	return host;
}

static inline void send_end(struct started *host)
{
	Cbb__HostEnd end = CBB__HOST_END__INIT;
	EXPECT_EQUAL(connection_send(&host->connection, CBB__FRAME_TYPE__FRAME_HOST_END, &end.base, NULL, 0, soon()), 0);
}

/* Attaches a lane and returns the client's end of it. */
static inline int attach_lane(struct started *host)
{
	Cbb__HostAttach attach = CBB__HOST_ATTACH__INIT;
	int pair[2];
	REQUIRE_EQUAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	attach.lane = CBB__LANE_KIND__LANE_CLIENT_THREAD;
	EXPECT_EQUAL(connection_send(&host->connection, CBB__FRAME_TYPE__FRAME_HOST_ATTACH, &attach.base, &pair[1], 1,
	                             soon()), 0);
	return pair[0];
}

/* Reads until end of file. */
static inline bool ends(int lane)
{
	char buffer[4096];
	while (harness_wait_readable(lane, ENDS_MS))
		if (recv(lane, buffer, sizeof buffer, MSG_DONTWAIT) <= 0)
			return true;
	return false;
}

#endif
