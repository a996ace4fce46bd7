/* SPDX-License-Identifier: MIT */
/*
 * Structs that begin with `size`, between programs and libraries of different age.
 */
#ifndef CBB_CLIENT_OPTIONS_H
#define CBB_CLIENT_OPTIONS_H

#include <stddef.h>

/*
 * Copies the caller's option struct (may be NULL) into `known`, zeroing what it lacks. 0; -EINVAL: no size;
 * CBB_ERR_UNSUPPORTED: a field that this library does not know is not zero.
 */
int options_take(void *known, size_t known_size, const void *given);

/* Copies a report into the caller's struct of another size, which has been checked to hold its first field. */
void options_give(void *given, const void *known, size_t known_size);

#endif
