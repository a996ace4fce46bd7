/* SPDX-License-Identifier: MIT */
#include "interface/model.h"

#include "interface/check.h"
#include "interface/layout.h"

#include <stdlib.h>
#include <string.h>

/* Without memory the hash table drops the entry: it is then entered twice, which is harmless. */
#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(element) ((void)(element))
#include <uthash.h>

enum entry_kind { ENTRY_NAME = 1, ENTRY_TYPE };

struct model_entry {
	UT_hash_handle hh;
	uint32_t index;
	unsigned char key[]; /* enum entry_kind, then the content */
};

/* What makes a type the same as another. No padding. */
struct type_key {
	uint32_t kind, name, target, is_const, is_enum, function;
	uint64_t count;
};

/* Makes room for one more pointer in a table. */
static bool table_grow(struct model *model, void **table, size_t n)
{
	if (n >= INTERFACE_TABLE_MAX) {
		model->is_full = true;
		return false;
	}
	if (n > 0 && (n < 16 || (n & (n - 1)) != 0))
		return true;
	size_t capacity = n < 16 ? 16 : n * 2;
	void *fresh = memory_allocate(model->memory, capacity * sizeof(void *));
	if (!fresh) {
		model->is_exhausted = true;
		return false;
	}
	if (n > 0)
		memcpy(fresh, *table, n * sizeof(void *));
	*table = fresh;
	return true;
}

/* A new zeroed message at the end of a table, or the scratch one. */
#define MODEL_ADD(model, table, message_type, scratch) \
	((message_type *)entry_add((model), (void **)&(model)->message->table, &(model)->message->n_##table, \
	                           sizeof(message_type), &(model)->scratch))

static void *entry_add(struct model *model, void **table, size_t *n, size_t size, void *scratch)
{
	void *entry = table_grow(model, table, *n) ? memory_allocate(model->memory, size) : NULL;
	if (!entry) {
		model->is_exhausted |= !model->is_full;
		return scratch;
	}
	((void **)*table)[(*n)++] = entry;
	return entry;
}

static struct model_entry *entry_find(struct model *model, const void *key, size_t size)
{
	struct model_entry *entry;
	HASH_FIND(hh, model->entries, key, size, entry);
	return entry;
}

static void entry_remember(struct model *model, const void *key, size_t size, uint32_t index)
{
	struct model_entry *entry = memory_allocate(model->memory, sizeof *entry + size);
	if (!entry) {
		model->is_exhausted = true;
		return;
	}
	memcpy(entry->key, key, size);
	entry->index = index;
	HASH_ADD(hh, model->entries, key, (unsigned)size, entry);
}

ProtobufCBinaryData model_bytes(struct model *model, const char *text, size_t size)
{
	char *copy = memory_copy(model->memory, text, size);
	model->is_exhausted |= !copy;
	return (ProtobufCBinaryData){.len = copy ? size : 0, .data = (uint8_t *)copy};
}

static bool names_grow(struct model *model)
{
	size_t n = model->message->n_names;
	if (n >= INTERFACE_TABLE_MAX)
		model->is_full = true;
	if (n >= INTERFACE_TABLE_MAX || (n >= 16 && (n & (n - 1)) != 0) || (n > 0 && n < 16))
		return n < INTERFACE_TABLE_MAX;
	size_t capacity = n < 16 ? 16 : n * 2;
	ProtobufCBinaryData *fresh = memory_allocate(model->memory, capacity * sizeof *fresh);
	if (!fresh) {
		model->is_exhausted = true;
		return false;
	}
	if (n > 0)
		memcpy(fresh, model->message->names, n * sizeof *fresh);
	model->message->names = fresh;
	return true;
}

uint32_t model_name(struct model *model, const char *text, size_t size)
{
	unsigned char key[512] = {ENTRY_NAME};
	if (size > sizeof key - 1)
		size = sizeof key - 1;
	if (size > 0)
		memcpy(key + 1, text, size);
	struct model_entry *entry = entry_find(model, key, size + 1);
	if (entry)
		return entry->index;
	if (!names_grow(model))
		return 0;
	uint32_t index = (uint32_t)model->message->n_names;
	model->message->names[model->message->n_names++] = model_bytes(model, text, size);
	entry_remember(model, key, size + 1, index);
	return index;
}

Cbb__Type *model_type(struct model *model, uint32_t index)
{
	return index < model->message->n_types ? model->message->types[index] : &model->scratch_type;
}

Cbb__Param *model_param(struct model *model, uint32_t index)
{
	return index < model->message->n_params ? model->message->params[index] : &model->scratch_param;
}

static uint32_t type_add(struct model *model, const Cbb__Type *type)
{
	Cbb__Type *added = MODEL_ADD(model, types, Cbb__Type, scratch_type);
	*added = *type;
	return added == &model->scratch_type ? 0 : (uint32_t)(model->message->n_types - 1);
}

static uint32_t type_intern(struct model *model, const Cbb__Type *type)
{
	struct type_key content = {(uint32_t)type->kind, type->name,     type->target, type->is_const,
	                           type->is_enum,        type->function, type->count};
	unsigned char key[1 + sizeof content] = {ENTRY_TYPE};
	memcpy(key + 1, &content, sizeof content);
	struct model_entry *entry = entry_find(model, key, sizeof key);
	if (entry)
		return entry->index;
	uint32_t index = type_add(model, type);
	entry_remember(model, key, sizeof key, index);
	return index;
}

static Cbb__Type type_of_kind(Cbb__Kind kind)
{
	Cbb__Type type = CBB__TYPE__INIT;
	type.kind = kind;
	type.size_bytes = layout_scalar_bytes(kind);
	type.align_bytes = layout_scalar_bytes(kind);
	return type;
}

uint32_t model_scalar(struct model *model, Cbb__Kind kind, const char *name)
{
	Cbb__Type type = type_of_kind(kind);
	type.name = kind == CBB__KIND__KIND_VOID ? 0 : model_name(model, name, strlen(name));
	return type_intern(model, &type);
}

uint32_t model_enum(struct model *model, Cbb__Kind kind, uint32_t name)
{
	Cbb__Type type = type_of_kind(kind);
	type.name = name;
	type.is_enum = true;
	return type_add(model, &type);
}

uint32_t model_pointer(struct model *model, struct qualified target)
{
	Cbb__Type type = type_of_kind(CBB__KIND__KIND_POINTER);
	type.target = target.type;
	type.is_const = target.is_const;
	return type_intern(model, &type);
}

uint32_t model_array(struct model *model, uint32_t element, uint64_t count)
{
	Cbb__Type type = type_of_kind(CBB__KIND__KIND_ARRAY);
	type.target = element;
	type.count = count;
	type.size_bytes = model_type(model, element)->size_bytes * count;
	type.align_bytes = model_type(model, element)->align_bytes;
	return type_intern(model, &type);
}

uint32_t model_function_type(struct model *model, uint32_t function)
{
	Cbb__Type type = type_of_kind(CBB__KIND__KIND_FUNCTION);
	type.function = function;
	return type_intern(model, &type);
}

uint32_t model_struct(struct model *model, uint32_t name, bool is_union)
{
	Cbb__Type type = type_of_kind(CBB__KIND__KIND_STRUCT);
	type.name = name;
	type.is_union = is_union;
	return type_add(model, &type);
}

uint32_t model_add_params(struct model *model, size_t n)
{
	uint32_t first = (uint32_t)model->message->n_params;
	for (size_t i = 0; i < n; i++)
		cbb__param__init(MODEL_ADD(model, params, Cbb__Param, scratch_param));
	return first;
}

Cbb__Function *model_add_function(struct model *model, uint32_t *ret_index)
{
	*ret_index = (uint32_t)model->message->n_functions;
	Cbb__Function *function = MODEL_ADD(model, functions, Cbb__Function, scratch_function);
	cbb__function__init(function);
	return function;
}

Cbb__Expression *model_add_expression(struct model *model, uint32_t *ret_index)
{
	*ret_index = (uint32_t)model->message->n_expressions;
	Cbb__Expression *expression = MODEL_ADD(model, expressions, Cbb__Expression, scratch_expression);
	cbb__expression__init(expression);
	return expression;
}

void model_add_typedef(struct model *model, uint32_t name, uint32_t type)
{
	Cbb__Typedef *entry = MODEL_ADD(model, typedefs, Cbb__Typedef, scratch_typedef);
	cbb__typedef__init(entry);
	entry->name = name;
	entry->type = type;
}

void model_init(struct model *model, Cbb__Interface *message, struct interface_memory *memory)
{
	*model = (struct model){.message = message, .memory = memory};
	model_name(model, "", 0);
	model_scalar(model, CBB__KIND__KIND_VOID, "");
}

void model_close(struct model *model)
{
	HASH_CLEAR(hh, model->entries);
}
