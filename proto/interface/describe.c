/* SPDX-License-Identifier: MIT */
#include "interface/describe.h"

#include "interface/case.h"
#include "interface/check.h"
#include "interface/element.h"
#include "interface/format.h"
#include "interface/layout.h"

#include <string.h>

#define BIT(word) ATTRIBUTE_BIT(word)
#define MODE_WORDS \
	(BIT(WORD_STRING) | BIT(WORD_HANDLE) | BIT(WORD_USERDATA) | BIT(WORD_INTO) | BIT(WORD_HOST))
#define EXTENT_WORDS (BIT(WORD_SIZE) | BIT(WORD_BYTES))
#define KEEP_WORDS (BIT(WORD_TRANSFER) | BIT(WORD_LIFETIME))
#define ELEMENT_WORDS (EXTENT_WORDS | BIT(WORD_ZERO) | BIT(WORD_IN) | BIT(WORD_OUT) | BIT(WORD_INOUT))
#define FUNCTION_WORDS \
	(BIT(WORD_ON_ERROR) | BIT(WORD_TIMEOUT) | BIT(WORD_SELECT) | BIT(WORD_SENTINEL) | BIT(WORD_AUTO) | \
	 BIT(WORD_LOCAL) | BIT(WORD_BLOCKING) | BIT(WORD_LISTENER) | BIT(WORD_LATEST) | BIT(WORD_RATE) | \
	 BIT(WORD_PRIORITY))

/* Of a pointer to a pointer: the words that describe the inner one. The others describe the outer one. */
#define INNER_WORDS (MODE_WORDS | BIT(WORD_ELEMENTS) | BIT(WORD_VALUES) | BIT(WORD_SCOPE))

bool level_has(const struct level *level, enum word word)
{
	return level->words & BIT(word);
}

int level_allow(struct scene *scene, const struct described *item, const struct level *level, word_set allowed,
                const char *what)
{
	word_set wrong = level->words & ~allowed;
	for (enum word word = 0; wrong && word < WORD_COUNT; word++)
		if (wrong & BIT(word))
			return fail_at(&item->words[word]->token,
			               BIT(word) & FUNCTION_WORDS
			                   ? "it speaks of a function type: write a typedef, [listener] typedef void (*name)(int)"
			                   : "take it out, or see cbbroker-interface(5) for what goes together",
			               "[%s] has no meaning on %s %s", attribute_name(word), describe_subject(scene, item), what);
	return 0;
}

static Cbb__Param *level_param(struct scene *scene, const struct level *level)
{
	return model_param(&scene->parser->model, level->param);
}

int describe_value(struct scene *scene, const struct described *item, uint32_t param, uint32_t type)
{
	struct parser *parser = scene->parser;
	const Cbb__Type *found = model_type(&parser->model, type);
	if (found->kind == CBB__KIND__KIND_STRUCT && found->size_bytes == 0)
		return fail_at(&item->declared->name, "define the struct above, or pass a pointer to it",
		               "%s is an incomplete struct", describe_subject(scene, item));
	model_param(&parser->model, param)->type = type;
	model_param(&parser->model, param)->mode = CBB__MODE__MODE_VALUE;
	return 0;
}

static int describe_userdata(struct scene *scene, const struct described *item, const struct level *level)
{
	int r =
		level_allow(scene, item, level,
	                BIT(WORD_USERDATA) | BIT(WORD_NULLABLE) | BIT(WORD_ELEMENTS) | BIT(WORD_SCOPE) | BIT(WORD_VALUES),
	                "which is userdata");
	const struct attribute *scope = item->words[WORD_SCOPE];
	Cbb__Param *param = level_param(scene, level);
	if (r == 0 && scope && scope->scope > CBB__SCOPE__SCOPE_FOREVER)
		return fail_at(&scope->token, "write userdata(callback): it lives as long as that callback",
		               "%s is not called and not notified", describe_subject(scene, item));
	param->mode = CBB__MODE__MODE_USERDATA;
	param->nullable = true;
	param->scope = scope ? scope->scope : CBB__SCOPE__SCOPE_FOREVER;
	return r;
}

static int describe_handle(struct scene *scene, const struct described *item, const struct level *level)
{
	bool is_host = level_has(level, WORD_HOST);
	word_set allowed = BIT(WORD_HANDLE) | BIT(WORD_HOST) | BIT(WORD_NULLABLE) | BIT(WORD_VALUES);
	if (level->place == PLACE_INNER_IN || level->place == PLACE_INNER_OUT)
		allowed |= BIT(WORD_ELEMENTS);
	else if (level->place == PLACE_PARAM && scene->function && !scene->function->is_type && !is_host)
		allowed |= BIT(WORD_CLOSES);
	level_param(scene, level)->mode = CBB__MODE__MODE_HANDLE;
	level_param(scene, level)->host = is_host;
	level_param(scene, level)->closes = level_has(level, WORD_CLOSES);
	return level_allow(scene, item, level, allowed, is_host ? "which is memory in the host" : "which is a handle");
}

static int describe_callback(struct scene *scene, const struct described *item, const struct level *level)
{
	const struct attribute *scope = item->words[WORD_SCOPE];
	Cbb__Param *param = level_param(scene, level);
	bool is_call = level->place == PLACE_PARAM && scene->function && !scene->function->is_type;
	word_set allowed = BIT(WORD_NULLABLE) | BIT(WORD_VALUES);
	if (level->place == PLACE_INNER_IN || level->place == PLACE_INNER_OUT)
		return fail_at(&item->declared->name, "leave the function out, or write [handle] alone",
		               "%s points to a function pointer, which is not offered", describe_subject(scene, item));
	param->mode = CBB__MODE__MODE_CALLBACK;
	if (level->place == PLACE_PARAM)
		param->scope = scope                          ? scope->scope
		               : level_has(level, WORD_DESTROY) ? CBB__SCOPE__SCOPE_ASYNC
		                                                : CBB__SCOPE__SCOPE_CALL;
	else if (level->place == PLACE_FIELD && scope)
		param->scope = scope->scope;
	allowed |= level->place != PLACE_RESULT ? BIT(WORD_SCOPE) : 0;
	allowed |= is_call ? BIT(WORD_DESTROY) : 0;
	return level_allow(scene, item, level, allowed, "which is a callback");
}

static int describe_into(struct scene *scene, const struct described *item, const struct level *level)
{
	if (level->place != PLACE_RESULT && level->place != PLACE_INNER_OUT)
		return fail_at(describe_place(item, WORD_INTO),
		               "it goes on pointer results, and on [out] pointers to a pointer", "%s points into no buffer",
		               describe_subject(scene, item));
	level_param(scene, level)->mode = CBB__MODE__MODE_INTO;
	return level_allow(scene, item, level, BIT(WORD_INTO) | BIT(WORD_NULLABLE) | BIT(WORD_ELEMENTS),
	                   "which points into a buffer");
}

static int describe_string(struct scene *scene, const struct described *item, const struct level *level)
{
	struct model *model = &scene->parser->model;
	const Cbb__Type *target = model_type(model, model_type(model, level->type)->target);
	word_set allowed = BIT(WORD_STRING) | BIT(WORD_NULLABLE);
	if (target->size_bytes != 1 || !layout_is_integer(target->kind))
		return fail_at(describe_place(item, WORD_STRING), "text is made of char; others are arrays: [size(n)]",
		               "%s is no text", describe_subject(scene, item));
	if (level->place == PLACE_PARAM)
		allowed |= BIT(WORD_IN) | BIT(WORD_LIFETIME) | BIT(WORD_FORMAT);
	else if (level->place != PLACE_FIELD)
		allowed |= KEEP_WORDS;
	if (level->place == PLACE_INNER_IN || level->place == PLACE_INNER_OUT)
		allowed |= BIT(WORD_ELEMENTS);
	level_param(scene, level)->mode = CBB__MODE__MODE_STRING;
	if (level->place == PLACE_PARAM)
		level_param(scene, level)->direction = CBB__DIRECTION__DIRECTION_IN;
	return level_allow(scene, item, level, allowed, "which is a string");
}

/* A pointer to a struct that nobody here looks into. */
static int describe_opaque(struct scene *scene, struct described *item, const struct level *level)
{
	struct symbol *symbol = symbols_find_struct(&scene->parser->symbols,
	                                            model_type(&scene->parser->model, level->type)->target);
	if (symbol && symbol->handle_use.size == 0) {
		symbol->handle_use = item->declared->name;
		symbol->handle_use.size = 1;
	}
	return describe_handle(scene, item, level);
}

/* The pointer's type decides: no attribute says what it is. */
static int describe_by_type(struct scene *scene, struct described *item, const struct level *level)
{
	struct model *model = &scene->parser->model;
	const Cbb__Type *pointer = model_type(model, level->type), *target = model_type(model, pointer->target);
	bool is_text = layout_is_char(model->message, pointer->target);
	bool is_complete = target->size_bytes > 0 && target->kind != CBB__KIND__KIND_POINTER;
	if (is_text && pointer->is_const)
		return describe_string(scene, item, level);
	if (target->kind == CBB__KIND__KIND_STRUCT && !is_complete)
		return describe_opaque(scene, item, level);
	bool is_kept = (level->words & KEEP_WORDS) && level->place != PLACE_PARAM && level->place != PLACE_FIELD;
	if (is_complete && !is_text && (pointer->is_const || is_kept || target->is_union))
		return describe_elements(scene, item, level, 0);
	return describe_refuse(scene, item, level->type, level->place == PLACE_INNER_IN || level->place == PLACE_INNER_OUT);
}

/* A struct that is still being read cannot be copied into itself. */
static bool is_circle(struct scene *scene, uint32_t target)
{
	const struct symbol *symbol = symbols_find_struct(&scene->parser->symbols, target);
	return symbol && symbol->is_open;
}

static int choose_mode(struct scene *scene, struct described *item, const struct level *level, word_set inner_words)
{
	struct model *model = &scene->parser->model;
	const Cbb__Type *pointer = model_type(model, level->type);
	word_set modes = level->words & MODE_WORDS, elements = level->words & ELEMENT_WORDS;
	bool is_text = pointer->is_const && layout_is_char(model->message, pointer->target);
	bool is_array = level->place == PLACE_PARAM && item->declared->is_array &&
	                !(item->declared->array_count == 0 && is_text);
	if ((modes & (modes - 1)) != 0)
		return fail_at(describe_last(item, modes), "keep one of them",
		               "%s is more than one of string, handle, userdata, into and host", describe_subject(scene, item));
	if (model_type(model, pointer->target)->kind == CBB__KIND__KIND_FUNCTION)
		return describe_callback(scene, item, level);
	if (level_has(level, WORD_HANDLE) || level_has(level, WORD_HOST))
		return describe_handle(scene, item, level);
	if (level_has(level, WORD_USERDATA))
		return describe_userdata(scene, item, level);
	if (level_has(level, WORD_INTO))
		return describe_into(scene, item, level);
	if (is_circle(scene, pointer->target))
		return fail_at(&item->declared->name, "[handle] if the program does not follow it",
		               "%s points to the very struct that it is in: a list cannot be copied",
		               describe_subject(scene, item));
	if (elements == BIT(WORD_IN) && (level_has(level, WORD_STRING) || is_text))
		elements = 0;
	if (elements || is_array)
		return describe_elements(scene, item, level, inner_words);
	return level_has(level, WORD_STRING) ? describe_string(scene, item, level) : describe_by_type(scene, item, level);
}

/* A pointer to a pointer that is described by itself: each word speaks of one of the two. */
static int describe_two(struct scene *scene, struct described *item, const struct level *level)
{
	word_set inner = INNER_WORDS;
	bool has_mode = level->words & MODE_WORDS;
	if (level->place == PLACE_PARAM)
		inner |= KEEP_WORDS;
	if (level_has(level, WORD_OUT) && !has_mode && (level->words & EXTENT_WORDS) && (level->words & KEEP_WORDS)) {
		inner |= EXTENT_WORDS;
		item->inner_is_sized = true;
	}
	struct level outer = *level;
	outer.words &= ~inner;
	return choose_mode(scene, item, &outer, level->words & inner);
}

/* That a format speaks of it, format_check() sees to. */
static int describe_va_list(struct scene *scene, struct described *item, const struct level *level)
{
	if (level->place != PLACE_PARAM)
		return fail_at(&item->declared->name, "it goes on parameters, beside a [format(printf, ap)] text",
		               "%s is a va_list where none can be carried", describe_subject(scene, item));
	level_param(scene, level)->type = level->type;
	level_param(scene, level)->mode = CBB__MODE__MODE_VA_LIST;
	return level_allow(scene, item, level, 0, "which is a va_list");
}

int describe_pointer(struct scene *scene, struct described *item, const struct level *level)
{
	if (format_is_list(scene->parser, level->type))
		return describe_va_list(scene, item, level);
	struct model *model = &scene->parser->model;
	const Cbb__Type *target = model_type(model, model_type(model, level->type)->target);
	Cbb__Param *param = level_param(scene, level);
	param->type = level->type;
	if (level->place == PLACE_RESULT || level->place == PLACE_INNER_OUT)
		param->nullable = true;
	else
		param->nullable = level_has(level, level->place == PLACE_INNER_IN ? WORD_ELEMENTS : WORD_NULLABLE);
	bool is_elements = (level->words & ELEMENT_WORDS) || (level->place == PLACE_PARAM && item->declared->is_array);
	bool is_inner = level->place == PLACE_INNER_IN || level->place == PLACE_INNER_OUT;
	if (target->kind == CBB__KIND__KIND_POINTER && is_elements && !is_inner)
		return describe_two(scene, item, level);
	if (target->kind == CBB__KIND__KIND_POINTER &&
	    !(level->words & (BIT(WORD_HANDLE) | BIT(WORD_USERDATA) | BIT(WORD_INTO) | BIT(WORD_HOST))))
		return describe_refuse(scene, item, level->type, is_inner);
	return choose_mode(scene, item, level, 0);
}

/* What events of a listener are told apart by. That it is one, delivery_set() checks. */
static int describe_key(struct scene *scene, const struct described *item, const struct level *level,
                        const Cbb__Type *type)
{
	bool is_callback = level->place == PLACE_PARAM && scene->function && scene->function->is_type;
	if (!is_callback)
		return fail_at(describe_place(item, WORD_KEY), "it goes on a parameter of a function type",
		               "%s is no parameter of a callback", describe_subject(scene, item));
	if (!layout_is_scalar(type->kind) || type->kind == CBB__KIND__KIND_LONG_DOUBLE)
		return fail_at(describe_place(item, WORD_KEY), "a key is a number of at most 64 bits: an integer, enum or double",
		               "%s cannot be compared", describe_subject(scene, item));
	level_param(scene, level)->key = true;
	return 0;
}

/* A number, struct or array, which attributes have little to say about. */
static int describe_plain(struct scene *scene, struct described *item, const struct level *level)
{
	const Cbb__Type *type = model_type(&scene->parser->model, level->type);
	if (level_has(level, WORD_USERDATA)) {
		if (!layout_is_integer(type->kind) || type->size_bytes != sizeof(void *))
			return fail_at(describe_place(item, WORD_USERDATA), "userdata is a pointer, or an integer of its size",
			               "%s has no room for userdata", describe_subject(scene, item));
		level_param(scene, level)->type = level->type;
		return describe_userdata(scene, item, level);
	}
	const Cbb__Interface *message = scene->parser->model.message;
	bool has_callbacks = level->place == PLACE_PARAM && interface_has_callbacks(message, level->type);
	word_set allowed = BIT(WORD_KEY) | (has_callbacks ? BIT(WORD_SCOPE) : 0);
	int r = level_allow(scene, item, level, allowed, "which is no pointer");
	if (r == 0 && level_has(level, WORD_KEY))
		r = describe_key(scene, item, level, type);
	if (r == 0 && level_has(level, WORD_SCOPE))
		level_param(scene, level)->scope = item->words[WORD_SCOPE]->scope;
	return r < 0 ? r : describe_value(scene, item, level->param, level->type);
}

/* Arrays of pointers have no Param that could describe the pointers. */
static int check_field_array(struct scene *scene, const struct described *item)
{
	const Cbb__Type *type = model_type(&scene->parser->model, item->declared->type.type);
	bool is_array = type->kind == CBB__KIND__KIND_ARRAY;
	while (type->kind == CBB__KIND__KIND_ARRAY)
		type = model_type(&scene->parser->model, type->target);
	if (is_array && type->kind == CBB__KIND__KIND_POINTER)
		return fail_at(&item->declared->name,
		               "write the pointers as fields of their own, or as uintptr_t if only native code follows them",
		               "%s is an array of pointers inside a struct, which is not offered",
		               describe_subject(scene, item));
	return 0;
}

int describe_one(struct scene *scene, struct described *item)
{
	static const enum place places[] = {PLACE_PARAM, PLACE_RESULT, PLACE_FIELD};
	struct model *model = &scene->parser->model;
	word_set present = 0;
	for (struct attribute *at = item->declared->attributes; at; at = at->next) {
		item->words[at->word] = at;
		present |= BIT(at->word);
	}
	if (item->role == ROLE_RESULT)
		present &= ~FUNCTION_WORDS;
	Cbb__Param *param = model_param(model, item->param);
	param->line = item->declared->name.line;
	if (item->role != ROLE_RESULT)
		param->name = model_name(model, item->declared->name.text, item->declared->name.size);
	struct level level = {item->param, item->declared->type.type, present, places[item->role]};
	int r = check_field_array(scene, item);
	if (r == 0 && level_has(&level, WORD_SLOT))
		r = case_describe_slot(scene, item, &level.words);
	if (r < 0)
		return r;
	if (level_has(&level, WORD_CASE))
		return case_describe(scene, item);
	if (model_type(model, level.type)->kind == CBB__KIND__KIND_POINTER)
		return describe_pointer(scene, item, &level);
	return describe_plain(scene, item, &level);
}
