/* SPDX-License-Identifier: MIT */
/*
 * Kinds of characters, whatever the program's locale says.
 */
#ifndef CBB_INTERFACE_ASCII_H
#define CBB_INTERFACE_ASCII_H

#include <stdbool.h>

static inline bool ascii_is_digit(int c)
{
	return c >= '0' && c <= '9';
}

static inline bool ascii_is_letter(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static inline bool ascii_is_name(int c)
{
	return ascii_is_letter(c) || ascii_is_digit(c);
}

/* The value of a hexadecimal digit; -1. */
static inline int ascii_hex(int c)
{
	if (ascii_is_digit(c))
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

#endif
