/* SPDX-License-Identifier: MIT */
/*
 * The one marshalling engine: native arguments in memory <-> the words and blocks of a hot message. The same
 * code serves both ends and both directions, because the boundary is symmetrical:
 *
 *     caller (stub)                                callee (skeleton)
 *     marshal_put_arguments  ═══ Invoke ══▶  marshal_get_arguments, then ffi_call
 *     marshal_get_results    ◀══ Return ═══  marshal_put_results
 *
 * A call is stub in the client, skeleton in the host; a callback the other way round. What depends on the side
 * (tokens for user data, closures for callbacks, who keeps a copy) is asked of the frame's `side`.
 *
 * Wire form. Words of an Invoke, per parameter in declaration order: scalar: its bits, widened as C would
 * (float: bits of the float, long double: two words, 80 bits); struct by value: no word, one block; pointer with
 * mode ELEMENTS or STRING: 0 for NULL, else 1; HANDLE: the address; USERDATA, CALLBACK: what the side's
 * translation gives; a value listed in `values` passes as it is. INTO as an offset + 1.
 * Blocks, in plan order: for each non-NULL ELEMENTS with direction in/inout, one block with the elements' bytes,
 * pointers inside replaced by such words, followed by the blocks of what those point to, element by element, depth
 * first. STRING: one block, with the terminating NUL. out: nothing in the Invoke; in the Return one block of the
 * filled elements in the same form. Return: the result's words (or struct block), then the result's blocks, then
 * those of out/inout parameters in plan order.
 *
 * Everything read from a message is checked against what the plan and the expressions allow: exactly as many
 * words, blocks of exactly the computed sizes (strings: exactly one NUL, at the end), no blocks left over.
 */
#ifndef CBB_MARSHAL_MARSHAL_H
#define CBB_MARSHAL_MARSHAL_H

#include "marshal/arena.h"
#include "marshal/plan.h"
#include "wire/hot.h"

struct marshal_frame;

/*
 * What differs between client and host. Each returns 0 or a negative status with a detail text. "out": native
 * value -> word, for the other end; "in": word -> native value. `param` tells type, scope, owner.
 * argument_index is the number of the parameter (n_params for the result) it belongs to, also for values
 * inside its elements.
 */
struct marshal_side {
	int (*userdata_out)(struct marshal_frame *frame, const Cbb__Param *param, uintptr_t value, uint64_t *ret_word);
	int (*userdata_in)(struct marshal_frame *frame, const Cbb__Param *param, uint64_t word, uintptr_t *ret_value);
	int (*callback_out)(struct marshal_frame *frame, const Cbb__Param *param, uint32_t argument_index, void *pointer,
	                    uint64_t *ret_word);
	int (*callback_in)(struct marshal_frame *frame, const Cbb__Param *param, uint32_t argument_index, uint64_t word,
	                   void **ret_pointer);
	/* A handle arrives. May be NULL (nothing to do). */
	int (*handle_in)(struct marshal_frame *frame, const Cbb__Param *param, uint64_t word);
	/*
	 * A copy that outlives the frame is needed: for a pointer result, the inner pointer of an out parameter, or an
	 * argument that is kept.
	 * Returns where `size` bytes may be written (aligned for any object) so that they live as param->lifetime and
	 * param->free_function say. `content`: the bytes, copied there by this function (or found there, of an equal
	 * copy that lives as long); NULL: they hold pointers, and the caller writes them. NULL
	 * without memory.
	 */
	void *(*keep)(struct marshal_frame *frame, const Cbb__Param *param, const void *content, size_t size);
	/*
	 * Putting results: the original behind a pointer with transfer(full(f)) has been copied into the message; give it
	 * back to f. NULL on the side where that is not done.
	 */
	int (*release)(struct marshal_frame *frame, const Cbb__Param *param, void *original);
};

/* One call or callback in flight, on either side. */
struct marshal_frame {
	const struct plan *plan;
	const struct marshal_side *side;
	void *context;                 /* the side's own */
	struct arena *arena;           /* for copies that live as long as the frame */
	struct marshal_frame *call;    /* callbacks: the native call they run under, for call.param; else NULL */
	void *const *arguments;        /* arguments[i] points to the i-th; set by marshal_get_arguments, or by the stub */
	void *result;                  /* object of the result's C type (not widened); NULL if void */
	struct marshal_extent *extents; /* the engine's own, from the arena; zero at first */
};

/*
 * Stub: appends the words and blocks of an Invoke begun with hot_begin(.., plan->n_words_in). Notes in the arena where
 * arguments point to and how far: the arena is not released before the results are there.
 */
int marshal_put_arguments(struct marshal_frame *frame, struct hot_writer *writer);

/* Skeleton: builds native arguments in the arena and sets frame->arguments and frame->result (zeroed). */
int marshal_get_arguments(struct marshal_frame *frame, struct hot *message);

/* Skeleton: appends the words and blocks of a Return begun with hot_begin(.., plan->n_words_out). */
int marshal_put_results(struct marshal_frame *frame, struct hot_writer *writer);

/*
 * Stub: writes through the out pointers of frame->arguments and to frame->result. Checks the whole message
 * before it writes the first byte to the program's memory: on failure nothing was written.
 */
int marshal_get_results(struct marshal_frame *frame, struct hot *message);

#endif
