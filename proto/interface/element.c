/* SPDX-License-Identifier: MIT */
#include "interface/element.h"

#include "interface/layout.h"

#define EXTENT_WORDS (ATTRIBUTE_BIT(WORD_SIZE) | ATTRIBUTE_BIT(WORD_BYTES) | ATTRIBUTE_BIT(WORD_ZERO))
#define DIRECTION_WORDS (ATTRIBUTE_BIT(WORD_IN) | ATTRIBUTE_BIT(WORD_OUT) | ATTRIBUTE_BIT(WORD_INOUT))
#define ALLOWED_WORDS \
	(DIRECTION_WORDS | EXTENT_WORDS | ATTRIBUTE_BIT(WORD_FILLED) | ATTRIBUTE_BIT(WORD_NULLABLE) | \
	 ATTRIBUTE_BIT(WORD_STRING) | ATTRIBUTE_BIT(WORD_TRANSFER) | ATTRIBUTE_BIT(WORD_LIFETIME) | \
	 ATTRIBUTE_BIT(WORD_SCOPE))

#define UNION_HINT \
	"add case(kind, 1: const struct first *; 2: const char *), by the parameter that tells, or [handle] if only native " \
	"code looks inside"

static bool is_several(word_set words)
{
	return (words & (words - 1)) != 0;
}

static bool has_extent(const struct described *item, const struct level *level)
{
	return (level->words & EXTENT_WORDS) || (level->place == PLACE_PARAM && item->declared->array_count > 0);
}

static int check_extent(struct scene *scene, const struct described *item, const struct level *level,
                        const Cbb__Type *target)
{
	word_set extents = level->words & EXTENT_WORDS;
	const char *subject = describe_subject(scene, item);
	if (is_several(extents))
		return fail_at(describe_last(item, extents), "keep one of them", "%s has more than one of size, bytes and zero",
		               subject);
	if (target->kind == CBB__KIND__KIND_VOID && (!has_extent(item, level) || level_has(level, WORD_ZERO)))
		return fail_at(&item->declared->name, "add bytes(how many)", "%s points to memory of unknown size", subject);
	if (level->place == PLACE_PARAM && item->declared->is_array && !has_extent(item, level))
		return fail_at(&item->declared->name, "add size(how many), or zero if it ends at an all-zero element",
		               "%s is an array of unknown size", subject);
	return 0;
}

static int check_target(struct scene *scene, const struct described *item, const Cbb__Type *target)
{
	const struct token *place = &item->declared->name;
	if (target->kind == CBB__KIND__KIND_STRUCT && target->size_bytes == 0)
		return fail_at(place, "define the struct above, or write [handle] if only native code looks inside",
		               "%s points to an incomplete struct, which cannot be copied", describe_subject(scene, item));
	if (target->is_union)
		return fail_at(place, UNION_HINT, "%s points to a union, and nothing says which of its members is there",
		               describe_subject(scene, item));
	if (target->kind == CBB__KIND__KIND_ARRAY)
		return fail_at(place, "put the array into a struct, or pass its first element with [size(n)]",
		               "%s points to an array, which is not offered", describe_subject(scene, item));
	return 0;
}

/* Direction words and const must agree; without either nothing is guessed. */
static int choose_direction(struct scene *scene, const struct described *item, const struct level *level,
                            bool is_text_array, Cbb__Direction *ret_direction)
{
	word_set words = level->words & DIRECTION_WORDS;
	bool is_const = model_type(&scene->parser->model, level->type)->is_const;
	*ret_direction = CBB__DIRECTION__DIRECTION_NONE;
	if (is_several(words))
		return fail_at(describe_last(item, words), "keep one; inout is both ways", "%s has more than one direction",
		               describe_subject(scene, item));
	if (level->place != PLACE_PARAM)
		return words ? fail_at(describe_last(item, words), "take it out: only parameters have a direction",
		                       "%s has a direction", describe_subject(scene, item))
		             : 0;
	if (is_const && (words & ~ATTRIBUTE_BIT(WORD_IN)))
		return fail_at(describe_last(item, words), "take const out of the type, or write [in]",
		               "%s points to const and cannot come back", describe_subject(scene, item));
	if (!words && !is_const && !is_text_array)
		return fail_at(&item->declared->name, "add in, out or inout", "nothing says whether %s goes in or comes back",
		               describe_subject(scene, item));
	*ret_direction = words & ATTRIBUTE_BIT(WORD_OUT)     ? CBB__DIRECTION__DIRECTION_OUT
	                 : words & ATTRIBUTE_BIT(WORD_INOUT) ? CBB__DIRECTION__DIRECTION_INOUT
	                                                     : CBB__DIRECTION__DIRECTION_IN;
	return 0;
}

static int check_out(struct scene *scene, const struct described *item, const struct level *level,
                     Cbb__Direction direction)
{
	const char *subject = describe_subject(scene, item);
	uint32_t target = model_type(&scene->parser->model, level->type)->target;
	bool is_out = direction == CBB__DIRECTION__DIRECTION_OUT;
	bool comes_back = is_out || direction == CBB__DIRECTION__DIRECTION_INOUT;
	bool is_sized = has_extent(item, level) && !level_has(level, WORD_ZERO);
	if (is_out && level_has(level, WORD_ZERO))
		return fail_at(describe_place(item, WORD_ZERO), "add the room there is: size(n), instead of zero",
		               "%s comes back with no known size", subject);
	if (level_has(level, WORD_FILLED) && (!comes_back || !is_sized))
		return fail_at(describe_place(item, WORD_FILLED), "it goes with [out, size(room)]",
		               "filled says how much of an out array is valid, and %s is none", subject);
	if (is_out && !is_sized && layout_is_char(scene->parser->model.message, target))
		return fail_at(describe_place(item, WORD_OUT), "add string and size(n), or size(1) for a single character",
		               "%s has no known room", subject);
	if (level_has(level, WORD_STRING) && (!is_out || !is_sized))
		return fail_at(describe_place(item, WORD_STRING),
		               "[out, string, size(room)] is text that is written, [string] text that is read, "
		               "[size(n)] bytes that need no NUL",
		               "a string ends at its NUL, so %s needs no extent", subject);
	return 0;
}

/* scope: how long native code may keep the callbacks in the struct. */
static int set_scope(struct scene *scene, const struct described *item, const struct level *level, Cbb__Param *param)
{
	uint32_t target = model_type(&scene->parser->model, level->type)->target;
	if (!level_has(level, WORD_SCOPE))
		return 0;
	if (level->place != PLACE_PARAM || !interface_has_callbacks(scene->parser->model.message, target))
		return fail_at(describe_place(item, WORD_SCOPE), "it goes on callbacks, and on structs that hold some",
		               "%s holds no callback", describe_subject(scene, item));
	param->scope = item->words[WORD_SCOPE]->scope;
	return 0;
}

static int check_text(struct scene *scene, const struct described *item, const struct level *level,
                      const Cbb__Type *target)
{
	if (level_has(level, WORD_STRING) && (target->size_bytes != 1 || !layout_is_integer(target->kind)))
		return fail_at(describe_place(item, WORD_STRING), "text is made of char", "%s is no text",
		               describe_subject(scene, item));
	return 0;
}

/* The Param of each element; void is copied as bytes. */
static int describe_element(struct scene *scene, struct described *item, const struct level *level,
                            word_set inner_words, Cbb__Direction direction)
{
	struct model *model = &scene->parser->model;
	uint32_t target = model_type(model, level->type)->target;
	uint32_t element = model_add_params(model, 1);
	bool comes_back = level->place == PLACE_RESULT || level->place == PLACE_INNER_OUT ||
	                  direction == CBB__DIRECTION__DIRECTION_OUT || direction == CBB__DIRECTION__DIRECTION_INOUT;
	model_param(model, level->param)->element = element;
	model_param(model, element)->line = item->declared->name.line;
	if (model_type(model, target)->kind == CBB__KIND__KIND_VOID)
		target = model_scalar(model, CBB__KIND__KIND_U8, "unsigned char");
	if (model_type(model, target)->kind != CBB__KIND__KIND_POINTER)
		return describe_value(scene, item, element, target);
	item->inner = element;
	return describe_pointer(scene, item, &(struct level){element, target, inner_words,
	                                                      comes_back ? PLACE_INNER_OUT : PLACE_INNER_IN});
}

int describe_elements(struct scene *scene, struct described *item, const struct level *level, word_set inner_words)
{
	struct model *model = &scene->parser->model;
	const Cbb__Type *target = model_type(model, model_type(model, level->type)->target);
	bool is_text_array = target->kind == CBB__KIND__KIND_POINTER && (inner_words & ATTRIBUTE_BIT(WORD_STRING));
	Cbb__Direction direction = CBB__DIRECTION__DIRECTION_NONE;
	int r = level_allow(scene, item, level, ALLOWED_WORDS, "a pointer to elements");
	if (r == 0)
		r = check_target(scene, item, target);
	if (r == 0)
		r = check_extent(scene, item, level, target);
	if (r == 0)
		r = choose_direction(scene, item, level, is_text_array, &direction);
	if (r == 0)
		r = check_out(scene, item, level, direction);
	if (r == 0)
		r = check_text(scene, item, level, target);
	if (r < 0)
		return r;
	Cbb__Param *param = model_param(model, level->param);
	param->mode = CBB__MODE__MODE_ELEMENTS;
	param->direction = direction;
	param->zero = level_has(level, WORD_ZERO);
	param->text = level_has(level, WORD_STRING);
	param->size_in_bytes = level_has(level, WORD_BYTES) || target->kind == CBB__KIND__KIND_VOID;
	r = set_scope(scene, item, level, param);
	return r < 0 ? r : describe_element(scene, item, level, inner_words, direction);
}
