/* SPDX-License-Identifier: MIT */
/*
 * uthash that tells of a lack of memory, where it would otherwise end the process: after HASH_ADD the entry is in the
 * table only if hash_added(entry).
 */
#ifndef CBB_BASE_HASH_H
#define CBB_BASE_HASH_H

#ifdef UTHASH_H
#error "uthash.h was included directly before"
#endif
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#define hash_added(entry) ((entry)->hh.tbl != NULL)

#endif
