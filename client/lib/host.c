/* SPDX-License-Identifier: MIT */
#include "lib/host.h"

#include "base/clock.h"
#include "base/descriptor.h"
#include "lib/client.h"
#include "lib/async.h"
#include "lib/callback_close.h"
#include "lib/client_lane.h"
#include "lib/error.h"
#include "lib/fork.h"
#include "lib/host_options.h"
#include "lib/library.h"
#include "lib/options.h"
#include "lib/port.h"
#include "lib/report.h"
#include "lib/thread.h"
#include "lib/unwind.h"

#include <errno.h>
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <utlist.h>

#define START_TIMEOUT_DEFAULT_MS 10000
/* The longest that a broker waits. */
#define START_TIMEOUT_MAX_MS 600000
#define LEAVE_SLICE_MS 10

/* ---- Opening ---- */

static int host_new(struct cbb_client *client, const cbb_host_options *options, struct cbb_host **ret_host)
{
	struct cbb_host *host = calloc(1, sizeof *host);
	if (!host)
		return -ENOMEM;
	host->client = client;
	host->fork_epoch = client->fork_epoch;
	host->pidfd = -1;
	host->call_timeout_ms = options->call_timeout_ms;
	host->max_payload_bytes = host_options_payload(options);
	host->max_async_calls = options->max_async_calls;
	host->max_async_waiting = options->max_async_waiting;
	pthread_mutex_init(&host->lock, NULL);
	pthread_mutex_init(&host->ports_lock, NULL);
	callback_table_init(&host->callbacks, options->max_callbacks, options->max_closed_callbacks);
	token_table_init(&host->tokens);
	handle_table_init(&host->handles);
	*ret_host = host;
	return 0;
}

static void host_free(struct cbb_host *host)
{
	struct cbb_library *library, *next;
	ports_end(host);
	client_lanes_detach(host);
	callbacks_end(host);
	callback_table_free(&host->callbacks);
	DL_FOREACH_SAFE (host->libraries, library, next)
		library_free(library);
	token_table_free(&host->tokens);
	handle_table_free(&host->handles);
	if (host->pidfd >= 0 && host->fork_epoch == fork_epoch())
		fork_unregister(host->pidfd);
	if (host->fork_epoch == fork_epoch())
		descriptor_close(host->pidfd);
	async_calls_free(host->async);
	free(host->fault);
	pthread_mutex_destroy(&host->ports_lock);
	pthread_mutex_destroy(&host->lock);
	free(host);
}

int cbb_host_open(cbb_client *client, const cbb_host_options *options, cbb_host **ret_host)
{
	error_begin();
	cbb_host_options known;
	if (!client || !ret_host)
		return error_end(detail_set(-EINVAL, "cbb_host_open: client or ret_host is NULL"));
	int r = options_take(&known, sizeof known, options);
	struct cbb_host *host = NULL;
	if (r == 0)
		r = fork_check(client->fork_epoch);
	if (r == 0)
		r = host_new(client, &known, &host);
	if (r < 0)
		return error_end(r);
	uint64_t start_ms = known.start_timeout_ms ? known.start_timeout_ms : START_TIMEOUT_DEFAULT_MS;
	if (start_ms == CBB_UNLIMITED)
		start_ms = START_TIMEOUT_MAX_MS;
	struct session_answer answer;
	r = host_options_request(&client->session, &known, start_ms, &answer);
	if (r < 0) {
		host_free(host);
		return error_end(r);
	}
	const Cbb__HostOpened *opened = (const Cbb__HostOpened *)answer.message;
	host->id = opened->host;
	host->pid = (pid_t)opened->pid;
	session_answer_free(&answer);
	/* The broker reaps it only after it told this session: until then the number is this host's. */
	host->pidfd = descriptor_pidfd(host->pid);
	if (host->pidfd < 0 || fork_register(host->pidfd) < 0)
		host->pidfd = descriptor_close(host->pidfd);
	pthread_mutex_lock(&client->session.lock);
	DL_APPEND(client->hosts, host);
	pthread_mutex_unlock(&client->session.lock);
	*ret_host = host;
	return 0;
}

/* ---- Calls come and go ---- */

/* What is found on a queue's lane has no caller to be told: whoever uses the host next is. */
static int has_ended(struct cbb_host *host)
{
	pthread_mutex_lock(&host->lock);
	int r = host->fault ? detail_set(CBB_ERR_HOST_DIED, "%s", host->fault)
	                    : detail_set(CBB_ERR_HOST_DIED, "host h%llu (pid %d) has ended; cbb_host_report() tells how",
	                                 (unsigned long long)host->id, (int)host->pid);
	pthread_mutex_unlock(&host->lock);
	return r;
}

int host_enter(struct cbb_host *host)
{
	int r = fork_check(host->fork_epoch);
	if (r < 0)
		return r;
	atomic_fetch_add(&host->n_inside, 1);
	if (!atomic_load(&host->dead) && !atomic_load(&host->closing))
		return 0;
	host_leave(host);
	return has_ended(host);
}

bool host_hold(struct cbb_host *host)
{
	atomic_fetch_add(&host->n_inside, 1);
	if (!atomic_load(&host->closing))
		return true;
	host_leave(host);
	return false;
}

void host_leave(struct cbb_host *host)
{
	/* The closer frees the host when it sees zero, so nothing of it may be touched after this. */
	bool closing = atomic_load(&host->closing);
	_Atomic uint32_t *counter = &host->n_inside;
	if (atomic_fetch_sub(counter, 1) == 1 && closing)
		syscall(SYS_futex, counter, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
}

int host_note_death(struct cbb_host *host, const char *during)
{
	atomic_store(&host->dead, true);
	return detail_set(CBB_ERR_HOST_DIED, "host h%llu (pid %d) ended%s%s; cbb_host_report() tells how",
	                  (unsigned long long)host->id, (int)host->pid, during ? " during " : "", during ? during : "");
}

static void shutdown_lanes(struct cbb_host *host)
{
	struct client_lane *lane;
	registry_lock();
	DL_FOREACH2 (host->lanes, lane, host_next)
		if (lane->lane.fd >= 0)
			shutdown(lane->lane.fd, SHUT_RDWR);
	registry_unlock();
}

/* Asks the broker to end the process and waits until it is gone. */
static int host_end(struct cbb_host *host)
{
	struct session *session = &host->client->session;
	pthread_mutex_lock(&session->lock);
	bool exited = host->exited;
	host->asked = true;
	pthread_mutex_unlock(&session->lock);
	atomic_store(&host->dead, true);
	if (exited)
		return 0;
	Cbb__CloseHost request = CBB__CLOSE_HOST__INIT;
	request.host = host->id;
	struct session_answer answer;
	int r = session_request(session, CBB__FRAME_TYPE__FRAME_CLOSE_HOST, &request.base, &request.request, NULL, 0,
	                        session->timeout_ms, CBB__FRAME_TYPE__FRAME_DONE, &answer);
	if (r == 0)
		session_answer_free(&answer);
	return r;
}

int host_cut_off(struct cbb_host *host)
{
	int r = detail_prefix(CBB_ERR_PROTOCOL, "host h%llu (pid %d) broke the protocol and was ended: ",
	                      (unsigned long long)host->id, (int)host->pid);
	char words[DETAIL_SIZE];
	strcpy(words, detail_text());
	pthread_mutex_lock(&host->lock);
	if (!host->fault)
		host->fault = strdup(words);
	pthread_mutex_unlock(&host->lock);
	host_end(host);
	shutdown_lanes(host);
	return detail_set(r, "%s", words);
}

int cbb_host_kill(cbb_host *host)
{
	error_begin();
	if (!host)
		return error_end(detail_set(-EINVAL, "cbb_host_kill: host is NULL"));
	int r = fork_check(host->fork_epoch);
	if (r == 0)
		r = host_end(host);
	if (r == 0)
		shutdown_lanes(host);
	return error_end(r);
}

/* ---- Closing ---- */

static int wait_empty(struct cbb_host *host)
{
	uint64_t deadline_ns = clock_deadline_ns(host->client->session.timeout_ms);
	uint32_t inside;
	while ((inside = atomic_load(&host->n_inside)) != 0) {
		if (clock_left_ms(deadline_ns) == 0)
			return detail_set(CBB_ERR_TIMEOUT, "host h%llu is gone, but %u thread(s) are still inside calls",
			                  (unsigned long long)host->id, inside);
		/* In slices: a thread that left before it could see `closing` wakes nobody. */
		struct timespec slice = {.tv_nsec = LEAVE_SLICE_MS * 1000000L};
		syscall(SYS_futex, &host->n_inside, FUTEX_WAIT_PRIVATE, inside, &slice, NULL, 0);
	}
	return 0;
}

int host_check_outside(const struct cbb_host *host, const void *here)
{
	if (!unwind_is_inside(host, here))
		return 0;
	return detail_set(CBB_ERR_WOULD_DEADLOCK, "host h%llu closed inside a handler of its own", (unsigned long long)host->id);
}

static void host_unlink(struct cbb_host *host)
{
	struct cbb_client *client = host->client;
	pthread_mutex_lock(&client->session.lock);
	DL_DELETE(client->hosts, host);
	pthread_mutex_unlock(&client->session.lock);
}

cbb_host *cbb_host_close(cbb_host *host)
{
	error_begin();
	if (!host)
		return NULL;
	int r = host_check_outside(host, &host);
	if (r < 0) {
		error_end(r);
		return host;
	}
	if (fork_check(host->fork_epoch) < 0) {
		DL_DELETE(host->client->hosts, host);
		host_free(host);
		return NULL;
	}
	atomic_store(&host->closing, true);
	host_end(host); /* without a broker the process ends when its last lane does */
	shutdown_lanes(host);
	unwind_host(host, &host, CLOCK_NEVER); /* its lanes have ended: nothing is waited for */
	r = wait_empty(host);
	if (r < 0) {
		error_end(r);
		return host;
	}
	host_unlink(host);
	host_free(host);
	return NULL;
}

/* ---- Reports ---- */

void host_note_exited(void *context, const Cbb__HostExited *exited)
{
	struct cbb_client *client = context;
	struct cbb_host *host;
	DL_FOREACH (client->hosts, host)
		if (host->id == exited->host) {
			report_take_exit(&host->report, exited);
			host->exited = true;
			atomic_store(&host->dead, true);
		}
}

static int has_exited(void *context)
{
	const struct cbb_host *host = context;
	return host->exited;
}

/* How long a host whose lane ended may take to be gone, before it is ended (its thread was, not the process). */
#define LINGER_MS 1000

/* The news may have come while cbb_host_open had not noted the host yet: read by another thread, for nobody. */
static int ask_for_exit(struct cbb_host *host)
{
	struct session *session = &host->client->session;
	cbb_report report = {0};
	int r = report_ask(session, host->id, &report);
	if (r < 0)
		return r;
	if (report.state != CBB_HOST_ENDED)
		return CBB_ERR_TIMEOUT;
	pthread_mutex_lock(&session->lock);
	host->report = report;
	host->exited = true;
	pthread_mutex_unlock(&session->lock);
	return 0;
}

static int wait_for_exit(struct cbb_host *host)
{
	struct session *session = &host->client->session;
	uint64_t deadline_ns = clock_deadline_ns(session->timeout_ms);
	uint64_t linger_ns = clock_deadline_ns(LINGER_MS);
	int r = session_wait(session, linger_ns < deadline_ns ? linger_ns : deadline_ns, has_exited, host);
	if (r == CBB_ERR_TIMEOUT && host->pidfd >= 0 && !descriptor_process_gone(host->pidfd))
		host_end(host);
	if (r == CBB_ERR_TIMEOUT)
		r = ask_for_exit(host);
	if (r == CBB_ERR_TIMEOUT)
		r = session_wait(session, deadline_ns, has_exited, host);
	return r;
}

int cbb_host_report(cbb_host *host, cbb_report *report)
{
	error_begin();
	if (!host || !report || report->size < sizeof report->size)
		return error_end(detail_set(-EINVAL, "cbb_host_report: host or report is NULL, or report.size not set"));
	int r = fork_check(host->fork_epoch);
	if (r < 0)
		return error_end(r);
	cbb_report known;
	memset(&known, 0, sizeof known);
	bool ended = atomic_load(&host->dead) || descriptor_process_gone(host->pidfd);
	r = ended ? wait_for_exit(host) : report_ask(&host->client->session, host->id, &known);
	if (ended && r == 0)
		known = host->report;
	if (r < 0)
		report_take_silence(&known, ended);
	pthread_mutex_lock(&host->lock);
	if (host->fault)
		snprintf(known.notice, sizeof known.notice, "%s", host->fault);
	pthread_mutex_unlock(&host->lock);
	options_give(report, &known, sizeof known);
	return error_end(r);
}

pid_t cbb_host_pid(const cbb_host *host)
{
	return host ? host->pid : 0;
}

uint64_t cbb_host_id(const cbb_host *host)
{
	return host ? host->id : 0;
}
