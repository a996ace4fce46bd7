/* SPDX-License-Identifier: MIT */
/*
 * cbbrokerd: starts hosts for programs, checks who may do what, hands connections over, and reports.
 */
#include "base/detail.h"
#include "base/log.h"
#include "base/options.h"
#include "broker/broker.h"
#include "broker/listener.h"
#include "broker/place.h"
#include "broker/private.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <paths.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

static struct {
	const char *socket, *host_program, *socket_dir;
	long owner_fd, ready_fd;
	bool private_mode, system, verbose, quiet;
} options = {.owner_fd = -1, .ready_fd = -1};

static const struct option_entry option_entries[] = {
    {"socket", 's', OPTION_TEXT, "PATH", &options.socket,
     "Listen here, if systemd passes no socket. Default: $XDG_RUNTIME_DIR/cbbroker/broker.sock, else (root) "
     "/run/cbbroker/broker.sock."},
    {"host-program", 0, OPTION_TEXT, "PATH", &options.host_program,
     "Run this as host. Default: $CBB_HOST, else cbb-host near this program, else where it was installed."},
    {"system", 0, OPTION_FLAG, NULL, &options.system,
     "Serve root too, not only the user that the broker runs as. Hosts run as that user all the same."},
    {"private", 0, OPTION_FLAG, NULL, &options.private_mode,
     "Be the private broker of one program: leave its process tree, and end with it. The client library does this."},
    {"owner-fd", 0, OPTION_NUMBER, "N", &options.owner_fd,
     "With --private: a descriptor that becomes readable when the program is gone, such as its pidfd."},
    {"ready-fd", 0, OPTION_NUMBER, "N", &options.ready_fd,
     "With --private: where to write one line, \"OK PATH\" with the socket's path or \"ERR\" and words."},
    {"socket-dir", 0, OPTION_TEXT, "DIR", &options.socket_dir,
     "With --private: make the socket's directory in this one. Default: $XDG_RUNTIME_DIR, else /tmp."},
    {"verbose", 'v', OPTION_FLAG, NULL, &options.verbose,
     "Log sessions and hosts as they come and go. Default, except with --private."},
    {"quiet", 'q', OPTION_FLAG, NULL, &options.quiet, "Log warnings and errors only."},
};

static const struct option_table option_table = {
    .program = "cbbrokerd",
    .usage = "[OPTIONS]",
    .summary = "Runs native libraries in processes of their own, for programs that use libcbbroker.",
    .entries = option_entries,
    .n = sizeof option_entries / sizeof *option_entries,
};

/* A program that closed its standard descriptors must not find a socket of ours there. */
static void open_standard_descriptors(void)
{
	int fd;
	do
		fd = open(_PATH_DEVNULL, O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

/* ---- Where to listen ---- */

static int listen_activated(struct listener *listener)
{
	if (sd_is_socket_unix(SD_LISTEN_FDS_START, SOCK_STREAM, 1, NULL, 0) <= 0)
		return detail_set(-EINVAL, "systemd passed something that is not a listening Unix stream socket");
	return listener_given(listener, SD_LISTEN_FDS_START);
}

static int listen_somewhere(struct listener *listener, const struct private_broker *private_broker)
{
	char path[PATH_MAX];
	if (options.private_mode)
		return listener_bind(listener, private_broker->socket);
	int n = sd_listen_fds(1);
	if (n > 1)
		return detail_set(-EINVAL, "systemd passed %d sockets, one is served", n);
	if (n == 1)
		return listen_activated(listener);
	if (options.socket)
		return listener_bind(listener, options.socket);
	int r = place_default_socket(path, sizeof path);
	return r < 0 ? r : listener_bind(listener, path);
}

/* ---- Running ---- */

/* A private broker has its program's environment, and is not what the program's manager waits for. */
static void tell_manager(const char *state)
{
	if (!options.private_mode)
		sd_notify(0, state);
}

static void stop_on_signal(void *data)
{
	struct broker *broker = data;
	tell_manager("STOPPING=1");
	broker_stop(broker, "a signal said so");
}

static int run_until_stopped(struct broker *broker)
{
	struct loop_watch terminate = {0}, interrupt = {0};
	int r = loop_signal(&broker->loop, &terminate, SIGTERM, stop_on_signal, broker);
	if (r == 0)
		r = loop_signal(&broker->loop, &interrupt, SIGINT, stop_on_signal, broker);
	if (r == 0) {
		tell_manager("READY=1");
		loop_run(&broker->loop);
	} else {
		detail_set(r, "event loop: %s", strerror(-r));
	}
	loop_end(&terminate);
	loop_end(&interrupt);
	return r;
}

static int serve(const char *host_program, struct private_broker *private_broker)
{
	struct broker broker;
	struct listener listener = {.fd = -1, .lock_fd = -1, .spare_fd = -1};
	signal(SIGPIPE, SIG_IGN); /* a log that nobody reads is no reason to die */
	int r = broker_open(&broker, host_program, NULL);
	if (r < 0)
		return r;
	broker.serves_root = options.system;
	r = listen_somewhere(&listener, private_broker);
	if (r == 0)
		r = listener_start(&listener, &broker);
	if (r == 0 && options.private_mode)
		r = private_watch(private_broker, &broker);
	if (r == 0) {
		log_info("%s serves at %s, hosts are %s", BROKER_SOFTWARE,
		         listener.path[0] ? listener.path : "systemd's socket", host_program);
		if (options.private_mode)
			private_say_ready(private_broker, 0);
		r = run_until_stopped(&broker);
	}
	listener_close(&listener);
	loop_end(&private_broker->owner_gone);
	broker_close(&broker);
	return r;
}

static int run(void)
{
	char host_program[PATH_MAX];
	struct private_broker private_broker = {.owner_fd = -1, .ready_fd = -1};
	const char *wanted = options.host_program ? options.host_program : secure_getenv("CBB_HOST");
	int r = place_host_program(wanted, host_program, sizeof host_program);
	if (r == 0 && options.private_mode)
		r = private_begin(&private_broker, (int)options.owner_fd, (int)options.ready_fd, options.socket_dir);
	else if (options.private_mode)
		private_broker.ready_fd = (int)options.ready_fd;
	if (r == 0)
		r = serve(host_program, &private_broker);
	if (r < 0) {
		log_error("%s", detail_text());
		private_say_ready(&private_broker, r);
	}
	private_end(&private_broker);
	return r < 0 ? 1 : 0;
}

/* A private broker's standard error is the program's: what concerns the program reaches it as statuses and reports. */
static enum log_least log_level(void)
{
	if (options.verbose)
		return LOG_LEAST_INFO;
	if (options.private_mode)
		return LOG_LEAST_ERROR;
	return options.quiet ? LOG_LEAST_WARNING : LOG_LEAST_INFO;
}

int main(int argc, char **argv)
{
	open_standard_descriptors();
	int r = options_parse(&option_table, argc, argv);
	if (r == 0)
		return 0;
	if (r > 0 && r < argc)
		r = detail_set(-EINVAL, "%s: there is nothing to say but options", argv[r]);
	log_open("cbbrokerd", log_level());
	if (r < 0) {
		log_error("%s", detail_text());
		return 2;
	}
	return run();
}
