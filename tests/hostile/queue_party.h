/* SPDX-License-Identifier: MIT */
/*
 * A client made of frames alone with a host, whose library's threads call back: the lanes of a queue from the other
 * end. What the tests of hostile clients of queues begin with.
 */
#ifndef CBB_TESTS_HOSTILE_QUEUE_PARTY_H
#define CBB_TESTS_HOSTILE_QUEUE_PARTY_H

#include "interface/check.h"
#include "interface/parse.h"
#include "marshal/callback_word.h"
#include "support/raw_client.h"

#include "../fixtures/puppets.h"

#include <inttypes.h>

/* The numbers of the libraries in the host: puppets, and threads that the client's own thread is in. */
#define LIBRARY 1
#define THREADS 2
#define QUEUE 7

/* Events that replace older ones of the same item. */
#define PROGRESS_TEXT                                                                                                  \
	"[listener] typedef void (*progress_fn)([key] int item, int step);\n"                                          \
	"struct crew *crew_progress([scope(forever)] progress_fn handler, int n_items, int n_steps);\n"

static struct harness_broker *broker;
static struct interface *puppets, *threads;
static struct raw_client session, lane, events;
static uint64_t host_id;
static uint32_t host_pid;
static uint64_t last_call;

/* ---- Calls ---- */

static inline uint32_t number_in(const struct interface *interface, const char *name)
{
	int index = interface_find_function(&interface->message, name);
	if (index < 0)
		index = interface_find_callback_type(&interface->message, name);
	REQUIRE(index >= 0);
	return (uint32_t)index;
}

static inline Cbb__Invoke an_invoke_of(uint32_t library, const struct interface *interface, const char *name,
                                       uint64_t *words, size_t n_words)
{
	Cbb__Invoke message = CBB__INVOKE__INIT;
	message.sequence = ++last_call;
	message.library = library;
	message.function = number_in(interface, name);
	message.words = words;
	message.n_words = n_words;
	return message;
}

static inline Cbb__Invoke an_invoke(const char *name, uint64_t *words, size_t n_words)
{
	return an_invoke_of(LIBRARY, puppets, name, words, n_words);
}

/* Sends it on a lane and returns its number. */
static inline uint64_t send_invoke(struct raw_client *on, Cbb__Invoke message)
{
	raw_send(on, CBB__FRAME_TYPE__FRAME_INVOKE, &message.base);
	return message.sequence;
}

static inline uint64_t expect_result(struct raw_client *on, uint64_t sequence)
{
	const Cbb__Return *answer = raw_expect(on, CBB__FRAME_TYPE__FRAME_RETURN, &cbb__return__descriptor);
	EXPECT_EQUAL(answer->sequence, sequence);
	if (answer->status != 0)
		FAIL("status %d: %s", answer->status, raw_text(answer->detail));
	return answer->n_words ? answer->words[0] : 0;
}

#define WORDS(...) ((uint64_t[]){__VA_ARGS__}), sizeof((uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t)

static inline uint64_t call(const char *name, uint64_t *words, size_t n_words)
{
	return expect_result(&lane, send_invoke(&lane, an_invoke(name, words, n_words)));
}

static inline uint64_t open_puppet(const char *name)
{
	uint64_t word = 1;
	ProtobufCBinaryData block = {.len = strlen(name) + 1, .data = (uint8_t *)(uintptr_t)name};
	Cbb__Invoke message = an_invoke("puppet_open", &word, 1);
	message.blocks = &block;
	message.n_blocks = 1;
	return expect_result(&lane, send_invoke(&lane, message));
}

/* ---- Lanes of the queue ---- */

static inline Cbb__Hello a_hello(Cbb__LaneKind kind)
{
	Cbb__Hello hello;
	raw_hello_init(&hello, CBB__PURPOSE__PURPOSE_ATTACH);
	hello.token = (ProtobufCBinaryData){.len = sizeof session.token, .data = session.token};
	hello.host = host_id;
	hello.lane = kind;
	hello.queue = QUEUE;
	if (kind == CBB__LANE_KIND__LANE_EVENTS)
		hello.queue_bit = QUEUE;
	return hello;
}

/* The status of the reply; its words are in the last message. */
static inline int attach(struct raw_client *to, const Cbb__Hello *hello)
{
	raw_open(to, broker->socket);
	return raw_hello(to, hello)->status;
}

static inline void attach_events_of(uint32_t queue, uint64_t max_events, uint64_t max_bytes, uint64_t stall_ms)
{
	Cbb__Hello hello = a_hello(CBB__LANE_KIND__LANE_EVENTS);
	hello.queue = hello.queue_bit = queue;
	hello.queue_max_events = max_events;
	hello.queue_max_bytes = max_bytes;
	hello.queue_stall_ms = stall_ms;
	REQUIRE_EQUAL(attach(&events, &hello), 0);
}

static inline void attach_events(uint64_t max_events, uint64_t max_bytes, uint64_t stall_ms)
{
	attach_events_of(QUEUE, max_events, max_bytes, stall_ms);
}

static inline void attach_native(struct raw_client *to)
{
	Cbb__Hello hello = a_hello(CBB__LANE_KIND__LANE_NATIVE_THREAD);
	REQUIRE_EQUAL(attach(to, &hello), 0);
}

/* A native thread asks for a lane: it gets one. */
static inline void expect_lane_wanted(struct raw_client *to)
{
	raw_expect(&events, CBB__FRAME_TYPE__FRAME_LANE_WANTED, &cbb__lane_wanted__descriptor);
	attach_native(to);
}

/* ---- Callbacks ---- */

static inline Cbb__OpenCallback a_callback(uint32_t slot, const char *type, Cbb__Delivery delivery)
{
	Cbb__OpenCallback message = CBB__OPEN_CALLBACK__INIT;
	message.slot = slot;
	message.generation = 1;
	message.library = LIBRARY;
	message.function = number_in(puppets, type);
	message.name = raw_bytes(harness_format("callback %u", slot));
	message.delivery = delivery;
	message.queue = QUEUE;
	return message;
}

static inline uint64_t open_callback(Cbb__OpenCallback message)
{
	raw_send(&lane, CBB__FRAME_TYPE__FRAME_OPEN_CALLBACK, &message.base);
	return callback_word(message.slot, message.generation);
}

static inline void close_callback(struct raw_client *on, uint32_t slot, bool is_abort)
{
	Cbb__CloseCallback message = CBB__CLOSE_CALLBACK__INIT;
	message.slot = slot;
	message.generation = 1;
	message.abort = is_abort;
	raw_send(on, CBB__FRAME_TYPE__FRAME_CLOSE_CALLBACK, &message.base);
}

static inline void pause_callback(uint32_t slot, bool paused)
{
	Cbb__PauseCallback message = CBB__PAUSE_CALLBACK__INIT;
	message.slot = slot;
	message.generation = 1;
	message.paused = paused;
	raw_send(&events, CBB__FRAME_TYPE__FRAME_PAUSE_CALLBACK, &message.base);
}

static inline const Cbb__Invoke *expect_invoke(struct raw_client *on)
{
	return raw_expect(on, CBB__FRAME_TYPE__FRAME_INVOKE, &cbb__invoke__descriptor);
}

static inline void send_return(struct raw_client *on, uint64_t sequence, int status, uint64_t value)
{
	Cbb__Return message = CBB__RETURN__INIT;
	message.sequence = sequence;
	message.status = status;
	message.words = &value;
	message.n_words = status == 0;
	raw_send(on, CBB__FRAME_TYPE__FRAME_RETURN, &message.base);
}

static inline const Cbb__Invoke *expect_event(struct raw_client *on)
{
	return raw_expect(on, CBB__FRAME_TYPE__FRAME_EVENT, &cbb__invoke__descriptor);
}

/* The last of a callback. */
static inline void expect_ended(uint32_t slot)
{
	const Cbb__CallbackEnded *ended =
	    raw_expect(&events, CBB__FRAME_TYPE__FRAME_CALLBACK_ENDED, &cbb__callback_ended__descriptor);
	EXPECT_EQUAL(ended->slot, slot);
	EXPECT_EQUAL(ended->generation, 1);
}

static inline void send_taken(uint64_t received, uint64_t taken)
{
	Cbb__EventsTaken message = CBB__EVENTS_TAKEN__INIT;
	message.received = received;
	message.taken = taken;
	raw_send(&events, CBB__FRAME_TYPE__FRAME_EVENTS_TAKEN, &message.base);
}

/* ---- Beginning and end ---- */

static inline struct interface *open_library(uint32_t number, const char *fixture, const char *description)
{
	struct interface *interface = NULL;
	Cbb__OpenLibrary opening = CBB__OPEN_LIBRARY__INIT;
	const char *text = harness_format("[library(\"%s\")]\n%s", harness_fixture_path(fixture), description);
	REQUIRE_EQUAL(interface_parse(fixture, text, strlen(text), NULL, NULL, &interface), 0);
	opening.sequence = ++last_call;
	opening.library = number;
	opening.interface = &interface->message;
	raw_send(&lane, CBB__FRAME_TYPE__FRAME_OPEN_LIBRARY, &opening.base);
	const Cbb__LibraryOpened *opened =
	    raw_expect(&lane, CBB__FRAME_TYPE__FRAME_LIBRARY_OPENED, &cbb__library_opened__descriptor);
	if (opened->status < 0)
		FAIL("%s", raw_text(opened->detail));
	return interface;
}

static inline void given_a_party(void)
{
	Cbb__OpenHost message;
	events.connection.fd = -1;
	broker = harness_start_broker(NULL);
	raw_open_session(&session, broker->socket);
	raw_open_host_init(&message, &session);
	host_id = raw_open_host(&session, &message, NULL, 0, &host_pid);
	REQUIRE(host_id != 0);
	REQUIRE_EQUAL(raw_attach(&lane, broker->socket, &session, host_id)->status, 0);
	puppets = open_library(LIBRARY, "libfixture_puppets.so", PUPPETS_TEXT);
	threads = open_library(THREADS, "libfixture_threads.so", THREADS_TEXT PROGRESS_TEXT);
}

static inline void end_party(void)
{
	raw_send_close_host(&session, host_id);
	EXPECT(raw_exited(&session)->asked);
	EXPECT_EQUAL(raw_done(&session, NULL), 0);
	EXPECT(harness_wait_gone((pid_t)host_pid, 15000));
	raw_close(&lane);
	raw_close(&events);
	raw_close(&session);
	EXPECT_LACKS(harness_broker_log(broker), "Sanitizer");
	EXPECT_LACKS(harness_broker_log(broker), "runtime error");
	interface_free(puppets);
	interface_free(threads);
}

#endif
