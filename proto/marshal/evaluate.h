/* SPDX-License-Identifier: MIT */
/*
 * Expressions over native memory: sizes, and conditions such as closes(return == 0).
 */
#ifndef CBB_MARSHAL_EVALUATE_H
#define CBB_MARSHAL_EVALUATE_H

#include "marshal/marshal.h"

struct expression;
struct pointer;
struct walk;

/*
 * Whether the condition `closes_when` (of one of the frame's parameters, in its own numbering: 0 is true) holds after
 * the call, with frame->result filled in. False, with a detail text, if it cannot be told.
 */
bool marshal_condition(struct marshal_frame *frame, uint32_t closes_when);

/* A number of 64 bits, signed or not; a negative status with words if it cannot be told. */
int evaluate(struct walk *walk, const struct expression *expression, __int128 *ret_value);
/* Bytes of a pointer's elements, as many as the expression counts; negative and wrapped sizes are errors. */
int evaluate_size(struct walk *walk, const struct pointer *pointer, const struct expression *expression,
                  size_t *ret_bytes);

#endif
