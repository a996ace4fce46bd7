/* SPDX-License-Identifier: MIT */
/*
 * Cases in attributes: what a pointer, or `...`, is by the value of something else.
 *
 *     case(kind, 1: const char *; 2, 3: [size(n)] const int *)
 *     select(option, case URL: const char *; case WRITE: write_callback, [userdata] void *)
 *     sentinel(END), select(enum option, case NOTIFY: notify_callback, [userdata] void *; case DEBUG: void)
 *     sentinel(NULL, const char *)
 */
#ifndef CBB_INTERFACE_CHOICE_H
#define CBB_INTERFACE_CHOICE_H

#include "interface/parser.h"

#define LABELS_MAX 64 /* of one case */

/* What stands in the parentheses of these words. */
int choice_parse_case(struct parser *parser, struct attribute *attribute);
int choice_parse_select(struct parser *parser, struct attribute *attribute);
int choice_parse_sentinel(struct parser *parser, struct attribute *attribute);

/* The case of that value; NULL. */
const struct choice *choice_find(const struct choice *choices, int64_t label);

/* Fails if a value chooses two of them. */
int choice_check_labels(const struct choice *choices);

/* The labels for a message. NULL without memory. */
int64_t *choice_copy_labels(struct parser *parser, const struct choice *choice);

#endif
