/* SPDX-License-Identifier: MIT */
/*
 * The words that go with a negative status: one text per thread, set where the error is found.
 */
#ifndef CBB_BASE_DETAIL_H
#define CBB_BASE_DETAIL_H

#include <stddef.h>

#define DETAIL_SIZE 1024

/* Sets this thread's text and returns `code`, so that one line both says and fails: return detail_set(-EINVAL, ...). */
int detail_set(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same for text that came in a message: not NUL-terminated, control characters become '?'. */
int detail_set_bytes(int code, const void *text, size_t size);

/* Puts words in front of the present text: "library libexpat.so.1: ". Returns `code`. */
int detail_prefix(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Never NULL. */
const char *detail_text(void);

/*
 * For the outermost function that reports an error: forget at its start that a text is there, and at a failure fill in
 * `words` if nobody has said more since.
 */
void detail_begin(void);
void detail_default(const char *words);

#endif
