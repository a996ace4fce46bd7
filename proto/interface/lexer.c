/* SPDX-License-Identifier: MIT */
#include "interface/lexer.h"

#include "interface/ascii.h"
#include "interface/number.h"

#include <string.h>

void lexer_init(struct lexer *lexer, const struct source *source)
{
	*lexer = (struct lexer){.source = source, .line = 1, .column = 1};
}

static int byte_at(const struct lexer *lexer, size_t ahead)
{
	size_t at = lexer->offset + ahead;
	return at < lexer->source->size ? (unsigned char)lexer->source->text[at] : -1;
}

static void advance(struct lexer *lexer, size_t n)
{
	for (; n > 0; n--, lexer->offset++) {
		lexer->column++;
		if (lexer->source->text[lexer->offset] == '\n') {
			lexer->line++;
			lexer->column = 1;
		}
	}
}

static void bad(struct token *token, const char *problem, const char *hint)
{
	token->kind = TOKEN_BAD;
	token->problem = problem;
	token->hint = hint;
}

static void token_begin(const struct lexer *lexer, struct token *token)
{
	*token = (struct token){
	    .source = lexer->source,
	    .text = lexer->source->text + lexer->offset,
	    .line = lexer->line,
	    .column = lexer->column,
	};
}

/* False: a comment does not end; the lexer stays at its beginning. */
static bool skip_comment(struct lexer *lexer)
{
	const char *text = lexer->source->text + lexer->offset;
	size_t left = lexer->source->size - lexer->offset;
	if (text[1] == '/') {
		const char *end = memchr(text, '\n', left);
		advance(lexer, end ? (size_t)(end - text) : left);
		return true;
	}
	const char *end = left > 3 ? memmem(text + 2, left - 2, "*/", 2) : NULL;
	if (!end)
		return false;
	advance(lexer, (size_t)(end - text) + 2);
	return true;
}

static bool skip_blanks(struct lexer *lexer)
{
	for (;;) {
		int byte = byte_at(lexer, 0);
		if (byte == ' ' || (byte >= '\t' && byte <= '\r'))
			advance(lexer, 1);
		else if (byte != '/' || (byte_at(lexer, 1) != '/' && byte_at(lexer, 1) != '*'))
			return true;
		else if (!skip_comment(lexer))
			return false;
	}
}

static size_t name_size(const struct lexer *lexer)
{
	size_t n = 0;
	while (ascii_is_name(byte_at(lexer, n)))
		n++;
	return n;
}

static int hex_escape(const char *text, size_t size, size_t *at)
{
	unsigned value = 0;
	size_t begin = *at;
	for (; *at < size && ascii_hex(text[*at]) >= 0 && value < 256; ++*at)
		value = value * 16 + (unsigned)ascii_hex(text[*at]);
	return *at == begin || value > 255 ? -1 : (int)value;
}

int lexer_character(const char *text, size_t size, size_t *at)
{
	static const char letters[] = "abefnrtv\\'\"?", values[] = "\a\b\033\f\n\r\t\v\\'\"?";
	if (*at >= size || text[*at] == '\n' || text[*at] == '\0')
		return -1;
	if (text[*at] != '\\')
		return (unsigned char)text[(*at)++];
	if (++*at >= size)
		return -1;
	unsigned char escape = (unsigned char)text[(*at)++];
	if (escape == 'x')
		return hex_escape(text, size, at);
	if (escape >= '0' && escape <= '7') {
		int value = escape - '0';
		for (int i = 0; i < 2 && *at < size && text[*at] >= '0' && text[*at] <= '7'; i++)
			value = value * 8 + (text[(*at)++] - '0');
		return value < 256 ? value : -1;
	}
	const char *letter = escape ? strchr(letters, escape) : NULL;
	return letter ? (unsigned char)values[letter - letters] : -1;
}

static size_t scan_character(const struct lexer *lexer, struct token *token)
{
	size_t at = 1, left = lexer->source->size - lexer->offset;
	int value = left > 1 && token->text[1] != '\'' ? lexer_character(token->text, left, &at) : -1;
	if (value < 0 || at >= left || token->text[at] != '\'') {
		bad(token, "this is not a character constant", "write one character, such as 'x', '\\n' or '\\x1f'");
		return 1;
	}
	token->kind = TOKEN_INTEGER;
	token->integer = (char)value;
	return at + 1;
}

static size_t scan_string(const struct lexer *lexer, struct token *token)
{
	size_t at = 1, left = lexer->source->size - lexer->offset;
	while (at < left && token->text[at] != '"')
		if (lexer_character(token->text, left, &at) < 0)
			at = left;
	if (at >= left) {
		bad(token, "this text has no end", "close it with \" on the same line");
		return 1;
	}
	token->kind = TOKEN_STRING;
	return at + 1;
}

static size_t scan_mark(const struct lexer *lexer, struct token *token)
{
	static const struct {
		char text[4];
		int mark;
	} marks[] = {{"...", MARK_ELLIPSIS}, {"->", MARK_ARROW},    {"==", MARK_EQUAL}, {"!=", MARK_UNEQUAL},
	             {"<=", MARK_AT_MOST},   {">=", MARK_AT_LEAST}, {"<<", MARK_LEFT},  {">>", MARK_RIGHT},
	             {"&&", MARK_AND},       {"||", MARK_OR}};
	token->kind = TOKEN_MARK;
	for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
		size_t n = strlen(marks[i].text);
		if (lexer->source->size - lexer->offset >= n && memcmp(token->text, marks[i].text, n) == 0) {
			token->mark = marks[i].mark;
			return n;
		}
	}
	token->mark = byte_at(lexer, 0);
	if (!memchr("()[]{},;:*+-/%<>=!&|^~?.#", token->mark, 25))
		bad(token, "this character has no place in an interface file",
		    "an interface file is C and attributes, in ASCII");
	return 1;
}

static size_t scan(const struct lexer *lexer, struct token *token)
{
	int byte = byte_at(lexer, 0);
	if (ascii_is_letter(byte)) {
		token->kind = TOKEN_NAME;
		return name_size(lexer);
	}
	if (ascii_is_digit(byte) || (byte == '.' && ascii_is_digit(byte_at(lexer, 1))))
		return number_scan(token, lexer->source->size - lexer->offset);
	if (byte == '\'')
		return scan_character(lexer, token);
	return byte == '"' ? scan_string(lexer, token) : scan_mark(lexer, token);
}

void lexer_next(struct lexer *lexer, struct token *ret_token)
{
	bool is_complete = skip_blanks(lexer);
	token_begin(lexer, ret_token);
	if (!is_complete) {
		bad(ret_token, "this comment has no end", "close it with */");
		return;
	}
	if (byte_at(lexer, 0) < 0)
		return;
	size_t n = scan(lexer, ret_token);
	ret_token->size = (uint32_t)n;
	if (ret_token->kind == TOKEN_NAME && n > 255)
		bad(ret_token, "this name is too long", "names have at most 255 characters");
	if (ret_token->kind != TOKEN_BAD)
		advance(lexer, n);
}
