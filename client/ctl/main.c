/* SPDX-License-Identifier: MIT */
/*
 * cbbctl: shows what a broker's hosts do.
 */
#include "base/detail.h"
#include "base/options.h"
#include "ctl/command.h"
#include "ctl/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct command *const commands[] = {&command_list, &command_status};

static struct ctl_options options;
static bool text;
static const char *color = "auto";
static long cut = 32;

static const struct option_entry option_entries[] = {
    {"address", 'a', OPTION_TEXT, "ADDRESS", &options.address,
     "The broker: unix:PATH, user: or system:. Default: $CBB_ADDRESS, else the user's, else the system's."},
    {"user", 0, OPTION_FLAG, NULL, &options.user, "The user's broker, at $XDG_RUNTIME_DIR/cbbroker/broker.sock."},
    {"system", 0, OPTION_FLAG, NULL, &options.system, "The system's broker, at /run/cbbroker/broker.sock."},
    {"json", 'j', OPTION_FLAG, NULL, &options.json,
     "Print a line of JSON per host. Default where standard output is not a terminal."},
    {"text", 't', OPTION_FLAG, NULL, &text, "Print for people. Default on a terminal."},
    {"string-size", 's', OPTION_NUMBER, "N", &cut,
     "Cut names at N characters (default 32; 0: never). JSON is never cut."},
    {"color", 0, OPTION_TEXT, "WHEN", &color,
     "Color: always, never, or auto (default: on a terminal, unless $NO_COLOR is set)."},
};

static void print_commands(FILE *out)
{
	fprintf(out, "\nCommands:\n");
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
		int n = fprintf(out, "  %s %s", commands[i]->name, commands[i]->operands);
		fprintf(out, "%*s%s\n", n < 18 ? 18 - n : 1, "", commands[i]->summary);
	}
}

static const struct option_table option_table = {
    .program = "cbbctl",
    .usage = "[OPTIONS] [COMMAND] [ARGUMENTS]",
    .summary = "Shows what the hosts of a broker do.",
    .entries = option_entries,
    .n = sizeof option_entries / sizeof *option_entries,
    .more = print_commands,
};

static int settle_options(void)
{
	bool terminal = isatty(STDOUT_FILENO);
	if (options.json && text)
		return detail_set(-EINVAL, "--json and --text: say one of them");
	if (options.user + options.system + (options.address != NULL) > 1)
		return detail_set(-EINVAL, "--address, --user and --system: say one of them");
	if (!options.json && !text)
		options.json = !terminal;
	if (strcmp(color, "always") != 0 && strcmp(color, "never") != 0 && strcmp(color, "auto") != 0)
		return detail_set(-EINVAL, "--color=%s: always, never or auto", color);
	const char *no_color = getenv("NO_COLOR");
	options.color = strcmp(color, "always") == 0 ||
	                (strcmp(color, "auto") == 0 && terminal && !(no_color && *no_color));
	options.cut = (unsigned)cut;
	return 0;
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	return NULL;
}

static int run(int n_operands, char **operands)
{
	const struct command *command = n_operands ? find_command(operands[0]) : &command_list;
	if (!command)
		return detail_set(-EINVAL, "there is no command \"%s\"; see --help", operands[0]);
	if (n_operands - (n_operands > 0) != command->n_operands)
		return detail_set(-EINVAL, "usage: cbbctl [OPTIONS] %s %s", command->name, command->operands);
	int r = settle_options();
	return r < 0 ? r : command->run(&options, operands + 1);
}

int main(int argc, char **argv)
{
	int first = options_parse(&option_table, argc, argv);
	if (first == 0)
		return fflush(stdout) == 0 ? CTL_OK : CTL_ERROR;
	int r = first < 0 ? first : run(argc - first, argv + first);
	text_free_all();
	if (r == 0 && fflush(stdout) != 0)
		r = detail_set(-EIO, "standard output: %s", strerror(errno));
	if (r < 0)
		fprintf(stderr, "cbbctl: %s\n", detail_text());
	return command_exit(r);
}
