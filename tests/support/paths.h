/* SPDX-License-Identifier: MIT */
/*
 * Where things are: a test's temporary directory, the build tree, the source tree. The texts live until the test ends.
 *
 * The harness sets for every test: CBB_BROKER, CBB_HOST and CBB_INTERFACES to the build and source tree,
 * XDG_RUNTIME_DIR to the temporary directory; and removes CBB_ADDRESS, NOTIFY_SOCKET, LISTEN_*, JOURNAL_STREAM.
 */
#ifndef CBB_TESTS_SUPPORT_PATHS_H
#define CBB_TESTS_SUPPORT_PATHS_H

/* printf into memory that lives until the test ends. */
char *harness_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* An empty directory of this test with a short path; removed with all that is in it. */
const char *harness_temp_dir(void);
/* A path in it: harness_temp_path("a.sock"). */
const char *harness_temp_path(const char *name);
/* Writes a file into it and returns the path. */
const char *harness_temp_file(const char *name, const char *text);
/* A whole file as text, NUL at the end; "" if it cannot be read. */
const char *harness_read_file(const char *path);

/* A program of the build tree by its name alone: "cbbrokerd", "cbb-host", "cbbctl", an example, a fixture program. */
const char *harness_program(const char *name);
/* The library built from tests/fixtures/foo.c: harness_fixture_path("libfixture_foo.so"). */
const char *harness_fixture_path(const char *name);
/* harness_source_path("client/interfaces") */
const char *harness_source_path(const char *path);
const char *harness_build_path(const char *path);

#endif
