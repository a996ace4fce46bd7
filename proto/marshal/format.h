/* SPDX-License-Identifier: MIT */
/*
 * Texts that are printed: printf(format, ...) on one side arrives on the other as printf("%s", the finished text), with
 * a va_list or `...` that gives it. So a handler may print what it is given as it would at home.
 */
#ifndef CBB_MARSHAL_FORMAT_H
#define CBB_MARSHAL_FORMAT_H

#include "marshal/walk.h"

/* Whether a va_list can be made on this machine: 0 or STATUS_UNSUPPORTED. */
int format_check_machine(const struct builder *builder);

/* The block of the finished text. */
int format_put(struct walk *walk, const struct pointer *pointer, const char *format);

/*
 * The finished text (NULL: there is no format) has arrived: the native format for it, and in the slot of the va_list
 * what gives the text.
 */
int format_get(struct walk *walk, const struct pointer *pointer, const char *text, uintptr_t *ret_format);

#endif
