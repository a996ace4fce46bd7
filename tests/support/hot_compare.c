/* SPDX-License-Identifier: MIT */
#include "support/hot_compare.h"

#include "wire/hot.h"

#include <stdlib.h>
#include <string.h>

/* Either message, as the fields that hot has. */
struct reference {
	Cbb__Invoke *invoke;
	Cbb__Return *answer;
	struct hot hot;
	size_t n_words;
	const uint64_t *words;
	size_t n_blocks;
	const ProtobufCBinaryData *blocks;
};

static void reference_of_invoke(struct reference *reference, Cbb__Invoke *invoke)
{
	reference->invoke = invoke;
	reference->hot = (struct hot){
	    .sequence = invoke->sequence, .parent = invoke->parent, .timeout_ms = invoke->timeout_ms,
	    .error_number = invoke->error_number, .core = invoke->core, .library = invoke->library,
	    .function = invoke->function, .slot = invoke->slot, .generation = invoke->generation,
	    .thread = invoke->thread, .dispatches = invoke->dispatches, .serves = invoke->serves, .after = invoke->after,
	    .last_queue = invoke->last_queue,
	    .thread_name = invoke->thread_name.data, .thread_name_size = invoke->thread_name.len,
	};
	reference->n_words = invoke->n_words;
	reference->words = invoke->words;
	reference->n_blocks = invoke->n_blocks;
	reference->blocks = invoke->blocks;
}

static void reference_of_return(struct reference *reference, Cbb__Return *answer)
{
	reference->answer = answer;
	reference->hot = (struct hot){
	    .sequence = answer->sequence, .error_number = answer->error_number, .core = answer->core,
	    .status = answer->status, .has_error_number = answer->has_error_number,
	    .detail = answer->detail.data, .detail_size = answer->detail.len,
	};
	reference->n_words = answer->n_words;
	reference->words = answer->words;
	reference->n_blocks = answer->n_blocks;
	reference->blocks = answer->blocks;
}

static bool reference_read(struct reference *reference, Cbb__FrameType type, const uint8_t *data, size_t size)
{
	if (type == CBB__FRAME_TYPE__FRAME_INVOKE) {
		Cbb__Invoke *invoke = cbb__invoke__unpack(NULL, size, data);
		if (invoke)
			reference_of_invoke(reference, invoke);
		return invoke != NULL;
	}
	Cbb__Return *answer = cbb__return__unpack(NULL, size, data);
	if (answer)
		reference_of_return(reference, answer);
	return answer != NULL;
}

static void reference_free(struct reference *reference)
{
	if (reference->invoke)
		cbb__invoke__free_unpacked(reference->invoke, NULL);
	if (reference->answer)
		cbb__return__free_unpacked(reference->answer, NULL);
}

static const char *compare_scalars(const struct hot *a, const struct hot *b)
{
	if (a->sequence != b->sequence || a->parent != b->parent || a->timeout_ms != b->timeout_ms)
		return "sequence, parent or timeout_ms differ";
	if (a->error_number != b->error_number || a->status != b->status)
		return "error_number or status differ";
	if (a->core != b->core || a->thread != b->thread)
		return "core or thread differ";
	if (a->library != b->library || a->function != b->function)
		return "library or function differ";
	if (a->slot != b->slot || a->generation != b->generation)
		return "slot or generation differ";
	if (a->dispatches != b->dispatches || a->serves != b->serves || a->after != b->after ||
	    a->last_queue != b->last_queue)
		return "dispatches, serves, after or last_queue differ";
	if (a->thread_name_size != b->thread_name_size ||
	    (a->thread_name_size && memcmp(a->thread_name, b->thread_name, a->thread_name_size) != 0))
		return "thread_name differs";
	if (a->has_error_number != b->has_error_number)
		return "has_error_number differs";
	if (a->detail_size != b->detail_size ||
	    (a->detail_size && memcmp(a->detail, b->detail, a->detail_size) != 0))
		return "detail differs";
	return NULL;
}

static const char *compare_words_and_blocks(const struct hot *hot, const struct reference *reference)
{
	if (hot->n_words != reference->n_words)
		return "number of words differs";
	if (hot->n_words && memcmp(hot->words, reference->words, hot->n_words * sizeof *hot->words) != 0)
		return "words differ";
	struct hot walk = *hot;
	const uint8_t *data;
	size_t size;
	for (size_t i = 0; i < reference->n_blocks; i++) {
		if (hot_next_block(&walk, &data, &size) != 1)
			return "blocks are missing";
		if (size != reference->blocks[i].len || (size && memcmp(data, reference->blocks[i].data, size) != 0))
			return "a block differs";
	}
	if (hot_next_block(&walk, &data, &size) != 0 || hot_next_block(&walk, &data, &size) != 0)
		return "there are more blocks";
	return NULL;
}

/* Without the unknown fields: what hot does not know it does not keep. */
static size_t reference_pack(const struct reference *reference, uint8_t *to)
{
	ProtobufCMessage *message = reference->invoke ? &reference->invoke->base : &reference->answer->base;
	unsigned n_unknown_fields = message->n_unknown_fields;
	message->n_unknown_fields = 0;
	size_t size = to ? protobuf_c_message_pack(message, to) : protobuf_c_message_get_packed_size(message);
	message->n_unknown_fields = n_unknown_fields;
	return size;
}

static int hot_pack(struct buffer *out, Cbb__FrameType type, const struct reference *reference)
{
	struct hot_writer writer;
	hot_begin(&writer, out, type, &reference->hot, (uint32_t)reference->n_words);
	for (size_t i = reference->n_words; i-- > 0;)
		hot_set_word(&writer, (uint32_t)i, reference->words[i]);
	for (size_t i = 0; i < reference->n_blocks; i++) {
		uint8_t *to = hot_add_block(&writer, reference->blocks[i].len);
		if (to && reference->blocks[i].len)
			memcpy(to, reference->blocks[i].data, reference->blocks[i].len);
	}
	return hot_end(&writer);
}

static const char *compare_written(Cbb__FrameType type, const struct reference *reference)
{
	size_t size = reference_pack(reference, NULL);
	uint8_t *expected = malloc(FRAME_HEADER_BYTES + size);
	struct buffer out;
	buffer_init(&out, 64u << 20);
	const char *why = NULL;
	int r = hot_pack(&out, type, reference);
	if (expected) {
		frame_write_header(expected, (uint32_t)size, type);
		reference_pack(reference, expected + FRAME_HEADER_BYTES);
	}
	if (r < 0)
		why = "hot cannot write it";
	else if (out.size != FRAME_HEADER_BYTES + size)
		why = "the written sizes differ";
	else if (!expected || memcmp(out.data, expected, out.size) != 0)
		why = "the written bytes differ";
	free(expected);
	buffer_free(&out);
	return why;
}

const char *hot_compare(Cbb__FrameType type, const uint8_t *data, size_t size)
{
	struct frame frame = {.type = type, .body = data, .size = size};
	struct hot hot;
	bool hot_reads = hot_read(&hot, &frame) == 0;
	struct reference reference = {0};
	if (!reference_read(&reference, type, data, size))
		return hot_reads ? "hot reads what protobuf-c refuses" : NULL;
	const char *why = NULL;
	if (reference.n_words > HOT_WORDS_MAX)
		why = hot_reads ? "hot reads more words than it has room for" : NULL;
	else if (!hot_reads)
		why = "hot refuses what protobuf-c reads";
	else
		why = compare_scalars(&hot, &reference.hot);
	if (!why && hot_reads)
		why = compare_words_and_blocks(&hot, &reference);
	if (!why && hot_reads)
		why = compare_written(type, &reference);
	reference_free(&reference);
	return why;
}
