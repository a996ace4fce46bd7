/* SPDX-License-Identifier: MIT */
#include "ctl/ask.h"
#include "ctl/json.h"
#include "ctl/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define N_COLUMNS 9

static int print_json(const Cbb__HostList *list)
{
	int r = 0;
	for (size_t i = 0; i < list->n_hosts && r == 0; i++)
		r = json_print(json_of_info(list->hosts[i]));
	return r;
}

static const char *library_of(const Cbb__HostInfo *info, unsigned cut)
{
	if (info->n_libraries == 0)
		return "-";
	const char *first = text_of(&info->libraries[0], cut);
	return info->n_libraries == 1 ? first : text_format("%s +%zu", first, info->n_libraries - 1);
}

static void fill_row(const char **cells, const Cbb__HostInfo *info, unsigned cut)
{
	const char *const row[N_COLUMNS] = {
	    text_format("h%" PRIu64, info->host),
	    text_format("%u", info->pid),
	    text_state(info->state),
	    text_of(&info->name, cut),
	    library_of(info, cut),
	    text_client(info),
	    text_format("%" PRIu64, info->callbacks),
	    text_rate(info->calls, info->uptime_ms),
	    text_duration(info->uptime_ms),
	};
	for (unsigned i = 0; i < N_COLUMNS; i++)
		cells[i] = row[i];
}

static void print_table(const Cbb__HostList *list, unsigned cut)
{
	static const char *const head[N_COLUMNS] = {"HOST",   "PID",       "STATE",   "NAME",  "LIBRARY",
	                                            "CLIENT", "CALLBACKS", "CALLS/S", "UPTIME"};
	const char **cells = calloc((list->n_hosts + 1) * N_COLUMNS, sizeof *cells);
	if (!cells)
		return;
	for (unsigned i = 0; i < N_COLUMNS; i++)
		cells[i] = head[i];
	for (size_t i = 0; i < list->n_hosts; i++)
		fill_row(cells + (i + 1) * N_COLUMNS, list->hosts[i], cut);
	text_table(cells, (unsigned)list->n_hosts + 1, N_COLUMNS);
	free(cells);
}

static int run(const struct ctl_options *options, char **operands)
{
	struct ask ask;
	Cbb__HostList *list;
	Cbb__ListHosts request = CBB__LIST_HOSTS__INIT;
	(void)operands;
	request.request = 1;
	int r = ask_open(&ask, options);
	if (r == 0)
		r = ask_request(&ask, CBB__FRAME_TYPE__FRAME_LIST_HOSTS, &request.base,
		                CBB__FRAME_TYPE__FRAME_HOST_LIST, &cbb__host_list__descriptor, &list);
	if (r == 0 && options->json)
		r = print_json(list);
	else if (r == 0)
		print_table(list, options->cut);
	ask_close(&ask);
	return r;
}

const struct command command_list = {
    .name = "list",
    .operands = "",
    .summary = "Hosts: number, process, state, library, client, callbacks, calls per second, uptime (default)",
    .n_operands = 0,
    .run = run,
};
