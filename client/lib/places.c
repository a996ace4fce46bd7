/* SPDX-License-Identifier: MIT */
#include "lib/places.h"

#include "lib/error.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* From the directory of the loaded library: the build tree, lib/, lib/<triplet>/. */
static const char *const broker_beside[] = {"../daemon/broker/cbbrokerd", "../sbin/cbbrokerd", "../../sbin/cbbrokerd"};
static const char *const interfaces_beside[] = {"interfaces", "../share/cbbroker/interfaces",
                                                "../../share/cbbroker/interfaces"};

static char *join(const char *directory, size_t length, const char *name)
{
	char *path = NULL;
	return asprintf(&path, "%.*s/%s", (int)length, directory, name) < 0 ? NULL : path;
}

/* The first of `names` that exists relative to the directory of this library. */
static char *find_beside(const char *const *names, size_t n)
{
	Dl_info info;
	if (!dladdr((const void *)(uintptr_t)cbb_version, &info) || !info.dli_fname)
		return NULL;
	const char *slash = strrchr(info.dli_fname, '/');
	for (size_t i = 0; i < n; i++) {
		char *path = join(slash ? info.dli_fname : ".", slash ? (size_t)(slash - info.dli_fname) : 1, names[i]);
		if (path && access(path, R_OK) == 0)
			return path;
		free(path);
	}
	return NULL;
}

char *places_broker(void)
{
	const char *named = secure_getenv("CBB_BROKER");
	char *path = named && *named ? strdup(named)
	                             : find_beside(broker_beside, sizeof broker_beside / sizeof *broker_beside);
	if (!path)
		path = strdup(CBB_COMPILED_BROKER);
	if (path && access(path, X_OK) == 0)
		return path;
	detail_set(0, "cbbrokerd was not found (looked at %s); install it or set CBB_BROKER", path ? path : "nothing");
	free(path);
	return NULL;
}

char *places_interface(const char *name)
{
	char *file = NULL, *path = NULL;
	if (strchr(name, '/') || asprintf(&file, "%s%s", name, strstr(name, ".cbi") ? "" : ".cbi") < 0) {
		detail_set(0, "\"%s\" is not the name of an interface; for a path there is cbb_library_open_file()", name);
		return NULL;
	}
	const char *named = secure_getenv("CBB_INTERFACES");
	char *beside = named && *named
	                   ? strdup(named)
	                   : find_beside(interfaces_beside, sizeof interfaces_beside / sizeof *interfaces_beside);
	const char *list = beside ? beside : CBB_COMPILED_INTERFACES;
	for (const char *at = list; *at && !path;) {
		size_t length = strcspn(at, ":");
		path = join(at, length, file);
		if (path && access(path, R_OK) != 0) {
			free(path);
			path = NULL;
		}
		at += length + (at[length] == ':');
	}
	if (!path)
		detail_set(0, "no interface \"%s\" in %s", file, list);
	free(file);
	free(beside);
	return path;
}

char *places_user_socket(void)
{
	const char *directory = secure_getenv("XDG_RUNTIME_DIR");
	if (!directory || !*directory)
		return NULL;
	return join(directory, strlen(directory), "cbbroker/broker.sock");
}
