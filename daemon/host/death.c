/* SPDX-License-Identifier: MIT */
/*
 * Everything from `on_signal` down runs in a signal handler: system calls, atomics and our own memory, nothing else.
 */
#include "host/death.h"

#include "host/host.h"
#include "host/module.h"
#include "host/thread.h"
#include "telemetry/page.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

/* A thread that crashes or exits while another writes the record gives it this long. */
#define OTHER_WRITER_MS 1000

static const int fatal_signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS};
#define N_FATAL (sizeof fatal_signals / sizeof *fatal_signals)

static struct page_death *record;      /* NULL: nobody reads one */
static struct page_death nowhere;
static _Atomic pid_t armed_pid;        /* 0: not installed */
static _Atomic bool expected;
static _Atomic pid_t writer;           /* thread that writes or wrote the record */
static _Atomic bool complete;
static void (*_Atomic exit_begun)(int status);

static bool is_this_host(void)
{
	return !atomic_load(&host_forked_child) && atomic_load(&armed_pid) == getpid();
}

/* ---- The record ---- */

/* The page could be scribbled over by the library; who writes is decided in private memory. */
static bool record_claim(pid_t thread)
{
	pid_t none = 0;
	if (!atomic_compare_exchange_strong(&writer, &none, thread))
		return false;
	atomic_store(&record->state, 1);
	return true;
}

static void record_complete(void)
{
	atomic_store_explicit(&record->state, 2, memory_order_release);
	atomic_store(&complete, true);
}

/* After record_claim failed. The writer may be this thread: then it faulted, or runs exit handlers. */
static void wait_for_writer(pid_t thread)
{
	for (int i = 0; i < OTHER_WRITER_MS && atomic_load(&writer) != thread && !atomic_load(&complete); i++)
		poll(NULL, 0, 1);
}

/* What may fault itself (the texts belong to others) comes last. */
static void record_fill(pid_t thread, uint64_t instruction)
{
	char name[HOST_THREAD_NAME_BYTES] = "";
	prctl(PR_GET_NAME, name);
	record->thread = (uint32_t)thread;
	record->instruction = instruction;
	page_set_text(record->thread_name, sizeof record->thread_name, name);
	const struct host_thread *self = host_thread_current();
	if (self) {
		page_set_text(record->library, sizeof record->library, self->library);
		page_set_text(record->function, sizeof record->function, self->function);
		page_set_text(record->callback, sizeof record->callback, self->callback);
	}
	module_find(instruction, record->module, sizeof record->module);
}

/* ---- By exit ---- */

void death_on_exit(void (*begun)(int status))
{
	atomic_store(&exit_begun, begun);
}

void death_expected(void)
{
	atomic_store(&expected, true);
}

void death_by_exit(int status, const void *caller)
{
	pid_t thread = (pid_t)syscall(SYS_gettid);
	if (atomic_load(&expected) || !is_this_host())
		return;
	if (!record_claim(thread)) {
		wait_for_writer(thread); /* it would end with the process */
		return;
	}
	record->signal = 0;
	record->exit_status = status & 0xff;
	record_fill(thread, (uint64_t)(uintptr_t)caller);
	record_complete();
	death_shut_lanes();
	void (*begun)(int) = atomic_load(&exit_begun);
	if (begun)
		begun(status);
}

/* libc itself ends the process in a few places (err(3), error(3)) without passing our exit(). */
static void exit_hook(int status, void *unused)
{
	(void)unused;
	death_by_exit(status, NULL);
}

/* ---- By signal ---- */

static uint64_t context_instruction(const ucontext_t *context)
{
#if defined(__x86_64__)
	return (uint64_t)context->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
	return (uint64_t)context->uc_mcontext.pc;
#else
	(void)context;
	return 0;
#endif
}

/* Sent by a process (raise, kill): the field holds the sender instead of an address. */
static uint64_t signal_address(const siginfo_t *info)
{
	if (info->si_code <= 0 || info->si_signo == SIGABRT)
		return 0;
	return (uint64_t)(uintptr_t)(info->si_signo == SIGSYS ? info->si_call_addr : info->si_addr);
}

static void record_signal(const siginfo_t *info, const ucontext_t *context)
{
	pid_t thread = (pid_t)syscall(SYS_gettid);
	if (record_claim(thread)) {
		record->signal = info->si_signo;
		record->signal_code = info->si_code;
		record->address = signal_address(info);
		record_fill(thread, context_instruction(context));
	} else {
		wait_for_writer(thread);
	}
	/* Our own thread a second time: the record faulted half-way, or exit handlers did. What is written stands. */
	record_complete();
	death_shut_lanes();
}

/* With the default action and on this thread: a core dump has the fault right above the handler. */
static void die_by(int number)
{
	struct sigaction action = {.sa_handler = SIG_DFL};
	sigset_t set;
	sigemptyset(&action.sa_mask);
	sigaction(number, &action, NULL);
	sigemptyset(&set);
	sigaddset(&set, number);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), number);
}

static void on_signal(int number, siginfo_t *info, void *context)
{
	if (is_this_host())
		record_signal(info, context);
	die_by(number);
}

/* ---- Installing ---- */

int death_install(struct telemetry_page *page)
{
	record = page ? &page->death : &nowhere;
	if (on_exit(exit_hook, NULL) != 0)
		return -ENOMEM;
	/* Other signals wait, so that nothing foreign runs on the alternate stack; a second fault may come in. */
	struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
	sigfillset(&action.sa_mask);
	for (unsigned i = 0; i < N_FATAL; i++)
		sigdelset(&action.sa_mask, fatal_signals[i]);
	atomic_store(&armed_pid, getpid());
	for (unsigned i = 0; i < N_FATAL; i++)
		if (sigaction(fatal_signals[i], &action, NULL) < 0)
			return -errno;
	return 0;
}
