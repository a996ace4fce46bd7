/* SPDX-License-Identifier: MIT */
#include "broker/place.h"

#include "base/detail.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int directory_make(const char *path, mode_t mode)
{
	struct stat status;
	if (mkdir(path, mode) < 0 && errno != EEXIST)
		return detail_set(-errno, "cannot make the directory %s: %s", path, strerror(errno));
	if (lstat(path, &status) < 0)
		return detail_set(-errno, "%s: %s", path, strerror(errno));
	if (!S_ISDIR(status.st_mode) || status.st_uid != geteuid() || (status.st_mode & (S_IWGRP | S_IWOTH)))
		return detail_set(-EPERM, "%s is not a directory that only this user can write to", path);
	return 0;
}

int place_default_socket(char *ret_path, size_t size)
{
	char directory[PATH_MAX];
	const char *runtime = secure_getenv("XDG_RUNTIME_DIR");
	mode_t mode = 0700;
	if (runtime && runtime[0] != '/')
		runtime = NULL;
	if (!runtime && geteuid() != 0)
		return detail_set(-ENOENT, "XDG_RUNTIME_DIR is not set: say --socket PATH");
	if (!runtime) {
		runtime = "/run";
		mode = 0755;
	}
	int n = snprintf(directory, sizeof directory, "%s/cbbroker", runtime);
	if (n < 0 || (size_t)n >= sizeof directory || (size_t)n + sizeof "/broker.sock" > size)
		return detail_set(-ENAMETOOLONG, "XDG_RUNTIME_DIR is too long: say --socket PATH");
	int r = directory_make(directory, mode);
	if (r == 0)
		snprintf(ret_path, size, "%.*s/broker.sock", n, directory);
	return r;
}

static int program_resolve(const char *path, char *ret_path, size_t size)
{
	char resolved[PATH_MAX];
	if (!realpath(path, resolved) || access(resolved, X_OK) < 0)
		return -errno;
	int n = snprintf(ret_path, size, "%s", resolved);
	return n >= 0 && (size_t)n < size ? 0 : -ENAMETOOLONG;
}

static int program_near(char *ret_path, size_t size)
{
	static const char *const places[] = {"cbb-host", "../host/cbb-host", "../libexec/cbbroker/cbb-host"};
	char self[PATH_MAX], path[PATH_MAX + 64];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
	if (n <= 0)
		return -ENOENT;
	self[n] = '\0';
	*strrchr(self, '/') = '\0';
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		snprintf(path, sizeof path, "%s/%s", self, places[i]);
		if (program_resolve(path, ret_path, size) == 0)
			return 0;
	}
	return -ENOENT;
}

int place_host_program(const char *wanted, char *ret_path, size_t size)
{
	int r;
	if (wanted) {
		r = program_resolve(wanted, ret_path, size);
		return r == 0 ? 0 : detail_set(r, "host program %s: %s", wanted, strerror(-r));
	}
	if (program_near(ret_path, size) == 0)
		return 0;
	r = program_resolve(CBB_COMPILED_HOST, ret_path, size);
	if (r < 0)
		return detail_set(r, "no cbb-host beside this program nor at %s: say --host-program PATH",
		                  CBB_COMPILED_HOST);
	return 0;
}
