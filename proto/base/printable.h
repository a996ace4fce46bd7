/* SPDX-License-Identifier: MIT */
/*
 * What of a text from elsewhere must not reach a terminal or a log as it is.
 */
#ifndef CBB_BASE_PRINTABLE_H
#define CBB_BASE_PRINTABLE_H

#include <stdbool.h>

/*
 * ASCII's control characters, and the second byte of Unicode's: U+009B begins an escape sequence like ESC and '['.
 * `before`: the byte in front; 0 at the beginning.
 */
static inline bool printable_is_control(unsigned char before, unsigned char byte)
{
	return byte < 0x20 || byte == 0x7f || (before == 0xc2 && byte >= 0x80 && byte < 0xa0);
}

#endif
