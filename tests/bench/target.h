/* SPDX-License-Identifier: MIT */
/*
 * A host with one library open, placed as asked for. All rows share one connection to a broker of this program's own.
 */
#ifndef CBB_BENCH_TARGET_H
#define CBB_BENCH_TARGET_H

#include <cbbroker.h>

typedef int bench_handler(int value);
typedef int bench_next_fn(int value);
typedef int bench_loop_fn(bench_handler *handler, int count);
typedef int bench_keep_fn(bench_handler *handler);
typedef int bench_keep_16_fn(bench_handler *, bench_handler *, bench_handler *, bench_handler *, bench_handler *,
                             bench_handler *, bench_handler *, bench_handler *, bench_handler *, bench_handler *,
                             bench_handler *, bench_handler *, bench_handler *, bench_handler *, bench_handler *,
                             bench_handler *);
typedef int bench_call_kept_fn(int count, int seed);
typedef int bench_call_thread_fn(bench_handler *handler);
typedef void bench_event(unsigned long sent_ns, int value);
typedef int bench_produce_fn(bench_event *handler, int n_threads);
typedef int bench_lone_fn(bench_event *handler, bench_handler *asked);
typedef int bench_join_fn(void); /* bench_stop, too */

struct target {
	cbb_host *host;
	cbb_library *library;
};

/* Words of the client library, kept as this program's own: a negative code becomes the detail text. */
int target_result(int r, const char *what);

/* The connection; made at its first use. */
int target_client(cbb_client **ret_client);
void target_disconnect(void);

/* The library is an installed interface; NULL: the bench's own fixture. stdout_fd -1: the default. */
int target_open(struct target *target, const char *interface, int stdout_fd);
/* The fixture in a host that may have so many callbacks open, and as many closed. */
int target_open_wide(struct target *target, uint64_t max_callbacks);
void target_close(struct target *target);

/* Moves the host's threads to their core; those of its lanes exist after the first call. */
int target_place(const struct target *target);

/* Bytes of memory that this process has for itself. 0, -errno. */
int target_private_bytes(pid_t pid, uint64_t *ret_bytes);
/* Of this process and the host's together. */
int target_memory(const struct target *target, uint64_t *ret_bytes);

#endif
