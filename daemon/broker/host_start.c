/* SPDX-License-Identifier: MIT */
/*
 * From a client's OpenHost to a host that runs: the wish is checked, the process started, hands are shaken.
 */
#include "base/clock.h"
#include "base/descriptor.h"
#include "base/detail.h"
#include "broker/bytes.h"
#include "broker/host.h"
#include "broker/session.h"
#include "broker/spawn.h"
#include "wire/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

/* ---- The wish ---- */

static int check_numbers(const Cbb__OpenHost *message, const struct broker_limits *limits)
{
	if (message->name.len > HOST_NAME_MAX_BYTES)
		return detail_set(-EINVAL, "the host's name has %zu bytes, at most %d are allowed", message->name.len,
		                  HOST_NAME_MAX_BYTES);
	if (message->umask > 0777)
		return detail_set(-EINVAL, "umask 0%o: at most 0777", message->umask);
	if (message->start_timeout_ms > limits->start_max_ms)
		return detail_set(-EINVAL, "start timeout of %" PRIu64 " ms: at most %" PRIu64,
		                  message->start_timeout_ms, limits->start_max_ms);
	if (message->max_payload_bytes > FRAME_PAYLOAD_MAX_BYTES)
		return detail_set(-EINVAL, "payload limit of %" PRIu64 " bytes: at most %u", message->max_payload_bytes,
		                  FRAME_PAYLOAD_MAX_BYTES);
	if (message->stack_bytes &&
	    (message->stack_bytes < HOST_STACK_MIN_BYTES || message->stack_bytes > HOST_STACK_MAX_BYTES))
		return detail_set(-EINVAL, "stacks of %" PRIu64 " bytes: at least %u, at most %u", message->stack_bytes,
		                  HOST_STACK_MIN_BYTES, HOST_STACK_MAX_BYTES);
	if (message->n_environment > HOST_ENVIRONMENT_MAX)
		return detail_set(-EINVAL, "%zu environment variables, at most %d are allowed", message->n_environment,
		                  HOST_ENVIRONMENT_MAX);
	return 0;
}

static void environment_free(char **environment)
{
	for (size_t i = 0; environment && environment[i]; i++)
		free(environment[i]);
	free(environment);
}

static int environment_copy(const Cbb__OpenHost *message, char ***ret_environment)
{
	char **environment = calloc(message->n_environment + 1, sizeof *environment);
	for (size_t i = 0; environment && i < message->n_environment; i++) {
		environment[i] = bytes_to_string(&message->environment[i]);
		if (!environment[i]) {
			environment_free(environment);
			return detail_set(-EINVAL, "environment variable %zu holds a NUL", i);
		}
	}
	*ret_environment = environment;
	return environment ? 0 : detail_set(-ENOMEM, "the broker is out of memory");
}

static int directory_copy(const Cbb__OpenHost *message, char **ret_directory)
{
	char *directory = message->working_directory.len ? bytes_to_string(&message->working_directory) : strdup("/");
	if (!directory || directory[0] != '/') {
		free(directory);
		return detail_set(-EINVAL, "the working directory is not an absolute path");
	}
	*ret_directory = directory;
	return 0;
}

/* ---- The process ---- */

static void spawn_take_stdio(struct spawn *spawn, const Cbb__OpenHost *message, const int *stdio)
{
	spawn->stdio[0] = message->has_stdin ? *stdio++ : -1;
	spawn->stdio[1] = message->has_stdout ? *stdio++ : -1;
	spawn->stdio[2] = message->has_stderr ? *stdio++ : -1;
}

static int host_spawn(struct host *host, const Cbb__OpenHost *message, const int *stdio, int *ret_socket)
{
	char *directory = NULL;
	char **environment = NULL;
	int r = directory_copy(message, &directory);
	if (r == 0)
		r = environment_copy(message, &environment);
	if (r == 0) {
		struct spawn spawn = {
		    .program = host->broker->host_program,
		    .directory = directory,
		    .environment = environment,
		    .umask = message->umask,
		    .files = host->broker->files,
		};
		spawn_take_stdio(&spawn, message, stdio);
		r = spawn_host(&spawn, &host->pid, ret_socket);
	}
	environment_free(environment);
	free(directory);
	return r;
}

static struct host *host_new(struct session *session, const Cbb__OpenHost *message)
{
	struct broker *broker = session->broker;
	struct host *host = calloc(1, sizeof *host);
	if (!host)
		return NULL;
	*host = (struct host){
	    .broker = broker,
	    .session = session,
	    .account = account_join(&broker->accounts, session->identity.uid),
	    .client = session->identity,
	    .id = ++broker->last_host_id,
	    .pidfd = -1,
	    .page_fd = -1,
	    .client_pidfd = -1,
	    .started_ns = clock_now_ns(),
	    .max_payload_bytes = message->max_payload_bytes ? message->max_payload_bytes : FRAME_PAYLOAD_DEFAULT_BYTES,
	    .max_closures = message->max_closures,
	    .stack_bytes = message->stack_bytes ? message->stack_bytes : 8u << 20,
	    .open_request = message->request,
	    .opening = true,
	};
	bytes_to_printable(&message->name, host->name, sizeof host->name);
	host_set_state(host, CBB__HOST_STATE__HOST_STARTING, "it has not said hello yet");
	DL_APPEND2(session->hosts, host, session_prev, session_next);
	HASH_ADD(hh, broker->hosts, id, sizeof host->id, host);
	return host;
}

static void host_started_late(void *data)
{
	struct host *host = data;
	detail_set(0, "it did not say hello in time (%" PRIu64 " ms)", (clock_now_ns() - host->started_ns) / 1000000);
	host_blame(host);
}

/*
 * A process that is traced is its tracer's to reap first, and its pidfd stays readable: SIGCHLD tells when it is ours.
 */
static void host_gone(void *data)
{
	struct host *host = data;
	if (host_check(host))
		return;
	loop_end(&host->gone);
	host->pidfd = descriptor_close(host->pidfd);
}

static const struct peer_calls host_calls = {.frame = host_frame, .ended = host_peer_ended};

/* From here on the process exists: what fails ends it, and its end is told like any other. */
static void host_watch(struct host *host, int socket_fd, uint64_t start_timeout_ms)
{
	struct broker *broker = host->broker;
	const struct peer_times times = {.partial_ms = broker->limits.partial_ms, .stall_ms = broker->limits.stall_ms};
	host->pidfd = descriptor_pidfd(host->pid);
	int r = peer_open(&host->peer, &broker->loop, socket_fd, FRAME_HELLO_MAX_BYTES, &times, &host_calls, host);
	if (r == 0)
		r = loop_timer(&broker->loop, &host->start_deadline, host_started_late, host);
	if (r == 0)
		r = loop_timer(&broker->loop, &host->grace, host_grace_over, host);
	if (r == 0 && host->pidfd >= 0)
		r = loop_readable(&broker->loop, &host->gone, host->pidfd, host_gone, host);
	if (r < 0) {
		host->pidfd = descriptor_close(host->pidfd); /* nothing watches it: SIGCHLD tells */
		detail_set(r, "the broker is out of memory");
		host_blame(host);
	}
	loop_arm_ms(&host->start_deadline, start_timeout_ms ? start_timeout_ms : broker->limits.start_ms);
}

static int host_begin(struct host *host, const Cbb__OpenHost *message, const int *stdio)
{
	struct session *session = host->session;
	int socket_fd;
	host->page_fd = page_create();
	int r = host->page_fd < 0 ? detail_set(host->page_fd, "a telemetry page: %s", strerror(-host->page_fd))
	                          : page_map(host->page_fd, false, &host->page);
	if (r < 0)
		return r;
	if (session->client_pidfd >= 0) {
		host->client_pidfd = fcntl(session->client_pidfd, F_DUPFD_CLOEXEC, 3);
		if (host->client_pidfd < 0)
			return detail_set(-errno, "a descriptor for the host: %s", strerror(errno));
	}
	r = host_spawn(host, message, stdio, &socket_fd);
	if (r < 0)
		return r;
	host->broker->n_alive++;
	host_watch(host, socket_fd, message->start_timeout_ms);
	return 0;
}

int host_open(struct session *session, const Cbb__OpenHost *message, const int *stdio)
{
	int r = check_numbers(message, &session->broker->limits);
	if (r == 0)
		r = account_charge(session->account, CHARGE_HOST, &session->broker->limits);
	if (r < 0)
		return r;
	struct host *host = host_new(session, message);
	if (!host) {
		account_give_back(session->account, CHARGE_HOST);
		return detail_set(-ENOMEM, "the broker is out of memory");
	}
	r = host_begin(host, message, stdio);
	if (r < 0) {
		host_free(host);
		/* A wrong wish keeps its code; what the machine refuses is a host that does not start. */
		return r == -EINVAL ? r : CBB__STATUS__STATUS_HOST_START;
	}
	return 0;
}

/* ---- The handshake ---- */

static void host_send_setup(struct host *host)
{
	Cbb__HostSetup setup;
	cbb__host_setup__init(&setup);
	setup.version = CBB__PROTOCOL_VERSION__PROTOCOL_VERSION;
	setup.host = host->id;
	setup.max_payload_bytes = host->max_payload_bytes;
	setup.stack_bytes = host->stack_bytes;
	setup.max_closures = host->max_closures;
	setup.has_client_pidfd = host->client_pidfd >= 0;
	setup.client_pid = (uint32_t)host->client.pid;
	const int fds[2] = {host->page_fd, host->client_pidfd};
	peer_send(&host->peer, CBB__FRAME_TYPE__FRAME_HOST_SETUP, &setup.base, fds, setup.has_client_pidfd ? 2 : 1);
	host->page_fd = host->client_pidfd = -1;
}

static void host_send_opened(struct host *host)
{
	Cbb__HostOpened opened;
	cbb__host_opened__init(&opened);
	opened.request = host->open_request;
	opened.host = host->id;
	opened.pid = (uint32_t)host->pid;
	peer_send(&host->session->peer, CBB__FRAME_TYPE__FRAME_HOST_OPENED, &opened.base, NULL, 0);
}

static int host_refused_itself(struct host *host, int status, const ProtobufCBinaryData *detail)
{
	char words[HOST_WHY_BYTES];
	bytes_to_printable(detail, words, sizeof words);
	host->start_status = CBB__STATUS__STATUS_HOST_START;
	if (status == CBB__STATUS__STATUS_VERSION)
		host->start_status = status;
	host_set_state(host, CBB__HOST_STATE__HOST_ENDING, words[0] ? words : "it could not start and did not say why");
	loop_arm_ms(&host->grace, host->broker->limits.grace_ms);
	return 0;
}

/* A second one may come: when the host cannot use what it was given in the setup. */
static int host_hello(struct host *host, const Cbb__HostHello *hello)
{
	char software[64], words[HOST_WHY_BYTES];
	bytes_to_printable(&hello->software, software, sizeof software);
	if (hello->status < 0)
		return host_refused_itself(host, hello->status, &hello->detail);
	if (host->state != CBB__HOST_STATE__HOST_STARTING)
		return detail_set(-EBADMSG, "it said hello twice");
	if (hello->version != CBB__PROTOCOL_VERSION__PROTOCOL_VERSION) {
		snprintf(words, sizeof words,
		         "the broker (%s) speaks protocol version %d, the host program %s (%s) speaks version %u: "
		         "install them together",
		         BROKER_SOFTWARE, CBB__PROTOCOL_VERSION__PROTOCOL_VERSION, host->broker->host_program, software,
		         hello->version);
		const ProtobufCBinaryData detail = bytes_of_text(words);
		return host_refused_itself(host, CBB__STATUS__STATUS_VERSION, &detail);
	}
	loop_disarm(&host->start_deadline);
	host_set_state(host, CBB__HOST_STATE__HOST_RUNNING, "its client uses it");
	host_send_setup(host);
	if (host->opening && host->session)
		host_send_opened(host);
	host->opening = false;
	account_inform(host->account, "host h%" PRIu64 " (pid %d, %s) of pid %d (uid %u, %s) runs", host->id,
	               (int)host->pid, host->name, (int)host->client.pid, (unsigned)host->client.uid,
	               host->client.comm);
	return 0;
}

int host_frame(void *owner, struct frame *frame)
{
	struct host *host = owner;
	UNPACK_ARENA arena = {0};
	if (host->state == CBB__HOST_STATE__HOST_ENDING)
		return 0;
	if (frame->type != CBB__FRAME_TYPE__FRAME_HOST_HELLO || frame->n_fds)
		return detail_set(-EBADMSG, "it sent %s with %u descriptors, which hosts do not send",
		                  frame_type_name((int)frame->type), frame->n_fds);
	const Cbb__HostHello *hello = unpack_frame(&arena, &cbb__host_hello__descriptor, frame);
	return hello ? host_hello(host, hello) : -EBADMSG;
}
