/* SPDX-License-Identifier: MIT */
#include "broker/death.h"

#include "base/descriptor.h"
#include "broker/bytes.h"
#include "broker/session.h"
#include "broker/view.h"

#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

/* ---- The host's own record ---- */

/* "libdemo.so" of "/usr/lib/libdemo.so+0x1c": a thread of the library's own is in no call. */
static ProtobufCBinaryData file_of_module(const char *module)
{
	const char *slash = strrchr(module, '/');
	ProtobufCBinaryData file = bytes_of_text(slash ? slash + 1 : module);
	const char *offset = strstr(slash ? slash : module, "+0x");
	if (offset)
		file.len = (size_t)(offset - (const char *)file.data);
	return file;
}

/* False if there is none, or death came while it was written: then the message has what there is of it. */
static bool record_read(struct death_message *message, const struct telemetry_page *page)
{
	Cbb__HostExited *exited = &message->exited;
	struct page_death *death = &message->record;
	if (!page_death(page, death))
		return false;
	exited->signal = death->signal;
	exited->signal_code = death->signal_code;
	exited->exit_status = death->exit_status;
	exited->by_exit = death->state == 2 && death->signal == 0;
	exited->thread = death->thread;
	exited->address = death->address;
	exited->instruction = death->instruction;
	exited->thread_name = bytes_of_text(death->thread_name);
	exited->library = death->library[0] ? bytes_of_text(death->library) : file_of_module(death->module);
	exited->module = bytes_of_text(death->module);
	exited->function = bytes_of_text(death->function);
	exited->callback = bytes_of_text(death->callback);
	return death->state == 2;
}

static void notice_read(struct death_message *message, const struct telemetry_page *page)
{
	uint64_t last = atomic_load_explicit(&page->n_notices, memory_order_acquire);
	if (page_notice(page, last, message->notice))
		message->exited.notice = bytes_of_text(message->notice);
}

void death_fill(struct death_message *message, const struct host *host, Cbb__HostInfo *info)
{
	memset(message, 0, sizeof *message);
	cbb__host_exited__init(&message->exited);
	record_read(message, host->page);
	notice_read(message, host->page);
	message->exited.host = host->id;
	message->exited.wait_status = host->wait_status;
	message->exited.asked = host->asked;
	message->exited.why = bytes_of_text(host->why);
	message->exited.info = info;
}

bool death_recorded(const struct host *host)
{
	struct page_death death;
	return host->page && page_death(host->page, &death) && death.state == 2;
}

/* ---- The sentence ---- */

struct sentence {
	char *text;
	size_t size, used;
};

static void __attribute__((format(printf, 2, 3))) sentence_add(struct sentence *sentence, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	int n = vsnprintf(sentence->text + sentence->used, sentence->size - sentence->used, format, arguments);
	va_end(arguments);
	if (n > 0)
		sentence->used += (size_t)n < sentence->size - sentence->used ? (size_t)n
		                                                              : sentence->size - sentence->used - 1;
}

static void sentence_add_signal(struct sentence *sentence, int number)
{
	const char *name = sigabbrev_np(number);
	if (name)
		sentence_add(sentence, "SIG%s", name);
	else
		sentence_add(sentence, "signal %d", number);
}

static bool has_address(int number)
{
	return number == SIGSEGV || number == SIGBUS || number == SIGILL || number == SIGFPE;
}

static void sentence_add_place(struct sentence *sentence, const struct death_message *message)
{
	if (message->record.module[0])
		sentence_add(sentence, " in %s", message->record.module);
	if (message->record.callback[0])
		sentence_add(sentence, ", in callback %s", message->record.callback);
	if (message->record.function[0])
		sentence_add(sentence, ", in a call of %s", message->record.function);
	if (message->record.library[0])
		sentence_add(sentence, " (%s)", message->record.library);
	if (message->exited.thread)
		sentence_add(sentence, ", on thread %u", message->exited.thread);
	if (message->record.thread_name[0])
		sentence_add(sentence, " \"%s\"", message->record.thread_name);
}

/* What the host left of itself; false if it left nothing. */
static bool sentence_add_record(struct sentence *sentence, const struct death_message *message, bool complete)
{
	if (!complete)
		return false;
	if (message->exited.by_exit) {
		sentence_add(sentence, "exit(%d) was called", message->exited.exit_status);
	} else {
		sentence_add_signal(sentence, message->exited.signal);
		if (has_address(message->exited.signal))
			sentence_add(sentence, " at 0x%" PRIx64, message->exited.address);
	}
	sentence_add_place(sentence, message);
	return true;
}

static void sentence_add_wait_status(struct sentence *sentence, int status)
{
	if (!WIFSIGNALED(status)) {
		sentence_add(sentence, "it exited with status %d and left no record", WEXITSTATUS(status));
		return;
	}
	sentence_add_signal(sentence, WTERMSIG(status));
	bool outside = WTERMSIG(status) == SIGKILL;
	sentence_add(sentence, outside ? " from outside ended it" : " ended it and it left no record");
}

/* The record is the host's word. Where the kernel says otherwise, the kernel's word comes first. */
static bool record_fits(const struct death_message *message, int status)
{
	return WIFSIGNALED(status) ? message->exited.signal == WTERMSIG(status) : message->exited.by_exit;
}

static void death_sentence(const struct host *host, char *text, size_t size)
{
	struct death_message message = {.exited = CBB__HOST_EXITED__INIT};
	struct sentence sentence = {.text = text, .size = size};
	bool complete = record_read(&message, host->page);
	text[0] = '\0';
	if (host->opening)
		sentence_add(&sentence, "it ended before it had started: ");
	if (!complete || !record_fits(&message, host->wait_status)) {
		sentence_add_wait_status(&sentence, host->wait_status);
		if (complete)
			sentence_add(&sentence, "; its own record says: ");
	}
	sentence_add_record(&sentence, &message, complete);
}

/* Host and broker watch the client both: a host that was first to see its end was no less meant to end. */
static void death_notice_client(struct host *host)
{
	if (host->asked || host->blamed || !host->session || !WIFEXITED(host->wait_status) ||
	    !descriptor_process_gone(host->session->client_pidfd))
		return;
	host->asked = true;
	snprintf(host->why, sizeof host->why, "its client's process ended");
}

void death_explain(struct host *host)
{
	char why[HOST_WHY_BYTES];
	death_notice_client(host);
	if (host->asked || host->blamed || host->start_status)
		snprintf(why, sizeof why, "%s", host->why);
	else
		death_sentence(host, why, sizeof why);
	host_set_state(host, CBB__HOST_STATE__HOST_ENDED, why);
}

void death_send(struct session *session, const struct host *host)
{
	struct death_message message;
	struct view_info view;
	view_fill(&view, host, PAGE_LIBRARIES_MAX);
	death_fill(&message, host, &view.info);
	peer_send(&session->peer, CBB__FRAME_TYPE__FRAME_HOST_EXITED, &message.exited.base, NULL, 0);
}
