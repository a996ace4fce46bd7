/* SPDX-License-Identifier: MIT */
/*
 * Random signatures as C source and interface text: scalars, structs by value (nested, with arrays), texts, arrays, out
 * and inout parameters. For each number i the source has
 *
 *     R f_i(...)                                  reads all it is given, fills what goes out, answers by all of that
 *     uint64_t drive_i(f_i, seed)                 calls it through a pointer, and makes one number of what comes back
 *     uint64_t call_i(R (*handler)(...), seed)    the same, as the library's own function that calls back
 *     void generic_i(result, arguments, data)     f_i for a caller that has its arguments as pointers
 *
 * so that the same run in one process and in two must give the same number.
 */
#ifndef CBB_TESTS_SUPPORT_SIGNATURES_H
#define CBB_TESTS_SUPPORT_SIGNATURES_H

#include <stdint.h>
#include <stdio.h>

/* Writes n signatures made from the seed: C to `source`, its description (without library) to `interface`. */
void signatures_write(uint64_t seed, unsigned n, FILE *source, FILE *interface);

#endif
