/* SPDX-License-Identifier: MIT */
/*
 * .cbi text -> Interface message. The language: cbbroker-interface(5).
 */
#ifndef CBB_INTERFACE_PARSE_H
#define CBB_INTERFACE_PARSE_H

#include "cbbroker.pb-c.h"

#include <stddef.h>

/*
 * Gives the text of `#include "name"`: malloc'ed, freed by the parser; NULL if there is none.
 */
typedef char *interface_include(void *context, const char *name, size_t *ret_size);

/* Owns the message and all its memory: interface_free(). */
struct interface {
	Cbb__Interface message;
	struct interface_memory *memory;
};

/*
 * Parses `text` (need not be NUL-terminated). `file` stands in error messages. include may be NULL.
 * 0, or STATUS_INTERFACE with a detail text "file:line:column: what. Hint: what would settle it", with the
 * declaration it is about. The result is complete and passes interface_check().
 */
int interface_parse(const char *file, const char *text, size_t size, interface_include *include, void *context,
                    struct interface **ret_interface);
struct interface *interface_free(struct interface *interface);

#endif
