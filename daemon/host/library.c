/* SPDX-License-Identifier: MIT */
#include "host/library.h"

#include "base/detail.h"
#include "host/host_lane.h"
#include "interface/check.h"
#include "host/telemetry.h"
#include "host/thread.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct host_library *_Atomic libraries[LIBRARIES_MAX];

struct host_library *library_find(uint32_t number)
{
	return number < LIBRARIES_MAX ? atomic_load_explicit(&libraries[number], memory_order_acquire) : NULL;
}

void *library_symbol(const struct host_library *library, const char *name)
{
	void *address = dlsym(library->handle, name);
	return address ? address : dlsym(RTLD_DEFAULT, name);
}

/* ---- Functions ---- */

static int function_make(struct host_library *library, uint32_t index)
{
	struct native_function *function = calloc(1, sizeof *function);
	if (!function)
		return -ENOMEM;
	int r = plan_new(library->interface, index, &function->plan);
	if (r < 0) {
		free(function);
		return r;
	}
	if (!function->plan->function->is_type) {
		void *address = library_symbol(library, function->plan->name);
		memcpy(&function->address, &address, sizeof address);
	}
	function->name = telemetry_name(function->plan->name);
	atomic_store_explicit(&library->functions[index], function, memory_order_release);
	return 0;
}

int library_function(struct host_library *library, uint32_t index, struct native_function **ret_function)
{
	if (index >= library->interface->n_functions)
		return detail_set(-EBADMSG, "%s has no function number %u", library->name, index);
	struct native_function *function = atomic_load_explicit(&library->functions[index], memory_order_acquire);
	int r = 0;
	if (!function) {
		pthread_mutex_lock(&library->lock);
		if (!library->functions[index])
			r = function_make(library, index);
		function = library->functions[index];
		pthread_mutex_unlock(&library->lock);
	}
	if (r == 0)
		*ret_function = function;
	return r;
}

/* ---- Opening ---- */

/* The library's constructors run here, on the lane's thread, as in any program that links it. */
static int load(struct host_lane *lane, struct host_library *library)
{
	char file[PAGE_TEXT_BYTES];
	const ProtobufCBinaryData *soname = &library->interface->soname;
	if (soname->len == 0 || soname->len >= sizeof file || memchr(soname->data, '\0', soname->len))
		return detail_set(CBB__STATUS__STATUS_INTERFACE, "library(\"...\") of at most %zu bytes is missing",
		                  sizeof file - 1);
	memcpy(file, soname->data, soname->len);
	file[soname->len] = '\0';
	const char *folder_end = strrchr(file, '/');
	library->name = strdup(folder_end ? folder_end + 1 : file);
	if (!library->name)
		return -ENOMEM;
	lane->thread->library = library->name;
	lane->thread->function = "dlopen";
	library->handle = dlopen(file, RTLD_NOW | RTLD_LOCAL);
	lane->thread->library = NULL;
	lane->thread->function = NULL;
	if (!library->handle)
		return detail_set(CBB__STATUS__STATUS_NO_LIBRARY, "%s", dlerror());
	telemetry_library_loaded(file);
	return 0;
}

static size_t find_missing(const struct host_library *library, uint32_t *ret_missing)
{
	size_t n = 0;
	for (uint32_t i = 0; i < library->interface->n_functions; i++) {
		const Cbb__Function *function = library->interface->functions[i];
		if (!function->is_type && !library_symbol(library, interface_name(library->interface, function->name)))
			ret_missing[n++] = i;
	}
	return n;
}

static int library_prepare(struct host_lane *lane, struct host_library *library)
{
	int r = interface_check(library->interface);
	if (r < 0)
		return r;
	r = load(lane, library);
	if (r < 0)
		return r;
	library->functions = calloc(library->interface->n_functions + 1, sizeof *library->functions);
	return library->functions ? 0 : -ENOMEM;
}

static int answer_opened(struct host_lane *lane, uint64_t sequence, const struct host_library *library)
{
	Cbb__LibraryOpened answer = CBB__LIBRARY_OPENED__INIT;
	answer.sequence = sequence;
	answer.missing = calloc(library->interface->n_functions + 1, sizeof *answer.missing);
	if (!answer.missing)
		return -ENOMEM;
	answer.n_missing = find_missing(library, answer.missing);
	int r = lane_put(&lane->lane, CBB__FRAME_TYPE__FRAME_LIBRARY_OPENED, &answer.base);
	free(answer.missing);
	return r < 0 ? r : host_lane_send(lane);
}

static int answer_failed(struct host_lane *lane, uint64_t sequence, int status)
{
	Cbb__LibraryOpened answer = CBB__LIBRARY_OPENED__INIT;
	answer.sequence = sequence;
	answer.status = status;
	answer.detail.data = (uint8_t *)(uintptr_t)detail_text();
	answer.detail.len = strlen(detail_text());
	int r = lane_put(&lane->lane, CBB__FRAME_TYPE__FRAME_LIBRARY_OPENED, &answer.base);
	return r < 0 ? r : host_lane_send(lane);
}

static void library_free(struct host_library *library)
{
	free((void *)(uintptr_t)library->name);
	free(library->functions);
	unpack_free(&library->arena);
	pthread_mutex_destroy(&library->lock);
	free(library);
}

int library_serve_open(struct host_lane *lane, const struct frame *frame)
{
	struct host_library *library = calloc(1, sizeof *library);
	if (!library)
		return -ENOMEM;
	pthread_mutex_init(&library->lock, NULL);
	const Cbb__OpenLibrary *message = unpack_frame(&library->arena, &cbb__open_library__descriptor, frame);
	if (!message) {
		library_free(library);
		return -EBADMSG;
	}
	uint32_t number = message->library;
	if (!message->interface || number == 0 || library_find(number)) {
		library_free(library);
		return detail_set(-EBADMSG, "OpenLibrary without an interface, or library number %u taken", number);
	}
	uint64_t sequence = message->sequence;
	library->number = number;
	library->interface = message->interface;
	int r = number < LIBRARIES_MAX ? library_prepare(lane, library)
	                               : detail_set(CBB__STATUS__STATUS_LIMIT, "a host holds %d libraries", LIBRARIES_MAX);
	if (r < 0) {
		r = answer_failed(lane, sequence, r);
		library_free(library);
		return r;
	}
	struct host_library *before = NULL;
	if (!atomic_compare_exchange_strong(&libraries[number], &before, library)) {
		library_free(library);
		return detail_set(-EBADMSG, "library number %u was opened on two lanes at once", number);
	}
	return answer_opened(lane, sequence, library);
}
