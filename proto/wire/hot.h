/* SPDX-License-Identifier: MIT */
/*
 * The two hot messages, Invoke and Return, encoded and decoded by hand: exactly the bytes that protobuf-c
 * writes and accepts, without its allocations (its parser alone costs 70 ns a message).
 *
 * Encoding goes straight into the frame that will be sent:
 *
 *     hot_begin(&out, FRAME_INVOKE, &fields, n_words);
 *     hot_set_word(&out, &writer, i, word);   in any order, each word once
 *     uint8_t *to = hot_add_block(&out, size);
 *     hot_end(&out, ...);
 *
 * Decoding leaves blocks in the received frame; hot_next_block() walks them in order.
 */
#ifndef CBB_WIRE_HOT_H
#define CBB_WIRE_HOT_H

#include "base/buffer.h"
#include "wire/frame.h"

#include <stdbool.h>
#include <stddef.h>

/* 64 parameters, each at most two words; and the result. */
#define HOT_WORDS_MAX 130

/* Fields of both messages; those that a message does not have are 0 and not written. */
struct hot {
	uint64_t sequence;
	uint64_t parent;
	uint64_t timeout_ms;
	int32_t error_number;
	uint32_t core;
	uint32_t library;
	uint32_t function;
	uint32_t slot;
	uint32_t generation;
	uint32_t thread;
	int32_t status;
	bool has_error_number;
	uint32_t n_words;
	const uint8_t *detail;
	size_t detail_size;
	const uint8_t *thread_name;
	size_t thread_name_size;
	uint64_t after;
	uint64_t dispatches;
	uint64_t serves;
	uint32_t last_queue;
	const uint8_t *block_cursor; /* decoding: where the next block is looked for */
	const uint8_t *end;
	uint64_t words[HOT_WORDS_MAX]; /* decoding only; the first n_words are set */
};

/* A message being written at the end of a buffer. */
struct hot_writer {
	struct buffer *out;
	size_t header;  /* offset of the frame's header */
	size_t words;   /* offset of the first word */
	uint32_t n_words;
	bool failed;    /* no room: hot_end says so */
};

/* Begins a frame of `type` (FRAME_INVOKE, FRAME_EVENT or FRAME_RETURN) with `fields` (its words are ignored). */
void hot_begin(struct hot_writer *writer, struct buffer *out, Cbb__FrameType type, const struct hot *fields,
               uint32_t n_words);
void hot_set_word(struct hot_writer *writer, uint32_t index, uint64_t word);
/* Room for a block's bytes, to be filled at once; NULL if it does not fit: then the message has failed. */
uint8_t *hot_add_block(struct hot_writer *writer, size_t size);
/* 0, or STATUS_LIMIT with a detail text; then nothing of the message is left in the buffer. */
int hot_end(struct hot_writer *writer);
/* A whole Return without a result: status, and the detail text. `core` is the sender's. Result as hot_end. */
int hot_put_failure(struct buffer *out, uint64_t sequence, uint32_t core, int status);
/* Takes the whole message back. */
void hot_cancel(struct hot_writer *writer);

/*
 * Keeping what was read beyond its frame: a copy of the frame's body, and of what was read, whose pointers go into that
 * copy then. hot_bytes: how much of a struct hot is in use.
 */
static inline size_t hot_bytes(const struct hot *hot)
{
	return offsetof(struct hot, words) + hot->n_words * sizeof *hot->words;
}
void hot_keep(struct hot *to, const struct hot *from, const uint8_t *body, const uint8_t *body_copy);

/* 0, or -EBADMSG with a detail text: not a message, or more than HOT_WORDS_MAX words. */
int hot_read(struct hot *ret_hot, const struct frame *frame);
/* The next block: 1, or 0 if there is none. hot_read has checked them all. */
int hot_next_block(struct hot *hot, const uint8_t **ret_data, size_t *ret_size);

#endif
