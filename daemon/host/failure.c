/* SPDX-License-Identifier: MIT */
#include "host/failure.h"

#include "host/closure.h"
#include "host/queue.h"
#include "host/telemetry.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define WORDS_MAX_BYTES 512

static ProtobufCBinaryData bytes_of(char *text)
{
	return (ProtobufCBinaryData){.len = strlen(text), .data = (uint8_t *)text};
}

static void send_failed(struct queue *queue, const struct closure *closure, int status, char *words)
{
	Cbb__Failed message = CBB__FAILED__INIT;
	char name[16] = "";
	prctl(PR_GET_NAME, name);
	message.slot = closure->slot;
	message.generation = closure->generation;
	message.thread = (uint32_t)gettid();
	message.thread_name = bytes_of(name);
	message.status = status;
	message.detail = bytes_of(words);
	pthread_mutex_lock(&queue->lock);
	if (!queue_is_dead(queue))
		event_lane_put_failed(queue, &message);
	pthread_mutex_unlock(&queue->lock);
}

void failure_tell(const struct closure *closure, int status, const char *format, ...)
{
	char words[WORDS_MAX_BYTES];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(words, sizeof words, format, arguments);
	va_end(arguments);
	telemetry_notice("%s", words);
	struct queue *queue = queue_find(closure_queue(closure));
	if (!queue)
		queue = queue_find(QUEUE_DEFAULT_NUMBER);
	if (queue)
		send_failed(queue, closure, status, words);
	queue_unref(queue);
}

/* Of a queue whose dispatcher may well wait in a call. */
#define BEYOND_THE_BITS                                                                                                \
	". It is beyond the 64 open queues of a connection that are served inside calls: close others before it is opened"

void failure_stalled(const struct closure *closure, const struct queue *queue)
{
	char name[16] = "";
	prctl(PR_GET_NAME, name);
	failure_tell(closure, CBB__STATUS__STATUS_TIMEOUT,
	             "callback %s of native thread %d \"%s\" waited in vain: nobody has dispatched queue %u for %llu ms "
	             "(cbb_queue_dispatch, cbb_queue_run or cbb_queue_start; the queue's option stall_timeout_ms)%s",
	             closure->name, (int)gettid(), name, queue->number, (unsigned long long)queue->stall_ms,
	             queue->bit ? "" : BEYOND_THE_BITS);
}
