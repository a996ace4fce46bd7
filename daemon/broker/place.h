/* SPDX-License-Identifier: MIT */
/*
 * Where things are: the broker's socket and the host program.
 */
#ifndef CBB_BROKER_PLACE_H
#define CBB_BROKER_PLACE_H

#include <stddef.h>

/*
 * $XDG_RUNTIME_DIR/cbbroker/broker.sock, else /run/cbbroker/broker.sock for root. Its directory is made if it is
 * missing, and must be ours. 0, or -errno with a detail text.
 */
int place_default_socket(char *ret_path, size_t size);

/*
 * The absolute path of cbb-host: `wanted` if not NULL (and nothing else), else relative to the running program
 * (build tree, installation), else the compiled place. 0, or -errno with a detail text.
 */
int place_host_program(const char *wanted, char *ret_path, size_t size);

#endif
