/* SPDX-License-Identifier: MIT */
#include "wire/hot.h"

#include "base/detail.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

/* Field numbers of Invoke and Return in cbbroker.proto. */
enum field {
	FIELD_SEQUENCE = 1,
	FIELD_PARENT = 2,
	FIELD_ERROR_NUMBER = 3,
	FIELD_CORE = 4,
	FIELD_TIMEOUT = 5,
	FIELD_LIBRARY = 6,
	FIELD_FUNCTION = 7,
	FIELD_SLOT = 8,
	FIELD_GENERATION = 9,
	FIELD_THREAD = 10,
	FIELD_STATUS = 11,
	FIELD_DETAIL = 12,
	FIELD_HAS_ERROR_NUMBER = 13,
	FIELD_DISPATCHES = 14,
	FIELD_SERVES = 15,
	FIELD_THREAD_NAME = 16,
	FIELD_AFTER = 17,
	FIELD_LAST_QUEUE = 18,
	FIELD_WORDS = 24,
	FIELD_BLOCKS = 25,
};

enum wire_type { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

#define VARINT_MAX_BYTES 10
#define TAG_MAX_BYTES 5 /* and of lengths */
/* 17 scalar fields, each a tag of at most two bytes and a varint; the tags and lengths of texts and words. */
#define FIXED_PART_MAX_BYTES (FRAME_HEADER_BYTES + 20 * (2 + VARINT_MAX_BYTES))

/* ---- Writing ---- */

static inline uint8_t *put_varint(uint8_t *to, uint64_t value)
{
	while (value >= 0x80) {
		*to++ = (uint8_t)(value | 0x80);
		value >>= 7;
	}
	*to++ = (uint8_t)value;
	return to;
}

static inline uint8_t *put_tag(uint8_t *to, enum field field, enum wire_type wire_type)
{
	return put_varint(to, (uint64_t)field << 3 | wire_type);
}

static inline uint8_t *put_scalar(uint8_t *to, enum field field, uint64_t value)
{
	return value == 0 ? to : put_varint(put_tag(to, field, WIRE_VARINT), value);
}

static inline uint8_t *put_bytes(uint8_t *to, enum field field, const uint8_t *data, size_t size)
{
	if (size == 0)
		return to;
	to = put_varint(put_tag(to, field, WIRE_BYTES), size);
	memcpy(to, data, size);
	return to + size;
}

static inline uint64_t zigzag(int32_t value)
{
	return ((uint32_t)value << 1) ^ (uint32_t)(value >> 31);
}

static uint8_t *put_scalars(uint8_t *to, const struct hot *hot)
{
	to = put_scalar(to, FIELD_SEQUENCE, hot->sequence);
	to = put_scalar(to, FIELD_PARENT, hot->parent);
	to = put_scalar(to, FIELD_ERROR_NUMBER, zigzag(hot->error_number));
	to = put_scalar(to, FIELD_CORE, hot->core);
	to = put_scalar(to, FIELD_TIMEOUT, hot->timeout_ms);
	to = put_scalar(to, FIELD_LIBRARY, hot->library);
	to = put_scalar(to, FIELD_FUNCTION, hot->function);
	to = put_scalar(to, FIELD_SLOT, hot->slot);
	to = put_scalar(to, FIELD_GENERATION, hot->generation);
	to = put_scalar(to, FIELD_THREAD, hot->thread);
	to = put_scalar(to, FIELD_STATUS, zigzag(hot->status));
	to = put_bytes(to, FIELD_DETAIL, hot->detail, hot->detail_size);
	to = put_scalar(to, FIELD_HAS_ERROR_NUMBER, hot->has_error_number);
	to = put_scalar(to, FIELD_DISPATCHES, hot->dispatches);
	to = put_scalar(to, FIELD_SERVES, hot->serves);
	to = put_bytes(to, FIELD_THREAD_NAME, hot->thread_name, hot->thread_name_size);
	to = put_scalar(to, FIELD_AFTER, hot->after);
	return put_scalar(to, FIELD_LAST_QUEUE, hot->last_queue);
}

void hot_begin(struct hot_writer *writer, struct buffer *out, Cbb__FrameType type, const struct hot *fields,
               uint32_t n_words)
{
	*writer = (struct hot_writer){.out = out, .header = out->size, .n_words = n_words};
	uint8_t *start = buffer_reserve(out, FIXED_PART_MAX_BYTES + fields->detail_size + fields->thread_name_size +
	                                         n_words * sizeof(uint64_t));
	if (!start) {
		writer->failed = true;
		return;
	}
	frame_write_header(start, 0, type);
	uint8_t *to = put_scalars(start + FRAME_HEADER_BYTES, fields);
	if (n_words) {
		to = put_varint(put_tag(to, FIELD_WORDS, WIRE_BYTES), n_words * sizeof(uint64_t));
		writer->words = (size_t)(to - out->data);
		memset(to, 0, n_words * sizeof(uint64_t));
		to += n_words * sizeof(uint64_t);
	}
	out->size = (size_t)(to - out->data);
}

void hot_set_word(struct hot_writer *writer, uint32_t index, uint64_t word)
{
	if (writer->failed || index >= writer->n_words)
		return;
	word = htole64(word);
	memcpy(writer->out->data + writer->words + index * sizeof word, &word, sizeof word);
}

uint8_t *hot_add_block(struct hot_writer *writer, size_t size)
{
	if (writer->failed)
		return NULL;
	uint8_t *to = NULL;
	if (size <= writer->out->limit)
		to = buffer_reserve(writer->out, 2 + VARINT_MAX_BYTES + size);
	if (!to) {
		writer->failed = true;
		return NULL;
	}
	to = put_varint(put_tag(to, FIELD_BLOCKS, WIRE_BYTES), size);
	writer->out->size = (size_t)(to - writer->out->data) + size;
	return to;
}

void hot_cancel(struct hot_writer *writer)
{
	writer->out->size = writer->header;
}

int hot_end(struct hot_writer *writer)
{
	if (writer->failed) {
		hot_cancel(writer);
		return detail_set(CBB__STATUS__STATUS_LIMIT,
		                  "the arguments need more than the %zu bytes of a message (option max_payload_bytes)", writer->out->limit);
	}
	uint32_t size = htole32((uint32_t)(writer->out->size - writer->header - FRAME_HEADER_BYTES));
	memcpy(writer->out->data + writer->header, &size, sizeof size);
	return 0;
}

int hot_put_failure(struct buffer *out, uint64_t sequence, uint32_t core, int status)
{
	struct hot fields;
	struct hot_writer writer;
	memset(&fields, 0, offsetof(struct hot, words));
	fields.sequence = sequence;
	fields.core = core;
	fields.status = status;
	fields.detail = (const uint8_t *)detail_text();
	fields.detail_size = strlen(detail_text());
	hot_begin(&writer, out, CBB__FRAME_TYPE__FRAME_RETURN, &fields, 0);
	return hot_end(&writer);
}

/* ---- Reading ---- */

/* What stands behind a tag: a number, or bytes. */
struct value {
	uint64_t number;
	const uint8_t *start; /* of the value in the message, which is the length of bytes */
	const uint8_t *data;  /* behind that length */
	size_t size;
};

static inline const uint8_t *get_varint(const uint8_t *from, const uint8_t *end, unsigned max_bytes,
                                        uint64_t *ret_value)
{
	uint64_t value = 0;
	for (unsigned shift = 0; shift < 7 * max_bytes && from < end; shift += 7) {
		uint8_t byte = *from++;
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80)) {
			*ret_value = value;
			return from;
		}
	}
	return NULL;
}

/* protobuf-c takes field 0 if it is written the long way only; it is unknown like others. */
static inline const uint8_t *get_tag(const uint8_t *from, const uint8_t *end, uint64_t *ret_tag)
{
	return *from & 0xf8 ? get_varint(from, end, TAG_MAX_BYTES, ret_tag) : NULL;
}

/* Returns where the next tag stands; NULL if the value does not fit. */
static inline const uint8_t *get_value(const uint8_t *from, const uint8_t *end, unsigned wire_type,
                                       struct value *ret_value)
{
	uint64_t size;
	ret_value->start = ret_value->data = from;
	switch (wire_type) {
	case WIRE_VARINT:
		from = get_varint(from, end, VARINT_MAX_BYTES, &ret_value->number);
		if (!from)
			return NULL;
		size = (uint64_t)(from - ret_value->data);
		break;
	case WIRE_BYTES:
		ret_value->data = get_varint(from, end, TAG_MAX_BYTES, &size);
		if (!ret_value->data)
			return NULL;
		break;
	case WIRE_FIXED64:
		size = 8;
		break;
	case WIRE_FIXED32:
		size = 4;
		break;
	default:
		return NULL;
	}
	if (size > (uint64_t)(end - ret_value->data))
		return NULL;
	ret_value->size = size;
	return ret_value->data + size;
}

static inline int32_t unzigzag(uint64_t value)
{
	uint32_t v = (uint32_t)value;
	return (int32_t)((v >> 1) ^ (0u - (v & 1)));
}

/* protobuf-c takes a bool in any wire type, and looks at all bits, also at those beyond 64. */
static bool get_bool(const struct value *value)
{
	for (const uint8_t *at = value->start; at < value->data + value->size; at++)
		if (*at & 0x7f)
			return true;
	return false;
}

static void set_scalar(struct hot *hot, uint64_t field, uint64_t number)
{
	switch (field) {
	case FIELD_SEQUENCE: hot->sequence = number; break;
	case FIELD_PARENT: hot->parent = number; break;
	case FIELD_ERROR_NUMBER: hot->error_number = unzigzag(number); break;
	case FIELD_CORE: hot->core = (uint32_t)number; break;
	case FIELD_TIMEOUT: hot->timeout_ms = number; break;
	case FIELD_LIBRARY: hot->library = (uint32_t)number; break;
	case FIELD_FUNCTION: hot->function = (uint32_t)number; break;
	case FIELD_SLOT: hot->slot = (uint32_t)number; break;
	case FIELD_GENERATION: hot->generation = (uint32_t)number; break;
	case FIELD_THREAD: hot->thread = (uint32_t)number; break;
	case FIELD_STATUS: hot->status = unzigzag(number); break;
	case FIELD_AFTER: hot->after = number; break;
	case FIELD_DISPATCHES: hot->dispatches = number; break;
	case FIELD_SERVES: hot->serves = number; break;
	case FIELD_LAST_QUEUE: hot->last_queue = (uint32_t)number; break;
	default: break;
	}
}

static int add_words(struct hot *hot, const uint8_t *data, size_t size)
{
	size_t n = size / sizeof(uint64_t);
	if (size % sizeof(uint64_t) || n > HOT_WORDS_MAX - hot->n_words)
		return -EBADMSG;
	memcpy(hot->words + hot->n_words, data, size);
	for (size_t i = 0; i < n; i++)
		hot->words[hot->n_words + i] = le64toh(hot->words[hot->n_words + i]);
	hot->n_words += (uint32_t)n;
	return 0;
}

/* Which of the fields a message has, as bits; the others are unknown, a later version's. */
static uint32_t known_fields(Cbb__FrameType type)
{
	const uint32_t both = 1u << FIELD_SEQUENCE | 1u << FIELD_ERROR_NUMBER | 1u << FIELD_CORE | 1u << FIELD_WORDS |
	                      1u << FIELD_BLOCKS;
	if (type == CBB__FRAME_TYPE__FRAME_INVOKE || type == CBB__FRAME_TYPE__FRAME_EVENT)
		return both | 1u << FIELD_PARENT | 1u << FIELD_TIMEOUT | 1u << FIELD_LIBRARY | 1u << FIELD_FUNCTION |
		       1u << FIELD_SLOT | 1u << FIELD_GENERATION | 1u << FIELD_THREAD | 1u << FIELD_THREAD_NAME |
		       1u << FIELD_AFTER | 1u << FIELD_DISPATCHES | 1u << FIELD_SERVES | 1u << FIELD_LAST_QUEUE;
	return both | 1u << FIELD_STATUS | 1u << FIELD_DETAIL | 1u << FIELD_HAS_ERROR_NUMBER;
}

static int set_field(struct hot *hot, uint32_t known, uint64_t tag, const struct value *value)
{
	uint64_t field = tag >> 3;
	unsigned wire_type = tag & 7;
	if (field > FIELD_BLOCKS || !(known >> field & 1))
		return 0;
	switch (field) {
	case FIELD_WORDS:
		return wire_type == WIRE_BYTES || wire_type == WIRE_FIXED64 ? add_words(hot, value->data, value->size)
		                                                            : -EBADMSG;
	case FIELD_BLOCKS:
		return wire_type == WIRE_BYTES ? 0 : -EBADMSG;
	case FIELD_DETAIL:
		hot->detail = value->data;
		hot->detail_size = value->size;
		return wire_type == WIRE_BYTES ? 0 : -EBADMSG;
	case FIELD_THREAD_NAME:
		hot->thread_name = value->data;
		hot->thread_name_size = value->size;
		return wire_type == WIRE_BYTES ? 0 : -EBADMSG;
	case FIELD_HAS_ERROR_NUMBER:
		hot->has_error_number = get_bool(value);
		return 0;
	default:
		set_scalar(hot, field, value->number);
		return wire_type == WIRE_VARINT ? 0 : -EBADMSG;
	}
}

/*
 * The fields that make up nearly every message: a number behind a tag of one byte. Returns where the next tag stands;
 * NULL, if this is something else or not right: then the long way decides. Half of the parser's time was spent on
 * generality that these do not need.
 */
static inline const uint8_t *take_number(struct hot *hot, uint32_t known, const uint8_t *from, const uint8_t *end)
{
	const uint32_t other = 1u << FIELD_DETAIL | 1u << FIELD_HAS_ERROR_NUMBER | 1u << FIELD_THREAD_NAME |
	                       1u << FIELD_WORDS | 1u << FIELD_BLOCKS;
	uint8_t tag = *from++;
	uint64_t number;
	if (tag & 0x87 || !((known & ~other) >> (tag >> 3) & 1) || from == end)
		return NULL;
	number = *from;
	from = number < 0x80 ? from + 1 : get_varint(from, end, VARINT_MAX_BYTES, &number);
	if (from)
		set_scalar(hot, tag >> 3, number);
	return from;
}

/* Any field. Returns where the next tag stands; NULL if it is not right. */
static const uint8_t *take_field(struct hot *hot, uint32_t known, const uint8_t *from, const uint8_t *end)
{
	uint64_t tag;
	struct value value = {0};
	const uint8_t *start = from;
	from = get_tag(from, end, &tag);
	if (from)
		from = get_value(from, end, tag & 7, &value);
	if (!from || set_field(hot, known, tag, &value) < 0)
		return NULL;
	if (tag >> 3 == FIELD_BLOCKS && !hot->block_cursor)
		hot->block_cursor = start;
	return from;
}

int hot_read(struct hot *ret_hot, const struct frame *frame)
{
	const uint8_t *from = frame->body, *end = frame->body + frame->size;
	uint32_t known = known_fields(frame->type);
	memset(ret_hot, 0, offsetof(struct hot, words));
	ret_hot->end = end;
	while (from < end) {
		const uint8_t *next = take_number(ret_hot, known, from, end);
		if (!next)
			next = take_field(ret_hot, known, from, end);
		if (!next)
			return detail_set(-EBADMSG, "frame %s is garbled at byte %zu", frame_type_name((int)frame->type),
			                  (size_t)(from - frame->body));
		from = next;
	}
	return 0;
}

static inline const uint8_t *rebase(const uint8_t *at, const uint8_t *body, const uint8_t *body_copy)
{
	return at ? body_copy + (at - body) : NULL;
}

void hot_keep(struct hot *to, const struct hot *from, const uint8_t *body, const uint8_t *body_copy)
{
	memcpy(to, from, hot_bytes(from));
	to->detail = rebase(from->detail, body, body_copy);
	to->thread_name = rebase(from->thread_name, body, body_copy);
	to->block_cursor = rebase(from->block_cursor, body, body_copy);
	to->end = rebase(from->end, body, body_copy);
}

int hot_next_block(struct hot *hot, const uint8_t **ret_data, size_t *ret_size)
{
	const uint8_t *from = hot->block_cursor;
	while (from && from < hot->end) {
		uint64_t tag = 0;
		struct value value = {0};
		from = get_tag(from, hot->end, &tag);
		if (from)
			from = get_value(from, hot->end, tag & 7, &value);
		if (from && tag >> 3 == FIELD_BLOCKS) {
			hot->block_cursor = from;
			*ret_data = value.data;
			*ret_size = value.size;
			return 1;
		}
	}
	hot->block_cursor = hot->end;
	return 0;
}
