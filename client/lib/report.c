/* SPDX-License-Identifier: MIT */
#include "lib/report.h"

#include "lib/error.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

/* Copies text into a fixed array of the report. */
#define TAKE(to, from) take_text((to), sizeof(to), &(from))

static void take_text(char *to, size_t size, const ProtobufCBinaryData *from)
{
	size_t n = from->len < size - 1 ? from->len : size - 1;
	for (size_t i = 0; i < n; i++)
		to[i] = from->data[i] < 0x20 || from->data[i] == 0x7f ? '?' : (char)from->data[i];
	memset(to + n, 0, size - n);
}

static void take_info(cbb_report *report, const Cbb__HostInfo *info)
{
	if (!info)
		return;
	report->calls = info->calls;
	report->callbacks = info->callbacks;
	report->late_calls = info->late_calls;
	report->wrong_thread_calls = info->wrong_thread_calls;
	report->late_answers = info->late_answers;
	report->late_results = info->late_results;
	report->events = info->events;
	report->lost_events = info->lost_events;
}

/* The wait status outranks the record: the kernel wrote it, the host wrote the other. */
static enum cbb_host_end end_of(const Cbb__HostExited *exited)
{
	if (exited->asked)
		return CBB_END_CLOSED;
	if (WIFSIGNALED(exited->wait_status))
		return CBB_END_SIGNAL;
	return WIFEXITED(exited->wait_status) ? CBB_END_EXIT : CBB_END_UNKNOWN;
}

void report_take_exit(cbb_report *report, const Cbb__HostExited *exited)
{
	memset(report, 0, sizeof *report);
	report->state = CBB_HOST_ENDED;
	report->end = end_of(exited);
	report->signal = WIFSIGNALED(exited->wait_status) ? WTERMSIG(exited->wait_status) : 0;
	report->signal_code = exited->signal ? exited->signal_code : 0;
	report->exit_status = WIFEXITED(exited->wait_status) ? WEXITSTATUS(exited->wait_status) : -1;
	report->thread = (int32_t)exited->thread;
	report->address = exited->address;
	report->instruction = exited->instruction;
	TAKE(report->thread_name, exited->thread_name);
	TAKE(report->library, exited->library);
	TAKE(report->module, exited->module);
	TAKE(report->function, exited->function);
	TAKE(report->callback, exited->callback);
	TAKE(report->notice, exited->notice);
	TAKE(report->text, exited->why);
	take_info(report, exited->info);
}

void report_take_silence(cbb_report *report, bool ended)
{
	memset(report, 0, sizeof *report);
	report->state = ended ? CBB_HOST_ENDED : CBB_HOST_RUNNING;
	report->end = ended ? CBB_END_UNKNOWN : CBB_END_NONE;
	report->exit_status = -1;
	snprintf(report->text, sizeof report->text, "%s, and no broker answers that could say %s",
	         ended ? "it ended" : "it runs", ended ? "how" : "more");
}

int report_ask(struct session *session, uint64_t host, cbb_report *report)
{
	Cbb__HostStatus request = CBB__HOST_STATUS__INIT;
	struct session_answer answer;
	request.host = host;
	int r = session_request(session, CBB__FRAME_TYPE__FRAME_HOST_STATUS, &request.base, &request.request, NULL, 0,
	                        session->timeout_ms, CBB__FRAME_TYPE__FRAME_HOST_STATUS_REPLY, &answer);
	if (r < 0)
		return r;
	const Cbb__HostStatusReply *reply = (const Cbb__HostStatusReply *)answer.message;
	memset(report, 0, sizeof *report);
	if (reply->exited) {
		report_take_exit(report, reply->exited);
	} else {
		report->state = CBB_HOST_RUNNING;
		report->exit_status = -1;
		take_info(report, reply->info);
		if (reply->n_notices)
			TAKE(report->notice, reply->notices[reply->n_notices - 1]);
		TAKE(report->text, reply->why);
	}
	session_answer_free(&answer);
	return 0;
}
