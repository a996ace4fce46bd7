/* SPDX-License-Identifier: MIT */
/*
 * The first frame on a lane: the host takes it, or says why not.
 */
#ifndef CBB_HOST_GREETING_H
#define CBB_HOST_GREETING_H

#include <stdint.h>

/*
 * `thread`: of the thread that serves the lane; 0: none does. status 0: accepted; negative: refused, with the detail
 * text. deadline_ns 0: does not wait. 0 or -errno.
 */
int greeting_send(int fd, int status, uint32_t thread, uint64_t deadline_ns);

#endif
