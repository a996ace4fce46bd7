/* SPDX-License-Identifier: MIT */
#include "host/thread.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What the death handler takes on top of the kernel's signal frame, with room to spare for a library's own handler. */
#define HANDLER_STACK_BYTES (32u << 10)

/* initial-exec: the general model may allocate on first use, which a signal handler must not. */
static __thread struct host_thread self __attribute__((tls_model("initial-exec")));

struct host_thread *host_thread_current(void)
{
	return self.id ? &self : NULL;
}

static size_t guard_bytes(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

static size_t stack_bytes(void)
{
	long frame = sysconf(_SC_SIGSTKSZ); /* depends on the processor's register set */
	size_t size = HANDLER_STACK_BYTES + (frame > 0 ? (size_t)frame : (size_t)MINSIGSTKSZ);
	return (size + guard_bytes() - 1) / guard_bytes() * guard_bytes();
}

/* Untouched memory costs nothing: a thread that never faults pays for the mapping only. */
static int stack_set(void)
{
	size_t guard = guard_bytes(), size = stack_bytes();
	char *memory = mmap(NULL, guard + size, PROT_READ | PROT_WRITE,
	                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
	if (memory == MAP_FAILED)
		return -errno;
	stack_t stack = {.ss_sp = memory + guard, .ss_size = size};
	if (mprotect(memory, guard, PROT_NONE) < 0 || sigaltstack(&stack, &self.previous_stack) < 0) {
		int error = errno;
		munmap(memory, guard + size);
		return -error;
	}
	self.alternate_stack = memory;
	return 0;
}

int host_thread_enter(const char *name)
{
	if (name)
		prctl(PR_SET_NAME, name);
	prctl(PR_GET_NAME, self.name);
	if (self.id)
		return 0;
	self.id = (pid_t)syscall(SYS_gettid);
	return stack_set();
}

void host_thread_leave(void)
{
	/* Not on the stack: where a cancelled thread was unwound, AddressSanitizer still sees what lay there. */
	static __thread stack_t present;
	char *ours = self.alternate_stack;
	self.id = 0;
	if (ours && sigaltstack(NULL, &present) == 0) {
		/* A library may have set its own meanwhile: that one stays. */
		bool in_place = present.ss_sp == ours + guard_bytes() && !(present.ss_flags & SS_DISABLE);
		if (!in_place || sigaltstack(&self.previous_stack, NULL) == 0)
			munmap(ours, guard_bytes() + stack_bytes());
	}
	memset(&self, 0, sizeof self);
}

void host_thread_block_signals(void)
{
	static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS};
	sigset_t all;
	sigfillset(&all);
	for (unsigned i = 0; i < sizeof faults / sizeof *faults; i++)
		sigdelset(&all, faults[i]);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
}
