/* SPDX-License-Identifier: MIT */
/*
 * survive: a library with faults (faulty.c) ends its process in several ways. This program gets a status and a report
 * each time, opens a new host, and goes on.
 */
#include "examples.h"

typedef int visitor_fn(int item);

static cbb_client *client;
static cbb_host *host;
static cbb_library *faulty;

/* cbb_call() is the door that gives the status apart from the result. arguments[i] points to the i-th argument. */
static int call(const char *name, void *result, void *const arguments[])
{
	cbb_function *function = NULL;
	check(cbb_function_find(faulty, name, &function), name);
	return cbb_call(function, result, arguments);
}

static int call_length(const char *text)
{
	size_t length = 0;
	int status = call("faulty_length", &length, (void *[]){&text});
	return status < 0 ? status : (int)length;
}

static int null_in_a_call(void)
{
	return call_length(NULL);
}

static void listen(const char *text)
{
	printf("  in the listener: \"%s\"\n", text);
}

/* The library hands a bad pointer to the callback: reading what it points to is the host's work, so the host dies. */
static int bad_pointer_in_a_callback(void)
{
	void (*listener)(const char *) = listen;
	return call("faulty_talk", NULL, (void *[]){&listener});
}

/* Runs here while faulty_visit waits in the host, and calls into the host again. */
static int visit_and_ask(int item)
{
	int length = call_length(item < 2 ? "some text" : NULL);
	if (length < 0)
		printf("  in the visitor: item %d, faulty_length: %s\n", item, cbb_strerror(length));
	else
		printf("  in the visitor: item %d, faulty_length: %d\n", item, length);
	return length;
}

static int null_in_a_nested_call(void)
{
	int sum = 0, count = 5;
	visitor_fn *visitor = visit_and_ask;
	return call("faulty_visit", &sum, (void *[]){&count, &visitor});
}

static int visit_and_wait(int item)
{
	int status = call("faulty_wait", NULL, NULL);
	printf("  in the visitor: item %d, faulty_wait: %s\n", item, cbb_strerror(status));
	return status;
}

static int crash_beside_a_callback(void)
{
	int sum = 0, count = 1;
	visitor_fn *visitor = visit_and_wait;
	return call("faulty_visit", &sum, (void *[]){&count, &visitor});
}

static int stack_overflow(void)
{
	int depth = 0, result;
	return call("faulty_recurse", &result, (void *[]){&depth});
}

static int exit_called(void)
{
	int status = 3;
	return call("faulty_quit", NULL, (void *[]){&status});
}

static int visit_plainly(int item)
{
	return 10 * item;
}

/* The library keeps a callback, the program closes it, the library calls it: in one process, a use after free. */
static int closed_callback(void)
{
	int item = 4, answer = 0;
	cbb_callback *callback = NULL;
	check(cbb_callback_open(faulty, "faulty_visitor", CBB_FUNCTION(visit_plainly), NULL, &callback), "open it");
	cbb_any_function pointer = cbb_callback_pointer(callback);
	check(call("faulty_keep", NULL, (void *[]){&pointer}), "faulty_keep");
	check(call("faulty_use", &answer, (void *[]){&item}), "faulty_use");
	printf("  open: faulty_use(4) is %d\n", answer);
	cbb_close_options options = {.size = sizeof options, .where = CBB_HERE};
	check(cbb_callback_close(callback, &options), "close it");
	int status = call("faulty_use", &answer, (void *[]){&item});
	printf("  closed: faulty_use(4) is %d, what the interface says for no answer\n", answer);
	return status;
}

/* Each fault gets a host of its own: what died is gone, the next one begins fresh. */
static void show(const char *title, int (*fault)(void), int end)
{
	/* The interface says "./libfaulty.so", so the host begins in the folder of that. */
	cbb_host_options options = {.size = sizeof options, .working_directory = EXAMPLES_LIBRARIES};
	cbb_report report = {.size = sizeof report};
	printf("%s\n", title);
	check(cbb_host_open(client, &options, &host), "open a host");
	check(cbb_library_open_file(host, FAULTY_INTERFACE, &faulty), "open the library");
	int status = fault();
	printf("  status: %s\n", cbb_strerror(status));
	check(cbb_host_report(host, &report), "report");
	printf("  report: %s\n", report.text);
	if (report.notice[0])
		printf("  notice: %s\n", report.notice);
	check_that(status == (end ? CBB_ERR_HOST_DIED : 0) && report.end == end, "status and report are as expected");
	check_that(report.late_calls == (end ? 0 : 1), "a late call is counted");
	check_that(cbb_host_close(host) == NULL, "closed");
}

int main(void)
{
	show_at_once();
	check(cbb_connect(&client, NULL), "connect");
	show("1. a null pointer in a call", null_in_a_call, CBB_END_SIGNAL);
	show("2. a bad pointer in a callback", bad_pointer_in_a_callback, CBB_END_SIGNAL);
	show("3. a null pointer in a call that a callback makes", null_in_a_nested_call, CBB_END_SIGNAL);
	show("4. another thread of the library crashes during a callback", crash_beside_a_callback, CBB_END_SIGNAL);
	show("5. a stack overflow", stack_overflow, CBB_END_SIGNAL);
	show("6. the library calls exit(3)", exit_called, CBB_END_EXIT);
	show("7. a call through a closed callback", closed_callback, CBB_END_NONE);
	check_that(cbb_disconnect(client) == NULL, "disconnected");
	printf("Six hosts died. This program, process %d, goes on to its end.\n", (int)getpid());
	return 0;
}
