/* SPDX-License-Identifier: MIT */
/*
 * What ends with a handle: closures that it arms, and copies that native code keeps. Handle 0 owns what no handle does,
 * and never ends.
 */
#ifndef CBB_HOST_OWNER_H
#define CBB_HOST_OWNER_H

#include "host/kept.h"

#include <stdint.h>

struct closure;

/* Arms the closure for as long as the handle lives; once, however often it is set. Without memory: for ever. */
void owner_add_closure(uint64_t handle, struct closure *closure);

/* The handle frees the copy when it ends. If it has a key, the one of the same key is freed at once. */
void owner_add_kept(uint64_t handle, struct kept *kept);

/* The handle was closed. */
void owner_end(uint64_t handle);

#endif
