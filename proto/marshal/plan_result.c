/* SPDX-License-Identifier: MIT */
/* A plan's result: its on_error value, and libffi's widened form of it. */
#include "marshal/plan.h"

#include "marshal/scalar.h"
#include "marshal/steps.h"

#include <string.h>

void plan_store_on_error(const struct plan *plan, void *result)
{
	uint64_t bits = plan->function->on_error;
	double real;
	memcpy(&real, &bits, sizeof real);
	memset(result, 0, plan->result_bytes);
	const struct step *step = &plan->steps->result;
	if (step->what == STEP_LONG_DOUBLE) {
		long double wide = real;
		memcpy(result, &wide, LONG_DOUBLE_BYTES);
	} else if (step->kind == CBB__KIND__KIND_F32) {
		float narrow = (float)real;
		memcpy(result, &narrow, sizeof narrow);
	} else if (step->what == STEP_SCALAR || step->what == STEP_POINTER) {
		scalar_store(step->kind, result, bits);
	}
}

/* Whether libffi leaves the result in a whole ffi_arg. */
static bool is_widened(const struct plan *plan)
{
	const struct step *step = &plan->steps->result;
	return (step->what == STEP_SCALAR || step->what == STEP_POINTER) && scalar_is_integral(step->kind);
}

void plan_widen_result(const struct plan *plan, const void *object, void *ffi_result)
{
	if (is_widened(plan)) {
		ffi_arg word = (ffi_arg)scalar_load(plan->steps->result.kind, object);
		memcpy(ffi_result, &word, sizeof word);
	} else {
		memmove(ffi_result, object, plan->result_bytes);
	}
}

void plan_narrow_result(const struct plan *plan, const void *ffi_result, void *object)
{
	if (is_widened(plan)) {
		ffi_arg word;
		memcpy(&word, ffi_result, sizeof word);
		/* what a bool leaves above its byte means nothing */
		if (plan->steps->result.kind == CBB__KIND__KIND_BOOL)
			word = (uint8_t)word;
		scalar_store(plan->steps->result.kind, object, word);
	} else {
		memmove(object, ffi_result, plan->result_bytes);
	}
}
