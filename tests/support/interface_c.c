/* SPDX-License-Identifier: MIT */
#include "support/interface_c.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Brackets out ---- */

static void blank(char *from, const char *to)
{
	for (; from < to; from++)
		if (*from != '\n')
			*from = ' ';
}

static char *end_of_comment(char *at)
{
	char *end = at[1] == '*' ? strstr(at + 2, "*/") : strchr(at, '\n');
	if (!end)
		return at + strlen(at);
	return at[1] == '*' ? end + 2 : end;
}

static char *end_of_string(char *at)
{
	char mark = *at++;
	while (*at && *at != mark)
		at += *at == '\\' && at[1] ? 2 : 1;
	return *at ? at + 1 : at;
}

static void blank_comments(char *text)
{
	bool is_line_start = true;
	for (char *at = text; *at;) {
		char *end = at + 1;
		bool is_comment = at[0] == '/' && (at[1] == '*' || at[1] == '/');
		bool is_directive = at[0] == '#' && is_line_start;
		if (*at == '"' || *at == '\'')
			end = end_of_string(at);
		else if (is_comment || is_directive)
			end = is_comment ? end_of_comment(at) : at + strcspn(at, "\n");
		if (is_comment || is_directive)
			blank(at, end);
		is_line_start = *at == '\n' || (is_line_start && isspace((unsigned char)*at));
		at = end;
	}
}

static char *end_of_brackets(char *at)
{
	int depth = 0;
	while (*at) {
		char *next = *at == '"' || *at == '\'' ? end_of_string(at) : at + 1;
		depth += *at == '[' ? 1 : *at == ']' ? -1 : 0;
		at = next;
		if (depth == 0)
			break;
	}
	return at;
}

/* Attributes stand where a declaration begins; the brackets of an array behind a name or other such brackets. */
static void blank_attributes(char *text)
{
	char before = ';';
	for (char *at = text; *at;) {
		if (*at == '[' && strchr(";{}(,", before)) {
			char *end = end_of_brackets(at);
			blank(at, end);
			at = end;
			continue;
		}
		if (!isspace((unsigned char)*at))
			before = *at;
		at++;
	}
}

char *interface_c_strip(const char *text)
{
	char *copy = strdup(text);
	if (!copy)
		abort();
	blank_comments(copy);
	blank_attributes(copy);
	return copy;
}

char *interface_c_attribute(const char *text, const char *word)
{
	char pattern[32];
	snprintf(pattern, sizeof pattern, "%s(\"", word);
	char *copy = strdup(text);
	if (!copy)
		abort();
	blank_comments(copy);
	const char *at = strstr(copy, pattern);
	at = at ? at + strlen(pattern) : "";
	char *value = strndup(at, strcspn(at, "\""));
	free(copy);
	return value;
}

/* ---- Declarations ---- */

/* A stretch of the stripped text. */
struct stretch {
	const char *at;
	size_t size;
};

#define STRETCH(s) (int)(s).size, (s).at

static struct stretch trim(struct stretch s)
{
	while (s.size > 0 && isspace((unsigned char)s.at[0]))
		s = (struct stretch){s.at + 1, s.size - 1};
	while (s.size > 0 && isspace((unsigned char)s.at[s.size - 1]))
		s.size--;
	return s;
}

/* What stands before the mark that is in no parentheses or braces; all, if there is none. Moves *from behind it. */
static struct stretch take_until(struct stretch *from, char mark)
{
	int depth = 0;
	size_t i = 0;
	for (; i < from->size; i++) {
		char c = from->at[i];
		if (c == mark && depth == 0)
			break;
		depth += strchr("({[", c) ? 1 : strchr(")}]", c) ? -1 : 0;
	}
	struct stretch taken = {from->at, i};
	size_t skipped = i < from->size ? i + 1 : i;
	*from = (struct stretch){from->at + skipped, from->size - skipped};
	return trim(taken);
}

static bool is_name(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

static bool begins(struct stretch s, const char *word)
{
	size_t n = strlen(word);
	return s.size >= n && strncmp(s.at, word, n) == 0 && (s.size == n || !is_name(s.at[n]));
}

static bool ends_private(struct stretch name)
{
	size_t n = strlen(INTERFACE_C_PRIVATE);
	return name.size > n && strncmp(name.at + name.size - n, INTERFACE_C_PRIVATE, n) == 0;
}

/* The name that ends at `end`, which may have blanks before it. */
static struct stretch name_before(struct stretch s, size_t end)
{
	while (end > 0 && isspace((unsigned char)s.at[end - 1]))
		end--;
	size_t start = end;
	while (start > 0 && is_name(s.at[start - 1]))
		start--;
	return (struct stretch){s.at + start, end - start};
}

/* The name that a field or prototype declares: before the array's bracket, in (*name), or before the parameters. */
static struct stretch declared_name(struct stretch s)
{
	const char *pointer = memchr(s.at, '(', s.size);
	if (pointer && (size_t)(pointer - s.at) + 1 < s.size && pointer[1] == '*') {
		const char *close = memchr(pointer, ')', s.size - (size_t)(pointer - s.at));
		return name_before(s, close ? (size_t)(close - s.at) : s.size);
	}
	size_t end = 0;
	while (end < s.size && !strchr("([:", s.at[end]))
		end++;
	return name_before(s, end);
}

static struct stretch braces(struct stretch s)
{
	const char *open = memchr(s.at, '{', s.size);
	const char *close = open ? memrchr(open, '}', s.size - (size_t)(open - s.at)) : NULL;
	return open && close ? (struct stretch){open + 1, (size_t)(close - open) - 1} : (struct stretch){s.at, 0};
}

/* ---- What each becomes ---- */

struct source {
	FILE *out;
	const char *text, *file; /* stripped; its name */
	unsigned n;              /* structs so far */
};

static void put_line(const struct source *source, const char *at)
{
	unsigned line = 1;
	for (const char *c = source->text; c < at; c++)
		line += *c == '\n';
	fprintf(source->out, "\n#line %u \"%s\"\n", line, source->file);
}

static void put_enum(struct source *source, struct stretch declaration)
{
	struct stretch body = braces(declaration), last = {"", 0};
	while (body.size > 0) {
		struct stretch item = take_until(&body, ',');
		struct stretch name = trim(take_until(&item, '='));
		if (name.size == 0)
			continue;
		put_line(source, name.at);
		if (item.size > 0)
			fprintf(source->out, "enum { own_%.*s = %.*s };", STRETCH(name), STRETCH(item));
		else if (last.size > 0)
			fprintf(source->out, "enum { own_%.*s = own_%.*s + 1 };", STRETCH(name), STRETCH(last));
		else
			fprintf(source->out, "enum { own_%.*s };", STRETCH(name));
		if (!ends_private(name))
			fprintf(source->out,
			        " _Static_assert((long long)own_%.*s == (long long)(%.*s), \"%.*s is another number\");",
			        STRETCH(name), STRETCH(name), STRETCH(name));
		last = name;
	}
}

/* "struct tag", or the name that the typedef gives. */
static void find_type(struct stretch declaration, char *ret_type, size_t size)
{
	struct stretch body = braces(declaration);
	const char *behind = body.at + body.size + 1, *end = declaration.at + declaration.size;
	struct stretch name = trim((struct stretch){behind, (size_t)(end - behind)});
	if (!begins(declaration, "typedef"))
		name = trim((struct stretch){declaration.at, (size_t)(body.at - 1 - declaration.at)});
	snprintf(ret_type, size, "%.*s", STRETCH(name));
}

static void put_field_check(struct source *source, const char *type, struct stretch name)
{
	if (ends_private(name))
		return;
	fprintf(source->out,
	        "_Static_assert(offsetof(struct own_%u, own_%.*s) == offsetof(%s, %.*s), \"%.*s lies elsewhere\"); ",
	        source->n, STRETCH(name), type, STRETCH(name), STRETCH(name));
	fprintf(source->out, "_Static_assert(__builtin_types_compatible_p(__typeof__(((struct own_%u *)0)->own_%.*s), "
	        "__typeof__(((%s *)0)->%.*s)), \"%.*s has another type\");",
	        source->n, STRETCH(name), type, STRETCH(name), STRETCH(name));
}

static void put_struct(struct source *source, struct stretch declaration)
{
	char type[128];
	struct stretch body = braces(declaration), fields = body;
	bool is_union = begins(declaration, "union") || strstr(declaration.at, "typedef union") == declaration.at;
	find_type(declaration, type, sizeof type);
	source->n++;
	put_line(source, declaration.at);
	fprintf(source->out, "%s own_%u {", is_union ? "union" : "struct", source->n);
	while (fields.size > 0) {
		struct stretch field = take_until(&fields, ';');
		struct stretch name = declared_name(field);
		put_line(source, field.at);
		if (field.size > 0)
			fprintf(source->out, "%.*sown_%.*s;", (int)(name.at - field.at), field.at,
			        (int)(field.at + field.size - name.at), name.at);
	}
	fprintf(source->out, "}; _Static_assert(sizeof(%s own_%u) == sizeof(%s), \"%s has another size\");",
	        is_union ? "union" : "struct", source->n, type, type);
	while (body.size > 0 && !is_union) {
		struct stretch field = take_until(&body, ';');
		put_line(source, field.at);
		if (field.size > 0)
			put_field_check(source, type, declared_name(field));
	}
}

/* The header may have a macro of that name beside the function. */
static void put_function(struct source *source, struct stretch declaration)
{
	struct stretch name = declared_name(declaration);
	fprintf(source->out, "\n#undef %.*s", STRETCH(name));
	put_line(source, declaration.at);
	fprintf(source->out, "_Static_assert(sizeof(&%.*s) > 0, \"\"); %.*s;", STRETCH(name), STRETCH(declaration));
}

static bool is_function(struct stretch declaration)
{
	return !begins(declaration, "typedef") && memchr(declaration.at, '(', declaration.size);
}

static void put_declaration(struct source *source, struct stretch declaration)
{
	bool has_body = memchr(declaration.at, '{', declaration.size);
	struct stretch inner = declaration;
	if (begins(inner, "typedef"))
		inner = trim((struct stretch){inner.at + strlen("typedef"), inner.size - strlen("typedef")});
	if (has_body && begins(inner, "enum")) {
		put_enum(source, declaration);
	} else if (has_body) {
		put_struct(source, declaration);
	} else if (is_function(declaration)) {
		put_function(source, declaration);
	} else {
		put_line(source, declaration.at);
		fprintf(source->out, "%.*s;", STRETCH(declaration));
	}
}

char *interface_c_source(const char *text, const char *file)
{
	char *stripped = interface_c_strip(text), *headers = interface_c_attribute(text, "header"), *bytes = NULL,
	*rest = NULL;
	size_t size = 0;
	struct source source = {open_memstream(&bytes, &size), stripped, file, 0};
	if (!source.out)
		abort();
	fputs("#include <stddef.h>\n", source.out);
	for (char *header = strtok_r(headers, " ", &rest); header; header = strtok_r(NULL, " ", &rest))
		fprintf(source.out, "#include <%s>\n", header);
	struct stretch left = {stripped, strlen(stripped)};
	while (left.size > 0) {
		struct stretch declaration = take_until(&left, ';');
		if (declaration.size > 0)
			put_declaration(&source, declaration);
	}
	fputc('\n', source.out);
	fclose(source.out);
	free(headers);
	free(stripped);
	return bytes;
}

void interface_c_functions(const char *text, void (*each)(const char *name, void *context), void *context)
{
	char *stripped = interface_c_strip(text);
	struct stretch left = {stripped, strlen(stripped)};
	while (left.size > 0) {
		struct stretch declaration = take_until(&left, ';');
		if (declaration.size == 0 || memchr(declaration.at, '{', declaration.size) || !is_function(declaration))
			continue;
		struct stretch found = declared_name(declaration);
		char *name = strndup(found.at, found.size);
		each(name, context);
		free(name);
	}
	free(stripped);
}
