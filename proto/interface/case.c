/* SPDX-License-Identifier: MIT */
#include "interface/case.h"

#include "interface/check.h"
#include "interface/choice.h"
#include "interface/emit.h"

#define BIT(word) ATTRIBUTE_BIT(word)
#define CASE_HINT "write [case(kind, 1: const char *; 2, 3: const struct item *)] const void *p"

/* What the parameter itself may be. */
static int check_param(struct scene *scene, const struct described *item)
{
	struct model *model = &scene->parser->model;
	const struct attribute *word = item->words[WORD_CASE];
	const Cbb__Type *type = model_type(model, item->declared->type.type), *target = model_type(model, type->target);
	bool is_open = type->kind == CBB__KIND__KIND_POINTER &&
	               (target->kind == CBB__KIND__KIND_VOID || target->is_union);
	if (!is_open || item->role != ROLE_PARAM)
		return fail_at(&word->token, "it goes on parameters that are void * or point to a union",
		               "the type of %s is known", describe_subject(scene, item));
	for (enum word other = 0; other < WORD_COUNT; other++)
		if (item->words[other] && other != WORD_CASE && other != WORD_NULLABLE)
			return fail_at(&item->words[other]->token, "write it inside the case, in front of the type it speaks of",
			               "[%s] beside [case] says nothing of one case", attribute_name(other));
	return choice_check_labels(word->choices);
}

/* An alternative: one pointer, passed in a way that is not told by yet another argument. */
static int describe_alternative(struct scene *scene, struct described *item, const struct choice *choice,
                                struct described *alternative)
{
	struct model *model = &scene->parser->model;
	if (choice->params.n != 1)
		return fail_at(&choice->token, CASE_HINT, "a case of %s has %zu types, not one",
		               describe_subject(scene, item), choice->params.n);
	alternative->declared = &choice->params.items[0];
	int r = describe_one(scene, alternative);
	if (r < 0)
		return r;
	Cbb__Param *param = model_param(model, alternative->param);
	bool is_pointer = model_type(model, param->type)->kind == CBB__KIND__KIND_POINTER;
	if (!is_pointer || (param->mode != CBB__MODE__MODE_ELEMENTS && param->mode != CBB__MODE__MODE_STRING &&
	                    param->mode != CBB__MODE__MODE_HANDLE && param->mode != CBB__MODE__MODE_USERDATA))
		return fail_at(&choice->token, CASE_HINT, "%s is no pointer to something that a case can choose",
		               describe_subject(scene, alternative));
	param->nullable |= model_param(model, item->param)->nullable;
	param->name = model_param(model, item->param)->name;
	param->labels = choice_copy_labels(scene->parser, choice);
	param->n_labels = choice->n_labels;
	return param->labels ? 0 : fail_memory();
}

int case_describe(struct scene *scene, struct described *item)
{
	struct model *model = &scene->parser->model;
	const struct choice *choices = item->words[WORD_CASE]->choices;
	int r = check_param(scene, item);
	if (r < 0)
		return r;
	for (const struct choice *choice = choices; choice; choice = choice->next)
		item->n_alternatives++;
	uint32_t first = model_add_params(model, item->n_alternatives);
	Cbb__Param *param = model_param(model, item->param);
	param->type = item->declared->type.type;
	param->mode = CBB__MODE__MODE_CASE;
	param->nullable = item->words[WORD_NULLABLE] != NULL;
	param->first_case = first;
	param->n_cases = item->n_alternatives;
	item->alternatives = parser_allocate(scene->parser, item->n_alternatives * sizeof *item->alternatives);
	if (!item->alternatives)
		return fail_memory();
	struct described *alternative = item->alternatives;
	for (const struct choice *choice = choices; r == 0 && choice; choice = choice->next, alternative++) {
		uint32_t number = (uint32_t)(alternative - item->alternatives);
		*alternative = (struct described){.role = ROLE_PARAM, .param = first + number};
		r = describe_alternative(scene, item, choice, alternative);
	}
	return r;
}

/* Both ends compute it before anything is followed, and again afterwards. */
static bool is_of_values(const Cbb__Interface *message, uint32_t index)
{
	const Cbb__Expression *expression = message->expressions[index];
	if (expression->op == CBB__OP__OP_CONSTANT || expression->op == CBB__OP__OP_PARAM)
		return true;
	return expression->op >= CBB__OP__OP_ADD && expression->op <= CBB__OP__OP_GE &&
	       is_of_values(message, expression->left) && is_of_values(message, expression->right);
}

int case_refer(struct scene *scene, struct described *item)
{
	struct model *model = &scene->parser->model;
	uint32_t reference = 0;
	if (item->n_alternatives == 0)
		return 0;
	const struct attribute *word = item->words[WORD_CASE];
	int r = emit_expression(scene, word->expression, PHASE_BEFORE, &reference);
	if (r == 0)
		r = parser_check_tables(scene->parser, &word->token);
	if (r < 0)
		return r;
	if (!is_of_values(model->message, reference - 1))
		return fail_at(&word->expression->token, "name an integer parameter",
		               "what chooses the case of %s is more than integer parameters and constants",
		               describe_subject(scene, item));
	model_param(model, item->param)->selector = reference;
	for (uint32_t i = 0; r == 0 && i < item->n_alternatives; i++)
		r = refer_one(scene, &item->alternatives[i]);
	return r;
}

int case_describe_slot(struct scene *scene, struct described *item, word_set *words)
{
	struct model *model = &scene->parser->model;
	struct attribute *slot = item->words[WORD_SLOT];
	const Cbb__Type *type = model_type(model, item->declared->type.type), *target = model_type(model, type->target);
	word_set others = *words & ~(BIT(WORD_SLOT) | BIT(WORD_NULLABLE) | BIT(WORD_SCOPE));
	if (item->role != ROLE_PARAM || type->kind != CBB__KIND__KIND_POINTER || target->kind != CBB__KIND__KIND_POINTER ||
	    type->is_const)
		return fail_at(&slot->token, "it goes on parameters such as void **cell", "%s is no cell for a pointer",
		               describe_subject(scene, item));
	if (others)
		return fail_at(describe_last(item, others), "keep [slot] alone, or with nullable or scope",
		               "%s is a slot and more", describe_subject(scene, item));
	*words = (*words & ~BIT(WORD_SLOT)) | BIT(WORD_INOUT) | BIT(WORD_USERDATA);
	item->words[WORD_INOUT] = item->words[WORD_USERDATA] = slot;
	return 0;
}
