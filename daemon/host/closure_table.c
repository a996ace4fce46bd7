/* SPDX-License-Identifier: MIT */
#include "host/closure_table.h"

#include "base/clock.h"
#include "base/detail.h"
#include "host/host.h"
#include "host/library.h"
#include "host/telemetry.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_BYTES 127
#define WHERE_MAX_BYTES 255

/* What stands behind a slot: the newest closure, and behind it those of earlier generations, which may still be passed. */
struct slot {
	uint32_t slot;
	uint32_t closed_generation;  /* up to this one everything is closed, also what comes later */
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
	free(closure);
}

static bool is_local(const Cbb__OpenCallback *message)
{
	return message->delivery == CBB__DELIVERY__DELIVERY_LOCAL;
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
	if (!type->plan->function->is_type)
		return detail_set(-EBADMSG, "a callback of the type of %s, which is no type but a function", type->plan->name);
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
	closure->local = is_local(message);
	closure->shown_name = type->name;
	closure->writable = ffi_closure_alloc(sizeof *closure->writable, &closure->code);
	if (!closure->name || !closure->writable ||
	    ffi_prep_closure_loc(closure->writable, &type->plan->cif, closure_enter, closure, closure->code) != FFI_OK) {
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
	       closure->local == is_local(message) && strlen(closure->name) == message->name.len &&
	       (message->name.len == 0 || memcmp(closure->name, message->name.data, message->name.len) == 0);
}

/* The client gives a slot again only once its last callback is closed: the CloseCallback may be on its way, or unsaid. */
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
	atomic_store(&closure->closed, closed);
	closure->older = *at;
	*at = closure;
	n_closures++;
	HASH_ADD(hh, by_code, code, sizeof closure->code, closure);
	telemetry_callback_opened();
	if (closed)
		telemetry_callback_closed();
}

static int open_locked(const Cbb__OpenCallback *message)
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
	return 0;
}

int closure_table_open(const Cbb__OpenCallback *message)
{
	if (message->slot >= host_self()->max_closures || message->generation == 0 || message->generation >= 1u << 30 ||
	    message->name.len > NAME_MAX_BYTES || memchr(message->name.data ? message->name.data : (uint8_t *)"", 0,
	                                                 message->name.len))
		return detail_set(-EBADMSG, "OpenCallback: slot %u, generation %u or its name is out of range", message->slot,
		                  message->generation);
	pthread_mutex_lock(&lock);
	int r = open_locked(message);
	pthread_mutex_unlock(&lock);
	return r;
}

/* ---- Closing ---- */

int closure_table_close(const Cbb__CloseCallback *message)
{
	if (message->slot >= host_self()->max_closures || message->generation == 0 || message->generation >= 1u << 30)
		return detail_set(-EBADMSG, "CloseCallback: slot %u or generation %u is out of range", message->slot,
		                  message->generation);
	size_t length = message->where.len < WHERE_MAX_BYTES ? message->where.len : WHERE_MAX_BYTES;
	char *where = length ? strndup((const char *)message->where.data, length) : NULL;
	pthread_mutex_lock(&lock);
	struct slot *slot = slot_get(message->slot);
	if (slot && message->generation > slot->closed_generation)
		slot->closed_generation = message->generation;
	struct closure *closure = slot_closure(slot, message->generation);
	if (closure) {
		atomic_store(&closure->closed_ns, clock_now_ns());
		/* Once: a late call may be reading the words of the first. */
		char *none = NULL;
		if (atomic_compare_exchange_strong(&closure->closed_where, &none, where))
			where = NULL;
		if (!atomic_exchange(&closure->closed, true))
			telemetry_callback_closed();
	}
	pthread_mutex_unlock(&lock);
	free(where);
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
