/* SPDX-License-Identifier: MIT */
#include "interface/vocabulary.h"

#include <stdio.h>
#include <string.h>

static const struct vocabulary words[WORD_COUNT] = {
    [WORD_IN] = {"in", WORD_IN, SHAPE_NONE, "write in"},
    [WORD_OUT] = {"out", WORD_OUT, SHAPE_NONE, "write out"},
    [WORD_INOUT] = {"inout", WORD_INOUT, SHAPE_NONE, "write inout"},
    [WORD_SIZE] = {"size", WORD_SIZE, SHAPE_EXPRESSION, "write size(number of elements)"},
    [WORD_BYTES] = {"bytes", WORD_BYTES, SHAPE_EXPRESSION, "write bytes(number of bytes)"},
    [WORD_ZERO] = {"zero", WORD_ZERO, SHAPE_NONE, "write zero"},
    [WORD_FILLED] = {"filled", WORD_FILLED, SHAPE_EXPRESSION, "write filled(how much is valid after the call)"},
    [WORD_STRING] = {"string", WORD_STRING, SHAPE_NONE, "write string"},
    [WORD_HANDLE] = {"handle", WORD_HANDLE, SHAPE_NONE, "write handle"},
    [WORD_USERDATA] = {"userdata", WORD_USERDATA, SHAPE_OPTIONAL_NAME, "write userdata or userdata(callback)"},
    [WORD_INTO] = {"into", WORD_INTO, SHAPE_NAME, "write into(parameter)"},
    [WORD_NULLABLE] = {"nullable", WORD_NULLABLE, SHAPE_NONE, "write nullable"},
    [WORD_ELEMENTS] = {"elements", WORD_ELEMENTS, SHAPE_ELEMENTS, "write elements(nullable)"},
    [WORD_SCOPE] = {"scope", WORD_SCOPE, SHAPE_SCOPE, "write scope(call), scope(owner(handle)) or scope(forever)"},
    [WORD_CLOSES] = {"closes", WORD_CLOSES, SHAPE_OPTIONAL_EXPRESSION, "write closes or closes(return == 0)"},
    [WORD_VALUES] = {"values", WORD_VALUES, SHAPE_VALUES, "write values(0, -1)"},
    [WORD_TRANSFER] = {"transfer", WORD_TRANSFER, SHAPE_TRANSFER, "write transfer(none) or transfer(full(free))"},
    [WORD_LIFETIME] = {"lifetime", WORD_LIFETIME, SHAPE_LIFETIME, "write lifetime(next) or lifetime(forever)"},
    [WORD_ON_ERROR] = {"on_error", WORD_ON_ERROR, SHAPE_EXPRESSION, "write on_error(-1)"},
    [WORD_TIMEOUT] = {"timeout", WORD_TIMEOUT, SHAPE_EXPRESSION, "write timeout(milliseconds)"},
    [WORD_AUTO] = {"auto", WORD_AUTO, SHAPE_NONE, "write auto"},
    [WORD_LOCAL] = {"local", WORD_LOCAL, SHAPE_NONE, "write local"},
    [WORD_BLOCKING] = {"blocking", WORD_BLOCKING, SHAPE_NONE, "write blocking"},
    [WORD_LISTENER] = {"listener", WORD_LISTENER, SHAPE_OVERFLOW, "write listener or listener(drop_oldest)"},
    [WORD_LATEST] = {"latest", WORD_LATEST, SHAPE_NONE, "write latest"},
    [WORD_RATE] = {"rate", WORD_RATE, SHAPE_EXPRESSION, "write rate(events per second)"},
    [WORD_PRIORITY] = {"priority", WORD_PRIORITY, SHAPE_EXPRESSION, "write priority(number)"},
    [WORD_KEY] = {"key", WORD_KEY, SHAPE_NONE, "write key"},
    [WORD_DESTROY] = {"destroy", WORD_DESTROY, SHAPE_NAMES, "write destroy(callback) or destroy(callback, callback)"},
    [WORD_FORMAT] = {"format", WORD_FORMAT, SHAPE_FORMAT, "write format(printf, ap) or format(printf, ...)"},
    [WORD_HOST] = {"host", WORD_HOST, SHAPE_NONE, "write host"},
    [WORD_SLOT] = {"slot", WORD_SLOT, SHAPE_NONE, "write slot"},
    [WORD_CASE] = {"case", WORD_CASE, SHAPE_CASE, "write case(kind, 1: const char *; 2, 3: const struct item *)"},
    [WORD_SELECT] = {"select", WORD_SELECT, SHAPE_SELECT,
                     "write select(parameter, case 1: const char *; case 2: int, int)"},
    [WORD_SENTINEL] = {"sentinel", WORD_SENTINEL, SHAPE_SENTINEL,
                       "write sentinel(NULL, const char *), or sentinel(0), select(int, case 1: const char *)"},
    [WORD_LIBRARY] = {"library", WORD_LIBRARY, SHAPE_STRING, "write library(\"libname.so.1\")"},
    [WORD_HEADER] = {"header", WORD_HEADER, SHAPE_STRING, "write header(\"name.h\")"},
};

/* Words of the language that this version does not carry, and what may do instead. */
static const struct {
	const char *name, *hint;
} refused[] = {
    {"string16", "pass the text as an array: [in, size(n)] const uint16_t *"},
    {"wstring", "pass the text as an array: [in, size(n)] const wchar_t *"},
    {"fd", "leave the function out: an open file cannot cross yet; a path can"},
    {"mirror", "leave it out: the pointer is a handle, and macros that look inside it do not work"},
    {"deferred", "leave it out: callbacks are nested in the call they are made under; [listener] waits for nothing"},
    {"interrupt", "leave the function out: callbacks from signal handlers are not offered"},
    {"noreturn", "leave the function out: native code must be able to go on after each callback"},
    {"thread", "leave it out: calls run on the double of the client's thread"},
};

#define REFUSED_COUNT (sizeof refused / sizeof *refused)

const struct vocabulary *vocabulary_word(enum word word)
{
	return &words[word];
}

static unsigned least(unsigned a, unsigned b, unsigned c)
{
	unsigned two = a < b ? a : b;
	return two < c ? two : c;
}

/* How many letters must change (Levenshtein); large for what is longer than any word. */
static unsigned distance(const struct token *token, const char *word)
{
	unsigned row[24], n = (unsigned)strlen(word);
	if (token->size > 20 || n > 20)
		return 100;
	for (unsigned j = 0; j <= n; j++)
		row[j] = j;
	for (unsigned i = 1; i <= token->size; i++) {
		unsigned diagonal = row[0];
		row[0] = i;
		for (unsigned j = 1; j <= n; j++) {
			unsigned above = row[j];
			row[j] = least(above + 1, row[j - 1] + 1, diagonal + (token->text[i - 1] != word[j - 1]));
			diagonal = above;
		}
	}
	return row[n];
}

static int fail_unknown(const struct token *token)
{
	unsigned best = 100;
	const char *nearest = "in";
	for (size_t i = 0; i < WORD_COUNT + REFUSED_COUNT; i++) {
		const char *word = i < WORD_COUNT ? words[i].name : refused[i - WORD_COUNT].name;
		unsigned d = distance(token, word);
		if (d < best) {
			best = d;
			nearest = word;
		}
	}
	char hint[160];
	if (best <= 1 + token->size / 3)
		snprintf(hint, sizeof hint, "did you mean [%s]?", nearest);
	else
		snprintf(hint, sizeof hint, "known are in, out, inout, size, bytes, string, zero, nullable, handle, userdata, "
		                            "scope, ...: see cbbroker-interface(5)");
	return fail_at(token, hint, "there is no attribute '%.*s'", TOKEN_TEXT(token));
}

int vocabulary_find(const struct token *token, const struct vocabulary **ret_entry)
{
	if (token->kind != TOKEN_NAME)
		return fail_at(token, "attributes are listed as [in, size(n)]", "an attribute is expected, not '%.*s'",
		               TOKEN_TEXT(token));
	for (size_t i = 0; i < WORD_COUNT; i++) {
		if (token_is_name(token, words[i].name)) {
			*ret_entry = &words[i];
			return 0;
		}
	}
	for (size_t i = 0; i < REFUSED_COUNT; i++)
		if (token_is_name(token, refused[i].name))
			return fail_at(token, refused[i].hint, "[%s] is not offered by this version", refused[i].name);
	return fail_unknown(token);
}
