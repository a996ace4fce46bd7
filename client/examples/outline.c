/* SPDX-License-Identifier: MIT */
/*
 * outline [FILE...]: prints the outline of XML documents. Debian's expat reads them, in a host.
 *
 * The handlers run here, on the thread that called XML_Parse, and call back into expat from inside: for the line
 * number of each element, and for documents within the document. Text that is itself markup, as feeds carry it, is
 * read by a second parser, made, used and freed while the first one waits in its handler.
 */
#include "examples.h"

#include <string.h>

#define LINES_SHOWN 24

/* What expat.h declares, as pointers into the host. The code below is ordinary expat code. */
typedef struct XML_ParserStruct *XML_Parser;
static XML_Parser (*XML_ParserCreate)(const char *encoding);
static void (*XML_SetUserData)(XML_Parser, void *user);
static void (*XML_SetElementHandler)(XML_Parser, void (*start)(void *user, const char *name, const char **attributes),
                                     void (*end)(void *user, const char *name));
static void (*XML_SetCharacterDataHandler)(XML_Parser, void (*text)(void *user, const char *text, int length));
static int (*XML_Parse)(XML_Parser, const char *text, int length, int is_final);
static unsigned long (*XML_GetCurrentLineNumber)(XML_Parser);
static int (*XML_GetErrorCode)(XML_Parser);
static const char *(*XML_ErrorString)(int code);
static void (*XML_ParserFree)(XML_Parser);

/* One document being read. It is the parser's user data: the host sees a token for it, never the pointer. */
struct outline {
	XML_Parser parser;
	int depth, within; /* within: how many documents this one stands in */
	unsigned long lines, elements;
	char text[1024];   /* of the innermost element, as far as it fits */
	size_t text_size;
};

static void outline_read(struct outline *outline, FILE *file, const char *text);

static void print_line(struct outline *outline, const char *format, const char *text, const char *more)
{
	unsigned long line = XML_GetCurrentLineNumber(outline->parser); /* runs in the host, nested in XML_Parse */
	if (outline->lines++ >= LINES_SHOWN)
		return;
	printf("%*s%5lu %*s", 8 * outline->within, "", line, 2 * outline->depth, "");
	printf(format, text, more);
}

static void on_start(void *user, const char *name, const char **attributes)
{
	struct outline *outline = user;
	print_line(outline, attributes[0] ? "<%s %s...>\n" : "<%s>\n", name, attributes[0]);
	outline->elements++;
	outline->depth++;
	outline->text_size = 0;
}

static void on_text(void *user, const char *text, int length)
{
	struct outline *outline = user;
	size_t room = sizeof outline->text - 1 - outline->text_size;
	size_t size = (size_t)length < room ? (size_t)length : room; /* `text` has no NUL at its end */
	memcpy(outline->text + outline->text_size, text, size);
	outline->text_size += size;
}

static void on_end(void *user, const char *name)
{
	struct outline *outline = user;
	outline->text[outline->text_size] = '\0';
	const char *text = outline->text + strspn(outline->text, " \t\r\n");
	struct outline inner = {.within = outline->within + 1};
	if (text[0] == '<') {
		print_line(outline, "in <%s> a document, read by a parser of its own:%s\n", name, "");
		outline_read(&inner, NULL, text);
	} else if (text[0]) {
		print_line(outline, "%s%s\n", text, "");
	}
	outline->text_size = 0;
	outline->depth--;
}

static void parse(struct outline *outline, const char *text, size_t size, int is_final)
{
	int ok = XML_Parse(outline->parser, text, (int)size, is_final);
	check_last("XML_Parse"); /* the host's word; expat's own is the result */
	if (ok)
		return;
	fprintf(stderr, "line %lu: %s\n", XML_GetCurrentLineNumber(outline->parser),
	        XML_ErrorString(XML_GetErrorCode(outline->parser)));
	exit(1);
}

/* Reads the file piece by piece; or the text, if there is no file. */
static void outline_read(struct outline *outline, FILE *file, const char *text)
{
	char piece[16384];
	size_t size = 0;
	outline->parser = XML_ParserCreate(NULL);
	check_last("XML_ParserCreate");
	XML_SetUserData(outline->parser, outline);
	XML_SetElementHandler(outline->parser, on_start, on_end); /* plain C functions */
	XML_SetCharacterDataHandler(outline->parser, on_text);
	while (file && (size = fread(piece, 1, sizeof piece, file)) > 0)
		parse(outline, piece, size, 0);
	parse(outline, file ? piece : text, file ? 0 : strlen(text), 1);
	XML_ParserFree(outline->parser);
	check_last("XML_ParserFree");
}

static void outline_file(const char *path)
{
	struct outline outline = {0};
	FILE *file = fopen(path, "re");
	check_that(file != NULL, path);
	printf("%s:\n", path);
	double start = now_seconds();
	outline_read(&outline, file, NULL);
	double seconds = now_seconds() - start;
	fclose(file);
	printf("%lu elements, %lu lines of outline (at most %d shown), %.1f ms\n", outline.elements, outline.lines,
	       LINES_SHOWN, seconds * 1e3);
}

#define FIND(library, name) check_that((name = CBB_SYMBOL(library, __typeof__(*name), #name)) != NULL, #name " is found")

int main(int argc, char **argv)
{
	cbb_client *client = NULL;
	cbb_host *host = NULL;
	cbb_library *expat = NULL;
	show_at_once();
	check(cbb_connect(&client, NULL), "connect");
	check(cbb_host_open(client, NULL, &host), "open a host");
	check(cbb_library_open(host, "expat", &expat), "open expat");
	FIND(expat, XML_ParserCreate);
	FIND(expat, XML_SetUserData);
	FIND(expat, XML_SetElementHandler);
	FIND(expat, XML_SetCharacterDataHandler);
	FIND(expat, XML_Parse);
	FIND(expat, XML_GetCurrentLineNumber);
	FIND(expat, XML_GetErrorCode);
	FIND(expat, XML_ErrorString);
	FIND(expat, XML_ParserFree);

	/* Documents that this machine may have anyway, and one that has a document within. */
	static const char *const found[] = {"/usr/share/X11/xkb/rules/evdev.xml",
	                              "/usr/share/cmake-3.25/Templates/MSBuild/nasm.xml"};
	if (argc < 2) {
		size_t i = access(found[0], R_OK) == 0 ? 0 : 1;
		if (access(found[i], R_OK) == 0)
			outline_file(found[i]);
		outline_file(FEED);
	}
	for (int i = 1; i < argc; i++)
		outline_file(argv[i]);
	check_that(cbb_disconnect(client) == NULL, "disconnected");
	return 0;
}
