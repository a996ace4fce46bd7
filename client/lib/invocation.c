/* SPDX-License-Identifier: MIT */
#include "lib/invocation.h"

#include "lib/callback_use.h"
#include "lib/error.h"
#include "lib/failure.h"
#include "lib/library.h"
#include "lib/side.h"
#include "lib/thread.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- Arguments ---- */

static void take_name(struct cbb_invocation *invocation, const struct hot *message)
{
	size_t size = message->thread_name_size;
	if (size >= sizeof invocation->thread_name)
		size = sizeof invocation->thread_name - 1;
	memcpy(invocation->thread_name, message->thread_name ? message->thread_name : (const uint8_t *)"", size);
}

int invocation_decode(struct cbb_invocation *invocation, struct hot *message)
{
	invocation->sequence = message->sequence;
	invocation->thread = (pid_t)message->thread;
	invocation->error_number = message->error_number;
	if (message->thread_name_size)
		take_name(invocation, message);
	invocation->marshal.plan = invocation->callback->type->plan;
	invocation->marshal.side = &side_handler;
	invocation->marshal.arena = invocation->arena;
	return marshal_get_arguments(&invocation->marshal, message);
}

/* ---- The handler ---- */

int invocation_run(struct cbb_invocation *invocation)
{
	const struct plan *plan = invocation->marshal.plan;
	void *result = arena_take(invocation->arena, PLAN_RESULT_BYTES(plan));
	int r = result ? thread_push_invocation(invocation) : detail_set(-ENOMEM, "no memory for a handler's result");
	if (r < 0)
		return r;
	callback_count(&invocation->callback->counts.handled);
	errno = invocation->error_number;
	callback_run(invocation->callback, result, invocation->marshal.arguments);
	if (!plan->returns_void && !invocation->deferred)
		plan_narrow_result(plan, result, invocation->marshal.result);
	return 0;
}

int invocation_take_result(struct cbb_invocation *invocation, const void *result, size_t result_bytes)
{
	const struct plan *plan = invocation->marshal.plan;
	if (result_bytes != plan->result_bytes || (result_bytes && !result))
		return detail_set(CBB_ERR_ARGUMENT, "%s returns %zu bytes, and the answer has %zu", plan->name,
		                  plan->result_bytes, result ? result_bytes : 0);
	if (result_bytes)
		memcpy(invocation->marshal.result, result, result_bytes);
	return 0;
}

/* ---- The answer ---- */

static int put_result(struct cbb_invocation *invocation)
{
	struct hot fields;
	struct hot_writer writer;
	memset(&fields, 0, offsetof(struct hot, words));
	fields.sequence = invocation->sequence;
	fields.core = lane_core();
	fields.has_error_number = invocation->has_error_number;
	fields.error_number = invocation->error_number_after;
	hot_begin(&writer, &invocation->lane->lane.out, CBB__FRAME_TYPE__FRAME_RETURN, &fields,
	          invocation->marshal.plan->n_words_out);
	int r = marshal_put_results(&invocation->marshal, &writer);
	if (r < 0) {
		hot_cancel(&writer);
		return r;
	}
	return hot_end(&writer);
}

/* Closed is what an argument stands for, not this callback: the host would end that. */
static int status_of(int r)
{
	return r == CBB_ERR_CLOSED ? CBB_ERR_ARGUMENT : r;
}

/* What the outer call will give: its own text, for it ends later. */
static void fail_call(struct cbb_invocation *invocation)
{
	struct client_lane *lane = invocation->lane;
	struct lane_level *level = lane ? client_lane_top(lane) : NULL;
	if (!level || !invocation->call)
		return;
	free(level->fails_text);
	level->fails = invocation->failed;
	level->fails_text = invocation->failed_text;
	invocation->failed_text = NULL;
}

/* on_error computes the result. False: it has none, or there is nothing to hold it. */
static bool compute(struct cbb_invocation *invocation, const cbb_failure *failure)
{
	const struct plan *plan = invocation->marshal.plan;
	cbb_error_handler *on_error = invocation->callback->rules->on_error;
	if (!on_error || (!plan->returns_void && !invocation->marshal.result))
		return false;
	if (!plan->returns_void)
		plan_store_on_error(plan, invocation->marshal.result);
	if (thread_push_invocation(invocation) < 0)
		return false;
	on_error(invocation, failure, invocation->marshal.result);
	thread_pop_invocation(invocation);
	return !invocation->event;
}

/* Whether the answer has been made of what on_error computed. */
static bool failed(struct cbb_invocation *invocation, int status)
{
	char text[DETAIL_SIZE];
	cbb_failure failure;
	failure_describe(&failure, invocation, status, text, sizeof text);
	callback_count(&invocation->callback->counts.failed);
	invocation->failed = status;
	bool computed = compute(invocation, &failure) && put_result(invocation) == 0;
	failure_tell(invocation->host->client, &failure);
	detail_set(status, "%s", text);
	return computed;
}

/* What the handler said of itself: 0, or the code, with its words as the detail text. */
static int handler_status(const struct cbb_invocation *invocation)
{
	if (!invocation->failed)
		return 0;
	return detail_set(invocation->failed, "%s", invocation->failed_text ? invocation->failed_text : "the handler failed");
}

int invocation_put_answer(struct cbb_invocation *invocation, int status)
{
	if (status == 0)
		status = handler_status(invocation);
	if (status < 0 && invocation->fails_call)
		fail_call(invocation);
	if (status == 0)
		status = put_result(invocation);
	if (status == 0 || failed(invocation, status))
		return 0;
	return hot_put_failure(&invocation->lane->lane.out, invocation->sequence, lane_core(), status_of(status));
}

void invocation_note_failure(struct cbb_invocation *invocation, int status)
{
	if (status == 0)
		status = handler_status(invocation);
	if (status < 0)
		failed(invocation, status);
}

void invocation_free_failure(struct cbb_invocation *invocation)
{
	free(invocation->failed_text);
	invocation->failed_text = NULL;
}

/* ---- What a handler may ask ---- */

cbb_callback *cbb_invocation_callback(const cbb_invocation *invocation)
{
	return invocation && invocation->callback->kind != CALLBACK_PLAIN ? invocation->callback : NULL;
}

void *cbb_invocation_user_data(const cbb_invocation *invocation)
{
	return invocation ? invocation->callback->user_data : NULL;
}

pid_t cbb_invocation_thread(const cbb_invocation *invocation)
{
	return invocation ? invocation->thread : 0;
}

const char *cbb_invocation_thread_name(const cbb_invocation *invocation)
{
	if (!invocation)
		return "";
	return invocation->thread_name[0] || !invocation->lane ? invocation->thread_name : invocation->lane->name;
}

uint64_t cbb_invocation_sequence(const cbb_invocation *invocation)
{
	return invocation ? invocation->sequence : 0;
}

const char *cbb_invocation_call(const cbb_invocation *invocation)
{
	return invocation ? invocation->call : NULL;
}

int cbb_invocation_is_event(const cbb_invocation *invocation)
{
	return invocation && invocation->event;
}

void *const *cbb_invocation_arguments(const cbb_invocation *invocation)
{
	return invocation ? invocation->marshal.arguments : NULL;
}

cbb_host *cbb_invocation_host(const cbb_invocation *invocation)
{
	return invocation ? invocation->host : NULL;
}

int cbb_invocation_errno(const cbb_invocation *invocation)
{
	return invocation ? invocation->error_number : 0;
}

void cbb_invocation_set_errno(cbb_invocation *invocation, int error_number)
{
	if (invocation) {
		invocation->error_number_after = error_number;
		invocation->has_error_number = true;
	}
}
