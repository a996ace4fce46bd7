/* SPDX-License-Identifier: MIT */
/*
 * Structs and enums: references, forward declarations, definitions.
 */
#ifndef CBB_INTERFACE_AGGREGATE_H
#define CBB_INTERFACE_AGGREGATE_H

#include "interface/parser.h"

/* `struct` is next. */
int aggregate_parse_struct(struct parser *parser, bool may_define, uint32_t *ret_type);
/* `union` is next. */
int aggregate_parse_union(struct parser *parser, bool may_define, uint32_t *ret_type);
/* `enum` is next. */
int aggregate_parse_enum(struct parser *parser, bool may_define, uint32_t *ret_type);

#endif
