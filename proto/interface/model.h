/* SPDX-License-Identifier: MIT */
/*
 * The tables of an Interface message while they grow. The same name or type is entered once.
 *
 * Adding never fails on the spot: when memory or a table's limit is exhausted, index 0 or a scratch entry is
 * given out, and is_exhausted or is_full is set.
 */
#ifndef CBB_INTERFACE_MODEL_H
#define CBB_INTERFACE_MODEL_H

#include "interface/memory.h"
#include "interface/parse.h"

#include <stdbool.h>

struct model {
	Cbb__Interface *message;
	struct interface_memory *memory;
	struct model_entry *entries;     /* uthash: names and types by content */
	bool is_exhausted, is_full;
	Cbb__Type scratch_type;
	Cbb__Param scratch_param;
	Cbb__Function scratch_function;
	Cbb__Expression scratch_expression;
	Cbb__Typedef scratch_typedef;
};

/* What a type is: index, and whether this use of it is const. */
struct qualified {
	uint32_t type;
	bool is_const;
};

void model_init(struct model *model, Cbb__Interface *message, struct interface_memory *memory);
void model_close(struct model *model); /* the message stays */

uint32_t model_name(struct model *model, const char *text, size_t size);
ProtobufCBinaryData model_bytes(struct model *model, const char *text, size_t size);

uint32_t model_scalar(struct model *model, Cbb__Kind kind, const char *name);
uint32_t model_enum(struct model *model, Cbb__Kind kind, uint32_t name);
uint32_t model_pointer(struct model *model, struct qualified target);
uint32_t model_array(struct model *model, uint32_t element, uint64_t count);
uint32_t model_function_type(struct model *model, uint32_t function);
/* Incomplete; always a new one. */
uint32_t model_struct(struct model *model, uint32_t name, bool is_union);

Cbb__Type *model_type(struct model *model, uint32_t index);
Cbb__Param *model_param(struct model *model, uint32_t index);

/* n new ones in a row; the index of the first. */
uint32_t model_add_params(struct model *model, size_t n);
Cbb__Function *model_add_function(struct model *model, uint32_t *ret_index);
Cbb__Expression *model_add_expression(struct model *model, uint32_t *ret_index);
void model_add_typedef(struct model *model, uint32_t name, uint32_t type);

#endif
