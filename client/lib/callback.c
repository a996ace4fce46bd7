/* SPDX-License-Identifier: MIT */
#include "lib/callback.h"

#include "base/clock.h"
#include "lib/client_lane.h"
#include "lib/error.h"
#include "lib/fork.h"
#include "lib/options.h"
#include "lib/thread.h"
#include "lib/unwind.h"

#include <dlfcn.h>
#include <errno.h>
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CLOSE_TIMEOUT_DEFAULT_MS 10000
#define NAME_MAX_BYTES 127

/* ---- Opening ---- */

static int find_type(struct cbb_library *library, const char *type, struct cbb_function **ret_type)
{
	int index = interface_find_callback_type(&library->interface->message, type);
	if (index < 0)
		return detail_set(CBB_ERR_NO_SYMBOL, "the interface has no function type \"%s\"", type);
	return library_function(library, (uint32_t)index, ret_type);
}

static int callback_open(cbb_library *library, const char *type, enum callback_kind kind, cbb_any_function native,
                         cbb_generic_handler *generic, const cbb_callback_options *options,
                         cbb_callback **ret_callback)
{
	cbb_callback_options known;
	struct cbb_function *function = NULL;
	if (!library || !type || !ret_callback || (!native && !generic))
		return detail_set(-EINVAL, "cbb_callback_open: an argument is NULL");
	int r = fork_check(library->host->fork_epoch);
	if (r == 0)
		r = options_take(&known, sizeof known, options);
	if (r == 0 && known.reserved)
		r = detail_set(CBB_ERR_UNSUPPORTED, "cbb_callback_options.reserved is %d, not 0", (int)known.reserved);
	if (r == 0 && (known.delivery < CBB_DELIVERY_DEFAULT || known.delivery > CBB_LOCAL))
		r = detail_set(CBB_ERR_UNSUPPORTED, "delivery %d is not offered by this version", (int)known.delivery);
	if (r == 0)
		r = find_type(library, type, &function);
	if (r < 0)
		return r;
	struct cbb_callback *callback = calloc(1, sizeof *callback);
	if (!callback)
		return -ENOMEM;
	callback->host = library->host;
	callback->type = function;
	callback->kind = kind;
	if (kind == CALLBACK_GENERIC)
		callback->handler.generic = generic;
	else
		callback->handler.native = native;
	callback->user_data = known.user_data;
	callback->timeout_ms = known.timeout_ms ? known.timeout_ms : function->plan->function->timeout_ms;
	callback->delivery = known.delivery ? known.delivery : CBB_AUTO;
	callback->name = strndup(known.name ? known.name : type, NAME_MAX_BYTES);
	r = callback_table_add(&library->host->callbacks, callback);
	if (r == 0)
		*ret_callback = callback;
	return r;
}

int cbb_callback_open(cbb_library *library, const char *type, cbb_any_function handler,
                      const cbb_callback_options *options, cbb_callback **ret_callback)
{
	error_begin();
	return error_end(callback_open(library, type, CALLBACK_NATIVE, handler, NULL, options, ret_callback));
}

int cbb_callback_open_generic(cbb_library *library, const char *type, cbb_generic_handler *handler,
                              const cbb_callback_options *options, cbb_callback **ret_callback)
{
	error_begin();
	return error_end(callback_open(library, type, CALLBACK_GENERIC, NULL, handler, options, ret_callback));
}

/* ---- Running ---- */

int callback_begin(struct cbb_callback *callback)
{
	/* Counted before `closed` is read; the closer sets `closed` before it reads the count: one sees the other. */
	atomic_fetch_add(&callback->n_running, 1);
	if (!atomic_load(&callback->closed))
		return 0;
	callback_end(callback);
	return CBB_ERR_CLOSED;
}

void callback_end(struct cbb_callback *callback)
{
	atomic_fetch_sub(&callback->n_running, 1);
	if (atomic_load(&callback->closed))
		syscall(SYS_futex, &callback->n_running, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
}

void callback_run(const struct cbb_callback *callback, void *result, void *const *arguments)
{
	const struct plan *plan = callback->type->plan;
	if (callback->kind != CALLBACK_GENERIC) {
		plan_call(plan, callback->handler.native, result, arguments);
		return;
	}
	ffi_arg small[2] = {0}; /* an object of the result's own type, before it is widened */
	void *object = plan->result_bytes > sizeof small ? result : small;
	if (object == result)
		memset(result, 0, plan->result_bytes);
	callback->handler.generic(object, arguments, callback->user_data);
	if (!plan->returns_void && object != result)
		plan_widen_result(plan, object, result);
}

/* ---- The client-side pointer ---- */

static void run_here(ffi_cif *cif, void *result, void **arguments, void *user)
{
	(void)cif;
	struct cbb_callback *callback = user;
	const struct plan *plan = callback->type->plan;
	error_begin();
	if (callback_begin(callback) < 0) {
		ffi_arg small[2];
		void *object = plan->result_bytes > sizeof small ? result : small;
		plan_store_on_error(plan, object);
		if (!plan->returns_void && object != result)
			plan_widen_result(plan, object, result);
		error_end_call(detail_set(CBB_ERR_CLOSED, "callback %s is closed", callback->name));
		return;
	}
	struct cbb_invocation invocation = {.callback = callback, .host = callback->host, .thread = gettid()};
	int r = thread_push_invocation(&invocation); /* without memory the handler runs without one */
	callback_run(callback, result, arguments);
	if (r == 0)
		thread_pop_invocation(&invocation);
	callback_end(callback);
	error_end_call(0);
}

static pthread_mutex_t pointer_lock = PTHREAD_MUTEX_INITIALIZER;

static void make_pointer(struct cbb_callback *callback)
{
	void *code = NULL;
	ffi_closure *closure = ffi_closure_alloc(sizeof *closure, &code);
	if (!closure) {
		error_end(detail_set(-ENOMEM, "no memory for a function pointer (is executable memory forbidden?)"));
		return;
	}
	if (ffi_prep_closure_loc(closure, (ffi_cif *)(uintptr_t)&callback->type->plan->cif, run_here, callback, code) !=
	    FFI_OK) {
		ffi_closure_free(closure);
		error_end(detail_set(CBB_ERR_UNSUPPORTED, "libffi makes no function of the type of %s", callback->name));
		return;
	}
	callback->pointer = code;
	if (callback_table_add_pointer(&callback->host->callbacks, callback) < 0) {
		callback->pointer = NULL;
		ffi_closure_free(closure);
		error_end(-ENOMEM);
		return;
	}
	callback->closure = closure;
}

cbb_any_function cbb_callback_pointer(cbb_callback *callback)
{
	error_begin();
	if (!callback)
		return NULL;
	pthread_mutex_lock(&pointer_lock);
	if (!callback->pointer)
		make_pointer(callback);
	cbb_any_function pointer = NULL;
	memcpy(&pointer, &callback->pointer, sizeof pointer);
	pthread_mutex_unlock(&pointer_lock);
	return pointer;
}

cbb_callback *cbb_callback_find(cbb_host *host, cbb_any_function pointer)
{
	void *address;
	memcpy(&address, &pointer, sizeof address);
	return host && pointer ? callback_table_find_pointer(&host->callbacks, address, NULL) : NULL;
}

/* ---- Passing ---- */

static bool same_param(const struct plan *a, const Cbb__Param *p, const struct plan *b, const Cbb__Param *q)
{
	const Cbb__Type *s = a->interface->types[p->type], *t = b->interface->types[q->type];
	return p->mode == q->mode && p->direction == q->direction && s->kind == t->kind && s->size_bytes == t->size_bytes;
}

/* Types of two libraries that describe the same function. */
static bool same_shape(const struct plan *a, const struct plan *b)
{
	if (a == b)
		return true;
	if (a->n_params != b->n_params || !same_param(a, a->result, b, b->result))
		return false;
	for (uint32_t i = 0; i < a->n_params; i++)
		if (!same_param(a, a->params[i], b, b->params[i]))
			return false;
	return true;
}

bool callback_fits(const struct cbb_callback *callback, const struct cbb_function *type)
{
	return same_shape(callback->type->plan, type->plan);
}

int callback_for_pointer(struct cbb_host *host, void *pointer, struct cbb_function *type,
                         struct cbb_callback **ret_callback, struct cbb_function **ret_remote)
{
	struct cbb_callback *callback = callback_table_find_pointer(&host->callbacks, pointer, type);
	if (!callback) {
		*ret_remote = library_find_symbol(host, pointer);
		if (*ret_remote)
			return 0;
		return callback_table_intern(&host->callbacks, host, pointer, type, ret_callback);
	}
	if (!callback_fits(callback, type))
		return detail_set(CBB_ERR_ARGUMENT, "callback %s is a %s, but a %s is expected", callback->name,
		                  callback->type->plan->name, type->plan->name);
	*ret_callback = callback;
	return 0;
}

/* ---- Closing ---- */

static const char *where_words(const char *given, void *caller, char *buffer, size_t size)
{
	Dl_info info;
	if (given)
		return given;
	if (dladdr(caller, &info) && info.dli_sname)
		snprintf(buffer, size, "%s+0x%tx", info.dli_sname, (char *)caller - (char *)info.dli_saddr);
	else if (dladdr(caller, &info) && info.dli_fname)
		snprintf(buffer, size, "%s+0x%tx", info.dli_fname, (char *)caller - (char *)info.dli_fbase);
	else
		snprintf(buffer, size, "%p", caller);
	return buffer;
}

/* Waits until only the handlers on this thread's own stack run. */
static int wait_not_running(struct cbb_callback *callback, uint64_t timeout_ms)
{
	uint32_t own = thread_count_running(callback);
	uint64_t deadline_ns = clock_deadline_ns(timeout_ms);
	uint32_t running;
	while ((running = atomic_load(&callback->n_running)) > own) {
		if (own)
			return 1;
		int left_ms = clock_left_ms(deadline_ns);
		if (left_ms == 0)
			return detail_set(CBB_ERR_TIMEOUT, "callback %s is closed, but its handler still runs on %u thread(s)",
			                  callback->name, running);
		struct timespec left = {.tv_sec = left_ms / 1000, .tv_nsec = left_ms % 1000 * 1000000L};
		syscall(SYS_futex, &callback->n_running, FUTEX_WAIT_PRIVATE, running, left_ms < 0 ? NULL : &left, NULL, 0);
	}
	return 0;
}

int cbb_callback_close(cbb_callback *callback, const cbb_close_options *options)
{
	error_begin();
	cbb_close_options known;
	if (!callback)
		return 0;
	int r = fork_check(callback->host->fork_epoch); /* the handlers that run belong to threads of the parent */
	if (r == 0)
		r = options_take(&known, sizeof known, options);
	if (r < 0)
		return error_end(r);
	uint64_t timeout_ms = known.timeout_ms ? known.timeout_ms : CLOSE_TIMEOUT_DEFAULT_MS;
	unwind_host(callback->host, &known, clock_deadline_ns(timeout_ms));
	if (!atomic_exchange(&callback->closed, true)) {
		char buffer[256];
		callback_table_retire(&callback->host->callbacks, callback);
		client_lane_close_callback(callback, where_words(known.where, __builtin_return_address(0), buffer,
		                                                 sizeof buffer));
	}
	return error_end(wait_not_running(callback, timeout_ms));
}

void *cbb_callback_user_data(const cbb_callback *callback)
{
	return callback ? callback->user_data : NULL;
}

const char *cbb_callback_name(const cbb_callback *callback)
{
	return callback && callback->name ? callback->name : "";
}
