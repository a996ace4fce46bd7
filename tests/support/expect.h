/* SPDX-License-Identifier: MIT */
/*
 * Expectations, usable from any thread and from forked children of a test: failures go to memory shared with the
 * main process, which hands them to CUnit (CUnit itself is not thread-safe and knows nothing of children).
 *
 * `0 ? 0 : expression` is the bare expression with one difference: an assignment in it does not compile.
 */
#ifndef CBB_TESTS_SUPPORT_EXPECT_H
#define CBB_TESTS_SUPPORT_EXPECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* True is expected; the test goes on in any case. */
#define EXPECT(...)                                                                                                    \
	do {                                                                                                           \
		if (0 ? 0 : __VA_ARGS__)                                                                               \
			break;                                                                                         \
		expect_fail(__FILE__, __LINE__, "%s: not so", #__VA_ARGS__);                                           \
	} while (0)

/* The same, and ends the process (the test's, or its forked child's) at once if it is not so. */
#define REQUIRE(...)                                                                                                   \
	do {                                                                                                           \
		if (0 ? 0 : __VA_ARGS__)                                                                               \
			break;                                                                                         \
		expect_fail(__FILE__, __LINE__, "%s: not so, this test ends here", #__VA_ARGS__);                      \
		expect_end();                                                                                          \
	} while (0)

/* Two numbers or two pointers of any type, compared by value (-1 is not UINT64_MAX); prints both. */
#define EXPECT_EQUAL(actual, expected)                                                                                 \
	((void)expect_equal(EXPECT_VALUE(actual), EXPECT_VALUE(expected), __FILE__, __LINE__, #actual " == " #expected))
#define REQUIRE_EQUAL(actual, expected)                                                                                \
	(expect_equal(EXPECT_VALUE(actual), EXPECT_VALUE(expected), __FILE__, __LINE__, #actual " == " #expected)      \
	     ? (void)0                                                                                                 \
	     : expect_end())

/* Two strings; NULL equals NULL only. */
#define EXPECT_STRING(actual, expected) expect_string(actual, expected, __FILE__, __LINE__, #actual)
/* The text contains the part; or does not. */
#define EXPECT_CONTAINS(text, part) expect_contains(text, part, true, __FILE__, __LINE__, #text)
#define EXPECT_LACKS(text, part) expect_contains(text, part, false, __FILE__, __LINE__, #text)
/* Two pieces of memory; prints the first place where they differ. */
#define EXPECT_BYTES(actual, actual_size, expected, expected_size)                                                     \
	expect_bytes(actual, actual_size, expected, expected_size, __FILE__, __LINE__, #actual)

/* Fails with words of one's own. */
#define FAIL(...) expect_fail(__FILE__, __LINE__, __VA_ARGS__)
/* Ends the test as neither passed nor failed: it needs something that this machine or this build lacks. Say what. */
#define SKIP(...) expect_skip(__FILE__, __LINE__, __VA_ARGS__)

/* How many failures this test has so far, in all its threads and processes. */
unsigned expect_failures(void);

/* Behind the macros. */
struct expect_value {
	enum { EXPECT_SIGNED, EXPECT_UNSIGNED, EXPECT_REAL, EXPECT_POINTER } kind;
	union {
		intmax_t i;
		uintmax_t u;
		const volatile void *pointer;
	};
	long double real;
};

struct expect_value expect_signed(intmax_t value);
struct expect_value expect_unsigned(uintmax_t value);
struct expect_value expect_real(long double value);
struct expect_value expect_pointer(const volatile void *value);

#define EXPECT_VALUE(value)                                                                                            \
	_Generic(0 ? 0 : value,                                                                                        \
	         int: expect_signed, long: expect_signed, long long: expect_signed,                                    \
	         unsigned: expect_unsigned, unsigned long: expect_unsigned, unsigned long long: expect_unsigned,       \
	         float: expect_real, double: expect_real, long double: expect_real,                                    \
	         default: expect_pointer)(0 ? 0 : value)

void expect_fail(const char *file, int line, const char *format, ...) __attribute__((format(printf, 3, 4)));
void expect_end(void) __attribute__((noreturn));
void expect_skip(const char *file, int line, const char *format, ...) __attribute__((format(printf, 3, 4), noreturn));
bool expect_equal(struct expect_value actual, struct expect_value expected, const char *file, int line,
                  const char *text);
void expect_string(const char *actual, const char *expected, const char *file, int line, const char *text);
void expect_contains(const char *actual, const char *part, bool wanted, const char *file, int line, const char *text);
void expect_bytes(const void *actual, size_t actual_size, const void *expected, size_t expected_size,
                  const char *file, int line, const char *text);

#endif
