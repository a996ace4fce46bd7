/* SPDX-License-Identifier: MIT */
#include "host/late_call.h"

#include "base/clock.h"
#include "host/closure.h"
#include "host/failure.h"
#include "host/telemetry.h"

#include <execinfo.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

#define STACK_MAX 12
#define NS_PER_MS 1000000u

/* The addresses of the callers; our own frames are the first few. */
static void describe_stack(char *text, size_t size)
{
	void *stack[STACK_MAX];
	size_t used = 0;
	int n = backtrace(stack, STACK_MAX);
	text[0] = '\0';
	for (int i = 0; i < n && used < size; i++) {
		int written = snprintf(text + used, size - used, " %p", stack[i]);
		if (written < 0)
			break;
		used += (size_t)written;
	}
}

void late_call_note(struct closure *closure)
{
	telemetry_late_call();
	if (atomic_exchange(&closure->late_reported, true))
		return;
	char stack[STACK_MAX * 20], name[16] = "";
	const char *where = atomic_load(&closure->closed_where);
	uint64_t closed_ns = atomic_load(&closure->closed_ns);
	uint64_t ago_ms = closed_ns ? (clock_now_ns() - closed_ns) / NS_PER_MS : 0;
	describe_stack(stack, sizeof stack);
	prctl(PR_GET_NAME, name);
	failure_tell(closure, CBB__STATUS__STATUS_CLOSED,
	             "late call on %s %s (%s %llu ms ago%s%s), native thread %d \"%s\", native code got on_error; stack%s",
	                 closure->plain ? "plain function" : "closed callback", closure->name,
	                 closure->plain ? "its scope ended" : "closed", (unsigned long long)ago_ms,
	                 where ? " at " : "", where ? where : "", (int)gettid(), name, stack);
}
