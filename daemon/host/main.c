/* SPDX-License-Identifier: MIT */
/*
 * cbb-host: the process that loads foreign libraries. Started by cbbrokerd with its socket as descriptor 3.
 */
#include "base/detail.h"
#include "base/log.h"
#include "base/options.h"
#include "host/death.h"
#include "host/fork.h"
#include "host/handshake.h"
#include "host/interpose.h"
#include "host/service.h"
#include "host/telemetry.h"
#include "host/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BROKER_FD 3
#define STATUS_USAGE 2

static void print_more(FILE *out)
{
	fputs("\ncbbrokerd starts it and gives it a socket as descriptor 3. See cbb-host(8) and cbbrokerd(8).\n", out);
}

static const struct option_table option_table = {
    .program = "cbb-host",
    .usage = "",
    .summary = "The process that runs native libraries for cbbroker.",
    .more = print_more,
};

static void parse_arguments(int argc, char **argv)
{
	int first = options_parse(&option_table, argc, argv);
	if (first == 0)
		exit(EXIT_SUCCESS);
	if (first > 0 && first == argc)
		return;
	if (first > 0)
		detail_set(-EINVAL, "%s: there are no operands; see --help", argv[first]);
	fprintf(stderr, "cbb-host: %s\n", detail_text());
	exit(STATUS_USAGE);
}

static void check_socket(void)
{
	int domain = 0, type = 0;
	socklen_t size = sizeof domain;
	if (getsockopt(BROKER_FD, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX &&
	    getsockopt(BROKER_FD, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM)
		return;
	fputs("cbb-host: descriptor 3 is no Unix stream socket: cbb-host is started by cbbrokerd\n", stderr);
	exit(STATUS_USAGE);
}

/* Programs that a library executes get standard input, output and error, and nothing of ours. */
static void keep_descriptors(void)
{
	close_range(BROKER_FD, ~0u, CLOSE_RANGE_CLOEXEC); /* whoever started us may have left more open; Linux 5.11 */
	fcntl(BROKER_FD, F_SETFD, FD_CLOEXEC);
}

/* Libraries find what they would in a fresh process, whatever the broker needs for itself. */
static void reset_signals(void)
{
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
}

static void name_log(uint64_t id)
{
	char name[32];
	snprintf(name, sizeof name, "cbb-host h%llu", (unsigned long long)id);
	log_open(name, LOG_LEAST_WARNING);
}

static int start(struct connection *connection)
{
	struct host host;
	int r = handshake(connection, &host);
	if (r < 0)
		return r;
	host_become(&host);
	name_log(host.id);
	telemetry_open(host.page);
	r = death_install(host.page);
	if (r == 0)
		r = fork_install();
	if (r == 0)
		r = service_start(connection);
	return r < 0 ? detail_set(r, "the host cannot start: %s", strerror(-r)) : 0;
}

int main(int argc, char **argv)
{
	struct connection connection;
	parse_arguments(argc, argv);
	log_open("cbb-host", LOG_LEAST_WARNING);
	check_socket();
	keep_descriptors();
	reset_signals();
	interpose_install();
	host_thread_enter("cbb-host");
	connection_init(&connection, BROKER_FD, FRAME_HELLO_MAX_BYTES);
	if (start(&connection) < 0) {
		log_error("%s", detail_text());
		death_expected();
		connection_free(&connection);
		return EXIT_FAILURE;
	}
	for (;;)
		pause();
}
