/* SPDX-License-Identifier: MIT */
#include <cbbroker.h>
#include <stdio.h>

typedef void sort_fn(void *, size_t, size_t, int (*)(const void *, const void *));

static int compare_ints(const void *a, const void *b)
{
	return (*(const int *)a > *(const int *)b) - (*(const int *)a < *(const int *)b);
}

int main(void)
{
	int values[] = {5, 3, 9, 1, 7};
	cbb_client *client = NULL;
	cbb_host *host = NULL;
	cbb_library *libc = NULL;
	sort_fn *remote_qsort = NULL;
	if (cbb_connect(&client, NULL) == 0 && cbb_host_open(client, NULL, &host) == 0 &&
	    cbb_library_open(host, "libc", &libc) == 0)
		remote_qsort = CBB_SYMBOL(libc, sort_fn, "qsort");
	if (remote_qsort)
		remote_qsort(values, 5, sizeof *values, compare_ints);
	if (cbb_last_error() < 0)
		fprintf(stderr, "%s\n", cbb_last_error_text());
	else
		printf("%d %d %d %d %d\n", values[0], values[1], values[2], values[3], values[4]);
	cbb_disconnect(client);
	return cbb_last_error() < 0;
}
