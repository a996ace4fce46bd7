/* SPDX-License-Identifier: MIT */
/*
 * Both ends of one call in one process: stub -> message -> skeleton -> native function -> message -> results. The
 * messages are real, and lie at odd addresses in memory of exactly their size.
 */
#ifndef CBB_TESTS_MARSHAL_PAIR_H
#define CBB_TESTS_MARSHAL_PAIR_H

#include "base/detail.h"
#include "interface/check.h"
#include "interface/parse.h"
#include "marshal/evaluate.h"
#include "marshal/marshal.h"

#include "support/harness.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAIR_KEPT_MAX 64
#define PAIR_LIMIT_BYTES (1u << 20)
#define TOKEN_BITS 0x5a00000000000000u
#define CALLBACK_BITS 0xcb00000000000000u

struct pair_kept {
	void *memory;
	const Cbb__Param *param;
	size_t size;
};

/* What the two sides were asked. */
struct pair {
	struct interface *interface;
	struct plan *plan;
	struct arena caller_arena, callee_arena;
	struct buffer wire;
	struct marshal_frame caller, callee;
	struct hot message;          /* the one read last */
	uint8_t *bytes;              /* its memory */
	size_t n_bytes;
	struct pair_kept kept[PAIR_KEPT_MAX];
	unsigned n_kept;
	void *released[PAIR_KEPT_MAX];
	unsigned n_released;
	unsigned n_handles;
	uint32_t callback_index;     /* argument_index of the last callback translation */
	bool no_memory;              /* keep fails */
};

static struct pair *pair_of(struct marshal_frame *frame)
{
	return frame->context;
}

static int pair_userdata_out(struct marshal_frame *frame, const Cbb__Param *param, uintptr_t value, uint64_t *ret_word)
{
	(void)frame;
	EXPECT(param->mode == CBB__MODE__MODE_USERDATA);
	*ret_word = value ^ TOKEN_BITS;
	return 0;
}

static int pair_userdata_in(struct marshal_frame *frame, const Cbb__Param *param, uint64_t word, uintptr_t *ret_value)
{
	(void)frame;
	EXPECT(param->mode == CBB__MODE__MODE_USERDATA);
	*ret_value = word ^ TOKEN_BITS;
	return 0;
}

static int pair_callback_out(struct marshal_frame *frame, const Cbb__Param *param, uint32_t argument_index,
                             void *pointer, uint64_t *ret_word)
{
	EXPECT(param->mode == CBB__MODE__MODE_CALLBACK);
	pair_of(frame)->callback_index = argument_index;
	*ret_word = (uintptr_t)pointer ^ CALLBACK_BITS;
	return 0;
}

static int pair_callback_in(struct marshal_frame *frame, const Cbb__Param *param, uint32_t argument_index,
                            uint64_t word, void **ret_pointer)
{
	EXPECT(param->mode == CBB__MODE__MODE_CALLBACK);
	EXPECT_EQUAL(pair_of(frame)->callback_index, argument_index);
	*ret_pointer = (void *)(uintptr_t)(word ^ CALLBACK_BITS);
	return 0;
}

static int pair_handle_in(struct marshal_frame *frame, const Cbb__Param *param, uint64_t word)
{
	EXPECT(param->mode == CBB__MODE__MODE_HANDLE && word != 0);
	pair_of(frame)->n_handles++;
	return 0;
}

static void *pair_keep(struct marshal_frame *frame, const Cbb__Param *param, const void *content, size_t size)
{
	struct pair *pair = pair_of(frame);
	if (pair->no_memory || pair->n_kept == PAIR_KEPT_MAX)
		return NULL;
	struct pair_kept *kept = &pair->kept[pair->n_kept++];
	*kept = (struct pair_kept){malloc(size), param, size};
	if (content)
		memcpy(kept->memory, content, size);
	return kept->memory;
}

static int pair_release(struct marshal_frame *frame, const Cbb__Param *param, void *original)
{
	struct pair *pair = pair_of(frame);
	EXPECT(param->free_function != 0);
	REQUIRE(pair->n_released < PAIR_KEPT_MAX);
	pair->released[pair->n_released++] = original;
	return 0;
}

static const struct marshal_side pair_caller_side = {
	.userdata_out = pair_userdata_out, .userdata_in = pair_userdata_in, .callback_out = pair_callback_out,
	.callback_in = pair_callback_in, .handle_in = pair_handle_in, .keep = pair_keep,
};

static const struct marshal_side pair_callee_side = {
	.userdata_out = pair_userdata_out, .userdata_in = pair_userdata_in, .callback_out = pair_callback_out,
	.callback_in = pair_callback_in, .keep = pair_keep, .release = pair_release,
};

static __attribute__((unused)) void pair_free(struct pair *pair)
{
	for (unsigned i = 0; i < pair->n_kept; i++)
		free(pair->kept[i].memory);
	free(pair->bytes);
	buffer_free(&pair->wire);
	arena_free(&pair->caller_arena);
	arena_free(&pair->callee_arena);
	plan_free(pair->plan);
	interface_free(pair->interface);
	*pair = (struct pair){0};
}

/* Parses the text after a library line; the plan is that of function `name`, or of function type `name`. */
static int pair_try_open(struct pair *pair, const char *name, const char *text)
{
	char whole[8192];
	*pair = (struct pair){0};
	snprintf(whole, sizeof whole, "[library(\"libtest.so\")]\n%s", text);
	if (interface_parse("test.cbi", whole, strlen(whole), NULL, NULL, &pair->interface) < 0) {
		FAIL("%s", detail_text());
		expect_end();
	}
	int index = interface_find_function(&pair->interface->message, name);
	if (index < 0)
		index = interface_find_callback_type(&pair->interface->message, name);
	REQUIRE(index >= 0);
	arena_init(&pair->caller_arena, PAIR_LIMIT_BYTES);
	arena_init(&pair->callee_arena, PAIR_LIMIT_BYTES);
	buffer_init(&pair->wire, PAIR_LIMIT_BYTES);
	return plan_new(&pair->interface->message, (uint32_t)index, &pair->plan);
}

static __attribute__((unused)) void pair_open(struct pair *pair, const char *name, const char *text)
{
	if (pair_try_open(pair, name, text) < 0) {
		FAIL("%s", detail_text());
		expect_end();
	}
	pair->caller = (struct marshal_frame){.plan = pair->plan, .side = &pair_caller_side, .context = pair,
	                                      .arena = &pair->caller_arena};
	pair->callee = (struct marshal_frame){.plan = pair->plan, .side = &pair_callee_side, .context = pair,
	                                      .arena = &pair->callee_arena};
}

/* Reads the message in pair->bytes (at an odd address) into pair->message. */
static int pair_read(struct pair *pair, Cbb__FrameType type)
{
	struct frame frame = {.type = type, .body = pair->bytes + 1, .size = pair->n_bytes};
	return hot_read(&pair->message, &frame);
}

/* What was written becomes what is read. */
static void pair_carry(struct pair *pair, Cbb__FrameType type)
{
	free(pair->bytes);
	pair->n_bytes = pair->wire.size - FRAME_HEADER_BYTES;
	pair->bytes = malloc(pair->n_bytes + 1);
	memcpy(pair->bytes + 1, pair->wire.data + FRAME_HEADER_BYTES, pair->n_bytes);
	pair->wire.size = 0;
	REQUIRE_EQUAL(pair_read(pair, type), 0);
}

static int pair_put(struct pair *pair, bool is_return)
{
	struct hot_writer writer;
	struct hot fields = {.sequence = 1};
	Cbb__FrameType type = is_return ? CBB__FRAME_TYPE__FRAME_RETURN : CBB__FRAME_TYPE__FRAME_INVOKE;
	hot_begin(&writer, &pair->wire, type, &fields, is_return ? pair->plan->n_words_out : pair->plan->n_words_in);
	int r = is_return ? marshal_put_results(&pair->callee, &writer) : marshal_put_arguments(&pair->caller, &writer);
	if (r < 0) {
		hot_cancel(&writer);
		return r;
	}
	r = hot_end(&writer);
	if (r == 0)
		pair_carry(pair, type);
	return r;
}

/* Each step of a call, in this order; a test may look at or change things between. */
static __attribute__((unused)) int pair_invoke(struct pair *pair, void *const *arguments, void *result)
{
	pair->caller.arguments = arguments;
	pair->caller.result = result;
	int r = pair_put(pair, false);
	return r < 0 ? r : marshal_get_arguments(&pair->callee, &pair->message);
}

static __attribute__((unused)) void pair_run(struct pair *pair, void (*function)(void))
{
	_Alignas(16) uint8_t result[65536];
	ffi_call(&pair->plan->cif, function, result, (void **)pair->callee.arguments);
	if (!pair->plan->returns_void)
		plan_narrow_result(pair->plan, result, pair->callee.result);
}

static __attribute__((unused)) int pair_return(struct pair *pair)
{
	int r = pair_put(pair, true);
	return r < 0 ? r : marshal_get_results(&pair->caller, &pair->message);
}

#define NATIVE(function) ((void (*)(void))(function))

/* The whole call. */
static __attribute__((unused)) int pair_call(struct pair *pair, void (*function)(void), void *const *arguments,
                                             void *result)
{
	int r = pair_invoke(pair, arguments, result);
	if (r < 0)
		return r;
	pair_run(pair, function);
	return pair_return(pair);
}

/* The arguments as an array of pointers to them. */
#define ARGUMENTS(...) ((void *[]){__VA_ARGS__})

#endif
