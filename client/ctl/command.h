/* SPDX-License-Identifier: MIT */
/*
 * cbbctl's commands: one per file, each with its own entry.
 */
#ifndef CBB_CTL_COMMAND_H
#define CBB_CTL_COMMAND_H

#include <stdbool.h>

/* cbbctl's exit status. */
enum ctl_exit {
	CTL_OK = 0,
	CTL_ERROR = 1,
	CTL_USAGE = 2,
	CTL_NOTHING = 3,       /* nothing matched */
	CTL_NOT_PERMITTED = 4
};

struct ctl_options {
	const char *address;   /* NULL: find one */
	bool user, system;
	bool json;
	bool color;
	unsigned cut;          /* texts are cut at so many characters; 0: never */
};

struct command {
	const char *name;
	const char *operands;  /* for help: "HOST" */
	const char *summary;
	int n_operands;        /* exactly so many */
	/* 0 or a status, with a detail text. */
	int (*run)(const struct ctl_options *options, char **operands);
};

extern const struct command command_list;
extern const struct command command_status;

/* The exit status that goes with a status of `run`. */
enum ctl_exit command_exit(int status);

#endif
