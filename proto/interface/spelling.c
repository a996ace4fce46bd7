/* SPDX-License-Identifier: MIT */
#include "interface/spelling.h"

#include "interface/check.h"

#include <stdio.h>
#include <string.h>

#define FUNCTION_DEPTH_MAX 1 /* functions that take functions are spelled out this deep */

char *spelling_buffer(void)
{
	static __thread char buffers[4][SPELLING_SIZE];
	static __thread unsigned turn;
	char *buffer = buffers[turn++ % 4];
	buffer[0] = '\0';
	return buffer;
}

/* A C declaration, built from the inside: what stands where the name would. Cut off when it is too long. */
struct spelling {
	char text[SPELLING_SIZE];
};

static void wrap(struct spelling *spelling, const char *before, const char *after)
{
	struct spelling inner = *spelling;
	int n = snprintf(spelling->text, SPELLING_SIZE, "%s%s%s", before, inner.text, after);
	if (n >= SPELLING_SIZE)
		memcpy(spelling->text + SPELLING_SIZE - 4, "...", 4);
}

/* In `names`: a typedef's name for exactly this type; 0 if there is none. */
static uint32_t typedef_name(const Cbb__Interface *message, uint32_t type)
{
	for (size_t i = 0; i < message->n_typedefs; i++)
		if (message->typedefs[i]->type == type)
			return message->typedefs[i]->name;
	return 0;
}

/* `alias`: the name of a typedef to use, in `names`; 0: none. */
static void spell_base(const Cbb__Interface *message, uint32_t index, uint32_t alias, bool is_const,
                       struct spelling *spelling)
{
	const Cbb__Type *type = message->types[index];
	bool is_struct = type->kind == CBB__KIND__KIND_STRUCT;
	const ProtobufCBinaryData *text = &message->names[type->name ? type->name : alias];
	const char *aggregate = type->is_union ? "union" : is_struct ? "struct" : "enum";
	bool has_tag = type->name && (is_struct || type->is_enum);
	char name[256] = "", before[300];
	if (text->len > 0)
		snprintf(name, sizeof name, "%.*s", (int)(text->len < sizeof name ? text->len : sizeof name),
		         (char *)text->data);
	else
		snprintf(name, sizeof name, "%s", type->kind == CBB__KIND__KIND_VOID ? "void" : aggregate);
	snprintf(before, sizeof before, "%s%s%s%s%s", is_const ? "const " : "", has_tag ? aggregate : "", has_tag ? " " : "",
	         name, spelling->text[0] ? " " : "");
	wrap(spelling, before, "");
}

static void spell(const Cbb__Interface *message, uint32_t type, bool is_const, unsigned depth,
                  struct spelling *spelling);

/* A pointer in front of an array's or a function's brackets needs parentheses. */
static void spell_suffix(struct spelling *spelling, const char *suffix)
{
	bool is_pointer = spelling->text[0] == '*';
	wrap(spelling, is_pointer ? "(" : "", is_pointer ? ")" : "");
	wrap(spelling, "", suffix);
}

static void spell_params(const Cbb__Interface *message, const Cbb__Function *function, unsigned depth,
                         struct spelling *spelling)
{
	struct spelling list = {"("};
	for (uint32_t i = 0; i < function->n && depth < FUNCTION_DEPTH_MAX && strlen(list.text) < SPELLING_SIZE - 1; i++) {
		struct spelling param = {""};
		spell(message, message->params[function->first + i]->type, false, depth + 1, &param);
		wrap(&list, "", i > 0 ? ", " : "");
		wrap(&list, "", param.text);
	}
	wrap(&list, "", function->n == 0 ? "void)" : depth < FUNCTION_DEPTH_MAX ? ")" : "...)");
	spell_suffix(spelling, list.text);
}

static void spell(const Cbb__Interface *message, uint32_t type, bool is_const, unsigned depth,
                  struct spelling *spelling)
{
	for (unsigned i = 0; i <= 2 * INTERFACE_DEPTH_MAX; i++) {
		const Cbb__Type *at = message->types[type];
		bool is_function = at->kind == CBB__KIND__KIND_FUNCTION;
		bool is_pointer = at->kind == CBB__KIND__KIND_POINTER;
		bool to_function = is_pointer && message->types[at->target]->kind == CBB__KIND__KIND_FUNCTION;
		uint32_t alias = is_function || to_function || at->name == 0 ? typedef_name(message, type) : 0;
		char count[32];
		snprintf(count, sizeof count, "[%llu]", (unsigned long long)at->count);
		if ((!is_function && !is_pointer && at->kind != CBB__KIND__KIND_ARRAY) ||
		    ((is_function || to_function) && alias)) {
			spell_base(message, type, alias, is_const, spelling);
			return;
		}
		if (is_function) {
			spell_params(message, message->functions[at->function], depth, spelling);
			type = message->params[message->functions[at->function]->result]->type;
			is_const = false;
			continue;
		}
		if (is_pointer) {
			wrap(spelling, is_const ? "*const " : "*", "");
			is_const = at->is_const;
		} else {
			spell_suffix(spelling, count);
		}
		type = at->target;
	}
}

const char *interface_type_name(const Cbb__Interface *message, uint32_t type)
{
	struct spelling spelling = {""};
	spell(message, type, false, 0, &spelling);
	size_t n = strlen(spelling.text);
	while (n > 0 && spelling.text[n - 1] == ' ')
		spelling.text[--n] = '\0';
	char *buffer = spelling_buffer();
	memcpy(buffer, spelling.text, SPELLING_SIZE);
	return buffer;
}
