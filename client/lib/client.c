/* SPDX-License-Identifier: MIT */
#include "lib/client.h"

#include "base/clock.h"
#include "lib/error.h"
#include "lib/fork.h"
#include "lib/host.h"
#include "lib/options.h"
#include "lib/places.h"
#include "lib/private_broker.h"
#include "lib/queue.h"

#include <errno.h>
#include <ffi.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

static int connect_private(struct cbb_client *client, uint64_t timeout_ms)
{
	char *path = NULL;
	int r = private_broker_start(clock_deadline_ns(timeout_ms), &path);
	if (r == 0)
		r = session_open(&client->session, path, timeout_ms);
	free(path);
	return r;
}

static int connect_user(struct cbb_client *client, uint64_t timeout_ms)
{
	char *path = places_user_socket();
	int r = path ? session_open(&client->session, path, timeout_ms)
	             : detail_set(-ENOENT, "XDG_RUNTIME_DIR is not set: there is no user's broker");
	free(path);
	return r;
}

static int connect_address(struct cbb_client *client, const char *address, uint64_t timeout_ms)
{
	if (strncmp(address, "unix:", 5) == 0 && address[5])
		return session_open(&client->session, address + 5, timeout_ms);
	if (strcmp(address, "user:") == 0)
		return connect_user(client, timeout_ms);
	if (strcmp(address, "system:") == 0)
		return session_open(&client->session, PLACES_SYSTEM_SOCKET, timeout_ms);
	if (strcmp(address, "private:") == 0)
		return connect_private(client, timeout_ms);
	return detail_set(-EINVAL, "address \"%s\": expected unix:PATH, user:, system: or private:", address);
}

/* A broker that is there but speaks another version, or does not answer, is an error and not passed over. */
static bool passed_over(int r)
{
	return r < 0 && r != CBB_ERR_VERSION && r != CBB_ERR_TIMEOUT && r != -ENOMEM && r != -EMFILE;
}

static int connect_any(struct cbb_client *client, uint64_t timeout_ms)
{
	int r = connect_user(client, timeout_ms);
	if (passed_over(r))
		r = session_open(&client->session, PLACES_SYSTEM_SOCKET, timeout_ms);
	if (passed_over(r))
		r = connect_private(client, timeout_ms);
	return r;
}

static pthread_once_t closures_once = PTHREAD_ONCE_INIT;

/* libffi makes the lock of its closures with the first of them: not on several threads at once. */
static void closures_begin(void)
{
	void *code;
	void *closure = ffi_closure_alloc(sizeof(ffi_closure), &code);
	if (closure)
		ffi_closure_free(closure);
}

static void client_free(struct cbb_client *client)
{
	queues_free(client);
	pthread_mutex_destroy(&client->queues_lock);
	pthread_mutex_destroy(&client->hook_lock);
	free(client);
}

static int client_new(struct cbb_client **ret_client)
{
	fork_watch();
	pthread_once(&closures_once, closures_begin);
	struct cbb_client *client = calloc(1, sizeof *client);
	if (!client)
		return -ENOMEM;
	client->fork_epoch = fork_epoch();
	client->session.connection.fd = -1;
	client->session.exited = host_note_exited;
	client->session.context = client;
	pthread_mutex_init(&client->queues_lock, NULL);
	pthread_mutex_init(&client->hook_lock, NULL);
	int r = queue_default_open(client);
	if (r < 0) {
		client_free(client);
		return r;
	}
	*ret_client = client;
	return 0;
}

int cbb_connect(cbb_client **ret_client, const cbb_connect_options *options)
{
	error_begin();
	cbb_connect_options known;
	int r = ret_client ? options_take(&known, sizeof known, options)
	                   : detail_set(-EINVAL, "cbb_connect: ret_client is NULL");
	if (r < 0)
		return error_end(r);
	uint64_t timeout_ms = known.timeout_ms ? known.timeout_ms : CLIENT_TIMEOUT_DEFAULT_MS;
	const char *address = known.address;
	if (!address)
		address = secure_getenv("CBB_ADDRESS");
	struct cbb_client *client = NULL;
	r = client_new(&client);
	if (r == 0)
		r = address && *address ? connect_address(client, address, timeout_ms)
		                        : connect_any(client, timeout_ms);
	if (r < 0) {
		if (client)
			client_free(client);
		return error_end(r);
	}
	*ret_client = client;
	return 0;
}

/* Everything that can be known before anything has ended. */
static int check_outside(struct cbb_client *client)
{
	struct cbb_host *host;
	int r = 0;
	DL_FOREACH (client->hosts, host)
		if (r == 0)
			r = host_check_outside(host, &host);
	return r < 0 ? r : queues_check_outside(client);
}

static int close_hosts(struct cbb_client *client)
{
	struct cbb_host *host, *next;
	DL_FOREACH_SAFE (client->hosts, host, next)
		if (cbb_host_close(host))
			return cbb_last_error();
	return 0;
}

cbb_client *cbb_disconnect(cbb_client *client)
{
	error_begin();
	if (!client)
		return NULL;
	bool forked = client->fork_epoch != fork_epoch();
	int r = forked ? 0 : check_outside(client);
	if (r == 0 && !forked)
		r = queues_end_teams(client, clock_deadline_ns(client->session.timeout_ms));
	if (r == 0)
		r = close_hosts(client);
	if (r < 0) {
		if (!forked)
			queues_go_on(client);
		error_end(r);
		return client;
	}
	/* In a child of fork() the descriptor was closed long ago; its number may be another's by now. */
	if (forked)
		client->session.connection.fd = -1;
	session_close(&client->session);
	client_free(client);
	return NULL;
}
