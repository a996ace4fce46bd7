/* SPDX-License-Identifier: MIT */
/*
 * Where the programs and files that belong to the library are found: beside the loaded library (installed, or in
 * the build tree), else at the compiled path, unless the environment names them.
 */
#ifndef CBB_CLIENT_PLACES_H
#define CBB_CLIENT_PLACES_H

/* The path of cbbrokerd ($CBB_BROKER): malloc'ed, or NULL with a detail text. */
char *places_broker(void);

/* The path of the interface file for a name such as "expat", looked for in $CBB_INTERFACES (directories separated by
 * ':') or at the installed place: malloc'ed, or NULL with a detail text. */
char *places_interface(const char *name);

/* $XDG_RUNTIME_DIR/cbbroker/broker.sock, malloc'ed; NULL if the variable is not set. */
char *places_user_socket(void);
#define PLACES_SYSTEM_SOCKET "/run/cbbroker/broker.sock"

#endif
