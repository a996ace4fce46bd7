/* SPDX-License-Identifier: MIT */
#include "host/closure_table.h"

#include "base/clock.h"
#include "base/detail.h"
#include "host/host.h"
#include "host/library.h"
#include "host/listener.h"
#include "host/queue.h"
#include "host/telemetry.h"
#include "host/thunk.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_BYTES 127
#define WHERE_MAX_BYTES 255

/*
 * What stands behind a slot: the newest closure, and behind it those of earlier generations, which may still be
 * passed.
 */
struct slot {
	uint32_t slot;
	uint32_t closed_generation;  /* up to this one everything is closed, also what comes later */
	uint32_t pause_generation;   /* what the client last paused or resumed, also if it comes later */
	bool paused;
	struct closure *closure;
	UT_hash_handle hh;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct slot *slots;       /* under lock */
static struct closure *by_code;  /* under lock */
static uint64_t n_closures;      /* under lock */

static struct slot *slot_find(uint32_t number)
{
	struct slot *slot;
	HASH_FIND(hh, slots, &number, sizeof number, slot);
	return slot;
}

static struct slot *slot_get(uint32_t number)
{
	struct slot *slot = slot_find(number);
	if (!slot && (slot = calloc(1, sizeof *slot))) {
		slot->slot = number;
		HASH_ADD(hh, slots, slot, sizeof slot->slot, slot);
	}
	return slot;
}

static struct closure *slot_closure(const struct slot *slot, uint32_t generation)
{
	struct closure *closure = slot ? slot->closure : NULL;
	while (closure && closure->generation > generation)
		closure = closure->older;
	return closure && closure->generation == generation ? closure : NULL;
}

/* ---- Making ---- */

static void closure_free(struct closure *closure)
{
	if (closure->writable)
		ffi_closure_free(closure->writable);
	free((void *)(uintptr_t)closure->name);
	free(closure->listener);
	free(closure);
}

static bool is_listener(const Cbb__OpenCallback *message)
{
	return message->delivery == CBB__DELIVERY__DELIVERY_LISTENER;
}

/* What the client must not ask for. */
static int check_type(const Cbb__OpenCallback *message, const struct plan *plan)
{
	if (!plan->function->is_type)
		return detail_set(-EBADMSG, "a callback of the type of %s, which is no type but a function", plan->name);
	if (is_listener(message) && !plan->returns_void)
		return detail_set(-EBADMSG, "a listener of %s, which returns something", plan->name);
	return 0;
}

/* What native code calls. */
static int make_code(struct closure *closure)
{
	const struct plan *plan = closure->plan;
	if (plan->function->variadic == CBB__VARIADIC__VARIADIC_FORMAT)
		return thunk_claim(closure);
	closure->writable = ffi_closure_alloc(sizeof *closure->writable, &closure->code);
	if (!closure->writable)
		return -ENOMEM;
	ffi_cif *cif = (ffi_cif *)(uintptr_t)&plan->cif;
	return ffi_prep_closure_loc(closure->writable, cif, closure_enter, closure, closure->code) == FFI_OK ? 0 : -ENOMEM;
}

static int closure_make(const Cbb__OpenCallback *message, struct closure **ret_closure)
{
	struct host_library *library = library_find(message->library);
	struct native_function *type = NULL;
	if (!library)
		return detail_set(-EBADMSG, "a callback of library %u, which was never opened", message->library);
	int r = library_function(library, message->function, &type);
	if (r < 0)
		return r;
	r = check_type(message, type->plan);
	if (r < 0)
		return r;
	struct closure *closure = calloc(1, sizeof *closure);
	if (!closure)
		return -ENOMEM;
	closure->plan = type->plan;
	closure->name = message->name.len ? strndup((const char *)message->name.data, message->name.len) : strdup("");
	closure->slot = message->slot;
	closure->generation = message->generation;
	closure->library = message->library;
	closure->timeout_ms = message->timeout_ms;
	closure->plain = message->plain;
	closure->delivery = message->delivery;
	closure->queue = message->queue;
	closure->listener = is_listener(message) ? listener_new(closure, message) : NULL;
	closure->shown_name = type->name;
	if (!closure->name || (is_listener(message) && !closure->listener) || make_code(closure) < 0) {
		closure_free(closure);
		return -ENOMEM;
	}
	*ret_closure = closure;
	return 0;
}

static bool same(const struct closure *closure, const Cbb__OpenCallback *message)
{
	return closure->library == message->library && closure->plan->index == message->function &&
	       closure->timeout_ms == message->timeout_ms && closure->plain == (message->plain != 0) &&
	       closure->delivery == message->delivery && closure->queue == message->queue &&
	       (!closure->listener || listener_is_same(closure->listener, message)) &&
	       strlen(closure->name) == message->name.len &&
	       (message->name.len == 0 || memcmp(closure->name, message->name.data, message->name.len) == 0);
}

/*
 * The client gives a slot again only once its last callback is closed: the CloseCallback may be on its way, or unsaid.
 */
static void slot_add(struct slot *slot, struct closure *closure)
{
	struct closure **at = &slot->closure;
	bool closed = closure->generation <= slot->closed_generation;
	while (*at && (*at)->generation > closure->generation) {
		at = &(*at)->older;
		closed = true;
	}
	if (*at && !atomic_exchange(&(*at)->closed, true))
		telemetry_callback_closed();
	if (closure->listener && slot->pause_generation == closure->generation)
		closure->listener->paused = slot->paused;
	atomic_store(&closure->closed, closed);
	closure->older = *at;
	*at = closure;
	n_closures++;
	HASH_ADD(hh, by_code, code, sizeof closure->code, closure);
	telemetry_callback_opened();
	if (closed)
		telemetry_callback_closed();
}

static int open_locked(const Cbb__OpenCallback *message, struct closure **ret_new)
{
	struct slot *slot = slot_get(message->slot);
	struct closure *closure = NULL;
	if (!slot)
		return 0; /* its Invoke will fail */
	closure = slot_closure(slot, message->generation);
	if (closure)
		return same(closure, message) ? 0
		                              : detail_set(-EBADMSG, "slot %u was opened as something else", message->slot);
	if (n_closures >= host_self()->max_closures)
		return 0;
	int r = closure_make(message, &closure);
	if (r < 0)
		return r == -EBADMSG ? r : 0;
	slot_add(slot, closure);
	*ret_new = closure;
	return 0;
}

/* A new one may have come closed, and may have closed the one before it. */
static void tell_closed(struct closure *closure)
{
	if (atomic_load(&closure->closed))
		queue_callback_closed(closure, false);
	if (closure->older)
		queue_callback_closed(closure->older, false);
}

int closure_table_open(const Cbb__OpenCallback *message)
{
	if (message->slot >= host_self()->max_closures || message->generation == 0 || message->generation >= 1u << 30 ||
	    message->name.len > NAME_MAX_BYTES || memchr(message->name.data ? message->name.data : (uint8_t *)"", 0,
	                                                 message->name.len))
		return detail_set(-EBADMSG, "OpenCallback: slot %u, generation %u or its name is out of range", message->slot,
		                  message->generation);
	struct closure *fresh = NULL;
	pthread_mutex_lock(&lock);
	int r = open_locked(message, &fresh);
	pthread_mutex_unlock(&lock);
	if (fresh)
		tell_closed(fresh);
	return r;
}

/* ---- Closing ---- */

static int check_number(const char *frame, uint32_t slot, uint32_t generation)
{
	if (slot >= host_self()->max_closures || generation == 0 || generation >= 1u << 30)
		return detail_set(-EBADMSG, "%s: slot %u or generation %u is out of range", frame, slot, generation);
	return 0;
}

/* The closure, if there is one. The words belong to it if they are the first: a late call may be reading them. */
static struct closure *close_locked(const Cbb__CloseCallback *message, char **where)
{
	struct slot *slot = slot_get(message->slot);
	if (slot && message->generation > slot->closed_generation)
		slot->closed_generation = message->generation;
	struct closure *closure = slot_closure(slot, message->generation);
	char *none = NULL;
	if (!closure)
		return NULL;
	atomic_store(&closure->closed_ns, clock_now_ns());
	if (atomic_compare_exchange_strong(&closure->closed_where, &none, *where))
		*where = NULL;
	if (!atomic_exchange(&closure->closed, true))
		telemetry_callback_closed();
	return closure;
}

int closure_table_close(const Cbb__CloseCallback *message)
{
	int r = check_number("CloseCallback", message->slot, message->generation);
	if (r < 0)
		return r;
	size_t length = message->where.len < WHERE_MAX_BYTES ? message->where.len : WHERE_MAX_BYTES;
	char *where = length ? strndup((const char *)message->where.data, length) : NULL;
	pthread_mutex_lock(&lock);
	struct closure *closure = close_locked(message, &where);
	pthread_mutex_unlock(&lock);
	free(where);
	if (closure)
		queue_callback_closed(closure, message->abort);
	return 0;
}

/* ---- Pausing ---- */

int closure_table_pause(const Cbb__PauseCallback *message)
{
	int r = check_number("PauseCallback", message->slot, message->generation);
	if (r < 0)
		return r;
	pthread_mutex_lock(&lock);
	struct slot *slot = slot_get(message->slot);
	if (slot && message->generation >= slot->pause_generation) {
		slot->pause_generation = message->generation;
		slot->paused = message->paused;
	}
	struct closure *closure = slot_closure(slot, message->generation);
	pthread_mutex_unlock(&lock);
	if (closure && closure->listener)
		queue_callback_pause(closure, message->paused);
	return 0;
}

/* ---- Finding ---- */

struct closure *closure_table_find(uint32_t number, uint32_t generation)
{
	pthread_mutex_lock(&lock);
	struct closure *closure = slot_closure(slot_find(number), generation);
	pthread_mutex_unlock(&lock);
	return closure;
}

struct closure *closure_table_find_code(const void *code)
{
	struct closure *closure;
	pthread_mutex_lock(&lock);
	HASH_FIND(hh, by_code, &code, sizeof code, closure);
	pthread_mutex_unlock(&lock);
	return closure;
}
