/* SPDX-License-Identifier: MIT */
/*
 * The hand-written codec of the hot messages against protobuf-c, for the unit test and the fuzz target.
 */
#ifndef CBB_TESTS_SUPPORT_HOT_COMPARE_H
#define CBB_TESTS_SUPPORT_HOT_COMPARE_H

#include "wire/frame.h"

/*
 * Reads the bytes as a message of the type (INVOKE or RETURN) with both, and writes what was read with both.
 * NULL if they agree, else a static text that says where not. The one allowed difference: hot refuses more than
 * HOT_WORDS_MAX words.
 */
const char *hot_compare(Cbb__FrameType type, const uint8_t *data, size_t size);

#endif
