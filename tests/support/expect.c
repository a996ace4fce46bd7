/* SPDX-License-Identifier: MIT */
#include "support/expect.h"

#include "support/record.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define LONG_TEXT_BYTES 1200

static struct record_board *board;
static pid_t main_pid; /* of the harness, which reports what a test's process cannot */

void record_open(void)
{
	board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (board == MAP_FAILED) {
		perror("mmap");
		exit(1);
	}
	main_pid = getpid();
}

struct record_board *record_board(void)
{
	return board;
}

void record_clear(void)
{
	memset(board, 0, sizeof *board);
}

static void record_where(struct record *record)
{
	pid_t process = getpid(), thread = gettid();
	if (process == main_pid || thread == board->test_pid)
		return;
	size_t n = strlen(record->text);
	if (process == board->test_pid)
		snprintf(record->text + n, sizeof record->text - n, " (in thread %d)", thread);
	else
		snprintf(record->text + n, sizeof record->text - n, " (in child process %d)", process);
}

static void record_add(const char *file, int line, const char *format, va_list arguments)
{
	unsigned i = atomic_fetch_add(&board->n, 1);
	if (i >= RECORD_MAX)
		return;
	struct record *record = &board->records[i];
	record->file = file;
	record->line = line;
	vsnprintf(record->text, sizeof record->text - 40, format, arguments);
	record_where(record);
	atomic_store(&record->complete, true);
}

void expect_fail(const char *file, int line, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	record_add(file, line, format, arguments);
	va_end(arguments);
}

unsigned expect_failures(void)
{
	return atomic_load(&board->n);
}

void expect_end(void)
{
	fflush(NULL);
	if (getpid() == board->test_pid)
		atomic_store(&board->ended, true);
	_exit(1);
}

void expect_skip(const char *file, int line, const char *format, ...)
{
	(void)file;
	(void)line;
	if (!atomic_exchange(&board->skipped, true)) {
		va_list arguments;
		va_start(arguments, format);
		vsnprintf(board->skip_text, sizeof board->skip_text, format, arguments);
		va_end(arguments);
	}
	expect_end();
}

struct expect_value expect_signed(intmax_t value)
{
	return (struct expect_value){.kind = EXPECT_SIGNED, .i = value};
}

struct expect_value expect_unsigned(uintmax_t value)
{
	return (struct expect_value){.kind = EXPECT_UNSIGNED, .u = value};
}

struct expect_value expect_real(long double value)
{
	return (struct expect_value){.kind = EXPECT_REAL, .real = value};
}

struct expect_value expect_pointer(const volatile void *value)
{
	return (struct expect_value){.kind = EXPECT_POINTER, .pointer = value};
}

static void value_write(struct expect_value value, char *text, size_t size)
{
	switch (value.kind) {
	case EXPECT_SIGNED:
		snprintf(text, size, "%jd", value.i);
		break;
	case EXPECT_UNSIGNED:
		snprintf(text, size, value.u > UINT32_MAX ? "%ju (0x%jx)" : "%ju", value.u, value.u);
		break;
	case EXPECT_REAL:
		snprintf(text, size, "%.21Lg", value.real);
		break;
	case EXPECT_POINTER:
		snprintf(text, size, value.pointer ? "%p" : "NULL", value.pointer);
		break;
	}
}

/* A number as itself where it has a sign: -1 and UINTMAX_MAX differ. */
static long double value_real(struct expect_value value)
{
	return value.kind == EXPECT_SIGNED ? (long double)value.i
	       : value.kind == EXPECT_UNSIGNED ? (long double)value.u
	                                       : value.real;
}

static bool value_same(struct expect_value a, struct expect_value b)
{
	if (a.kind == EXPECT_POINTER || b.kind == EXPECT_POINTER)
		return (a.kind == EXPECT_POINTER ? (uintmax_t)(uintptr_t)a.pointer : a.u) ==
		       (b.kind == EXPECT_POINTER ? (uintmax_t)(uintptr_t)b.pointer : b.u);
	if (a.kind == EXPECT_REAL || b.kind == EXPECT_REAL)
		return value_real(a) == value_real(b);
	if (a.kind == b.kind)
		return a.u == b.u;
	return a.u == b.u && (a.kind == EXPECT_SIGNED ? a.i : b.i) >= 0;
}

bool expect_equal(struct expect_value actual, struct expect_value expected, const char *file, int line,
                  const char *text)
{
	if (value_same(actual, expected))
		return true;
	char left[80], right[80];
	value_write(actual, left, sizeof left);
	value_write(expected, right, sizeof right);
	expect_fail(file, line, "%s: is %s, not %s", text, left, right);
	return false;
}

void expect_string(const char *actual, const char *expected, const char *file, int line, const char *text)
{
	if (actual == expected || (actual && expected && strcmp(actual, expected) == 0))
		return;
	expect_fail(file, line, "%s: is %s%.*s%s, not %s%.*s%s", text, actual ? "\"" : "", LONG_TEXT_BYTES / 2,
	            actual ? actual : "NULL", actual ? "\"" : "", expected ? "\"" : "", LONG_TEXT_BYTES / 2,
	            expected ? expected : "NULL", expected ? "\"" : "");
}

void expect_contains(const char *actual, const char *part, bool wanted, const char *file, int line, const char *text)
{
	if ((actual && strstr(actual, part) != NULL) == wanted)
		return;
	expect_fail(file, line, "%s: \"%.*s\" %s \"%s\"", text, LONG_TEXT_BYTES, actual ? actual : "NULL",
	            wanted ? "lacks" : "contains", part);
}

void expect_bytes(const void *actual, size_t actual_size, const void *expected, size_t expected_size,
                  const char *file, int line, const char *text)
{
	const unsigned char *left = actual, *right = expected;
	size_t n = actual_size < expected_size ? actual_size : expected_size, i = 0;
	while (i < n && left[i] == right[i])
		i++;
	if (i < n)
		expect_fail(file, line, "%s: byte %zu of %zu is 0x%02x, not 0x%02x", text, i, actual_size, left[i],
		            right[i]);
	else if (actual_size != expected_size)
		expect_fail(file, line, "%s: %zu bytes, not %zu (equal as far as both go)", text, actual_size,
		            expected_size);
}
