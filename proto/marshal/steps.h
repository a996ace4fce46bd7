/* SPDX-License-Identifier: MIT */
/*
 * The inside of a plan: for each parameter a step, for each pointer what it points to, for each piece of memory
 * that cannot be copied as it is the cells in it that need more than memcpy. Made by steps.c, expression.c.
 */
#ifndef CBB_MARSHAL_STEPS_H
#define CBB_MARSHAL_STEPS_H

#include "marshal/arena.h"
#include "marshal/plan.h"

/* Pointers to pointers and structs in structs: a guard of our own, above INTERFACE_DEPTH_MAX. */
#define STEPS_DEPTH_MAX 32

struct shape;

/* A compiled Expression. */
struct expression {
	Cbb__Op op;
	Cbb__Kind kind;        /* PARAM, DEREF, FIELD, SELF, RETURN: what is read */
	uint32_t param;
	uint32_t name;         /* CALL_PARAM, CALL_DEREF */
	int64_t constant;
	size_t offset_bytes;
	const struct expression *left;
	const struct expression *right;
};

/* A pointer, or user data in an integer: how it passes, and what it points to. */
struct pointer {
	const Cbb__Param *param;
	const Cbb__Param *keep;       /* whose lifetime and free_function hold for a copy */
	Cbb__Mode mode;
	Cbb__Kind kind;               /* POINTER, or the integer that holds user data */
	bool has_blocks;              /* STRING and ELEMENTS: what it points to travels */
	bool releases;                /* it, or something below, is given back after copying */
	bool has_callbacks;           /* it, or something below, is a function pointer */
	bool is_kept;                 /* a copy of it that goes in outlives the call */
	/* ELEMENTS */
	bool scanned;                 /* ends at the first all-zero element; with a size: there at the latest */
	bool size_in_bytes;
	Cbb__Kind scalar;             /* of an element that is a scalar; else VOID */
	size_t unit;                  /* bytes of an element; 1 for void */
	size_t zero_bytes;            /* of these, how many are looked at when scanning */
	const struct shape *shape;    /* of an element; NULL: memcpy does */
	const struct expression *size;
	const struct expression *filled;
	/* Of `size`, of `filled`, and of everything below: parameters read through a pointer; whether `return` is. */
	uint64_t size_reads, filled_reads, below_reads;
	bool size_returns, filled_returns, below_returns;
	uint64_t bases;               /* parameters whose place INTO, here and below, counts from */
};

enum cell_kind { CELL_BOOL, CELL_LONG_DOUBLE, CELL_POINTER, CELL_SHAPE };

/* `count` things in a row within a shape. */
struct cell {
	enum cell_kind kind;
	size_t offset;
	size_t count;
	size_t stride;
	const struct pointer *pointer;
	const struct shape *shape;
	const struct cell *next;
};

struct shape {
	const struct cell *cells;     /* in order of offsets */
	size_t bytes;
	bool is_struct;               /* `self` of the expressions below */
	bool has_blocks;
	bool releases;
	bool has_callbacks;
	bool returns;
	bool has_loose;               /* pointers whose target a function could change, free or move along (inout) */
	uint64_t reads;
	uint64_t bases;
};

enum step_kind { STEP_VOID, STEP_SCALAR, STEP_LONG_DOUBLE, STEP_STRUCT, STEP_POINTER, STEP_CASE };

struct choices;

struct step {
	enum step_kind what;
	Cbb__Kind kind;               /* SCALAR */
	uint32_t argument;            /* number of the parameter; n_params: the result */
	uint32_t word;
	size_t bytes;                 /* of the C object */
	size_t slot;                  /* where it lies in a skeleton's frame memory */
	bool in, out;                 /* ELEMENTS: which way the elements go. Others: in */
	const struct shape *shape;    /* STRUCT; NULL: memcpy does */
	const struct pointer *pointer;
	const struct expression *closes_when;
	const struct choices *choices; /* CASE */
};

/* The steps among which the value of an expression chooses: alternatives of one parameter, STEP_POINTER each. */
struct choice {
	int64_t label;
	const struct step *step;
};

struct choices {
	const struct expression *selector;
	struct step *steps;
	uint32_t n_steps;
	struct choice *labels;        /* in order */
	size_t n_labels;
};

struct steps {
	struct step *parameters;
	uint32_t *names;              /* of the parameters, in interface->names: call.param looks here */
	struct step result;
	const struct step **in;       /* all parameters: scalars, then the others in plan order */
	const struct step **out;      /* those whose elements come back, in plan order */
	uint32_t n_out;
	bool has_extents;             /* frames of this plan need a table of extents */
	bool result_size_late;        /* the result's size is known only with the out parameters */
	bool releases;
	/* A skeleton's frame memory: argument pointers first, then these. */
	size_t extents_at;
	size_t result_at;
	size_t frame_bytes;
};

/* Where an argument that is a pointer (or a struct) pointed to at the moment of the call. */
struct marshal_extent {
	void *base;
	size_t bytes;
	const void *now;              /* what expressions read: as `base`, or the results not yet written there */
	size_t now_bytes;
	const struct step *chosen;    /* of a parameter with cases: the alternative that its pointer is */
};

/* What steps are made with. */
struct builder {
	struct plan *plan;
	struct arena *arena;
	const Cbb__Interface *interface;
	struct pointer **pointers;    /* by index in params */
	struct shape **shapes;        /* by index in types */
	bool *shape_known;            /* by index in types; known and NULL: memcpy does */
	uint32_t argument;            /* at work */
	size_t self_bytes;            /* of the struct at work; 0: none */
	unsigned depth;
};

/* Zeroed memory that lives as long as the plan; NULL without memory. */
void *builder_take(struct builder *builder, size_t size);
/* Sets the detail text "function f: parameter 2 'name': ..." and returns `code`. */
int builder_fail(const struct builder *builder, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Fills steps->parameters and steps->result, apart from words and slots. */
int steps_build(struct builder *builder, struct steps *steps);

/* What params[index], a pointer or user data, points to. `lender`: whose lifetime holds if it has none; or NULL. */
int pointer_build(struct builder *builder, uint32_t index, const Cbb__Param *lender,
                  const struct pointer **ret_pointer);

/* The shape of memory that holds what params[index] says, at its beginning; NULL: memcpy does. */
int shape_of_param(struct builder *builder, uint32_t index, const Cbb__Param *lender, const struct shape **ret_shape);
int shape_of_type(struct builder *builder, uint32_t type, const struct shape **ret_shape);

/* index is the one of `expressions` + 1; 0 gives NULL. Adds to *reads and *returns. */
int expression_build(struct builder *builder, uint32_t index, const struct expression **ret_expression,
                     uint64_t *reads, bool *returns);

/* Of a parameter with mode CASE. The step is filled in but for `out` and `choices`. */
int choices_build(struct builder *builder, uint32_t index, struct step *step);
/* What is done with params[index], which is parameter number `argument` or the result. */
int step_build(struct builder *builder, uint32_t index, uint32_t argument, struct step *step);

/* Fills plan->order, steps->in and steps->out. Refuses sizes that depend on each other, or on what is not known yet. */
int order_build(struct builder *builder, struct steps *steps);

/* Fills plan->ffi_arguments, plan->ffi_result and plan->cif. */
int native_build(struct builder *builder);
/* A union as libffi describes a struct that is passed like it: libffi knows no unions. */
int native_union(struct builder *builder, uint32_t type, ffi_type **ret_type);
/* After native_build: fills plan->split and plan->split_cif. */
int native_call_build(struct builder *builder);

#endif
