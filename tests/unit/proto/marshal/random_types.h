/* SPDX-License-Identifier: MIT */
/*
 * Random numbers, random C types with their text and their layout, random values of them.
 */
#ifndef CBB_TESTS_MARSHAL_RANDOM_TYPES_H
#define CBB_TESTS_MARSHAL_RANDOM_TYPES_H

#include "support/harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STRUCTS 6
#define FIELDS_MAX 5
#define BLOCKS_MAX 4096

/* ---- Random numbers, and memory that lives as long as one signature ---- */

static uint64_t state;

static uint32_t dice(uint32_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)((state >> 11) % n);
}

static void *blocks[BLOCKS_MAX];
static unsigned n_blocks;

static void *allocate(size_t size)
{
	REQUIRE(n_blocks < BLOCKS_MAX);
	return blocks[n_blocks++] = calloc(1, size ? size : 1);
}

static void free_blocks(void)
{
	while (n_blocks)
		free(blocks[--n_blocks]);
}

static char *random_text(void)
{
	uint32_t length = dice(20);
	char *text = allocate(length + 1);
	for (uint32_t i = 0; i < length; i++)
		text[i] = (char)(1 + dice(255));
	return text;
}

/* ---- Types ---- */

static const struct scalar {
	const char *spelling;
	uint32_t size;
} scalars[] = {
	{"_Bool", 1}, {"signed char", 1}, {"unsigned char", 1}, {"short", 2}, {"unsigned short", 2}, {"int", 4},
	{"unsigned int", 4}, {"long", 8}, {"unsigned long", 8}, {"float", 4}, {"double", 8}, {"long double", 16},
};
#define SCALARS (sizeof scalars / sizeof *scalars)
#define LONG_DOUBLE (SCALARS - 1)

enum field_kind { FIELD_SCALAR, FIELD_ARRAY, FIELD_STRUCT, FIELD_STRING, FIELD_KINDS };

struct type {
	int scalar;                /* or -1: a struct */
	char name[8];
	unsigned n;
	struct field {
		enum field_kind kind;
		struct type *type;
		unsigned count;
		size_t offset;
	} fields[FIELDS_MAX];
	size_t size, align;
	bool has_text;
};

static struct type types[SCALARS + STRUCTS];

static void make_scalars(void)
{
	for (unsigned i = 0; i < SCALARS; i++)
		types[i] = (struct type){.scalar = (int)i, .size = scalars[i].size, .align = scalars[i].size};
}

static const char *spelling(const struct type *type)
{
	static char text[32];
	if (type->scalar >= 0)
		return scalars[type->scalar].spelling;
	snprintf(text, sizeof text, "struct %s", type->name);
	return text;
}

/* Adds a field's declaration to the text; returns its size. */
static size_t make_field(struct type *type, unsigned index, unsigned known, char *text)
{
	struct field *field = &type->fields[index];
	char *at = text + strlen(text);
	field->kind = dice(FIELD_KINDS);
	field->count = 1;
	if (field->kind == FIELD_STRUCT && known > SCALARS)
		field->type = &types[SCALARS + dice(known - SCALARS)];
	else
		field->type = &types[dice(SCALARS)];
	if (field->kind == FIELD_STRING) {
		type->has_text = true;
		sprintf(at, " const char *f%u;", index);
		return sizeof(char *);
	}
	if (field->kind == FIELD_ARRAY)
		field->count = 1 + dice(4);
	type->has_text |= field->type->has_text;
	sprintf(at, field->kind == FIELD_ARRAY ? " %s f%u[%u];" : " %s f%u;", spelling(field->type), index, field->count);
	return field->type->size * field->count;
}

static void make_struct(unsigned index, char *text)
{
	struct type *type = &types[index];
	*type = (struct type){.scalar = -1, .n = 1 + dice(FIELDS_MAX), .align = 1};
	snprintf(type->name, sizeof type->name, "s%u", index);
	sprintf(text + strlen(text), "struct %s {", type->name);
	for (unsigned i = 0; i < type->n; i++) {
		size_t size = make_field(type, i, index, text);
		struct field *field = &type->fields[i];
		size_t align = field->kind == FIELD_STRING ? sizeof(char *) : field->type->align;
		field->offset = (type->size + align - 1) / align * align;
		type->size = field->offset + size;
		if (align > type->align)
			type->align = align;
	}
	type->size = (type->size + type->align - 1) / type->align * type->align;
	strcat(text, " };\n");
}

/* ---- Values ---- */

static void fill(const struct type *type, uint8_t *at);

static void fill_scalar(int scalar, uint8_t *at)
{
	if (scalar == (int)LONG_DOUBLE) {
		long double value = (long double)dice(1000000) / 7 - 50000;
		memcpy(at, &value, 10);
		return;
	}
	for (uint32_t i = 0; i < scalars[scalar].size; i++)
		at[i] = (uint8_t)dice(256);
	if (scalar == 0)
		at[0] &= 1;
}

static void fill(const struct type *type, uint8_t *at)
{
	if (type->scalar >= 0)
		fill_scalar(type->scalar, at);
	for (unsigned i = 0; i < type->n; i++) {
		const struct field *field = &type->fields[i];
		if (field->kind == FIELD_STRING)
			*(char **)(void *)(at + field->offset) = random_text();
		else
			for (unsigned k = 0; k < field->count; k++)
				fill(field->type, at + field->offset + k * field->type->size);
	}
}

static bool same(const struct type *type, const uint8_t *a, const uint8_t *b)
{
	if (type->scalar >= 0)
		return memcmp(a, b, type->scalar == (int)LONG_DOUBLE ? 10 : type->size) == 0;
	for (unsigned i = 0; i < type->n; i++) {
		const struct field *field = &type->fields[i];
		size_t at = field->offset;
		if (field->kind == FIELD_STRING) {
			if (strcmp(*(char *const *)(const void *)(a + at), *(char *const *)(const void *)(b + at)))
				return false;
			continue;
		}
		for (unsigned k = 0; k < field->count; k++, at += field->type->size)
			if (!same(field->type, a + at, b + at))
				return false;
	}
	return true;
}

static bool same_many(const struct type *type, const uint8_t *a, const uint8_t *b, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (!same(type, a + i * type->size, b + i * type->size))
			return false;
	return true;
}

#endif
