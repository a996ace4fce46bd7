/* SPDX-License-Identifier: MIT */
#include "lib/callback.h"

#include "lib/callback_close.h"
#include "lib/callback_use.h"
#include "lib/client.h"
#include "lib/error.h"
#include "lib/fork.h"
#include "lib/invocation.h"
#include "lib/options.h"
#include "lib/thread.h"
#include "marshal/steps.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAME_MAX_BYTES 127

/* ---- Opening ---- */

static int find_type(struct cbb_library *library, const char *type, struct cbb_function **ret_type)
{
	int index = interface_find_callback_type(&library->interface->message, type);
	if (index < 0)
		return detail_set(CBB_ERR_NO_SYMBOL, "the interface has no function type \"%s\"", type);
	return library_function(library, (uint32_t)index, ret_type);
}

/* ---- Options ---- */

static int check_delivery(const cbb_callback_options *known, const struct cbb_function *type)
{
	const struct plan *plan = type->plan;
	if (known->delivery < CBB_DELIVERY_DEFAULT || known->delivery > CBB_LISTENER)
		return detail_set(-EINVAL, "delivery %d is none", (int)known->delivery);
	if (known->overflow < CBB_OVERFLOW_DEFAULT || known->overflow > CBB_OVERFLOW_COALESCE)
		return detail_set(-EINVAL, "overflow rule %d is none", (int)known->overflow);
	if (known->delivery != CBB_LISTENER)
		return 0;
	if (!plan->returns_void || plan->steps->n_out)
		return detail_set(CBB_ERR_ARGUMENT, "%s gives something back to native code: a listener's handler runs when native "
		                  "code has gone on; use CBB_BLOCKING", plan->name);
	return 0;
}

static int check_options(const cbb_callback_options *known, const struct cbb_host *host)
{
	if (known->reserved)
		return detail_set(-EINVAL, "cbb_callback_options.reserved is %d, not 0", (int)known->reserved);
	if (known->queue && known->queue->client != host->client)
		return detail_set(-EINVAL, "the callback's queue belongs to another connection");
	if (known->queue && known->delivery == CBB_LOCAL)
		return detail_set(-EINVAL, "a CBB_LOCAL callback runs in calls only: it has no queue");
	return 0;
}

/* What the program did not say, the interface does. */
static int32_t delivery_of(const cbb_callback_options *known, const Cbb__Function *type)
{
	return known->delivery ? known->delivery : type->delivery ? (int32_t)type->delivery : CBB_AUTO;
}

static int32_t overflow_of(const cbb_callback_options *known, const Cbb__Function *type)
{
	return known->overflow ? known->overflow : (int32_t)type->overflow + CBB_OVERFLOW_WAIT;
}

static const struct callback_rules *rules_new(const cbb_callback_options *known, const Cbb__Function *type)
{
	const struct callback_rules rules = {
	    .on_error = known->on_error, .on_dropped = known->on_dropped, .on_lost = known->on_lost,
	    .finalizer = known->finalizer, .overflow = overflow_of(known, type),
	    .rate_per_s = known->rate_per_s ? known->rate_per_s : type->rate_per_s,
	    .max_queued = known->max_queued == CBB_UNLIMITED ? 0 : known->max_queued,
	    .wait_ms = known->wait_timeout_ms == CBB_UNLIMITED ? 0 : known->wait_timeout_ms};
	struct callback_rules *memory;
	if (!rules.on_error && !rules.on_dropped && !rules.on_lost && !rules.finalizer && !rules.rate_per_s &&
	    !rules.max_queued && !rules.wait_ms && rules.overflow == CBB_OVERFLOW_WAIT)
		return &callback_rules_none;
	memory = malloc(sizeof *memory);
	return memory ? memcpy(memory, &rules, sizeof rules) : NULL;
}

static struct cbb_callback *callback_new(cbb_library *library, struct cbb_function *type,
                                         const cbb_callback_options *known, const char *name)
{
	const Cbb__Function *function = type->plan->function;
	struct cbb_callback *callback = calloc(1, sizeof *callback);
	if (!callback)
		return NULL;
	callback->host = library->host;
	callback->type = type;
	callback->user_data = known->user_data;
	callback->timeout_ms = known->timeout_ms ? known->timeout_ms : function->timeout_ms;
	callback->delivery = delivery_of(known, function);
	callback->priority = known->priority ? known->priority : function->priority;
	callback->queue = known->queue;
	if (!callback->queue && (callback->delivery == CBB_BLOCKING || callback->delivery == CBB_LISTENER))
		callback->queue = library->host->client->default_queue;
	if (callback->queue)
		queue_hold(callback->queue);
	callback->paused = known->paused != 0;
	callback->n_users = known->n_users ? known->n_users : 1;
	callback->rules = rules_new(known, function);
	callback->name = strndup(known->name ? known->name : name, NAME_MAX_BYTES);
	if (callback->rules && callback->name)
		return callback;
	callback_free(callback);
	return NULL;
}

/* ---- Opening ---- */

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
	if (r == 0)
		r = find_type(library, type, &function);
	if (r == 0)
		r = check_delivery(&known, function);
	if (r == 0)
		r = check_options(&known, library->host);
	if (r < 0)
		return r;
	struct cbb_callback *callback = callback_new(library, function, &known, type);
	if (!callback)
		return -ENOMEM;
	callback->kind = kind;
	if (kind == CALLBACK_GENERIC)
		callback->handler.generic = generic;
	else
		callback->handler.native = native;
	r = callback_table_add(&library->host->callbacks, callback);
	if (r < 0)
		return r;
	callback_use_begin(callback, known.unrefed);
	*ret_callback = callback;
	return 0;
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

struct cbb_queue *callback_queue(const struct cbb_callback *callback)
{
	if (callback->queue || callback->delivery == CBB_LOCAL)
		return callback->queue;
	return callback->host->client->default_queue;
}

int callback_begin(struct cbb_callback *callback, bool draining)
{
	/* Counted before `state` is read; the closer sets it before it reads the count: one sees the other. */
	atomic_fetch_add(&callback->n_running, 1);
	uint8_t state = atomic_load(&callback->state);
	if (state == CALLBACK_OPEN || (draining && state == CALLBACK_DRAINING))
		return 0;
	callback_end(callback);
	return CBB_ERR_CLOSED;
}

void callback_end(struct cbb_callback *callback)
{
	if (callback->host->fork_epoch != fork_epoch())
		return; /* its handler returns in a child, too */
	uint32_t n = atomic_load(&callback->n_running);
	while (atomic_load(&callback->state) == CALLBACK_OPEN && !(n & CALLBACK_LEFT_LAST))
		if (atomic_compare_exchange_weak(&callback->n_running, &n, n - 1))
			return;
	/* The last to leave deals with the end; before it is counted out, for then it may be freed. */
	callback_left(callback);
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

static void put_on_error(const struct plan *plan, void *result)
{
	ffi_arg small[2];
	void *object = plan->result_bytes > sizeof small ? result : small;
	if (plan->returns_void)
		return;
	plan_store_on_error(plan, object);
	if (object != result)
		plan_widen_result(plan, object, result);
}

static void run_here(ffi_cif *cif, void *result, void **arguments, void *user)
{
	(void)cif;
	struct cbb_callback *callback = user;
	const struct plan *plan = callback->type->plan;
	error_begin();
	if (callback_begin(callback, false) < 0) {
		put_on_error(plan, result);
		error_end_call(detail_set(CBB_ERR_CLOSED, "callback %s is closed", callback->name));
		return;
	}
	struct cbb_invocation invocation = {.callback = callback, .host = callback->host, .thread = gettid()};
	int r = thread_push_invocation(&invocation); /* without memory the handler runs without one */
	callback_run(callback, result, arguments);
	if (r == 0)
		thread_pop_invocation(&invocation);
	if (invocation.failed) {
		put_on_error(plan, result);
		detail_set(invocation.failed, "%s", invocation.failed_text ? invocation.failed_text : "the handler failed");
	}
	invocation_free_failure(&invocation);
	callback_end(callback);
	error_end_call(invocation.failed);
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
		return callback_table_intern(&host->callbacks, host, pointer, type,
		                             delivery_of(&(cbb_callback_options){0}, type->plan->function), ret_callback);
	}
	if (!callback_fits(callback, type))
		return detail_set(CBB_ERR_ARGUMENT, "callback %s is a %s, but a %s is expected", callback->name,
		                  callback->type->plan->name, type->plan->name);
	*ret_callback = callback;
	return 0;
}

void *cbb_callback_user_data(const cbb_callback *callback)
{
	return callback ? callback->user_data : NULL;
}

const char *cbb_callback_name(const cbb_callback *callback)
{
	return callback && callback->name ? callback->name : "";
}
