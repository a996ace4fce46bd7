/* SPDX-License-Identifier: MIT */
/*
 * The lanes of a queue: a hostile host's event lane and thread lanes, over real sockets, to a real program that
 * dispatches, closes its callbacks, and ends the host.
 *
 * An input: a byte of flags, two bytes length of what comes on the event lane, that, and what comes on each thread
 * lane.
 */
#include "fake_broker.h"
#include "frames.h"

#include <cbbroker.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FLAG_EVENTS_END 1
#define FLAG_THREAD_ENDS 2
#define FLAG_DRAIN 4
#define FLAG_NEVER_CLOSE 8
#define FLAG_ONE_AT_A_TIME 16
#define ROUNDS 4

/* The slots of the callbacks: 0, 1 and 2, of generation 1. */
static const char text[] =
    "[library(\"libfuzz.so\")]\n"
    "struct pair { int a; const char *name; double values[3]; };\n"
    "typedef void (*event)([userdata] void *user, const char *name, const struct pair *pair, [size(n)] const int *list,\n"
    "                      int n);\n"
    "typedef int (*ask)([userdata] void *user, const char *name, [out, size(3)] int *numbers);\n"
    "typedef void (*tick)(int value);\n"
    "int keep([scope(forever)] event e, [scope(forever)] ask a, [scope(forever)] tick t,\n"
    "         [userdata, scope(forever)] void *user);\n";

struct pair {
	int a;
	const char *name;
	double values[3];
};
typedef void event_fn(void *user, const char *name, const struct pair *pair, const int *list, int n);
typedef int ask_fn(void *user, const char *name, int *numbers);
typedef void tick_fn(int value);
typedef int keep_fn(event_fn *event, ask_fn *ask, tick_fn *tick, void *user);

static volatile size_t sink;

static void on_event(void *user, const char *name, const struct pair *pair, const int *list, int n)
{
	sink += user != NULL && name ? strlen(name) : 0;
	sink += pair && pair->name ? strlen(pair->name) : 0;
	for (int i = 0; list && i < n; i++)
		sink += (size_t)list[i];
}

static int on_ask(void *user, const char *name, int *numbers)
{
	sink += user != NULL && name ? strlen(name) : 0;
	numbers[0] = numbers[1] = numbers[2] = 1;
	return 1;
}

static void on_tick(int value)
{
	sink += (size_t)value;
}

static void on_dropped(cbb_invocation *invocation, void *const arguments[], void *user_data)
{
	sink += cbb_invocation_sequence(invocation) + (arguments[0] == user_data);
}

static void on_lost(cbb_callback *callback, const cbb_loss *loss, void *user_data)
{
	(void)user_data;
	sink += loss->count + strlen(cbb_callback_name(callback));
}

static void on_finalized(cbb_callback *callback, void *user_data)
{
	++*(int *)user_data;
	sink += strlen(cbb_callback_name(callback));
}

static void on_failure(const cbb_failure *failure, void *user_data)
{
	(void)user_data;
	sink += strlen(failure->text) + strlen(failure->thread_name) + strlen(failure->callback_name);
}

static cbb_client *client_get(void)
{
	static cbb_client *client;
	if (client)
		return client;
	cbb_connect_options options = {.size = sizeof options, .address = fake_start(), .timeout_ms = 10000};
	if (cbb_connect(&client, &options) < 0 || cbb_set_failure_hook(client, on_failure, NULL) < 0) {
		fprintf(stderr, "%s\n", cbb_last_error_text());
		abort();
	}
	return client;
}

static cbb_callback *callback_open(cbb_library *library, const char *type, cbb_any_function handler, int delivery,
                                   cbb_queue *queue, int *n_finalized)
{
	cbb_callback *callback = NULL;
	cbb_callback_options options = {.size = sizeof options, .delivery = delivery, .queue = queue,
	                                .user_data = n_finalized, .finalizer = on_finalized};
	if (delivery == CBB_LISTENER) {
		options.on_dropped = on_dropped;
		options.on_lost = on_lost;
	}
	if (cbb_callback_open(library, type, handler, &options, &callback) < 0) {
		fprintf(stderr, "%s\n", cbb_last_error_text());
		abort();
	}
	return callback;
}

/* Passes them, serves what comes, and closes them or not. */
static void use(cbb_library *library, cbb_queue *queue, int flags, int *n_finalized)
{
	cbb_callback *callbacks[3] = {
	    callback_open(library, "event", CBB_FUNCTION(on_event), CBB_LISTENER, queue, n_finalized),
	    callback_open(library, "ask", CBB_FUNCTION(on_ask), CBB_BLOCKING, queue, n_finalized),
	    callback_open(library, "tick", CBB_FUNCTION(on_tick), CBB_LISTENER, queue, n_finalized)};
	keep_fn *keep = CBB_SYMBOL(library, keep_fn, "keep");
	keep((event_fn *)cbb_callback_pointer(callbacks[0]), (ask_fn *)cbb_callback_pointer(callbacks[1]),
	     (tick_fn *)cbb_callback_pointer(callbacks[2]), callbacks);
	cbb_close_options options = {.size = sizeof options, .timeout_ms = 1,
	                             .mode = flags & FLAG_DRAIN ? CBB_CLOSE_DRAIN : CBB_CLOSE_ABORT};
	for (int i = 0; i < ROUNDS; i++) {
		cbb_queue_dispatch(queue, 0, flags & FLAG_ONE_AT_A_TIME ? 1 : 0);
		if (i > 0 && !(flags & FLAG_NEVER_CLOSE))
			cbb_callback_close(callbacks[i - 1], &options);
	}
}

static void run(int flags)
{
	cbb_host *host = NULL;
	cbb_library *library = NULL;
	cbb_queue *queue = NULL;
	int n_finalized = 0;
	cbb_host_options options = {.size = sizeof options, .call_timeout_ms = 5000, .max_payload_bytes = 1 << 20};
	cbb_queue_options queue_options = {.size = sizeof queue_options, .max_events = 32};
	if (cbb_host_open(client_get(), &options, &host) < 0 || cbb_library_open_text(host, text, &library) < 0 ||
	    cbb_queue_open(client_get(), &queue_options, &queue) < 0) {
		fprintf(stderr, "%s\n", cbb_last_error_text());
		abort();
	}
	use(library, queue, flags, &n_finalized);
	if (cbb_host_close(host) != NULL || cbb_queue_close(queue) != NULL)
		abort();
	if (n_finalized != 3)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t on_events[] = {CBB__FRAME_TYPE__FRAME_EVENT, CBB__FRAME_TYPE__FRAME_LANE_WANTED,
	                                    CBB__FRAME_TYPE__FRAME_LOST, CBB__FRAME_TYPE__FRAME_ROOM_WANTED,
	                                    CBB__FRAME_TYPE__FRAME_CALLBACK_ENDED, CBB__FRAME_TYPE__FRAME_CALLBACK_USE,
	                                    CBB__FRAME_TYPE__FRAME_FAILED, CBB__FRAME_TYPE__FRAME_INVOKE};
	static const uint8_t on_threads[] = {CBB__FRAME_TYPE__FRAME_INVOKE, CBB__FRAME_TYPE__FRAME_EVENT,
	                                     CBB__FRAME_TYPE__FRAME_ABANDON, CBB__FRAME_TYPE__FRAME_RETURN};
	if (size < 3 || size > 20000)
		return 0;
	size_t n_events = (size_t)data[1] | (size_t)data[2] << 8, n_thread;
	if (n_events > size - 3)
		n_events = size - 3;
	n_thread = size - 3 - n_events;
	uint8_t *events = frames_from_input(data + 3, n_events, on_events, sizeof on_events, &n_events);
	uint8_t *thread = frames_from_input(data + 3 + (size - 3 - n_thread), n_thread, on_threads, sizeof on_threads,
	                                    &n_thread);
	fake_will_say((struct speech){events, n_events, data[0] & FLAG_EVENTS_END},
	              (struct speech){thread, n_thread, data[0] & FLAG_THREAD_ENDS});
	run(data[0]);
	fake_will_say((struct speech){0}, (struct speech){0});
	free(events);
	free(thread);
	return 0;
}
