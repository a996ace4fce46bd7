/* SPDX-License-Identifier: MIT */
/*
 * web: Debian's libmicrohttpd serves HTTP on the loopback device, in a host. It has a thread for each connection, and
 * each of them asks this program what to answer, and waits. Eight browsers (threads of this program) ask at once; then
 * eight more, and the server is stopped while they do.
 */
#include "examples.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#define BROWSERS 8
#define THREAD_FOR_EACH (4 | 8 | 64) /* MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL */

/* What microhttpd.h declares, as pointers into the host. */
struct MHD_Daemon;
struct MHD_Connection;
struct MHD_Response;
union MHD_DaemonInfo {
	uint16_t port;
	size_t word;
};
enum { OPTION_END = 0, OPTION_NOTIFY_COMPLETED = 4, OPTION_SOCK_ADDR = 6, GET_ARGUMENT = 8, INFO_BIND_PORT = 6,
      MUST_COPY = 2 };
typedef int handler_fn(void *user, struct MHD_Connection *, const char *url, const char *method, const char *version,
                       const char *upload, size_t *upload_size, void **request);
typedef void completed_fn(void *user, struct MHD_Connection *, void **request, int how);
static struct MHD_Daemon *(*MHD_start_daemon)(unsigned flags, uint16_t port, void *accept, void *accept_user,
                                              handler_fn *,
                                              void *user, ...);
static void (*MHD_stop_daemon)(struct MHD_Daemon *);
static const union MHD_DaemonInfo *(*MHD_get_daemon_info)(struct MHD_Daemon *, int what, ...);
static const char *(*MHD_lookup_connection_value)(struct MHD_Connection *, int kind, const char *key);
static struct MHD_Response *(*MHD_create_response_from_buffer)(size_t size, void *buffer, int mode);
static int (*MHD_add_response_header)(struct MHD_Response *, const char *name, const char *value);
static int (*MHD_queue_response)(struct MHD_Connection *, unsigned status, struct MHD_Response *);
static void (*MHD_destroy_response)(struct MHD_Response *);
static const char *(*MHD_get_version)(void);

/* One request: *request of libmicrohttpd is a pointer to it. The pointer stays here, the host has a token. */
struct request {
	int number;
};

static cbb_queue *queue;
static atomic_int n_answered, n_cut_off;
static int n_handlers, n_requests, n_queued, n_completed;
static uint16_t port;

/* ---- The server's side: runs on the thread that dispatches, while a thread of libmicrohttpd waits ---- */

static int answer(struct MHD_Connection *connection, const struct request *request, const char *name)
{
	char text[128];
	int size = snprintf(text, sizeof text, "Hello %s, you are number %d.\n", name ? name : "whoever", request->number);
	struct MHD_Response *response = MHD_create_response_from_buffer((size_t)size, text, MUST_COPY);
	MHD_add_response_header(response, "Content-Type", "text/plain");
	int r = MHD_queue_response(connection, 200, response); /* on the very thread that asked */
	MHD_destroy_response(response);
	n_queued++;
	return r;
}

static int on_request(void *user, struct MHD_Connection *connection, const char *url, const char *method,
                      const char *version,
                      const char *upload, size_t *upload_size, void **state)
{
	const cbb_invocation *invocation = cbb_invocation_current();
	(void)user, (void)upload, (void)upload_size;
	n_handlers++;
	if (!*state) {
		struct request *request = calloc(1, sizeof *request);
		check_that(request != NULL, "there is memory");
		request->number = ++n_requests;
		*state = request;
		return 1; /* go on: libmicrohttpd calls again when it has all of it */
	}
	const char *name = MHD_lookup_connection_value(connection, GET_ARGUMENT, "name");
	printf("  %s %s %s from %s: asked by thread %d \"%s\"\n", method, url, version, name ? name : "nobody",
	       (int)cbb_invocation_thread(invocation), cbb_invocation_thread_name(invocation));
	return answer(connection, *state, name);
}

static void on_completed(void *user, struct MHD_Connection *connection, void **state, int how)
{
	(void)user, (void)connection, (void)how;
	n_handlers++;
	n_completed++;
	free(*state);
	*state = NULL;
}

/* ---- The browsers ---- */

static void *browse(void *name)
{
	char text[512];
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port),
	                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	size_t used = 0;
	ssize_t n = -1;
	int size = snprintf(text, sizeof text, "GET /hello?name=%s HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n",
	                    (const char *)name);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
	    send(fd, text, (size_t)size, MSG_NOSIGNAL) == size)
		while (used < sizeof text - 1 && (n = recv(fd, text + used, sizeof text - 1 - used, 0)) > 0)
			used += (size_t)n;
	text[used] = '\0';
	close(fd);
	const char *body = strstr(text, "\r\n\r\n");
	if (strncmp(text, "HTTP/1.1 200", 12) == 0 && body && strstr(body, (const char *)name)) {
		printf("  %s reads: %s", (const char *)name, body + 4);
		n_answered++;
	} else {
		n_cut_off++;
	}
	cbb_queue_stop(queue); /* wakes the dispatcher, which looks at the numbers */
	return NULL;
}

static void start_browsers(pthread_t *threads)
{
	static char names[BROWSERS][10] = {"Ada", "Barbara", "Edsger", "Frances", "Grace", "Hedy", "Katherine", "Margaret"};
	n_answered = n_cut_off = 0;
	for (int i = 0; i < BROWSERS; i++)
		check_that(pthread_create(&threads[i], NULL, browse, names[i]) == 0, "a browser is started");
}

static void join_browsers(const pthread_t *threads)
{
	for (int i = 0; i < BROWSERS; i++)
		pthread_join(threads[i], NULL);
}

static struct MHD_Daemon *start_server(cbb_host *host)
{
	union MHD_DaemonInfo info;
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}; /* any free port */
	struct MHD_Daemon *server = MHD_start_daemon(THREAD_FOR_EACH, 0, NULL, NULL, on_request, NULL, OPTION_SOCK_ADDR,
	                                             &address,
	                                             OPTION_NOTIFY_COMPLETED, on_completed, NULL, OPTION_END);
	check_last("MHD_start_daemon");
	check_that(server != NULL, "the server is started");
	/* The answer lies in the host's memory; a union says nothing of itself that could be carried over. */
	check(cbb_read(host, MHD_get_daemon_info(server, INFO_BIND_PORT), &info, sizeof info), "read the port");
	port = info.port;
	printf("libmicrohttpd %s serves 127.0.0.1:%u.\n", MHD_get_version(), port);
	return server;
}

#define FIND(name) check_that((name = CBB_SYMBOL(library, __typeof__(*name), #name)) != NULL, #name " is found")

static void find_functions(cbb_library *library)
{
	FIND(MHD_start_daemon);
	FIND(MHD_stop_daemon);
	FIND(MHD_get_daemon_info);
	FIND(MHD_lookup_connection_value);
	FIND(MHD_create_response_from_buffer);
	FIND(MHD_add_response_header);
	FIND(MHD_queue_response);
	FIND(MHD_destroy_response);
	FIND(MHD_get_version);
}

int main(void)
{
	cbb_client *client = NULL;
	cbb_host *host = NULL;
	cbb_library *library = NULL;
	pthread_t browsers[BROWSERS];
	show_at_once();
	check(cbb_connect(&client, NULL), "connect");
	check(cbb_host_open(client, NULL, &host), "open a host");
	check(cbb_library_open(host, "libmicrohttpd", &library), "open libmicrohttpd");
	queue = cbb_queue_default(client);
	find_functions(library);

	struct MHD_Daemon *server = start_server(host);
	printf("Eight requests at once:\n");
	start_browsers(browsers);
	while (n_answered + n_cut_off < BROWSERS)
		check(cbb_queue_dispatch(queue, CBB_UNLIMITED, 0), "dispatch");
	join_browsers(browsers);
	check_that(n_answered == BROWSERS, "all eight are answered");

	printf("Eight more, and the server is stopped while they run:\n");
	int queued = n_queued;
	start_browsers(browsers);
	while (n_queued < queued + 2)
		check(cbb_queue_dispatch(queue, CBB_UNLIMITED, 1), "dispatch"); /* one handler at a time: the others wait */
	int before = n_handlers;
	printf("  MHD_stop_daemon() is called\n");
	MHD_stop_daemon(server); /* waits for the server's threads, and they for handlers, which run in here */
	check_last("MHD_stop_daemon");
	printf("  and is back; %d handlers ran meanwhile\n", n_handlers - before);
	join_browsers(browsers);
	printf("The server is gone: %d were answered, %d cut off. %d requests began, %d were completed.\n", (int)n_answered,
	       (int)n_cut_off, n_requests, n_completed);
	check_that(n_requests == n_completed, "every request has ended");
	check_that(cbb_disconnect(client) == NULL, "disconnected");
	return 0;
}
