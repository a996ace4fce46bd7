/* SPDX-License-Identifier: MIT */
/*
 * cbb-bench: what calls, callbacks, hosts and deaths cost on this machine, beside what the machine itself takes.
 */
#include "base/detail.h"
#include "base/options.h"
#include "bench/place.h"
#include "bench/result.h"
#include "bench/rows.h"
#include "bench/table.h"
#include "bench/target.h"

#include <stdlib.h>
#include <string.h>

#define MS_MAX 3600000
#define ROUND_MS_MIN 20 /* less than that is mostly the beginning of it */

/*
 * In this order, whatever the command line's is: later rows are compared with earlier ones of the same round. So what
 * is measured once and compared stands next to those that are measured in each.
 */
static const struct row {
	const char *name;
	int (*run)(unsigned ms);
	const char *what;
	bool once; /* in the last round, for all of its time: long to set up, or memory */
} rows[] = {
    {"raw_block", row_raw_block, "ping-pong of 32 bytes between two processes, blocking"},
    {"raw_spin", row_raw_spin, "the same; a waiter whose peer runs on another core spins briefly"},
    {"raw_stream", row_raw_stream, "messages of 64 bytes one way, one send each, as many at a time as there are"},
    {"raw_lone", row_raw_lone, "a single one of them: from its send to the end of the receive"},
    {"call", row_call, "a call of int f(int)"},
    {"callback", row_callback, "a callback int f(int), in a loop of native code"},
    {"callback_nested_call", row_callback_nested_call, "a callback whose handler calls the library"},
    {"callback_thread", row_callback_thread, "a callback from a thread of the library; the program dispatches"},
    {"callback_thread_in_call", row_callback_thread_in_call, "the same; the program waits in a call"},
    {"listener_1", row_listener_1, "events from one thread of the library, none of them lost"},
    {"listener_8", row_listener_8, "the same from eight threads"},
    {"listener_lone", row_listener_lone, "from a single event's native call to its handler; the program sleeps till then"},
    {"live_100k", row_live_100k, "a callback at random among 100,000 live ones; their opening and memory", true},
    {"close_under_load", row_close_under_load,
     "closing a listener that eight threads call: close_drain, close_abort", true},
    {"qsort_10k", row_qsort_10k, "libc's qsort of 10,000 ints with the program's comparator", true},
    {"expat_1mb", row_expat_1mb, "expat parses 1 MB with start, end and text handlers", true},
    {"host_start", row_host_start, "from opening a host to the first callback in it", true},
    {"death_status", row_death_status,
     "from a null pointer in the library to the call's status (death_report: to the report)", true},
    {"host_idle", row_host_idle, "private memory of an idle host with one library open", true},
    {"callback_open", row_callback_open,
     "opening and closing a callback; memory of an open one, client and host", true},
    {"callback_closed", row_callback_closed,
     "opening, passing and closing a callback, up to a million; memory that stays", true},
};

#define N_ROWS (sizeof rows / sizeof *rows)

static struct {
	const char *place;
	long ms, rounds;
	bool tsv, list;
} options = {.place = "one", .ms = 500, .rounds = 10};

static const struct option_entry option_entries[] = {
    {"place", 'p', OPTION_TEXT, "PLACE", &options.place,
     "Where processes run: one (all on one core, default), split (client and host a core each), free (scheduler)."},
    {"ms", 'm', OPTION_NUMBER, "N", &options.ms, "Measure each row for N milliseconds. Default: 500."},
    {"rounds", 'r', OPTION_NUMBER, "N", &options.rounds,
     "Measure in N rounds, in each of which all rows take turns, for their part of the time but 20 ms at least. "
     "Printed are medians of what the rounds gave; a ratio is the median of the rounds' own ratios. Rows that take "
     "long to set up, or measure memory, have the last round alone. Default: 10."},
    {"tsv", 't', OPTION_FLAG, NULL, &options.tsv,
     "Print R, name, median_ns, p99_ns, ops_per_s, cpu_us_per_op, or M, name, bytes, with tabs between them."},
    {"list", 'l', OPTION_FLAG, NULL, &options.list, "Print the names of the rows and what they measure, and end."},
};

static const struct option_table option_table = {
    .program = "cbb-bench",
    .usage = "[OPTIONS] [ROW...]",
    .summary = "Measures what calls into hosts cost. Without rows: all.",
    .entries = option_entries,
    .n = sizeof option_entries / sizeof *option_entries,
};

static void list_rows(void)
{
	for (size_t i = 0; i < N_ROWS; i++)
		printf("%-24s %s\n", rows[i].name, rows[i].what);
}

static bool is_row(const char *name)
{
	for (size_t i = 0; i < N_ROWS; i++)
		if (strcmp(rows[i].name, name) == 0)
			return true;
	return false;
}

static bool is_wanted(const char *name, int n, char **wanted)
{
	for (int i = 0; i < n; i++)
		if (strcmp(wanted[i], name) == 0)
			return true;
	return n == 0;
}

/* One round's part of the time for each row. */
static unsigned round_ms(void)
{
	long ms = options.ms / options.rounds, min = options.ms < ROUND_MS_MIN ? options.ms : ROUND_MS_MIN;
	return (unsigned)(ms < min ? min : ms);
}

/* A row that failed is not tried again. */
static int run_round(bool is_last, bool wanted[N_ROWS])
{
	int status = 0;
	for (size_t i = 0; i < N_ROWS; i++) {
		if (!wanted[i] || (rows[i].once && !is_last))
			continue;
		if (rows[i].run(rows[i].once ? (unsigned)options.ms : round_ms()) >= 0)
			continue;
		table_add_failure(rows[i].name, detail_text());
		wanted[i] = false;
		status = 1;
	}
	return status;
}

static int run_rows(int n, char **names)
{
	bool wanted[N_ROWS];
	int status = 0;
	for (size_t i = 0; i < N_ROWS; i++)
		wanted[i] = is_wanted(rows[i].name, n, names);
	for (unsigned round = 0; round < (unsigned)options.rounds; round++) {
		table_round(round);
		status |= run_round(round + 1 == (unsigned)options.rounds, wanted);
	}
	return status;
}

static int misuse(const char *words)
{
	fprintf(stderr, "cbb-bench: %s\n", words);
	return 2;
}

int main(int argc, char **argv)
{
	enum place_mode place;
	int first = options_parse(&option_table, argc, argv);
	if (first <= 0)
		return first < 0 ? misuse(detail_text()) : 0;
	if (options.list) {
		list_rows();
		return 0;
	}
	for (int i = first; i < argc; i++)
		if (!is_row(argv[i])) {
			detail_set(0, "there is no row %s; --list prints them", argv[i]);
			return misuse(detail_text());
		}
	if (options.ms < 1 || options.ms > MS_MAX)
		return misuse("--ms: from 1 to 3600000");
	if (options.rounds < 1 || options.rounds > ROUNDS_MAX)
		return misuse("--rounds: from 1 to 100");
	if (place_parse(options.place, &place) < 0 || place_set(place) < 0)
		return misuse(detail_text());
	setenv("CBB_INTERFACES", BENCH_INTERFACES, 0);
	table_begin(options.tsv, (unsigned)options.ms, (unsigned)options.rounds);
	int status = run_rows(argc - first, argv + first);
	target_disconnect();
	return status;
}
