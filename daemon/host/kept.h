/* SPDX-License-Identifier: MIT */
/*
 * Copies of what the program handed in and native code keeps: arguments with a `lifetime`, and what handlers hand out.
 */
#ifndef CBB_HOST_KEPT_H
#define CBB_HOST_KEPT_H

#include "cbbroker.pb-c.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kept {
	struct kept *next;
	const Cbb__Param *param;   /* while the call lasts */
	uint64_t key;              /* of the parameter, for lifetime(next); else 0 */
	_Alignas(max_align_t) unsigned char data[];
};

/* `content` NULL: the caller writes it. NULL without memory. */
struct kept *kept_new(const Cbb__Param *param, const void *content, size_t size);

/* All of a list. */
void kept_free(struct kept *kept);

#endif
