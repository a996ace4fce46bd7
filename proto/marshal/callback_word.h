/* SPDX-License-Identifier: MIT */
/*
 * The word that stands for a function pointer in a message: one of the program's callbacks, or one of the
 * library's functions. Anything else is a native address, which only the host can call.
 */
#ifndef CBB_MARSHAL_CALLBACK_WORD_H
#define CBB_MARSHAL_CALLBACK_WORD_H

#include <stdbool.h>
#include <stdint.h>

#define CALLBACK_WORD (1ull << 63)   /* | generation << 32 | slot */
#define FUNCTION_WORD (1ull << 62)   /* | library << 32 | function */
#define CALLBACK_GENERATION_MAX ((1u << 30) - 1)
#define CALLBACK_LIBRARY_MAX ((1u << 30) - 1)

static inline uint64_t callback_word(uint32_t slot, uint32_t generation)
{
	return CALLBACK_WORD | (uint64_t)generation << 32 | slot;
}

static inline uint64_t function_word(uint32_t library, uint32_t function)
{
	return FUNCTION_WORD | (uint64_t)library << 32 | function;
}

static inline bool word_is_callback(uint64_t word)
{
	return (word & CALLBACK_WORD) != 0;
}

static inline bool word_is_function(uint64_t word)
{
	return (word & (CALLBACK_WORD | FUNCTION_WORD)) == FUNCTION_WORD;
}

static inline uint32_t word_low(uint64_t word)
{
	return (uint32_t)word;
}

static inline uint32_t word_high(uint64_t word)
{
	return (uint32_t)(word >> 32) & CALLBACK_GENERATION_MAX;
}

#endif
