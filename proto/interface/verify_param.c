/* SPDX-License-Identifier: MIT */
#include "interface/verify.h"

#include "interface/layout.h"

#define VALUES_MAX 64

static bool comes_back(const Cbb__Param *param)
{
	return param->direction == CBB__DIRECTION__DIRECTION_OUT || param->direction == CBB__DIRECTION__DIRECTION_INOUT;
}

static const Cbb__Type *type_of(const struct verify *verify, const Cbb__Param *param)
{
	return verify->message->types[param->type];
}

/* void for what is no pointer. */
static const Cbb__Type *target_of(const struct verify *verify, const Cbb__Param *param)
{
	const Cbb__Type *type = type_of(verify, param);
	return verify->message->types[type->kind == CBB__KIND__KIND_POINTER ? type->target : 0];
}

/* owner: number + 1 of a handle among the parameters; n + 1: the result. */
static int verify_owner(const struct verify *verify, uint32_t owner)
{
	const Cbb__Function *function = verify->function;
	if (!function || owner == 0 || owner > function->n + 1)
		return verify_fail("an owner is not there");
	uint32_t index = owner <= function->n ? function->first + owner - 1 : function->result;
	const Cbb__Param *param = verify->message->params[index];
	if (param->mode == CBB__MODE__MODE_HANDLE)
		return 0;
	/* One that comes back through a pointer. */
	if (owner <= function->n && param->mode == CBB__MODE__MODE_ELEMENTS && comes_back(param) && !param->size &&
	    !param->zero && param->element < verify->message->n_params &&
	    verify->message->params[param->element]->mode == CBB__MODE__MODE_HANDLE)
		return 0;
	return verify_fail("an owner is no handle");
}

static int verify_scope(const struct verify *verify, const Cbb__Param *param)
{
	if (param->scope < CBB__SCOPE__SCOPE_CALL || param->scope > CBB__SCOPE__SCOPE_NOTIFIED)
		return verify_fail("a param has the unknown scope %d", (int)param->scope);
	if (param->scope == CBB__SCOPE__SCOPE_NOTIFIED && !param->notified_by)
		return verify_fail("a param is let go of by nothing");
	if (param->scope > CBB__SCOPE__SCOPE_FOREVER && param->mode == CBB__MODE__MODE_USERDATA)
		return verify_fail("a param that is no callback has a callback's scope");
	if (param->scope == CBB__SCOPE__SCOPE_OWNER)
		return verify_owner(verify, param->owner);
	return param->owner == 0 ? 0 : verify_fail("a param has an owner but no such scope");
}

/* The callback whose invocation says that native code let go of this one. */
static int verify_notified(const struct verify *verify, const Cbb__Param *param, enum verify_place place)
{
	const Cbb__Function *function = verify->function;
	if (!param->notified_by)
		return 0;
	if (!function || function->is_type || place != VERIFY_PARAM || param->notified_by > function->n)
		return verify_fail("a callback is let go of by a parameter that is not there");
	const Cbb__Param *by = verify->message->params[function->first + param->notified_by - 1];
	if (by == param || by->mode != CBB__MODE__MODE_CALLBACK)
		return verify_fail("a callback is let go of by no other callback");
	return 0;
}

/* Of a struct, or a pointer to some: how long the callbacks in it are kept. */
static int verify_scope_within(const struct verify *verify, const Cbb__Param *param, enum verify_place place)
{
	bool is_elements = param->mode == CBB__MODE__MODE_ELEMENTS;
	const Cbb__Type *type = is_elements ? target_of(verify, param) : type_of(verify, param);
	if (!param->scope && !param->owner)
		return 0;
	if (place != VERIFY_PARAM || type->kind != CBB__KIND__KIND_STRUCT || param->scope > CBB__SCOPE__SCOPE_ASYNC)
		return verify_fail("a scope stands on something that holds no callbacks");
	return verify_scope(verify, param);
}

static int verify_value(const struct verify *verify, const Cbb__Param *param, enum verify_place place)
{
	const Cbb__Type *type = type_of(verify, param);
	bool is_there = layout_is_scalar(type->kind) || (type->kind == CBB__KIND__KIND_STRUCT && type->size_bytes > 0);
	while (place == VERIFY_FIELD && type->kind == CBB__KIND__KIND_ARRAY) {
		type = verify->message->types[type->target];
		is_there = layout_is_scalar(type->kind) || type->kind == CBB__KIND__KIND_STRUCT;
	}
	if (!is_there && !(place == VERIFY_RESULT && type->kind == CBB__KIND__KIND_VOID))
		return verify_fail("a value has a type that cannot be held in place");
	bool is_callback = verify->function && verify->function->is_type && place == VERIFY_PARAM;
	if (param->key && (!is_callback || !layout_is_scalar(type->kind) || type->kind == CBB__KIND__KIND_LONG_DOUBLE))
		return verify_fail("a key is no number that a callback is given");
	return param->nullable ? verify_fail("a value cannot be NULL") : verify_scope_within(verify, param, place);
}

/* How many elements, and which of them are valid. */
static int verify_extent(const struct verify *verify, const Cbb__Param *param, bool is_late)
{
	const Cbb__Type *target = target_of(verify, param);
	bool is_out = param->direction == CBB__DIRECTION__DIRECTION_OUT;
	if (target->kind == CBB__KIND__KIND_VOID && !(param->size && param->size_in_bytes))
		return verify_fail("memory without type has no size");
	if ((param->zero && (param->size || is_out)) || (param->size_in_bytes && !param->size))
		return verify_fail("an array's size is said twice, or not at all");
	if (param->filled && (!param->size || !comes_back(param)))
		return verify_fail("an array is filled that does not come back");
	if (param->text && (!param->size || !is_out || target->size_bytes != 1))
		return verify_fail("text is written to something that is no room for it");
	int r = verify_expression(verify, param->size, is_late);
	return r < 0 ? r : verify_expression(verify, param->filled, true);
}

static int verify_elements(const struct verify *verify, const Cbb__Param *param, enum verify_place place)
{
	const Cbb__Param *element = verify->message->params[param->element];
	const Cbb__Type *pointer = type_of(verify, param), *target = target_of(verify, param);
	bool is_late = place == VERIFY_RESULT || place == VERIFY_INNER_OUT;
	bool is_same = target->kind == CBB__KIND__KIND_VOID ? type_of(verify, element)->kind == CBB__KIND__KIND_U8
	                                                    : element->type == pointer->target;
	if (pointer->kind != CBB__KIND__KIND_POINTER || !is_same)
		return verify_fail("a pointer and its elements have different types");
	if (place == VERIFY_PARAM
	        ? param->direction < CBB__DIRECTION__DIRECTION_IN || param->direction > CBB__DIRECTION__DIRECTION_INOUT
	        : param->direction != CBB__DIRECTION__DIRECTION_NONE)
		return verify_fail("elements have the wrong direction %d", (int)param->direction);
	if (pointer->is_const && comes_back(param))
		return verify_fail("elements come back to memory that is const");
	int r = verify_extent(verify, param, is_late);
	if (r == 0)
		r = verify_scope_within(verify, param, place);
	return r < 0 ? r
	             : verify_param(verify, param->element,
	                            is_late || comes_back(param) ? VERIFY_INNER_OUT : VERIFY_INNER_IN);
}

static int verify_string(const struct verify *verify, const Cbb__Param *param, enum verify_place place)
{
	const Cbb__Type *target = target_of(verify, param);
	if (type_of(verify, param)->kind != CBB__KIND__KIND_POINTER || target->size_bytes != 1 ||
	    !layout_is_integer(target->kind))
		return verify_fail("a string is not made of characters");
	if (param->direction != (place == VERIFY_PARAM ? CBB__DIRECTION__DIRECTION_IN : CBB__DIRECTION__DIRECTION_NONE))
		return verify_fail("a string has the wrong direction %d", (int)param->direction);
	return verify_format(verify, param, place);
}

static int verify_handle(const struct verify *verify, const Cbb__Param *param, enum verify_place place)
{
	bool is_call = verify->function && !verify->function->is_type && place == VERIFY_PARAM;
	if (type_of(verify, param)->kind != CBB__KIND__KIND_POINTER)
		return verify_fail("a handle is no pointer");
	if ((param->closes && (!is_call || param->host)) || (param->closes_when && !param->closes))
		return verify_fail("something is closed that is no handle of a call");
	return verify_expression(verify, param->closes_when, true);
}

static int verify_userdata(const struct verify *verify, const Cbb__Param *param, enum verify_place place)
{
	const Cbb__Type *type = type_of(verify, param);
	bool is_integer = layout_is_integer(type->kind) && type->size_bytes == sizeof(void *);
	if (type->kind != CBB__KIND__KIND_POINTER && !is_integer)
		return verify_fail("userdata is neither a pointer nor an integer of its size");
	if (param->userdata_of == 0)
		return verify_scope(verify, param);
	if (place == VERIFY_FIELD || !verify->function || param->userdata_of > verify->function->n)
		return verify_fail("userdata belongs to a parameter that is not there");
	const Cbb__Param *callback = verify->message->params[verify->function->first + param->userdata_of - 1];
	if (callback->mode != CBB__MODE__MODE_CALLBACK)
		return verify_fail("userdata belongs to something that is no callback");
	return verify_scope(verify, param);
}

/* Function types come before what uses them, so that none can use itself. */
static int verify_callback(const struct verify *verify, const Cbb__Param *param, enum verify_place place)
{
	if (type_of(verify, param)->kind != CBB__KIND__KIND_POINTER ||
	    target_of(verify, param)->kind != CBB__KIND__KIND_FUNCTION)
		return verify_fail("a callback is no function pointer");
	if (verify->function && target_of(verify, param)->function >= verify->function_index)
		return verify_fail("a function type does not come before its use");
	if (place == VERIFY_PARAM) {
		int r = verify_scope(verify, param);
		return r < 0 ? r : verify_notified(verify, param, place);
	}
	bool is_kept = place == VERIFY_FIELD && param->scope <= CBB__SCOPE__SCOPE_ASYNC && param->scope >= 0 &&
	               param->scope != CBB__SCOPE__SCOPE_OWNER;
	if ((place != VERIFY_RESULT || param->scope) && !is_kept)
		return verify_fail("a callback stands where none can");
	return param->owner || param->notified_by ? verify_fail("a callback has an owner where none can be") : 0;
}

static int verify_into(const struct verify *verify, const Cbb__Param *param, enum verify_place place)
{
	if (type_of(verify, param)->kind != CBB__KIND__KIND_POINTER || !verify->function ||
	    param->into >= verify->function->n || (place != VERIFY_RESULT && place != VERIFY_INNER_OUT))
		return verify_fail("a pointer into a buffer stands where none can");
	const Cbb__Param *buffer = verify->message->params[verify->function->first + param->into];
	if (buffer->mode != CBB__MODE__MODE_STRING && buffer->mode != CBB__MODE__MODE_ELEMENTS)
		return verify_fail("a pointer points into something that is no buffer");
	return 0;
}

/* Alternatives were verified to come behind it. */
static int verify_cases(const struct verify *verify, const Cbb__Param *param, enum verify_place place)
{
	if (place != VERIFY_PARAM || type_of(verify, param)->kind != CBB__KIND__KIND_POINTER || param->n_cases == 0)
		return verify_fail("cases stand where none can");
	int r = verify_selector(verify, param->selector);
	for (uint32_t i = 0; r == 0 && i < param->n_cases; i++) {
		const Cbb__Param *alternative = verify->message->params[param->first_case + i];
		bool is_pointer = type_of(verify, alternative)->kind == CBB__KIND__KIND_POINTER;
		if (!is_pointer || alternative->n_labels == 0 || alternative->mode == CBB__MODE__MODE_CASE ||
		    alternative->mode == CBB__MODE__MODE_CALLBACK)
			return verify_fail("a case is none");
		r = verify_param(verify, param->first_case + i, VERIFY_PARAM);
	}
	return r;
}

static int verify_free_function(const struct verify *verify, uint32_t name)
{
	const Cbb__Interface *message = verify->message;
	if (name >= message->n_names || !verify->function || verify->function->is_type)
		return verify_fail("memory is given away to nothing");
	const ProtobufCBinaryData *text = &message->names[name];
	if (text->len == 4 && text->data[0] == 'f' && text->data[1] == 'r' && text->data[2] == 'e' && text->data[3] == 'e')
		return 0;
	uint32_t index = verify->function_of_name[name];
	const Cbb__Function *function = index ? message->functions[index - 1] : NULL;
	const Cbb__Param *param = function && function->n == 1 ? message->params[function->first] : NULL;
	if (!param || param->type >= message->n_types || type_of(verify, param)->kind != CBB__KIND__KIND_POINTER ||
	    param->mode == CBB__MODE__MODE_USERDATA || param->mode == CBB__MODE__MODE_CALLBACK)
		return verify_fail("memory is freed by something that is no such function");
	return 0;
}

/* How long a copy lives, and who frees the original. */
static int verify_kept(const struct verify *verify, const Cbb__Param *param, enum verify_place place)
{
	bool is_copy = verify->function &&
	               (param->mode == CBB__MODE__MODE_STRING || param->mode == CBB__MODE__MODE_ELEMENTS);
	bool is_given = is_copy && (place == VERIFY_RESULT || place == VERIFY_INNER_OUT);
	bool is_argument = is_copy && place == VERIFY_PARAM && param->direction == CBB__DIRECTION__DIRECTION_IN;
	if (param->lifetime < CBB__LIFETIME__LIFETIME_RECENT || param->lifetime > CBB__LIFETIME__LIFETIME_CALL)
		return verify_fail("a param has the unknown lifetime %d", (int)param->lifetime);
	if ((!is_given && param->free_function) || (!is_given && !is_argument && param->lifetime))
		return verify_fail("something is kept that is no copy");
	if (param->lifetime == CBB__LIFETIME__LIFETIME_CALL && is_given && !verify->function->is_type)
		return verify_fail("a result ends with the call that it comes from");
	if (param->lifetime == CBB__LIFETIME__LIFETIME_OWNER) {
		int r = verify_owner(verify, param->lifetime_owner);
		if (r < 0)
			return r;
	} else if (param->lifetime_owner) {
		return verify_fail("a copy has an owner but no such lifetime");
	}
	return param->free_function ? verify_free_function(verify, param->free_function) : 0;
}

/* What only other modes have must not be there. */
static int verify_unused(const Cbb__Param *param)
{
	bool is_elements = param->mode == CBB__MODE__MODE_ELEMENTS;
	bool is_handle = param->mode == CBB__MODE__MODE_HANDLE;
	bool is_userdata = param->mode == CBB__MODE__MODE_USERDATA, is_callback = param->mode == CBB__MODE__MODE_CALLBACK;
	bool is_extra = !is_elements && (param->element || param->size || param->size_in_bytes || param->zero ||
	                                 param->text || param->filled);
	is_extra |= !is_elements && param->mode != CBB__MODE__MODE_STRING && param->direction;
	is_extra |= !is_handle && (param->closes || param->closes_when);
	bool is_holder = is_elements || param->mode == CBB__MODE__MODE_VALUE;
	is_extra |= !is_userdata && !is_callback && !is_holder && (param->scope || param->owner);
	is_extra |= !is_callback && param->notified_by;
	is_extra |= param->mode != CBB__MODE__MODE_VALUE && param->key;
	is_extra |= !is_handle && param->host;
	is_extra |= param->mode != CBB__MODE__MODE_STRING && param->format;
	is_extra |= !is_userdata && param->userdata_of;
	is_extra |= param->mode != CBB__MODE__MODE_INTO && param->into;
	is_extra |= param->mode != CBB__MODE__MODE_CASE && (param->selector || param->first_case || param->n_cases);
	is_extra |= !is_handle && !is_userdata && !is_callback && param->n_values;
	if (is_extra || param->n_values > VALUES_MAX)
		return verify_fail("a param of mode %d says what only others can", (int)param->mode);
	return 0;
}

int verify_member(const struct verify *verify, uint32_t index)
{
	const Cbb__Param *param = verify->message->params[index];
	if (param->name >= verify->message->n_names || param->mode != CBB__MODE__MODE_VALUE || param->nullable ||
	    param->lifetime || param->lifetime_owner || param->free_function || param->scope || param->owner || param->key)
		return verify_fail("a member of a union is described");
	return verify_unused(param);
}

int verify_param(const struct verify *verify, uint32_t index, enum verify_place place)
{
	static int (*const modes[])(const struct verify *, const Cbb__Param *, enum verify_place) = {
	    [CBB__MODE__MODE_VALUE] = verify_value,       [CBB__MODE__MODE_ELEMENTS] = verify_elements,
	    [CBB__MODE__MODE_STRING] = verify_string,     [CBB__MODE__MODE_HANDLE] = verify_handle,
	    [CBB__MODE__MODE_USERDATA] = verify_userdata, [CBB__MODE__MODE_CALLBACK] = verify_callback,
	    [CBB__MODE__MODE_INTO] = verify_into,         [CBB__MODE__MODE_CASE] = verify_cases,
	    [CBB__MODE__MODE_VA_LIST] = verify_va_list,
	};
	const Cbb__Param *param = verify->message->params[index];
	if (param->name >= verify->message->n_names || param->mode < CBB__MODE__MODE_VALUE ||
	    param->mode > CBB__MODE__MODE_VA_LIST)
		return verify_fail("param %u has an unknown mode or name", index);
	int r = verify_unused(param);
	if (r == 0)
		r = modes[param->mode](verify, param, place);
	return r < 0 ? r : verify_kept(verify, param, place);
}
