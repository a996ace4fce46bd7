/* SPDX-License-Identifier: MIT */
#include "interface/number.h"

#include "interface/ascii.h"

#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NUMBER_MAX 64 /* characters */

/* A number and everything that could belong to it, as C's preprocessor takes it. */
static size_t number_size(const char *text, size_t left)
{
	size_t n = 0;
	while (n < left) {
		unsigned char byte = (unsigned char)text[n];
		bool is_sign = n > 0 && (byte == '+' || byte == '-') && strchr("eEpP", text[n - 1]) &&
		               !(text[0] == '0' && n > 1 && (text[1] | 0x20) == 'x' && (text[n - 1] | 0x20) == 'e');
		if (!ascii_is_name(byte) && byte != '.' && !is_sign)
			break;
		n++;
	}
	return n;
}

static bool is_real(const char *digits)
{
	bool is_hex = digits[0] == '0' && (digits[1] | 0x20) == 'x';
	return strpbrk(digits, is_hex ? ".pP" : ".eE") != NULL;
}

static bool suffix_in(const char *suffix, const char *const *list)
{
	for (; *list; list++)
		if (strcasecmp(suffix, *list) == 0)
			return true;
	return false;
}

/* strtod(3), but the decimal point is a point in every locale. */
static double real_value(const char *digits, char **ret_end)
{
	locale_t c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	if (!c_locale)
		return strtod(digits, ret_end);
	double value = strtod_l(digits, ret_end, c_locale);
	freelocale(c_locale);
	return value;
}

size_t number_scan(struct token *token, size_t left)
{
	static const char *const integer_suffixes[] = {"", "u", "l", "ul", "lu", "ll", "ull", "llu", NULL};
	static const char *const real_suffixes[] = {"", "f", "l", NULL};
	size_t n = number_size(token->text, left);
	char digits[NUMBER_MAX + 1] = "", *end = digits;
	memcpy(digits, token->text, n < NUMBER_MAX ? n : NUMBER_MAX);
	errno = 0;
	bool is_float = is_real(digits);
	if (is_float)
		token->real = real_value(digits, &end);
	else
		token->integer = strtoll(digits, &end, 0);
	token->kind = is_float ? TOKEN_REAL : TOKEN_INTEGER;
	bool is_known = suffix_in(end, is_float ? real_suffixes : integer_suffixes);
	if (n > NUMBER_MAX || end == digits || errno == ERANGE || !is_known) {
		token->kind = TOKEN_BAD;
		token->problem = errno == ERANGE ? "this number is too large" : "this is not a number";
		token->hint = errno == ERANGE ? "integers are below 2 to the 63; all bits set is -1"
		                              : "numbers are written as in C: 42, 0x2a, 052, 'x', 1.5";
	}
	return n;
}
