/* SPDX-License-Identifier: MIT */
#include "interface/describe.h"

#include "interface/check.h"
#include "interface/layout.h"

#include <stdio.h>

#define SUBJECT_SIZE 256

const char *describe_subject(const struct scene *scene, const struct described *item)
{
	static __thread char subject[SUBJECT_SIZE];
	const struct token *owner = scene->function ? &scene->function->name : &scene->structure->token;
	const struct token *name = &item->declared->name;
	const char *type = interface_type_name(scene->parser->model.message, item->declared->type.type);
	bool has_owner = owner->size > 0 && owner->kind == TOKEN_NAME;
	if (item->role == ROLE_RESULT)
		snprintf(subject, sizeof subject, "the result of '%.*s', '%.100s',", TOKEN_TEXT(owner), type);
	else if (name->size == 0 || name->kind != TOKEN_NAME)
		snprintf(subject, sizeof subject, "a parameter without name, '%.100s',", type);
	else if (has_owner)
		snprintf(subject, sizeof subject, "'%.100s %.*s' of '%.*s'", type, TOKEN_TEXT(name), TOKEN_TEXT(owner));
	else
		snprintf(subject, sizeof subject, "'%.100s %.*s'", type, TOKEN_TEXT(name));
	return subject;
}

const struct token *describe_place(const struct described *item, enum word word)
{
	return item->words[word] ? &item->words[word]->token : &item->declared->name;
}

const struct token *describe_last(const struct described *item, word_set words)
{
	const struct token *last = &item->declared->name;
	for (const struct attribute *at = item->declared->attributes; at; at = at->next)
		if (words & ATTRIBUTE_BIT(at->word))
			last = &at->token;
	return last;
}

static const char *result_hint(const Cbb__Type *target, bool is_char)
{
	if (target->kind == CBB__KIND__KIND_VOID)
		return "[bytes(n)] if it is memory to copy, [into(parameter)] if it points into a buffer, [handle] if only "
		       "native code looks behind it, [userdata] if it is the client's own pointer";
	if (is_char)
		return "[string], with transfer(full(free)) if the caller frees it, or [into(parameter)]";
	if (target->kind == CBB__KIND__KIND_POINTER)
		return "[string, zero] or [string, size(n)] if it is an array of texts, or [handle]";
	return "[size(1)] if it is one to copy, with lifetime(next) or transfer(full(free)) as need be, or [handle]";
}

static const char *param_hint(const Cbb__Type *target, bool is_const, bool is_char)
{
	if (target->kind == CBB__KIND__KIND_VOID)
		return is_const ? "[bytes(size)] if it is memory to copy, or [handle] if only native code looks behind it"
		                : "[userdata] if it is the client's own pointer, [in, bytes(size)], [out, bytes(size)] or "
		                  "[inout, bytes(size)] if it is memory to copy, [handle] if only native code looks behind it";
	if (is_char)
		return "[out, string, size(n)] if text is written to it, [in, size(n)], [out, size(n)] or [inout, size(n)] if "
		       "bytes are, [string] if it is only read, or [handle]";
	if (target->kind == CBB__KIND__KIND_POINTER)
		return "[out] if one is given back, [string, zero] or [string, size(n)] if it is an array of texts, "
		       "[in, size(n)] with [handle] for others, or [handle] alone if only native code looks behind it";
	return "[in], [out] or [inout], with size(n) if there are several, or [handle] if only native code looks behind it";
}

static const char *inner_hint(const Cbb__Type *target, bool is_char)
{
	if (is_char)
		return "add string, into(parameter) or handle: they describe the inner pointer";
	if (target->kind == CBB__KIND__KIND_VOID)
		return "add handle, userdata or into(parameter): they describe the inner pointer; "
		       "[out, bytes(n), lifetime(next)] gives back memory of n bytes";
	return "add handle or into(parameter): they describe the inner pointer; [out, size(n), lifetime(next)] gives "
	       "back an array of n";
}

int describe_refuse(struct scene *scene, const struct described *item, uint32_t type, bool is_inner)
{
	const Cbb__Type *pointer = model_type(&scene->parser->model, type);
	const Cbb__Type *target = model_type(&scene->parser->model, pointer->target);
	bool is_char = layout_is_char(scene->parser->model.message, pointer->target);
	if (is_inner)
		return fail_at(&item->declared->name, inner_hint(target, is_char),
		               "nothing says what %s points to behind the outer pointer", describe_subject(scene, item));
	return fail_at(&item->declared->name,
	               item->role == ROLE_RESULT ? result_hint(target, is_char)
	                                         : param_hint(target, pointer->is_const, is_char),
	               "nothing says what %s is", describe_subject(scene, item));
}
