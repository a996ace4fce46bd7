/* SPDX-License-Identifier: MIT */
/*
 * sort [COUNT]: the C library's qsort in a process of its own, with a comparator that stays here.
 *
 * qsort is called through an ordinary function pointer and is given an ordinary C function. Each comparison is a
 * message from the host and one back. The same sort in this process says what that costs.
 */
#include "examples.h"

#include <string.h>

typedef int compare_fn(const void *, const void *);
typedef void sort_fn(void *, size_t, size_t, compare_fn *);

static unsigned long n_comparisons;

static int compare_ints(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;
	n_comparisons++;
	return (x > y) - (x < y);
}

/* Sorts a copy, says how long that took, and returns the nanoseconds that each comparison took. */
static double sort_copy(const char *where, sort_fn *sort, const int *values, size_t count, int *ret_sorted)
{
	memcpy(ret_sorted, values, count * sizeof *values);
	n_comparisons = 0;
	double start = now_seconds();
	sort(ret_sorted, count, sizeof *ret_sorted, compare_ints);
	double seconds = now_seconds() - start;
	double each_ns = seconds * 1e9 / (double)n_comparisons;
	printf("%-16s %zu ints in %.1f ms: %lu comparisons, %.0f ns each\n", where, count, seconds * 1e3, n_comparisons,
	       each_ns);
	return each_ns;
}

static int is_sorted(const int *values, size_t count)
{
	for (size_t i = 1; i < count; i++)
		if (values[i - 1] > values[i])
			return 0;
	return 1;
}

int main(int argc, char **argv)
{
	size_t count = argc > 1 ? strtoul(argv[1], NULL, 10) : 5000;
	check_that(count > 1 && count <= 1000000, "COUNT is from 2 to 1000000");
	int *values = calloc(count, sizeof *values);
	int *here = calloc(count, sizeof *here);
	int *there = calloc(count, sizeof *there);
	check_that(values && here && there, "there is memory");
	for (size_t i = 0; i < count; i++)
		values[i] = rand();

	cbb_client *client = NULL;
	cbb_host *host = NULL;
	cbb_library *libc = NULL;
	show_at_once();
	check(cbb_connect(&client, NULL), "connect");
	check(cbb_host_open(client, NULL, &host), "open a host");
	check(cbb_library_open(host, "libc", &libc), "open libc");
	sort_fn *remote_qsort = CBB_SYMBOL(libc, sort_fn, "qsort");
	check_last("find qsort");
	printf("This program is process %d, its host with libc is process %d.\n", (int)getpid(), (int)cbb_host_pid(host));

	double here_ns = sort_copy("in this process:", qsort, values, count, here);
	double there_ns = sort_copy("in the host:", remote_qsort, values, count, there);
	check_last("qsort in the host");

	check_that(is_sorted(there, count), "the host's result is sorted");
	check_that(memcmp(here, there, count * sizeof *here) == 0, "both results are the same");
	printf("Sorted, and the same in both. A callback across processes: %.2f us, in one process: %.3f us.\n",
	       there_ns / 1e3, here_ns / 1e3);

	check_that(cbb_disconnect(client) == NULL, "disconnected"); /* ends the host too */
	free(values);
	free(here);
	free(there);
	return 0;
}
