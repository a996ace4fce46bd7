/* SPDX-License-Identifier: MIT */
/*
 * Two clients with a host each, and a lane into the first one's that breaks the protocol: what the tests of hostile
 * clients on lanes begin with, and what must hold afterwards.
 */
#ifndef CBB_TESTS_HOSTILE_LANE_PARTY_H
#define CBB_TESTS_HOSTILE_LANE_PARTY_H

#include "interface/check.h"
#include "interface/parse.h"
#include "marshal/callback_word.h"
#include "support/raw_client.h"

#include "../fixtures/callbacks.h"
#include "../fixtures/memory_text.h"

/* The numbers of the libraries in each host. */
#define LIBRARY 1
#define MEMORY 2

/* A client with one host and a lane into it that keeps to the rules. */
struct party {
	struct raw_client session, lane;
	uint64_t host;
	uint32_t pid;
};

static struct harness_broker *broker;
static struct party hostile, witness;
static struct interface *callbacks, *memory;
static struct raw_client bad; /* the lane that breaks them, of the hostile party */
static uint32_t bad_thread;

/* ---- Speaking ---- */

static inline uint32_t function_number(const struct interface *interface, const char *name)
{
	int index = interface_find_function(&interface->message, name);
	if (index < 0)
		index = interface_find_callback_type(&interface->message, name);
	REQUIRE(index >= 0);
	return (uint32_t)index;
}

static inline Cbb__Invoke an_invoke(uint64_t sequence, uint64_t parent, const char *name, uint64_t *words, size_t n_words)
{
	Cbb__Invoke message = CBB__INVOKE__INIT;
	message.sequence = sequence;
	message.parent = parent;
	message.library = LIBRARY;
	message.function = function_number(callbacks, name);
	message.words = words;
	message.n_words = n_words;
	return message;
}

static inline void send_invoke(struct raw_client *lane, const Cbb__Invoke *message)
{
	raw_send(lane, CBB__FRAME_TYPE__FRAME_INVOKE, &message->base);
}

static inline void send_return(struct raw_client *lane, uint64_t sequence, int status, uint64_t value, size_t n_words)
{
	uint64_t words[2] = {value, value};
	Cbb__Return message = CBB__RETURN__INIT;
	message.sequence = sequence;
	message.status = status;
	message.words = words;
	message.n_words = n_words;
	raw_send(lane, CBB__FRAME_TYPE__FRAME_RETURN, &message.base);
}

static inline const Cbb__Return *expect_return(struct raw_client *lane, uint64_t sequence, int status)
{
	const Cbb__Return *answer = raw_expect(lane, CBB__FRAME_TYPE__FRAME_RETURN, &cbb__return__descriptor);
	EXPECT_EQUAL(answer->sequence, sequence);
	if (answer->status != status)
		FAIL("status %d instead of %d: %s", answer->status, status, raw_text(answer->detail));
	return answer;
}

static inline void call_add_one(struct raw_client *lane, uint64_t sequence)
{
	uint64_t word = 41;
	Cbb__Invoke message = an_invoke(sequence, 0, "add_one", &word, 1);
	send_invoke(lane, &message);
	const Cbb__Return *answer = expect_return(lane, sequence, 0);
	REQUIRE_EQUAL(answer->n_words, 1);
	EXPECT_EQUAL(answer->words[0], 42);
}

static inline Cbb__OpenLibrary an_opening(uint32_t number, struct interface *interface)
{
	Cbb__OpenLibrary message = CBB__OPEN_LIBRARY__INIT;
	message.sequence = 1000 + number;
	message.library = number;
	message.interface = interface ? &interface->message : NULL;
	return message;
}

static inline const Cbb__LibraryOpened *open_library(struct raw_client *lane, const Cbb__OpenLibrary *message)
{
	raw_send(lane, CBB__FRAME_TYPE__FRAME_OPEN_LIBRARY, &message->base);
	return raw_expect(lane, CBB__FRAME_TYPE__FRAME_LIBRARY_OPENED, &cbb__library_opened__descriptor);
}

static inline Cbb__OpenCallback a_callback(uint32_t slot, uint32_t generation)
{
	Cbb__OpenCallback message = CBB__OPEN_CALLBACK__INIT;
	message.slot = slot;
	message.generation = generation;
	message.library = LIBRARY;
	message.function = function_number(callbacks, "number_fn");
	message.name = raw_bytes("a callback");
	message.delivery = CBB__DELIVERY__DELIVERY_AUTO;
	return message;
}

static inline void send_callback(struct raw_client *lane, const Cbb__OpenCallback *message)
{
	raw_send(lane, CBB__FRAME_TYPE__FRAME_OPEN_CALLBACK, &message->base);
}

/* Calls call_number with callback 0/1; the host calls back, and that number is returned. */
static inline uint64_t call_until_called_back(struct raw_client *lane, uint64_t sequence, uint64_t parent)
{
	uint64_t words[2] = {callback_word(0, 1), 5};
	Cbb__Invoke message = an_invoke(sequence, parent, "call_number", words, 2);
	send_invoke(lane, &message);
	const Cbb__Invoke *callback = raw_expect(lane, CBB__FRAME_TYPE__FRAME_INVOKE, &cbb__invoke__descriptor);
	EXPECT_EQUAL(callback->parent, sequence);
	EXPECT_EQUAL(callback->slot, 0);
	EXPECT_EQUAL(callback->generation, 1);
	return callback->sequence;
}

/* ---- Beginning and end ---- */

static inline struct interface *parse(const char *fixture, const char *text)
{
	struct interface *interface = NULL;
	const char *file = harness_fixture_path(harness_format("libfixture_%s.so", fixture));
	const char *whole = harness_format("[library(\"%s\")]\n%s", file, text);
	REQUIRE_EQUAL(interface_parse(fixture, whole, strlen(whole), NULL, NULL, &interface), 0);
	return interface;
}

static inline void open_party(struct party *party)
{
	Cbb__OpenHost message;
	Cbb__OpenLibrary first = an_opening(LIBRARY, callbacks), second = an_opening(MEMORY, memory);
	raw_open_session(&party->session, broker->socket);
	raw_open_host_init(&message, &party->session);
	party->host = raw_open_host(&party->session, &message, NULL, 0, &party->pid);
	REQUIRE(party->host != 0);
	REQUIRE_EQUAL(raw_attach(&party->lane, broker->socket, &party->session, party->host)->status, 0);
	REQUIRE_EQUAL(open_library(&party->lane, &first)->status, 0);
	REQUIRE_EQUAL(open_library(&party->lane, &second)->status, 0);
	call_add_one(&party->lane, 1);
}

static inline void given_a_bad_lane(void)
{
	const Cbb__HelloReply *reply = raw_attach(&bad, broker->socket, &hostile.session, hostile.host);
	REQUIRE_EQUAL(reply->status, 0);
	bad_thread = reply->thread;
}

static inline void given_two_parties(void)
{
	broker = harness_start_broker(NULL);
	callbacks = parse("callbacks", CALLBACKS_TEXT);
	memory = parse("memory", MEMORY_TEXT);
	open_party(&hostile);
	open_party(&witness);
}

static inline void close_party(struct party *party)
{
	raw_send_close_host(&party->session, party->host);
	EXPECT(raw_exited(&party->session)->asked);
	EXPECT_EQUAL(raw_done(&party->session, NULL), 0);
	EXPECT(harness_wait_gone((pid_t)party->pid, 15000));
	raw_close(&party->lane);
	raw_close(&party->session);
}

static inline void expect_others_notice_nothing(void)
{
	call_add_one(&hostile.lane, 2);
	call_add_one(&witness.lane, 2);
	EXPECT_EQUAL(raw_list(&witness.session)->n_hosts, 2);
}

static inline void finish(void)
{
	expect_others_notice_nothing();
	close_party(&hostile);
	close_party(&witness);
	/* What a sanitizer finds in a host stands in the log, and nowhere else. */
	EXPECT_LACKS(harness_broker_log(broker), "Sanitizer");
	EXPECT_LACKS(harness_broker_log(broker), "runtime error");
	interface_free(callbacks);
	interface_free(memory);
}

/* The bad lane has ended, its thread is named in the log with these words; the others are served. */
static inline void expect_cut_off(const char *words)
{
	while (raw_receive(&bad) != CBB__FRAME_TYPE__FRAME_NONE)
		;
	raw_close(&bad);
	const char *name = harness_format("lane of thread %u is cut off: ", bad_thread);
	if (!harness_broker_wait_log(broker, name, 15000))
		return;
	const char *line = strstr(harness_broker_log(broker), name);
	const char *rest = harness_format("%.*s", (int)strcspn(line, "\n"), line);
	EXPECT_CONTAINS(rest, words);
	expect_others_notice_nothing();
}

static inline void expect_bytes_are_cut_off(const void *bytes, size_t size, const char *words)
{
	given_a_bad_lane();
	raw_send_bytes(&bad, bytes, size);
	expect_cut_off(words);
}

static inline void expect_message_is_cut_off(Cbb__FrameType type, const ProtobufCMessage *message, const char *words)
{
	given_a_bad_lane();
	raw_send(&bad, type, message);
	expect_cut_off(words);
}

static inline void expect_invoke_is_cut_off(const Cbb__Invoke *message, const char *words)
{
	expect_message_is_cut_off(CBB__FRAME_TYPE__FRAME_INVOKE, &message->base, words);
}

#endif
