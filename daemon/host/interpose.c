/* SPDX-License-Identifier: MIT */
#include "host/interpose.h"

#include "host/death.h"
#include "host/native_thread.h"
#include "host/thread.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <threads.h>
#include <unistd.h>

#define EXPORTED __attribute__((visibility("default")))

/* A statically linked sanitizer has its interceptor in the program itself, where RTLD_NEXT does not look. */
extern int __interceptor_pthread_create(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *)
    __attribute__((weak));

static struct {
	int (*pthread_create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
	int (*pthread_setname_np)(pthread_t, const char *);
	int (*pthread_sigmask)(int, const sigset_t *, sigset_t *);
	int (*sigprocmask)(int, const sigset_t *, sigset_t *);
	void (*exit)(int) __attribute__((noreturn));
	void (*_exit)(int) __attribute__((noreturn));
	void (*quick_exit)(int) __attribute__((noreturn));
} real;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t leave_key;
static bool has_leave_key;

/*
 * Key destructors run in rounds; a library's own may call back, and may need the alternate stack. So what queues keep
 * goes in the last round but one (ThreadSanitizer allows nothing in the last one that it has to see), and the stack in
 * the last. It covers return, pthread_exit and cancellation alike.
 */
static void leave_later(void *thread)
{
	struct host_thread *self = thread;
	unsigned round = ++self->destructor_rounds;
	if (round + 1 >= PTHREAD_DESTRUCTOR_ITERATIONS)
		native_thread_free(self);
	if (round < PTHREAD_DESTRUCTOR_ITERATIONS)
		pthread_setspecific(leave_key, self);
	else
		host_thread_leave();
}

static void find_real(void)
{
	*(void **)&real.pthread_create = dlsym(RTLD_NEXT, "pthread_create");
	if (__interceptor_pthread_create)
		real.pthread_create = __interceptor_pthread_create;
	*(void **)&real.pthread_setname_np = dlsym(RTLD_NEXT, "pthread_setname_np");
	*(void **)&real.pthread_sigmask = dlsym(RTLD_NEXT, "pthread_sigmask");
	*(void **)&real.sigprocmask = dlsym(RTLD_NEXT, "sigprocmask");
	*(void **)&real.exit = dlsym(RTLD_NEXT, "exit");
	*(void **)&real._exit = dlsym(RTLD_NEXT, "_exit");
	*(void **)&real.quick_exit = dlsym(RTLD_NEXT, "quick_exit");
	has_leave_key = pthread_key_create(&leave_key, leave_later) == 0;
}

void interpose_install(void)
{
	pthread_once(&once, find_real);
}

/* ---- Threads ---- */

struct start {
	void *(*posix)(void *);
	thrd_start_t c11;
	void *argument;
};

void interpose_adopt_thread(void)
{
	if (host_thread_current())
		return;
	interpose_install();
	host_thread_enter(NULL);
	if (has_leave_key)
		pthread_setspecific(leave_key, host_thread_current());
}

/* Takes the start record, which malloc gave on the creating thread. */
static struct start thread_begin(void *memory)
{
	struct start start = *(struct start *)memory;
	free(memory);
	interpose_adopt_thread();
	return start;
}

static void *posix_trampoline(void *memory)
{
	struct start start = thread_begin(memory);
	return start.posix(start.argument);
}

static void *c11_trampoline(void *memory)
{
	struct start start = thread_begin(memory);
	return (void *)(intptr_t)start.c11(start.argument);
}

static int thread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*trampoline)(void *),
                         struct start start)
{
	interpose_install();
	struct start *memory = malloc(sizeof *memory);
	if (!memory)
		return EAGAIN;
	*memory = start;
	int r = real.pthread_create(thread, attributes, trampoline, memory);
	if (r != 0)
		free(memory);
	return r;
}

EXPORTED int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*function)(void *),
                            void *argument)
{
	return thread_create(thread, attributes, posix_trampoline,
	                     (struct start){.posix = function, .argument = argument});
}

/* As in glibc: thrd_t is pthread_t, and thrd_join makes an int of the thread's result. */
EXPORTED int thrd_create(thrd_t *thread, thrd_start_t function, void *argument)
{
	int r = thread_create(thread, NULL, c11_trampoline, (struct start){.c11 = function, .argument = argument});
	if (r == 0)
		return thrd_success;
	return r == EAGAIN || r == ENOMEM ? thrd_nomem : thrd_error;
}

/* Another thread's record is not ours to write: that name shows in the kernel only. */
EXPORTED int pthread_setname_np(pthread_t thread, const char *name)
{
	interpose_install();
	int r = real.pthread_setname_np(thread, name);
	struct host_thread *self = host_thread_current();
	if (r == 0 && self && pthread_equal(thread, pthread_self()))
		snprintf(self->name, sizeof self->name, "%s", name);
	return r;
}

/* ---- Signal masks ---- */

/* The given set without the signals of a faulty instruction, if the call would block them. */
static const sigset_t *without_faults(int how, const sigset_t *set, sigset_t *memory)
{
	static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS};
	if (!set || how == SIG_UNBLOCK)
		return set;
	*memory = *set;
	for (unsigned i = 0; i < sizeof faults / sizeof *faults; i++)
		sigdelset(memory, faults[i]);
	return memory;
}

EXPORTED int pthread_sigmask(int how, const sigset_t *set, sigset_t *previous)
{
	sigset_t memory;
	interpose_install();
	return real.pthread_sigmask(how, without_faults(how, set, &memory), previous);
}

EXPORTED int sigprocmask(int how, const sigset_t *set, sigset_t *previous)
{
	sigset_t memory;
	interpose_install();
	return real.sigprocmask(how, without_faults(how, set, &memory), previous);
}

/* ---- Exit ---- */

/* In the call instruction: the return address of a function that does not return may lie in the next one. */
#define CALLER ((const char *)__builtin_return_address(0) - 1)

EXPORTED void exit(int status)
{
	interpose_install();
	death_by_exit(status, CALLER);
	real.exit(status);
}

EXPORTED void quick_exit(int status)
{
	interpose_install();
	death_by_exit(status, CALLER);
	real.quick_exit(status);
}

/* May be called in a child of vfork(), which shares our memory: nothing here writes before the process is known. */
EXPORTED void _exit(int status)
{
	death_by_exit(status, CALLER);
	if (real._exit)
		real._exit(status);
	for (;;)
		syscall(SYS_exit_group, status);
}

/* The same code under its other name: of two equal functions the compiler makes one call the other, as CALLER. */
EXPORTED void _Exit(int status) __attribute__((alias("_exit")));
