/* SPDX-License-Identifier: MIT */
/*
 * What the examples share: ending with words when something fails, and a clock.
 */
#ifndef CBB_EXAMPLES_H
#define CBB_EXAMPLES_H

#include <cbbroker.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* `r` is what a function of cbbroker returned. Good results pass; a negative one ends the program with its words. */
static inline void check(int r, const char *what)
{
	if (r >= 0)
		return;
	fprintf(stderr, "%s: %s\n", what, cbb_last_error_text());
	exit(1);
}

/* After a call through a CBB_SYMBOL pointer: the only place where its failure shows. */
static inline void check_last(const char *what)
{
	check(cbb_last_error(), what);
}

/* For what has no code of cbbroker's. */
static inline void check_that(int is_so, const char *what)
{
	if (is_so)
		return;
	fprintf(stderr, "not so: %s\n", what);
	exit(1);
}

/* Also into a pipe: each line is to be seen when it is printed. */
static inline void show_at_once(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
}

#ifdef EXAMPLES_LIBRARIES
/*
 * Connects, opens a host, and in it a library of the examples. Its interface says "./libNAME.so", so the host's working
 * directory is where that lies. ret_host may be NULL.
 */
static inline cbb_library *open_example_library(cbb_client **ret_client, cbb_host **ret_host, const char *interface)
{
	cbb_host_options options = {.size = sizeof options, .working_directory = EXAMPLES_LIBRARIES};
	cbb_host *host = NULL;
	cbb_library *library = NULL;
	check(cbb_connect(ret_client, NULL), "connect");
	check(cbb_host_open(*ret_client, &options, &host), "open a host");
	check(cbb_library_open_file(host, interface, &library), interface);
	if (ret_host)
		*ret_host = host;
	return library;
}
#endif

static inline double now_seconds(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

#endif
