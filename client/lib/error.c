/* SPDX-License-Identifier: MIT */
#include "lib/error.h"

#include "cbbroker.pb-c.h"

#include <stdio.h>
#include <string.h>

static __thread int last_error;

#define SAME(name) _Static_assert((int)CBB_ERR_##name == (int)CBB__STATUS__STATUS_##name, #name)
SAME(HOST_DIED);
SAME(TIMEOUT);
SAME(BUSY);
SAME(WOULD_DEADLOCK);
SAME(CLOSED);
SAME(VERSION);
SAME(PROTOCOL);
SAME(BROKER_GONE);
SAME(INTERFACE);
SAME(NO_SYMBOL);
SAME(NO_LIBRARY);
SAME(FORKED);
SAME(DEPTH);
SAME(LIMIT);
SAME(ARGUMENT);
SAME(WRONG_THREAD);
SAME(REFUSED);
SAME(HOST_START);
SAME(UNSUPPORTED);

static const struct {
	int code;
	const char *words;
} named[] = {
    {CBB_ERR_HOST_DIED, "the host process ended"},
    {CBB_ERR_TIMEOUT, "a deadline passed"},
    {CBB_ERR_BUSY, "this thread's earlier call to this host timed out and still runs there"},
    {CBB_ERR_WOULD_DEADLOCK, "the wait could never end"},
    {CBB_ERR_CLOSED, "it was closed"},
    {CBB_ERR_VERSION, "the two ends speak different versions of the protocol"},
    {CBB_ERR_PROTOCOL, "the other end broke the protocol and was cut off"},
    {CBB_ERR_BROKER_GONE, "no broker answers"},
    {CBB_ERR_INTERFACE, "the interface text is wrong"},
    {CBB_ERR_NO_SYMBOL, "there is no such name in the library"},
    {CBB_ERR_NO_LIBRARY, "the library or its interface was not found or did not load"},
    {CBB_ERR_FORKED, "it belongs to the parent process"},
    {CBB_ERR_DEPTH, "calls and callbacks are nested too deep"},
    {CBB_ERR_LIMIT, "a limit is reached"},
    {CBB_ERR_ARGUMENT, "an argument contradicts the interface"},
    {CBB_ERR_WRONG_THREAD, "the callback may not be called on that thread"},
    {CBB_ERR_REFUSED, "the broker refuses this program"},
    {CBB_ERR_HOST_START, "the host process could not be started"},
    {CBB_ERR_UNSUPPORTED, "not offered by this version"},
};

const char *cbb_strerror(int code)
{
	for (size_t i = 0; i < sizeof named / sizeof *named; i++)
		if (named[i].code == code)
			return named[i].words;
	if (code >= 0)
		return "success";
	static __thread char buffer[64];
	if (code > CBB_ERR_HOST_DIED)
		return strerror_r(-code, buffer, sizeof buffer);
	snprintf(buffer, sizeof buffer, "unknown error %d", code);
	return buffer;
}

int error_end(int code)
{
	if (code < 0) {
		last_error = code;
		detail_default(cbb_strerror(code));
	}
	return code;
}

int error_end_call(int code)
{
	last_error = code < 0 ? code : 0;
	return error_end(code);
}

int cbb_last_error(void)
{
	return last_error;
}

const char *cbb_last_error_text(void)
{
	return detail_text();
}

const char *cbb_version(void)
{
	return CBB_VERSION;
}
