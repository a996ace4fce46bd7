/* SPDX-License-Identifier: MIT */
/*
 * One pass over a frame's arguments or results, and what its parts share: words of failure, sizes, memory.
 */
#ifndef CBB_MARSHAL_WALK_H
#define CBB_MARSHAL_WALK_H

#include "marshal/evaluate.h"
#include "marshal/marshal.h"
#include "marshal/scalar.h"
#include "marshal/steps.h"

#include <errno.h>

struct walk {
	struct marshal_frame *frame;
	struct hot_writer *writer;
	struct hot *message;
	int fault;               /* status for what contradicts the interface: whose fault it is depends on the pass */
	uint32_t argument;       /* number of the parameter at work; n_params: the result */
	const void *self;        /* the struct whose field is at work */
	const void *result;      /* what `return` reads; NULL: not known yet */
	bool results;            /* a Return: NULL is always allowed */
	bool staging;            /* memory taken is headed by its size: see stage.h */
};

/* Sets "function f: parameter 2 'name': ..." (param: the one inside it, or NULL) and returns `code`. */
int walk_fail(const struct walk *walk, const Cbb__Param *param, int code, const char *format, ...)
	__attribute__((format(printf, 4, 5), cold));

/* The alternative of a parameter with cases. Fails, with the value, if it has none. */
int walk_choose(struct walk *walk, const struct step *step, const struct step **ret_step);

/* Of steps->out: what comes back of it, which depends on the case; NULL: nothing. */
static inline const struct step *step_coming_back(const struct marshal_frame *frame, const struct step *step)
{
	if (step->what != STEP_CASE)
		return step;
	const struct step *chosen = frame->extents[step->argument].chosen;
	return chosen && chosen->out ? chosen : NULL;
}

/* Memory of the frame. NULL, with the detail text of STATUS_LIMIT, beyond the arena's limit. */
void *walk_take(const struct walk *walk, size_t size);

static inline bool pointer_is_sentinel(const struct pointer *pointer, uint64_t word)
{
	for (size_t i = 0; i < pointer->param->n_values; i++)
		if (pointer->param->values[i] == word)
			return true;
	return false;
}

/* Whether what a native pointer points to travels. */
static inline bool pointer_is_followed(const struct pointer *pointer, const void *value)
{
	return pointer->has_blocks && value && !pointer_is_sentinel(pointer, (uintptr_t)value);
}

/* Elements (of `unit` bytes) before the first all-zero one, at most `max`. */
size_t scan_elements(const struct pointer *pointer, const void *elements, size_t max);

/*
 * Bytes that the elements behind a native pointer take: of `limit` at most (SIZE_MAX: `size` says, or the
 * terminator).
 */
int elements_bytes(struct walk *walk, const struct pointer *pointer, const void *elements, size_t limit,
                   size_t *ret_bytes);

/* Bytes of an out parameter's elements that go back: what `filled` says, or up to the terminator, or all. */
int out_bytes(struct walk *walk, const struct step *step, const void *elements, size_t *ret_bytes);

/* Visits each pointer that is followed in `bytes` of elements of a shape, in the order of the blocks. */
typedef int shape_visitor(struct walk *walk, const struct pointer *pointer, void *at, void *context);
int shape_visit(struct walk *walk, const struct shape *shape, void *base, size_t bytes, shape_visitor *visit,
                void *context);

#endif
