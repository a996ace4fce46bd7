/* SPDX-License-Identifier: MIT */
/*
 * tree [DIRECTORY [LIMIT]]: walks a directory with the C library's nftw, which runs in a host.
 *
 * The handler gets the library's struct stat and struct FTW as copies that live until it returns. It stops the walk
 * after LIMIT entries by what it returns, as it would in one process.
 */
#include "examples.h"

#include <ftw.h>
#include <sys/stat.h>

#define SHOWN 12
#define STOPPED 7 /* nftw hands the handler's nonzero result on */

typedef int visit_fn(const char *path, const struct stat *status, int kind, struct FTW *where);
typedef int walk_fn(const char *directory, visit_fn *visit, int max_descriptors, int flags);

/* nftw has no user data to pass, so this is where the handler counts. */
static struct {
	unsigned long limit, entries, directories, files, others;
	unsigned long long bytes;
	int deepest;
} seen;

static int visit(const char *path, const struct stat *status, int kind, struct FTW *where)
{
	if (seen.entries < SHOWN)
		printf("%*s%s  %lld bytes, mode %04o\n", 2 + 2 * where->level, "", path + where->base,
		       (long long)status->st_size, status->st_mode & 07777u);
	else if (seen.entries == SHOWN)
		printf("  ... (the rest is only counted)\n");
	seen.entries++;
	if (kind == FTW_D)
		seen.directories++;
	else if (kind == FTW_F && S_ISREG(status->st_mode))
		seen.files++;
	else
		seen.others++;
	if (kind == FTW_F)
		seen.bytes += (unsigned long long)status->st_size;
	if (where->level > seen.deepest)
		seen.deepest = where->level;
	return seen.entries == seen.limit ? STOPPED : 0;
}

static const char *default_directory(void)
{
	static const char *const directories[] = {"/usr/include", "/usr/share", "/etc"};
	for (size_t i = 0; i < sizeof directories / sizeof *directories; i++)
		if (access(directories[i], R_OK | X_OK) == 0)
			return directories[i];
	return "/";
}

int main(int argc, char **argv)
{
	const char *directory = argc > 1 ? argv[1] : default_directory();
	seen.limit = argc > 2 ? strtoul(argv[2], NULL, 10) : 1000;

	cbb_client *client = NULL;
	cbb_host *host = NULL;
	cbb_library *libc = NULL;
	show_at_once();
	check(cbb_connect(&client, NULL), "connect");
	check(cbb_host_open(client, NULL, &host), "open a host");
	check(cbb_library_open(host, "libc", &libc), "open libc");
	walk_fn *remote_nftw = CBB_SYMBOL(libc, walk_fn, "nftw");
	check_last("find nftw");

	printf("%s, at most %lu entries:\n", directory, seen.limit);
	double start = now_seconds();
	int result = remote_nftw(directory, visit, 16, FTW_PHYS);
	double seconds = now_seconds() - start;
	check_last("nftw in the host");
	if (result < 0) {
		perror(directory); /* errno came back with the call */
		return 1;
	}

	printf("%s: %lu directories, %lu files with %llu bytes, %lu others; %d levels deep; %.1f ms.\n",
	       result == STOPPED ? "Stopped early by the handler" : "The whole tree", seen.directories, seen.files,
	       seen.bytes, seen.others, seen.deepest, seconds * 1e3);
	check_that(cbb_disconnect(client) == NULL, "disconnected");
	return 0;
}
