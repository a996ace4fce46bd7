/* SPDX-License-Identifier: MIT */
#include "broker/broker.h"

#include "base/detail.h"
#include "base/log.h"
#include "broker/hello.h"
#include "broker/host.h"
#include "broker/session.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>
#include <utlist.h>

/* Under valgrind 3.19 there is no pidfd_open: then a child's end is noticed here. */
static void broker_child_ended(void *data)
{
	struct broker *broker = data;
	struct host *host = broker->hosts;
	while (host)
		host = host->pidfd < 0 && host_check(host) ? broker->hosts : host->hh.next;
}

static void broker_too_slow(void *data)
{
	struct broker *broker = data;
	log_error("%u hosts could not be ended within %llu ms; leaving them", broker->n_alive,
	          (unsigned long long)broker->limits.stop_ms);
	loop_stop(&broker->loop);
}

/* Two descriptors per host and per session: as many as are allowed. The hosts get the caller's limit back. */
static void broker_raise_files(struct broker *broker)
{
	if (getrlimit(RLIMIT_NOFILE, &broker->files) < 0)
		return;
	struct rlimit most = {.rlim_cur = broker->files.rlim_max, .rlim_max = broker->files.rlim_max};
	setrlimit(RLIMIT_NOFILE, &most);
}

int broker_open(struct broker *broker, const char *host_program, const struct broker_limits *limits)
{
	*broker = (struct broker){.limits = BROKER_LIMITS_DEFAULT, .uid = geteuid(), .host_program = host_program};
	if (limits)
		broker->limits = *limits;
	int r = loop_open(&broker->loop);
	if (r == 0)
		r = loop_signal(&broker->loop, &broker->child, SIGCHLD, broker_child_ended, broker);
	if (r == 0)
		r = loop_timer(&broker->loop, &broker->stop_deadline, broker_too_slow, broker);
	if (r < 0) {
		broker_close(broker);
		return detail_set(r, "event loop: %s", strerror(-r));
	}
	broker_raise_files(broker);
	return 0;
}

void broker_close(struct broker *broker)
{
	struct host *host, *next;
	while (broker->hellos)
		hello_free(broker->hellos);
	while (broker->sessions)
		session_free(broker->sessions, "the broker ended");
	HASH_ITER(hh, broker->hosts, host, next)
		host_free(host);
	accounts_free(&broker->accounts);
	loop_end(&broker->child);
	loop_end(&broker->stop_deadline);
	loop_close(&broker->loop);
}

void broker_accepted(struct broker *broker, int fd)
{
	hello_open(broker, fd);
}

void broker_stop(struct broker *broker, const char *why)
{
	if (broker->stopping)
		return;
	broker->stopping = true;
	log_info("ending: %s; %u hosts to end", why, broker->n_alive);
	/* Sessions stay until their hosts are gone: each program is told that its own were ended, not that they died. */
	struct session *session;
	DL_FOREACH(broker->sessions, session)
		session_stop(session, "the broker ended");
	if (broker->n_alive == 0)
		loop_stop(&broker->loop);
	else
		loop_arm_ms(&broker->stop_deadline, broker->limits.stop_ms);
}

void broker_host_gone(struct broker *broker)
{
	if (--broker->n_alive == 0 && broker->stopping)
		loop_stop(&broker->loop);
}
