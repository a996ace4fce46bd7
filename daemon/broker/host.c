/* SPDX-License-Identifier: MIT */
#include "broker/host.h"

#include "base/clock.h"
#include "base/descriptor.h"
#include "base/detail.h"
#include "broker/bytes.h"
#include "broker/death.h"
#include "broker/session.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <utlist.h>

void host_set_state(struct host *host, Cbb__HostState state, const char *why)
{
	snprintf(host->why, sizeof host->why, "%s", why);
	host->state = state;
}

uint64_t host_uptime_ms(const struct host *host)
{
	uint64_t until_ns = host->state == CBB__HOST_STATE__HOST_ENDED ? host->ended_ns : clock_now_ns();
	return (until_ns - host->started_ns) / 1000000;
}

bool host_visible(const struct host *host, const struct session *session)
{
	return host->account == session->account || session->identity.uid == 0;
}

int host_find(const struct session *session, uint64_t id, struct host **ret_host)
{
	struct host *host;
	HASH_FIND(hh, session->broker->hosts, &id, sizeof id, host);
	if (!host || !host_visible(host, session))
		return detail_set(-ENOENT, "there is no host h%" PRIu64, id);
	*ret_host = host;
	return 0;
}

/* ---- Ending ---- */

static void host_kill(struct host *host)
{
	kill(host->pid, SIGKILL);
}

void host_grace_over(void *data)
{
	host_kill(data);
}

void host_end(struct host *host, const char *why)
{
	if (host->state >= CBB__HOST_STATE__HOST_ENDING)
		return;
	Cbb__HostEnd end;
	cbb__host_end__init(&end);
	end.why = bytes_of_text(why);
	/* One that was dying already, in slow exit handlers or a core dump, is not ended by this. */
	host->asked = !death_recorded(host);
	host_set_state(host, CBB__HOST_STATE__HOST_ENDING, why);
	peer_send(&host->peer, CBB__FRAME_TYPE__FRAME_HOST_END, &end.base, NULL, 0);
	loop_arm_ms(&host->grace, host->broker->limits.grace_ms);
}

void host_blame(struct host *host)
{
	if (host->state >= CBB__HOST_STATE__HOST_ENDING)
		return;
	account_warn(host->account, "cut off host h%" PRIu64 " (pid %d, %s) of pid %d (uid %u, %s): %s", host->id,
	             (int)host->pid, host->name, (int)host->client.pid, (unsigned)host->client.uid, host->client.comm,
	             detail_text());
	host->blamed = true;
	host_set_state(host, CBB__HOST_STATE__HOST_ENDING, detail_text());
	host_kill(host);
}

int host_close(struct session *session, struct host *host, uint32_t request)
{
	if (host->session != session)
		return detail_set(-EPERM, "host h%" PRIu64 " belongs to another session", host->id);
	if (host->state == CBB__HOST_STATE__HOST_ENDED) {
		session_done(session, request, 0);
		return 0;
	}
	if (host->n_closers == HOST_CLOSERS_MAX)
		return detail_set(-EALREADY, "host h%" PRIu64 " is being closed", host->id);
	host->closers[host->n_closers++] = request;
	host_end(host, "its client closed it");
	return 0;
}

void host_leave_session(struct host *host, const char *why)
{
	struct session *session = host->session;
	DL_DELETE2(session->hosts, host, session_prev, session_next);
	host->session = NULL;
	host->opening = false;
	if (host->state == CBB__HOST_STATE__HOST_ENDED)
		host_free(host);
	else
		host_end(host, why);
}

/* ---- What it says of itself ---- */

void host_peer_ended(void *owner, int code)
{
	struct host *host = owner;
	if (code == -EBADMSG || code == -ENOBUFS || code == -ETIMEDOUT)
		host_blame(host);
	peer_free(&host->peer);
	/* At a process's end its socket closes before it can be reaped. One that only closed it is of no more use. */
	if (host->state < CBB__HOST_STATE__HOST_ENDING && !host->grace.armed) {
		host_set_state(host, CBB__HOST_STATE__HOST_ENDING, "it closed its connection to the broker");
		loop_arm_ms(&host->grace, host->broker->limits.grace_ms);
	}
	host_check(host);
}

/* ---- Reaping ---- */

static void host_tell(struct host *host)
{
	struct session *session = host->session;
	if (host->opening) {
		host->opening = false;
		detail_set(0, "%s", host->why);
		session_done(session, host->open_request, host->start_status ? host->start_status
		                                                             : CBB__STATUS__STATUS_HOST_START);
	} else {
		death_send(session, host);
	}
	for (unsigned i = 0; i < host->n_closers; i++)
		session_done(session, host->closers[i], 0);
	host->n_closers = 0;
}

/* The last few of a session stay, so that a crash can be looked at afterwards. */
static void host_retire(struct host *host)
{
	struct session *session = host->session;
	struct host *oldest;
	if (session->n_ended++ < host->broker->limits.ended_per_session)
		return;
	DL_SEARCH_SCALAR2(session->hosts, oldest, state, CBB__HOST_STATE__HOST_ENDED, session_next);
	session->n_ended--;
	host_leave_session(oldest, "");
}

static void host_release(struct host *host)
{
	loop_end(&host->gone);
	loop_end(&host->start_deadline);
	loop_end(&host->grace);
	peer_free(&host->peer);
	host->pidfd = descriptor_close(host->pidfd);
	host->page_fd = descriptor_close(host->page_fd);
	host->client_pidfd = descriptor_close(host->client_pidfd);
	account_give_back(host->account, CHARGE_HOST);
}

static void host_ended(struct host *host)
{
	struct broker *broker = host->broker;
	bool ran = !host->opening;
	host->ended_ns = clock_now_ns();
	host_release(host);
	death_explain(host);
	if (host->asked)
		account_inform(host->account, "host h%" PRIu64 " (pid %d, %s) ended: %s", host->id, (int)host->pid,
		               host->name, host->why);
	else
		account_warn(host->account, "host h%" PRIu64 " (pid %d, %s) ended: %s", host->id, (int)host->pid,
		             host->name, host->why);
	if (host->session)
		host_tell(host);
	if (host->session && ran)
		host_retire(host);
	else
		host_free(host);
	broker_host_gone(broker);
}

bool host_check(struct host *host)
{
	siginfo_t info = {0};
	if (host->state == CBB__HOST_STATE__HOST_ENDED)
		return false;
	if (waitid(P_PID, (id_t)host->pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid == 0)
		return false;
	/* What the library started goes with its host. The zombie still holds the number of the process group. */
	kill(-host->pid, SIGKILL);
	waitpid(host->pid, &host->wait_status, 0);
	host_ended(host);
	return true;
}

void host_free(struct host *host)
{
	if (host->session) {
		DL_DELETE2(host->session->hosts, host, session_prev, session_next);
		host->session = NULL;
	}
	HASH_DEL(host->broker->hosts, host);
	if (host->state != CBB__HOST_STATE__HOST_ENDED) {
		if (host->pid > 0) {
			kill(-host->pid, SIGKILL);
			host_kill(host);
		}
		host_release(host);
	}
	page_unmap(host->page);
	account_leave(&host->broker->accounts, host->account);
	free(host);
}
