/* SPDX-License-Identifier: MIT */
/*
 * Buffers of the thread for names and types as C text.
 */
#ifndef CBB_INTERFACE_SPELLING_H
#define CBB_INTERFACE_SPELLING_H

#include <stdbool.h>

#define SPELLING_SIZE 512

/* One of four buffers of SPELLING_SIZE bytes, in turn; empty. */
char *spelling_buffer(void);

#endif
