/* SPDX-License-Identifier: MIT */
#include "bench/target.h"

#include "base/descriptor.h"
#include "base/detail.h"
#include "bench/place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CALL_TIMEOUT_MS 60000

static cbb_client *client;

#define KEPT(name) "[scope(forever)] bench_handler " name

static const char fixture_text[] = "[library(\"" BENCH_FIXTURE "\")]\n"
                                   "typedef int (*bench_handler)(int value);\n"
                                   "int bench_next(int value);\n"
                                   "int bench_loop(bench_handler handler, int count);\n"
                                   "typedef void (*bench_event)(unsigned long sent_ns, int value);\n"
                                   "int bench_keep([scope(forever)] bench_handler handler);\n"
                                   "int bench_keep_16(" KEPT("a") ", " KEPT("b") ", " KEPT("c") ", " KEPT("d") ", "
                                   KEPT("e") ", " KEPT("f") ", " KEPT("g") ", " KEPT("h") ", " KEPT("i") ", "
                                   KEPT("j") ", " KEPT("k") ", " KEPT("l") ", " KEPT("m") ", " KEPT("n") ", "
                                   KEPT("o") ", " KEPT("p") ");\n"
                                   "int bench_call_kept(int count, int seed);\n"
                                   "int bench_call_thread([scope(forever)] bench_handler handler);\n"
                                   "int bench_produce([scope(forever)] bench_event handler, int n_threads);\n"
                                   "int bench_lone([scope(forever)] bench_event handler,\n"
                                   "               [scope(forever)] bench_handler asked);\n"
                                   "int bench_stop(void);\n"
                                   "int bench_join(void);\n"
                                   "void bench_crash([nullable, in] int *nowhere);\n";

int target_result(int r, const char *what)
{
	if (r >= 0)
		return r;
	return detail_set(r, "%s: %s", what, cbb_last_error_text());
}

/* The broker, and so its hosts, begin where this thread is; its log of hosts that die on purpose is not wanted. */
static int connect_private(void)
{
	cbb_connect_options options = {.size = sizeof options, .address = "private:"};
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	int errors = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	if (null >= 0 && errors >= 0)
		dup2(null, STDERR_FILENO);
	place_as_host();
	int r = target_result(cbb_connect(&client, &options), "cbb_connect");
	place_as_client();
	if (null >= 0 && errors >= 0)
		dup2(errors, STDERR_FILENO);
	descriptor_close(null);
	descriptor_close(errors);
	return r;
}

int target_client(cbb_client **ret_client)
{
	int r = client ? 0 : connect_private();
	if (r == 0)
		*ret_client = client;
	return r;
}

void target_disconnect(void)
{
	client = cbb_disconnect(client);
}

static int open_library(struct target *target, const char *interface)
{
	int r = interface ? cbb_library_open(target->host, interface, &target->library)
	                  : cbb_library_open_text(target->host, fixture_text, &target->library);
	return target_result(r, interface ? interface : "the bench's fixture");
}

static int open_with(struct target *target, const char *interface, const cbb_host_options *options)
{
	cbb_client *connected = NULL;
	*target = (struct target){0};
	int r = target_client(&connected);
	if (r == 0)
		r = target_result(cbb_host_open(connected, options, &target->host), "cbb_host_open");
	if (r == 0)
		r = open_library(target, interface);
	if (r < 0)
		target_close(target);
	return r;
}

int target_open(struct target *target, const char *interface, int stdout_fd)
{
	const int fds[3] = {-1, stdout_fd, -1};
	return open_with(target, interface,
	                 &(cbb_host_options){.size = sizeof(cbb_host_options),
	                                     .name = "cbb-bench",
	                                     .stdio_fds = fds,
	                                     .call_timeout_ms = CALL_TIMEOUT_MS});
}

int target_open_wide(struct target *target, uint64_t max_callbacks)
{
	return open_with(target, NULL,
	                 &(cbb_host_options){.size = sizeof(cbb_host_options),
	                                     .name = "cbb-bench",
	                                     .call_timeout_ms = CALL_TIMEOUT_MS,
	                                     .max_callbacks = max_callbacks,
	                                     .max_closed_callbacks = max_callbacks});
}

void target_close(struct target *target)
{
	cbb_host_close(target->host);
	*target = (struct target){0};
}

int target_place(const struct target *target)
{
	return place_host_process(cbb_host_pid(target->host));
}

int target_memory(const struct target *target, uint64_t *ret_bytes)
{
	uint64_t own = 0, host = 0;
	int r = target_private_bytes(getpid(), &own);
	if (r == 0)
		r = target_private_bytes(cbb_host_pid(target->host), &host);
	if (r == 0)
		*ret_bytes = own + host;
	return r;
}

int target_private_bytes(pid_t pid, uint64_t *ret_bytes)
{
	char path[64], line[256];
	unsigned long long sum_kb = 0, kb;
	snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
	FILE *file = fopen(path, "re");
	if (!file)
		return detail_set(-errno, "%s: %s", path, strerror(errno));
	while (fgets(line, sizeof line, file))
		if (sscanf(line, "Private_Clean: %llu", &kb) == 1 || sscanf(line, "Private_Dirty: %llu", &kb) == 1 ||
		    sscanf(line, "Private_Hugetlb: %llu", &kb) == 1)
			sum_kb += kb;
	fclose(file);
	*ret_bytes = sum_kb * 1024;
	return 0;
}
