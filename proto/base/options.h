/* SPDX-License-Identifier: MIT */
/*
 * Command line options from one table: it is parsed by, it makes --help, and it makes the OPTIONS section of the
 * man page (--man-options, in scdoc's language, for the build).
 */
#ifndef CBB_BASE_OPTIONS_H
#define CBB_BASE_OPTIONS_H

#include <stdbool.h>
#include <stdio.h>

enum option_kind {
	OPTION_FLAG,    /* bool *: set to true */
	OPTION_TEXT,    /* const char **: the last one given */
	OPTION_NUMBER,  /* long *: 0 or more */
};

struct option_entry {
	const char *name;      /* long: "socket" */
	char letter;           /* 0: none */
	enum option_kind kind;
	const char *argument;  /* what help calls it: "PATH"; flags: NULL */
	void *value;
	const char *help;      /* one sentence or more */
};

struct option_table {
	const char *program;
	const char *usage;     /* what stands behind the program's name: "[OPTIONS] [COMMAND]" */
	const char *summary;   /* one line */
	const struct option_entry *entries;
	unsigned n;
	void (*more)(FILE *out); /* further help, or NULL */
};

#define OPTIONS_MAX 32 /* in one table */

/*
 * The index of the first operand in argv, which is reordered; 0 if --help, --version or --man-options was asked
 * for and printed; -EINVAL with a detail text.
 */
int options_parse(const struct option_table *table, int argc, char **argv);

#endif
