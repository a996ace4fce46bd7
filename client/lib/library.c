/* SPDX-License-Identifier: MIT */
#include "lib/library.h"

#include "lib/call.h"
#include "lib/call_variadic.h"
#include "lib/error.h"
#include "lib/library_open.h"
#include "lib/places.h"
#include "marshal/variadic.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utlist.h>

#define TEXT_MAX_BYTES (1u << 20)

/* ---- Text ---- */

static char *read_file(const char *path, size_t *ret_size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat status;
	char *text = NULL;
	if (fd < 0 || fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) || status.st_size > TEXT_MAX_BYTES) {
		detail_set(0, "%s: %s", path, fd < 0 ? strerror(errno) : "not a file of at most 1 MiB");
	} else if ((text = malloc((size_t)status.st_size + 1))) {
		ssize_t n = read(fd, text, (size_t)status.st_size);
		*ret_size = n < 0 ? 0 : (size_t)n;
		text[*ret_size] = '\0';
	}
	if (fd >= 0)
		close(fd);
	return text;
}

static char *include_installed(void *context, const char *name, size_t *ret_size)
{
	(void)context;
	char *path = places_interface(name);
	char *text = path ? read_file(path, ret_size) : NULL;
	free(path);
	return text;
}

/* ---- Opening ---- */

void library_free(struct cbb_library *library)
{
	size_t n = library->functions ? library->interface->message.n_functions : 0;
	for (size_t i = 0; i < n; i++) {
		struct cbb_function *function = library->functions[i];
		if (!function)
			continue;
		if (function->closure)
			ffi_closure_free(function->closure);
		plan_free((struct plan *)(uintptr_t)function->plan);
		free(function);
	}
	free(library->functions);
	free(library->missing);
	interface_free(library->interface);
	pthread_mutex_destroy(&library->lock);
	free(library);
}

static int library_new(struct cbb_host *host, struct interface *interface, struct cbb_library **ret_library)
{
	size_t n = interface->message.n_functions + 1;
	struct cbb_library *library = calloc(1, sizeof *library);
	if (library) {
		library->functions = calloc(n, sizeof *library->functions);
		library->missing = calloc(n, sizeof *library->missing);
	}
	if (!library || !library->functions || !library->missing) {
		if (library) {
			free(library->functions);
			free(library->missing);
		}
		free(library);
		return -ENOMEM;
	}
	library->host = host;
	library->interface = interface;
	pthread_mutex_init(&library->lock, NULL);
	pthread_mutex_lock(&host->lock);
	library->number = ++host->n_libraries;
	pthread_mutex_unlock(&host->lock);
	*ret_library = library;
	return 0;
}

/* `label` stands in error messages as the file. */
static int open_text(struct cbb_host *host, const char *label, const char *text, size_t size,
                     struct cbb_library **ret_library)
{
	struct interface *interface = NULL;
	struct cbb_library *library = NULL;
	int r = interface_parse(label, text, size, include_installed, NULL, &interface);
	if (r < 0)
		return r;
	r = library_new(host, interface, &library);
	if (r < 0) {
		interface_free(interface);
		return r;
	}
	r = library_open_in_host(library);
	if (r < 0) {
		library_free(library);
		return r;
	}
	pthread_mutex_lock(&host->lock);
	DL_APPEND(host->libraries, library);
	pthread_mutex_unlock(&host->lock);
	*ret_library = library;
	return 0;
}

static int open_path(struct cbb_host *host, const char *path, struct cbb_library **ret_library)
{
	size_t size = 0;
	char *text = read_file(path, &size);
	if (!text)
		return CBB_ERR_NO_LIBRARY;
	int r = open_text(host, path, text, size, ret_library);
	free(text);
	return r;
}

static int check_arguments(const cbb_host *host, const char *text, cbb_library **ret_library)
{
	return host && text && ret_library ? 0 : detail_set(-EINVAL, "cbb_library_open: an argument is NULL");
}

int cbb_library_open(cbb_host *host, const char *name, cbb_library **ret_library)
{
	error_begin();
	int r = check_arguments(host, name, ret_library);
	if (r < 0)
		return error_end(r);
	char *path = places_interface(name);
	r = path ? open_path(host, path, ret_library) : CBB_ERR_NO_LIBRARY;
	free(path);
	return error_end(r);
}

int cbb_library_open_file(cbb_host *host, const char *path, cbb_library **ret_library)
{
	error_begin();
	int r = check_arguments(host, path, ret_library);
	return error_end(r < 0 ? r : open_path(host, path, ret_library));
}

int cbb_library_open_text(cbb_host *host, const char *text, cbb_library **ret_library)
{
	error_begin();
	int r = check_arguments(host, text, ret_library);
	return error_end(r < 0 ? r : open_text(host, "text", text, strlen(text), ret_library));
}

struct cbb_library *library_find(struct cbb_host *host, uint32_t number)
{
	struct cbb_library *library;
	pthread_mutex_lock(&host->lock);
	DL_SEARCH_SCALAR(host->libraries, library, number, number);
	pthread_mutex_unlock(&host->lock);
	return library;
}

/* ---- Functions ---- */

/* Whether a transfer(full(f)) of the interface names this function. */
static bool takes_back(const Cbb__Interface *interface, const Cbb__Function *function)
{
	for (size_t i = 0; i < interface->n_params; i++)
		if (interface->params[i]->free_function && interface->params[i]->free_function == function->name)
			return true;
	return false;
}

static int function_make(struct cbb_library *library, uint32_t index)
{
	struct plan *plan = NULL;
	int r = plan_new(&library->interface->message, index, &plan);
	if (r < 0)
		return r;
	struct cbb_function *function = calloc(1, sizeof *function);
	if (!function) {
		plan_free(plan);
		return -ENOMEM;
	}
	function->library = library;
	function->plan = plan;
	function->releases = takes_back(&library->interface->message, plan->function) && plan->n_params == 1;
	atomic_store_explicit(&library->functions[index], function, memory_order_release);
	return 0;
}

int library_function(struct cbb_library *library, uint32_t index, struct cbb_function **ret_function)
{
	struct cbb_function *function = atomic_load_explicit(&library->functions[index], memory_order_acquire);
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

int cbb_function_find(cbb_library *library, const char *name, cbb_function **ret_function)
{
	error_begin();
	if (!library || !name || !ret_function)
		return error_end(detail_set(-EINVAL, "cbb_function_find: an argument is NULL"));
	int index = interface_find_function(&library->interface->message, name);
	if (index < 0)
		return error_end(detail_set(CBB_ERR_NO_SYMBOL, "the interface of %.*s has no function \"%s\"",
		                            (int)library->interface->message.soname.len,
		                            (const char *)library->interface->message.soname.data, name));
	if (library->missing[index])
		return error_end(detail_set(CBB_ERR_NO_SYMBOL, "%.*s does not export \"%s\"",
		                            (int)library->interface->message.soname.len,
		                            (const char *)library->interface->message.soname.data, name));
	return error_end(library_function(library, (uint32_t)index, ret_function));
}

/* ---- Client-side functions ---- */

static int symbol_make(struct cbb_function *function)
{
	const struct plan *plan = function->plan;
	const ffi_cif *cif = plan->variadic ? variadic_closure_cif(plan) : &plan->cif;
	void (*entry)(ffi_cif *, void *, void **, void *) = plan->variadic ? call_from_variadic_symbol : call_from_symbol;
	void *code = NULL;
	ffi_closure *closure = ffi_closure_alloc(sizeof *closure, &code);
	if (!closure)
		return detail_set(-ENOMEM, "no memory for a function pointer (is executable memory forbidden?)");
	if (!cif || ffi_prep_closure_loc(closure, (ffi_cif *)(uintptr_t)cif, entry, function, code) != FFI_OK) {
		ffi_closure_free(closure);
		return detail_set(CBB_ERR_UNSUPPORTED, "libffi makes no function of the signature of %s",
		                  function->plan->name);
	}
	function->closure = closure;
	memcpy(&function->symbol, &code, sizeof code);
	return 0;
}

cbb_any_function cbb_symbol(cbb_library *library, const char *name)
{
	struct cbb_function *function = NULL;
	int r = cbb_function_find(library, name, &function);
	if (r < 0)
		return NULL;
	pthread_mutex_lock(&library->lock);
	if (!function->symbol)
		r = symbol_make(function);
	cbb_any_function symbol = function->symbol;
	pthread_mutex_unlock(&library->lock);
	error_end(r);
	return symbol;
}

static struct cbb_function *find_in_library(struct cbb_library *library, const void *pointer)
{
	struct cbb_function *found = NULL;
	pthread_mutex_lock(&library->lock);
	for (size_t i = 0; i < library->interface->message.n_functions && !found; i++) {
		struct cbb_function *function = library->functions[i];
		if (function && function->symbol && memcmp(&function->symbol, &pointer, sizeof pointer) == 0)
			found = function;
	}
	pthread_mutex_unlock(&library->lock);
	return found;
}

struct cbb_function *library_find_symbol(struct cbb_host *host, const void *pointer)
{
	struct cbb_function *found = NULL;
	struct cbb_library *library;
	pthread_mutex_lock(&host->lock);
	DL_FOREACH (host->libraries, library)
		if (!found)
			found = find_in_library(library, pointer);
	pthread_mutex_unlock(&host->lock);
	return found;
}
