/* SPDX-License-Identifier: MIT */
/*
 * Checks an Interface message that came from a socket before anything relies on it, and answers simple
 * questions about one. After interface_check() returned 0, every index is in range, no walk over the tables
 * can run in a circle or deeper than INTERFACE_DEPTH_MAX, sizes and offsets of structs are those of the C ABI,
 * and each Param is one that the marshalling engine can carry.
 */
#ifndef CBB_INTERFACE_CHECK_H
#define CBB_INTERFACE_CHECK_H

#include "cbbroker.pb-c.h"

#include <stdbool.h>
#include <stdint.h>

#define INTERFACE_DEPTH_MAX 8            /* pointers to pointers, structs in structs, expressions */
#define INTERFACE_PARAMS_MAX 64          /* of one function */
#define INTERFACE_TABLE_MAX 65535        /* entries of one table */
#define INTERFACE_STRUCT_MAX_BYTES 65536 /* a struct or fixed array */
#define INTERFACE_VALUES_MAX 1048576     /* a walk over all functions meets: structs and pointees count at each use */

/* 0, or STATUS_INTERFACE with a detail text that names the entry. */
int interface_check(const Cbb__Interface *message);

/* Index of a function of the library by name; -1. */
int interface_find_function(const Cbb__Interface *message, const char *name);
/* Index in `functions` of the function type behind a typedef such as "XML_StartElementHandler"; -1. */
int interface_find_callback_type(const Cbb__Interface *message, const char *name);
/* Whether a struct (or array of structs) of that type holds function pointers, also behind its pointers. */
bool interface_has_callbacks(const Cbb__Interface *message, uint32_t type);
/* A name as a C string in a buffer of the thread (the last four stay valid). */
const char *interface_name(const Cbb__Interface *message, uint32_t index);
/* The C spelling of a type, such as "const char *" or "struct stat", in a buffer of the thread. */
const char *interface_type_name(const Cbb__Interface *message, uint32_t type);

#endif
