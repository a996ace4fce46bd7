/* SPDX-License-Identifier: MIT */
/*
 * What the machine takes for a round trip of 32 bytes over a Unix stream socket, and for messages of 64 bytes one way,
 * with nothing of this project on the way: the measure for everything else.
 */
#include "base/clock.h"
#include "base/detail.h"
#include "bench/place.h"
#include "bench/rows.h"
#include "bench/table.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define SPIN_NS 20000
#define WARM_UP 2000
#define STREAM_MESSAGE_BYTES 64
#define STREAM_SAMPLE 1000
#define STREAM_WARM_UP 20000

struct message {
	uint32_t core; /* the sender's, + 1 */
	uint8_t rest[28];
};

typedef int receive_fn(int fd, struct message *message);

static int receive_blocking(int fd, struct message *message)
{
	return recv(fd, message, sizeof *message, MSG_WAITALL) == sizeof *message ? 0 : -ECONNRESET;
}

/* 1: it is there; 0: not yet; -ECONNRESET. Messages this short arrive whole. */
static int look(int fd, struct message *message)
{
	ssize_t n = recv(fd, message, sizeof *message, MSG_DONTWAIT);
	if (n == sizeof *message)
		return 1;
	return n < 0 && errno == EAGAIN ? 0 : -ECONNRESET;
}

/* The message still holds what the peer said last: the core it ran on. */
static int receive_spinning(int fd, struct message *message)
{
	struct pollfd poller = {.fd = fd, .events = POLLIN};
	if (message->core && message->core != place_core()) {
		uint64_t end_ns = clock_now_ns() + SPIN_NS;
		do {
			int r = look(fd, message);
			if (r != 0)
				return r < 0 ? r : 0;
		} while (clock_now_ns() < end_ns);
	}
	for (;;) {
		if (poll(&poller, 1, -1) < 0 && errno != EINTR)
			return -errno;
		int r = look(fd, message);
		if (r != 0)
			return r < 0 ? r : 0;
	}
}

static int send_message(int fd, struct message *message)
{
	message->core = place_core();
	return send(fd, message, sizeof *message, MSG_NOSIGNAL) == sizeof *message ? 0 : -ECONNRESET;
}

/* The other process: answers until its socket ends. */
static void serve(int fd, receive_fn *receive)
{
	struct message message = {0};
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	place_as_host();
	while (receive(fd, &message) == 0) {
		uint32_t peer_core = message.core;
		if (send_message(fd, &message) < 0)
			break;
		message.core = peer_core;
	}
	_exit(0);
}

static int round_trip(int fd, receive_fn *receive, struct message *message)
{
	uint32_t peer_core = message->core;
	int r = send_message(fd, message);
	message->core = peer_core;
	return r < 0 ? r : receive(fd, message);
}

static int measure_pair(const char *name, unsigned ms, int fd, pid_t peer, receive_fn *receive)
{
	struct measure measure;
	struct message message = {0};
	int r = 0;
	for (int i = 0; i < WARM_UP && r == 0; i++)
		r = round_trip(fd, receive, &message);
	if (r == 0)
		r = measure_init(&measure, ms, 0);
	if (r < 0)
		return detail_set(r, "%s", strerror(-r));
	measure_resume(&measure, peer);
	do
		r = round_trip(fd, receive, &message);
	while (r == 0 && measure_step_more(&measure));
	measure_pause(&measure);
	if (r == 0)
		table_add_time(name, &measure, NULL, 0);
	measure_free(&measure);
	return r < 0 ? detail_set(r, "%s", strerror(-r)) : 0;
}

/* The other end of *ret_fd is served by a process of its own. Its number, or a negative code. */
static pid_t start_peer(void (*run)(int fd, receive_fn *receive), receive_fn *receive, int *ret_fd)
{
	int fds[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return detail_set(-errno, "socketpair: %s", strerror(errno));
	pid_t peer = fork();
	if (peer == 0) {
		close(fds[0]);
		run(fds[1], receive);
	}
	close(fds[1]);
	if (peer < 0) {
		close(fds[0]);
		return detail_set(-errno, "fork: %s", strerror(errno));
	}
	*ret_fd = fds[0];
	return peer;
}

static void end_peer(pid_t peer, int fd)
{
	close(fd);
	waitpid(peer, NULL, 0);
}

static int ping_pong(const char *name, unsigned ms, receive_fn *receive)
{
	int fd = -1, peer = start_peer(serve, receive, &fd);
	if (peer < 0)
		return peer;
	int r = measure_pair(name, ms, fd, peer, receive);
	end_peer(peer, fd);
	return r;
}

int row_raw_block(unsigned ms)
{
	return ping_pong("raw_block", ms, receive_blocking);
}

int row_raw_spin(unsigned ms)
{
	return ping_pong("raw_spin", ms, receive_spinning);
}

/* ---- One way ---- */

/* The other process: one send for each message, until nobody reads. */
static void stream(int fd, receive_fn *receive)
{
	char message[STREAM_MESSAGE_BYTES] = {0};
	(void)receive;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	place_as_host();
	while (send(fd, message, sizeof message, MSG_NOSIGNAL) == sizeof message)
		;
	_exit(0);
}

/* Reads what there is, as much as fits, until that was so many messages. */
static int receive_stream(int fd, unsigned n_messages)
{
	static char buffer[1 << 16];
	for (size_t left = (size_t)n_messages * STREAM_MESSAGE_BYTES; left > 0;) {
		ssize_t n = recv(fd, buffer, left < sizeof buffer ? left : sizeof buffer, 0);
		if (n <= 0)
			return n < 0 ? -errno : -ECONNRESET;
		left -= (size_t)n;
	}
	return 0;
}

static int measure_stream(unsigned ms, int fd, pid_t peer)
{
	struct measure measure;
	int r = receive_stream(fd, STREAM_WARM_UP);
	if (r == 0)
		r = measure_init(&measure, ms, 0);
	if (r < 0)
		return detail_set(r, "%s", strerror(-r));
	measure.n_each = STREAM_SAMPLE;
	measure_resume(&measure, peer);
	do {
		r = receive_stream(fd, STREAM_SAMPLE);
		measure_step_many(&measure);
	} while (r == 0 && measure_more(&measure));
	measure_pause(&measure);
	if (r == 0)
		table_add_time("raw_stream", &measure, NULL, 0);
	measure_free(&measure);
	return r < 0 ? detail_set(r, "%s", strerror(-r)) : 0;
}

int row_raw_stream(unsigned ms)
{
	int fd = -1, peer = start_peer(stream, NULL, &fd);
	if (peer < 0)
		return peer;
	int r = measure_stream(ms, fd, peer);
	end_peer(peer, fd);
	return r;
}

/* ---- A single message ---- */

#define LONE_WORDS (STREAM_MESSAGE_BYTES / sizeof(uint64_t))

/* The other process: when its last message has been answered, and the reader sleeps, it sends the time. */
static void stream_lone(int fd, receive_fn *receive)
{
	uint64_t message[LONE_WORDS] = {0};
	bool goes_on = true;
	(void)receive;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	place_as_host();
	while (goes_on) {
		message[0] = 0;
		goes_on = send(fd, message, sizeof message, MSG_NOSIGNAL) == sizeof message &&
		          recv(fd, message, sizeof message, MSG_WAITALL) == sizeof message;
		sched_yield();
		sched_yield();
		message[0] = clock_now_ns();
		goes_on = goes_on && send(fd, message, sizeof message, MSG_NOSIGNAL) == sizeof message;
	}
	_exit(0);
}

/* Answers what has no time. */
static int receive_lone(struct measure *measure, int fd)
{
	uint64_t message[LONE_WORDS];
	if (recv(fd, message, sizeof message, MSG_WAITALL) != sizeof message)
		return -ECONNRESET;
	if (message[0])
		measure_add(measure, clock_now_ns() - message[0]);
	else if (send(fd, message, sizeof message, MSG_NOSIGNAL) != sizeof message)
		return -ECONNRESET;
	return 0;
}

static int measure_lone(unsigned ms, int fd)
{
	struct measure measure;
	int r = measure_init(&measure, ms, 0);
	while (r == 0 && measure_more(&measure))
		r = receive_lone(&measure, fd);
	if (r == 0)
		table_add_time("raw_lone", &measure, NULL, 0);
	measure_free(&measure);
	return r < 0 ? detail_set(r, "%s", strerror(-r)) : 0;
}

int row_raw_lone(unsigned ms)
{
	int fd = -1, peer = start_peer(stream_lone, NULL, &fd);
	if (peer < 0)
		return peer;
	int r = measure_lone(ms, fd);
	end_peer(peer, fd);
	return r;
}
