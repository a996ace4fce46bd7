/* SPDX-License-Identifier: MIT */
#include "lib/host_options.h"

#include "base/descriptor.h"
#include "lib/error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define STACK_MIN_BYTES 65536
#define STACK_UNLIMITED_BYTES (64u << 20)
/* More than this a broker refuses. */
#define STACK_MAX_BYTES (1u << 30)
#define NAME_MAX_BYTES 64

uint64_t host_options_payload(const cbb_host_options *options)
{
	uint64_t bytes = options->max_payload_bytes ? options->max_payload_bytes : FRAME_PAYLOAD_DEFAULT_BYTES;
	return bytes < FRAME_PAYLOAD_MAX_BYTES ? bytes : FRAME_PAYLOAD_MAX_BYTES;
}

/* The caller's umask, without setting it: umask(2) would race with other threads that create files. */
static uint32_t own_umask(void)
{
	FILE *status = fopen("/proc/self/status", "re");
	unsigned value = 022;
	char line[256];
	while (status && fgets(line, sizeof line, status))
		if (sscanf(line, "Umask: %o", &value) == 1)
			break;
	if (status)
		fclose(status);
	return value;
}

static uint64_t stack_bytes(const cbb_host_options *options)
{
	struct rlimit limit;
	uint64_t bytes = options->stack_bytes;
	if (!bytes && getrlimit(RLIMIT_STACK, &limit) == 0)
		bytes = limit.rlim_cur <= STACK_MAX_BYTES ? limit.rlim_cur : CBB_UNLIMITED;
	if (bytes == CBB_UNLIMITED)
		return STACK_UNLIMITED_BYTES;
	return bytes < STACK_MIN_BYTES ? STACK_MIN_BYTES : bytes;
}

static ProtobufCBinaryData bytes_of(const char *text, size_t limit)
{
	return (ProtobufCBinaryData){.data = (uint8_t *)(uintptr_t)text, .len = strnlen(text, limit)};
}

static int set_environment(Cbb__OpenHost *request, const char *const *environment)
{
	size_t n = 0;
	while (environment[n])
		n++;
	request->environment = calloc(n ? n : 1, sizeof *request->environment);
	if (!request->environment)
		return -ENOMEM;
	request->n_environment = n;
	for (size_t i = 0; i < n; i++)
		request->environment[i] = bytes_of(environment[i], PTRDIFF_MAX);
	return 0;
}

static unsigned set_stdio(Cbb__OpenHost *request, const int *stdio_fds, int *fds)
{
	unsigned n = 0;
	protobuf_c_boolean *flags[] = {&request->has_stdin, &request->has_stdout, &request->has_stderr};
	for (unsigned i = 0; stdio_fds && i < 3; i++)
		if (stdio_fds[i] >= 0) {
			*flags[i] = 1;
			fds[n++] = stdio_fds[i];
		}
	return n;
}

static int check_fds(const int *fds, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (fcntl(fds[i], F_GETFD) < 0)
			return detail_set(-EBADF, "stdio_fds: %d is no open descriptor", fds[i]);
	return 0;
}

static void set_numbers(Cbb__OpenHost *request, const cbb_host_options *options, uint64_t start_ms)
{
	uint64_t open = options->max_callbacks ? options->max_callbacks : CALLBACKS_OPEN_DEFAULT;
	uint64_t closed = options->max_closed_callbacks ? options->max_closed_callbacks : CALLBACKS_CLOSED_DEFAULT;
	request->umask = options->umask ? *options->umask : own_umask();
	request->start_timeout_ms = start_ms;
	request->max_payload_bytes = host_options_payload(options);
	request->stack_bytes = stack_bytes(options);
	closed = closed > UINT64_MAX - PLAIN_FUNCTIONS_MAX ? UINT64_MAX : closed + PLAIN_FUNCTIONS_MAX;
	request->max_closures = open > UINT64_MAX - closed ? UINT64_MAX : open + closed;
}

int host_options_request(struct session *session, const cbb_host_options *options, uint64_t start_ms,
                         struct session_answer *ret_answer)
{
	Cbb__OpenHost request = CBB__OPEN_HOST__INIT;
	int fds[3];
	unsigned n_fds = set_stdio(&request, options->stdio_fds, fds);
	char *here = options->working_directory ? realpath(options->working_directory, NULL) : getcwd(NULL, 0);
	int r = here ? check_fds(fds, n_fds)
	             : detail_set(-errno, "working directory %s: %s",
	                          options->working_directory ? options->working_directory : ".", strerror(errno));
	if (r == 0)
		r = set_environment(&request, options->environment ? options->environment
		                                                   : (const char *const *)environ);
	if (r == 0) {
		request.name = bytes_of(options->name ? options->name : program_invocation_short_name, NAME_MAX_BYTES);
		request.working_directory = bytes_of(here, PTRDIFF_MAX);
		set_numbers(&request, options, start_ms);
		uint64_t wait_ms = start_ms > UINT64_MAX - session->timeout_ms ? UINT64_MAX : start_ms + session->timeout_ms;
		r = session_request(session, CBB__FRAME_TYPE__FRAME_OPEN_HOST, &request.base, &request.request, fds, n_fds,
		                    wait_ms, CBB__FRAME_TYPE__FRAME_HOST_OPENED, ret_answer);
	}
	free(request.environment);
	free(here);
	return r;
}
