/* SPDX-License-Identifier: MIT */
#include "base/detail.h"
#include "telemetry/page.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int page_create(void)
{
	int fd = memfd_create("cbbroker-telemetry", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -errno;
	/* A host that shrank it would kill its readers with SIGBUS. */
	if (ftruncate(fd, sizeof(struct telemetry_page)) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
		int error = errno;
		close(fd);
		return -error;
	}
	return fd;
}

int page_map(int fd, bool writable, struct telemetry_page **ret_page)
{
	struct stat status;
	if (fstat(fd, &status) < 0)
		return detail_set(-errno, "telemetry page: %m");
	if (!S_ISREG(status.st_mode) || status.st_size != (off_t)sizeof(struct telemetry_page))
		return detail_set(-EBADMSG, "telemetry page of %lld bytes, this version has pages of %zu",
		                  (long long)status.st_size, sizeof(struct telemetry_page));
	void *memory = mmap(NULL, sizeof(struct telemetry_page), writable ? PROT_READ | PROT_WRITE : PROT_READ,
	                    MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		return detail_set(-errno, "telemetry page: cannot be mapped: %m");
	*ret_page = memory;
	return 0;
}

void page_unmap(const struct telemetry_page *page)
{
	if (page)
		munmap((void *)(uintptr_t)page, sizeof *page);
}
