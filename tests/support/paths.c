/* SPDX-License-Identifier: MIT */
#include "support/paths.h"

#include "support/expect.h"
#include "support/test_environment.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Kept reachable: a leak checker sees no leak in texts that live until the test ends. */
struct text {
	struct text *next;
	char bytes[];
};

static struct text *texts;
static pthread_mutex_t texts_lock = PTHREAD_MUTEX_INITIALIZER;
static char temp_dir[64];

static char *text_new(size_t size)
{
	struct text *text = malloc(sizeof *text + size);
	if (!text)
		abort();
	pthread_mutex_lock(&texts_lock);
	text->next = texts;
	texts = text;
	pthread_mutex_unlock(&texts_lock);
	return text->bytes;
}

char *harness_format(const char *format, ...)
{
	va_list arguments, again;
	va_start(arguments, format);
	va_copy(again, arguments);
	int n = vsnprintf(NULL, 0, format, arguments);
	char *text = text_new((size_t)n + 1);
	vsnprintf(text, (size_t)n + 1, format, again);
	va_end(again);
	va_end(arguments);
	return text;
}

/* ---- The temporary directory ---- */

void test_environment_make_temp_dir(void)
{
	/* Not $TMPDIR: a socket's path has 108 bytes. */
	strcpy(temp_dir, "/tmp/cbb-test-XXXXXX");
	if (!mkdtemp(temp_dir)) {
		perror(temp_dir);
		exit(1);
	}
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *where)
{
	(void)status;
	(void)where;
	if (kind == FTW_DNR && chmod(path, 0700) < 0)
		return 0;
	remove(path);
	return 0;
}

void test_environment_remove_temp_dir(void)
{
	if (temp_dir[0])
		nftw(temp_dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	temp_dir[0] = '\0';
}

const char *harness_temp_dir(void)
{
	return temp_dir;
}

const char *harness_temp_path(const char *name)
{
	return harness_format("%s/%s", temp_dir, name);
}

const char *harness_temp_file(const char *name, const char *text)
{
	const char *path = harness_temp_path(name);
	FILE *file = fopen(path, "we");
	if (!file || fputs(text, file) < 0) {
		FAIL("%s: %s", path, strerror(errno));
		expect_end();
	}
	fclose(file);
	return path;
}

const char *harness_read_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	const char *text = test_environment_read(fd);
	if (fd >= 0)
		close(fd);
	return text;
}

const char *test_environment_read(int fd)
{
	size_t size = 0, capacity = 65536;
	char *bytes = malloc(capacity);
	for (;;) {
		ssize_t n = fd < 0 || !bytes ? 0 : pread(fd, bytes + size, capacity - size, (off_t)size);
		if (n <= 0)
			break;
		size += (size_t)n;
		if (size == capacity)
			bytes = realloc(bytes, capacity *= 2);
	}
	char *text = text_new(size + 1);
	if (size)
		memcpy(text, bytes, size);
	text[size] = '\0';
	free(bytes);
	return text;
}

/* ---- The trees ---- */

const char *harness_source_path(const char *path)
{
	return harness_format("%s/%s", HARNESS_SOURCE_DIR, path);
}

const char *harness_build_path(const char *path)
{
	return harness_format("%s/%s", HARNESS_BUILD_DIR, path);
}

const char *harness_program(const char *name)
{
	static const char *const folders[] = {"daemon/broker",   "daemon/host",   "client/ctl",
	                                      "client/examples", "tests/fixtures/programs", "tests/bench"};
	for (unsigned i = 0; i < sizeof folders / sizeof *folders; i++) {
		const char *path = harness_format("%s/%s/%s", HARNESS_BUILD_DIR, folders[i], name);
		if (access(path, X_OK) == 0)
			return path;
	}
	FAIL("there is no program %s in the build tree %s", name, HARNESS_BUILD_DIR);
	expect_end();
}

const char *harness_fixture_path(const char *name)
{
	const char *path = harness_format("%s/tests/fixtures/%s", HARNESS_BUILD_DIR, name);
	if (access(path, R_OK) == 0)
		return path;
	FAIL("there is no fixture %s", path);
	expect_end();
}

/* ---- The environment ---- */

/* Programs that a test starts: a host's own handlers must see the signals, not the sanitizer's. */
static void set_sanitizer_options(void)
{
	setenv("ASAN_OPTIONS", "handle_segv=0:handle_sigbus=0:handle_sigill=0:handle_sigfpe=0:handle_abort=0:"
	                       "use_sigaltstack=0:detect_stack_use_after_return=0:halt_on_error=1", 1);
	setenv("TSAN_OPTIONS", "handle_segv=0:handle_sigbus=0:handle_sigill=0:handle_sigfpe=0:handle_abort=0:"
	                       "use_sigaltstack=0:halt_on_error=1:second_deadlock_stack=1", 1);
	setenv("UBSAN_OPTIONS", "print_stacktrace=1:halt_on_error=1", 1);
}

void test_environment_set(void)
{
	static const char *const unwanted[] = {"CBB_ADDRESS", "NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID",
	                                       "LISTEN_FDNAMES", "JOURNAL_STREAM", "INVOCATION_ID",
	                                       "CBB_TEST_RESULTS", "CBB_TEST_PATTERN"};
	for (unsigned i = 0; i < sizeof unwanted / sizeof *unwanted; i++)
		unsetenv(unwanted[i]);
	setenv("CBB_BROKER", HARNESS_BUILD_DIR "/daemon/broker/cbbrokerd", 1);
	setenv("CBB_HOST", HARNESS_BUILD_DIR "/daemon/host/cbb-host", 1);
	setenv("CBB_INTERFACES", HARNESS_SOURCE_DIR "/client/interfaces", 1);
	setenv("XDG_RUNTIME_DIR", temp_dir, 1);
	setenv("LC_ALL", "C.UTF-8", 1);
	set_sanitizer_options();
}
