/* SPDX-License-Identifier: MIT */
#include "base/options.h"

#include "base/detail.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

/* Every program has these. Their getopt values lie above every letter. */
enum { VALUE_ENTRY = 256, VALUE_HELP = 512, VALUE_VERSION, VALUE_MAN };

#define HELP_COLUMN 28
#define HELP_WIDTH 78

/* ---- Help ---- */

/* One option with its words, broken between words. */
static void help_entry(FILE *out, char letter, const char *name, const char *argument, const char *help)
{
	int column = letter ? fprintf(out, "  -%c, --%s", letter, name) : fprintf(out, "      --%s", name);
	if (argument)
		column += fprintf(out, "=%s", argument);
	for (const char *word = help; *word;) {
		int size = (int)strcspn(word, " ");
		if (column < HELP_COLUMN || column + 1 + size > HELP_WIDTH) {
			if (column >= HELP_COLUMN) {
				fputc('\n', out);
				column = 0;
			}
			column += fprintf(out, "%*s", HELP_COLUMN - column, "");
		} else {
			column += fprintf(out, " ");
		}
		column += fprintf(out, "%.*s", size, word);
		word += size + (word[size] == ' ');
	}
	fputc('\n', out);
}

static void help_print(const struct option_table *table, FILE *out)
{
	fprintf(out, "Usage: %s %s\n\n%s\n\nOptions:\n", table->program, table->usage, table->summary);
	for (unsigned i = 0; i < table->n; i++) {
		const struct option_entry *entry = &table->entries[i];
		help_entry(out, entry->letter, entry->name, entry->argument, entry->help);
	}
	help_entry(out, 'h', "help", NULL, "Print this and exit.");
	help_entry(out, 0, "version", NULL, "Print the version and exit.");
	if (table->more)
		table->more(out);
}

/* ---- Man page ---- */

/* scdoc reads some characters as markup. */
static void man_text(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (strchr("\\*_#[]|", *text))
			fputc('\\', out);
		fputc(*text, out);
	}
}

static void man_entry(FILE *out, char letter, const char *name, const char *argument, const char *help)
{
	if (letter)
		fprintf(out, "*-%c*, ", letter);
	fprintf(out, "*--%s*", name);
	if (argument)
		fprintf(out, "=_%s_", argument);
	fprintf(out, "\n\t");
	man_text(out, help);
	fprintf(out, "\n\n");
}

static void man_print(const struct option_table *table, FILE *out)
{
	for (unsigned i = 0; i < table->n; i++) {
		const struct option_entry *entry = &table->entries[i];
		man_entry(out, entry->letter, entry->name, entry->argument, entry->help);
	}
	man_entry(out, 'h', "help", NULL, "Print a summary and exit.");
	man_entry(out, 0, "version", NULL, "Print the version and exit.");
}

/* ---- Parsing ---- */

static int entry_set(const struct option_entry *entry, const char *argument)
{
	if (entry->kind == OPTION_FLAG) {
		*(bool *)entry->value = true;
	} else if (entry->kind == OPTION_TEXT) {
		*(const char **)entry->value = argument;
	} else {
		char *end;
		errno = 0;
		long number = strtol(argument, &end, 10);
		if (errno || end == argument || *end || number < 0)
			return detail_set(-EINVAL, "--%s wants a number, not \"%s\"", entry->name, argument);
		*(long *)entry->value = number;
	}
	return 0;
}

static void tables_fill(const struct option_table *table, struct option *longs, char *letters)
{
	unsigned n = 0;
	*letters++ = ':'; /* a missing argument is told apart */
	*letters++ = 'h';
	for (; n < table->n && n < OPTIONS_MAX; n++) {
		const struct option_entry *entry = &table->entries[n];
		longs[n] = (struct option){entry->name, entry->argument != NULL, NULL, VALUE_ENTRY + (int)n};
		if (entry->letter)
			*letters++ = entry->letter;
		if (entry->letter && entry->argument)
			*letters++ = ':';
	}
	*letters = '\0';
	longs[n++] = (struct option){"help", 0, NULL, VALUE_HELP};
	longs[n++] = (struct option){"version", 0, NULL, VALUE_VERSION};
	longs[n++] = (struct option){"man-options", 0, NULL, VALUE_MAN};
	longs[n] = (struct option){0};
}

static const struct option_entry *entry_find(const struct option_table *table, int value)
{
	for (unsigned i = 0; i < table->n; i++)
		if (value == VALUE_ENTRY + (int)i || (table->entries[i].letter && value == table->entries[i].letter))
			return &table->entries[i];
	return NULL;
}

static int option_handle(const struct option_table *table, int value, char **argv)
{
	const struct option_entry *entry = entry_find(table, value);
	if (entry)
		return entry_set(entry, optarg) < 0 ? -EINVAL : 1;
	switch (value) {
	case 'h':
	case VALUE_HELP:
		help_print(table, stdout);
		return 0;
	case VALUE_VERSION:
		printf("%s %s\n", table->program, CBB_VERSION);
		return 0;
	case VALUE_MAN:
		man_print(table, stdout);
		return 0;
	case ':':
		return detail_set(-EINVAL, "%s wants an argument; see --help", argv[optind - 1]);
	default:
		if (optopt > ' ' && optopt < VALUE_ENTRY)
			return detail_set(-EINVAL, "there is no option -%c; see --help", optopt);
		return detail_set(-EINVAL, "%s: there is no such option, or not with an argument; see --help",
		                  argv[optind - 1]);
	}
}

int options_parse(const struct option_table *table, int argc, char **argv)
{
	struct option longs[OPTIONS_MAX + 4];
	char letters[2 * OPTIONS_MAX + 3];
	tables_fill(table, longs, letters);
	opterr = 0;
	optind = 1;
	int value;
	while ((value = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
		int r = option_handle(table, value, argv);
		if (r <= 0)
			return r;
	}
	return optind;
}
