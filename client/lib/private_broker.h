/* SPDX-License-Identifier: MIT */
/*
 * A broker of this program's own: the embedded default.
 */
#ifndef CBB_CLIENT_PRIVATE_BROKER_H
#define CBB_CLIENT_PRIVATE_BROKER_H

#include <stdint.h>

/*
 * Starts cbbrokerd so that the program's wait() never sees it and it ends with the program. *ret_path: its
 * socket, malloc'ed. 0, or a negative code with a detail text.
 */
int private_broker_start(uint64_t deadline_ns, char **ret_path);

#endif
