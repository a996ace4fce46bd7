/* SPDX-License-Identifier: MIT */
#include "base/detail.h"
#include "ctl/ask.h"
#include "ctl/json.h"
#include "ctl/text.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

/* ---- For programs ---- */

static json_t *json_of_lanes(const Cbb__HostStatusReply *reply)
{
	json_t *array = json_array();
	for (size_t i = 0; i < reply->n_lanes; i++) {
		const Cbb__LaneInfo *lane = reply->lanes[i];
		json_array_append_new(
		    array, json_pack("{s:i, s:o, s:o, s:o, s:i, s:o, s:o}", "thread", (int)lane->thread, "thread_name",
		                     json_of_bytes(&lane->thread_name), "function", json_of_bytes(&lane->function),
		                     "callback", json_of_bytes(&lane->callback), "depth", (int)lane->depth, "calls",
		                     json_of_number(lane->calls), "callbacks", json_of_number(lane->callbacks)));
	}
	return array;
}

static json_t *json_of_exited(const Cbb__HostExited *exited)
{
	if (!exited)
		return json_null();
	json_t *object = json_pack("{s:i, s:b, s:i, s:i, s:i, s:b, s:i}", "wait_status", (int)exited->wait_status,
	                           "asked", (int)exited->asked, "signal", (int)exited->signal, "signal_code",
	                           (int)exited->signal_code, "thread", (int)exited->thread, "by_exit",
	                           (int)exited->by_exit, "exit_status", (int)exited->exit_status);
	json_object_set_new(object, "why", json_of_bytes(&exited->why));
	json_object_set_new(object, "address", json_of_number(exited->address));
	json_object_set_new(object, "instruction", json_of_number(exited->instruction));
	json_object_set_new(object, "thread_name", json_of_bytes(&exited->thread_name));
	json_object_set_new(object, "library", json_of_bytes(&exited->library));
	json_object_set_new(object, "module", json_of_bytes(&exited->module));
	json_object_set_new(object, "function", json_of_bytes(&exited->function));
	json_object_set_new(object, "callback", json_of_bytes(&exited->callback));
	return object;
}

static int print_json(const Cbb__HostStatusReply *reply)
{
	json_t *object = json_of_info(reply->info);
	if (!object)
		return detail_set(-ENOMEM, "out of memory");
	json_t *lanes = json_of_lanes(reply);
	json_object_set(object, "attached", lanes);
	json_decref(lanes);
	json_object_set_new(object, "why", json_of_bytes(&reply->why));
	json_object_set_new(object, "memory_bytes", json_of_number(reply->memory_bytes));
	json_object_set_new(object, "threads", json_integer(reply->threads));
	json_object_set_new(object, "notices", json_of_list(reply->notices, reply->n_notices));
	json_object_set_new(object, "exited", json_of_exited(reply->exited));
	return json_print(object);
}

/* ---- For people ---- */

#define LINE(label, ...) printf("  %-10s %s\n", label, text_format(__VA_ARGS__))

/* Red: it died. Green: it runs. Yellow: between, or ended as it should. */
static int color_of(const Cbb__HostStatusReply *reply)
{
	if (reply->exited && !reply->exited->asked)
		return 31;
	return reply->info->state == CBB__HOST_STATE__HOST_RUNNING ? 32 : 33;
}

static void print_head(const Cbb__HostStatusReply *reply, const struct ctl_options *options)
{
	const Cbb__HostInfo *info = reply->info;
	const char *state = text_state(info->state);
	if (options->color)
		state = text_format("\033[%dm%s\033[0m", color_of(reply), state);
	printf("h%" PRIu64 " %s: %s, %s\n", info->host, text_of(&info->name, options->cut), state,
	       text_of(&reply->why, 0));
}

static void print_process(const Cbb__HostStatusReply *reply)
{
	const Cbb__HostInfo *info = reply->info;
	if (reply->exited)
		LINE("process", "was %u, lived %s", info->pid, text_duration(info->uptime_ms));
	else
		LINE("process", "%u, %u threads, %s private, up %s", info->pid, reply->threads,
		     reply->memory_bytes ? text_size(reply->memory_bytes) : "unknown", text_duration(info->uptime_ms));
	LINE("client", "%s", text_client(info));
}

static void print_counters(const Cbb__HostInfo *info)
{
	LINE("calls", "%" PRIu64 " (%s/s), and %" PRIu64 " callbacks", info->calls,
	     text_rate(info->calls, info->uptime_ms), info->callbacks);
	LINE("callbacks", "%" PRIu64 " open, %" PRIu64 " closed", info->open_callbacks, info->closed_callbacks);
	LINE("irregular",
	     "%" PRIu64 " late calls, %" PRIu64 " on a wrong thread, %" PRIu64 " late answers, %" PRIu64
	     " late results",
	     info->late_calls, info->wrong_thread_calls, info->late_answers, info->late_results);
}

static void print_lane(const Cbb__LaneInfo *lane, unsigned cut)
{
	const char *doing = "idle";
	if (lane->function.len)
		doing = text_format("in %s, depth %u", text_of(&lane->function, cut), lane->depth);
	if (lane->callback.len)
		doing = text_format("%s, callback %s", doing, text_of(&lane->callback, cut));
	LINE("lane", "thread %u \"%s\": %s; %" PRIu64 " calls, %" PRIu64 " callbacks", lane->thread,
	     text_of(&lane->thread_name, cut), doing, lane->calls, lane->callbacks);
}

static const char *wait_text(int status)
{
	if (!WIFSIGNALED(status))
		return text_format("exit status %d", WEXITSTATUS(status));
	const char *name = sigabbrev_np(WTERMSIG(status));
	return name ? text_format("SIG%s", name) : text_format("signal %d", WTERMSIG(status));
}

static void print_end(const Cbb__HostExited *exited)
{
	LINE("end", "%s%s", wait_text(exited->wait_status), exited->asked ? ", asked for" : "");
	if (exited->module.len)
		LINE("place", "%s, instruction 0x%" PRIx64 ", address 0x%" PRIx64, text_of(&exited->module, 0),
		     exited->instruction, exited->address);
	if (exited->function.len)
		LINE("call", "%s of %s", text_of(&exited->function, 0), text_of(&exited->library, 0));
	if (exited->callback.len)
		LINE("callback", "%s", text_of(&exited->callback, 0));
	if (exited->thread)
		LINE("thread", "%u \"%s\"", exited->thread, text_of(&exited->thread_name, 0));
}

static void print_text(const Cbb__HostStatusReply *reply, const struct ctl_options *options)
{
	print_head(reply, options);
	print_process(reply);
	for (size_t i = 0; i < reply->info->n_libraries; i++)
		LINE("library", "%s", text_of(&reply->info->libraries[i], 0));
	print_counters(reply->info);
	for (size_t i = 0; i < reply->n_lanes; i++)
		print_lane(reply->lanes[i], options->cut);
	for (size_t i = 0; i < reply->n_notices; i++)
		LINE("notice", "%s", text_of(&reply->notices[i], 0));
	if (reply->exited)
		print_end(reply->exited);
}

/* ---- */

/* "h3" or "3". */
static int parse_host(const char *text, uint64_t *ret_host)
{
	char *end;
	const char *digits = *text == 'h' ? text + 1 : text;
	errno = 0;
	unsigned long long number = strtoull(digits, &end, 10);
	if (*digits < '0' || *digits > '9' || *end || errno)
		return detail_set(-EINVAL, "\"%s\" is no host: say h3, as cbbctl list does", text);
	*ret_host = number;
	return 0;
}

static int run(const struct ctl_options *options, char **operands)
{
	struct ask ask;
	Cbb__HostStatusReply *reply;
	Cbb__HostStatus request = CBB__HOST_STATUS__INIT;
	request.request = 1;
	int r = parse_host(operands[0], &request.host);
	if (r < 0)
		return r;
	r = ask_open(&ask, options);
	if (r == 0) {
		r = ask_request(&ask, CBB__FRAME_TYPE__FRAME_HOST_STATUS, &request.base,
		                CBB__FRAME_TYPE__FRAME_HOST_STATUS_REPLY, &cbb__host_status_reply__descriptor, &reply);
		r = r == -ENOENT ? -ESRCH : r; /* not the broker: the host is what there is none of */
	}
	if (r == 0 && !reply->info)
		r = detail_set(CBB__STATUS__STATUS_PROTOCOL, "the broker's answer is empty");
	if (r == 0 && options->json)
		r = print_json(reply);
	else if (r == 0)
		print_text(reply, options);
	ask_close(&ask);
	return r;
}

const struct command command_status = {
    .name = "status",
    .operands = "HOST",
    .summary = "One host: state and why, process, calls in flight, late calls, last crash",
    .n_operands = 1,
    .run = run,
};
