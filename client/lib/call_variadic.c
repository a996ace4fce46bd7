/* SPDX-License-Identifier: MIT */
#include "lib/call_variadic.h"

#include "lib/call.h"
#include "lib/error.h"
#include "marshal/variadic.h"

#include <errno.h>

/* Whether all arguments that were given have been asked for. */
static int check_all_taken(const struct cbb_function *function, size_t n, const struct variadic_call *call)
{
	if (n == 0 || n == call->n_arguments)
		return 0;
	return detail_set(CBB_ERR_ARGUMENT, "%s takes %u arguments in this case, not %zu", function->plan->name,
	                  call->n_arguments, n);
}

/* The function that carries what was collected: that of the case, or `of_list` with the plan of the list. */
static int find_callee(struct cbb_function *function, const struct variadic_call *call, struct cbb_function *of_list,
                       struct cbb_function **ret_callee)
{
	if (!call->plan)
		return library_function(function->library, call->function, ret_callee);
	*of_list = (struct cbb_function){.library = function->library, .plan = call->plan};
	*ret_callee = of_list;
	return 0;
}

static int run(struct cbb_function *function, void *result, struct variadic_source *source, void *const *fixed,
               size_t n, uint64_t timeout_ms, void *widened)
{
	struct variadic_call call;
	struct cbb_function of_list, *callee = NULL;
	int error_number = errno;
	error_begin();
	int r = variadic_collect(function->plan, fixed, source, &call);
	if (r == 0)
		r = check_all_taken(function, n, &call);
	if (r == 0)
		r = find_callee(function, &call, &of_list, &callee);
	errno = error_number;
	if (r == 0) {
		r = call_run(callee, result, call.arguments, timeout_ms, widened);
		error_number = errno;
	} else {
		if (!function->plan->returns_void)
			plan_store_on_error(function->plan, result);
		if (widened && !function->plan->returns_void)
			plan_widen_result(function->plan, result, widened);
		error_end_call(r);
	}
	variadic_release(&call);
	errno = error_number;
	return r;
}

int call_variadic(struct cbb_function *function, void *result, void *const *arguments, size_t n, uint64_t timeout_ms)
{
	struct variadic_array array;
	variadic_array_init(&array, function->plan, arguments, n ? n : SIZE_MAX);
	return run(function, result, &array.source, arguments, n, timeout_ms, NULL);
}

/* Such functions return no more than a word. */
void call_from_variadic_symbol(ffi_cif *cif, void *result, void **arguments, void *user)
{
	(void)cif;
	struct cbb_function *function = user;
	struct variadic_words words;
	uint64_t scalar = 0;
	variadic_words_init(&words, function->plan, arguments);
	run(function, &scalar, &words.source, arguments, 0, 0, result);
}
