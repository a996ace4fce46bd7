/* SPDX-License-Identifier: MIT */
/* libmicrohttpd through its interface: its threads ask, handlers here answer, in all the ways that it knows. */
#include "support/remote.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>

#define HTTP(name) REMOTE(library, name, #name)
#define FLAGS (MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL | MHD_USE_ERROR_LOG)

static cbb_library *library;
static struct MHD_Daemon *server;
static uint16_t port;
static char log_text[256], seen[512], reply[4096];
static int n_completed, n_freed, completed_how = -1;
static _Atomic int is_read;

/* As in one process: what the arguments are made of, nobody has to know. */
static void on_log(void *user, const char *format, va_list arguments)
{
	EXPECT(user == log_text);
	vsnprintf(log_text, sizeof log_text, format, arguments);
}

static void see(const char *what, const char *text)
{
	size_t used = strlen(seen);
	snprintf(seen + used, sizeof seen - used, "%s=%s;", what, text ? text : "NULL");
}

static enum MHD_Result on_value(void *user, enum MHD_ValueKind kind, const char *key, const char *value)
{
	EXPECT(user == seen && kind == MHD_GET_ARGUMENT_KIND);
	see(key, value);
	return MHD_YES;
}

static enum MHD_Result on_field(void *user, enum MHD_ValueKind kind, const char *key, const char *file_name,
                                const char *content_type, const char *encoding, const char *data, uint64_t offset, size_t size)
{
	(void)file_name, (void)content_type, (void)encoding;
	EXPECT(user == seen && kind == MHD_POSTDATA_KIND && offset == 0);
	see(key, harness_format("%.*s", (int)size, data));
	return MHD_YES;
}

/* 1,000 bytes in pieces of 300, then the end. */
static ssize_t on_content(void *user, uint64_t position, char *buffer, size_t room)
{
	size_t size = position >= 1000 ? 0 : room < 300 ? room : 300;
	EXPECT(user == reply);
	if (size > 1000 - position)
		size = (size_t)(1000 - position);
	memset(buffer, 'a' + (int)(position / 300), size);
	return size ? (ssize_t)size : MHD_CONTENT_READER_END_OF_STREAM;
}

static void on_free(void *user)
{
	EXPECT(user == reply);
	n_freed++;
}

static enum MHD_Result respond(struct MHD_Connection *connection)
{
	struct MHD_Response *response = HTTP(MHD_create_response_from_callback)(MHD_SIZE_UNKNOWN, 512, on_content, reply, on_free);
	EXPECT_EQUAL(HTTP(MHD_add_response_header)(response, "X-Kind", "pieces"), MHD_YES);
	enum MHD_Result r = HTTP(MHD_queue_response)(connection, MHD_HTTP_OK, response);
	HTTP(MHD_destroy_response)(response);
	EXPECT_CALL_OK();
	return r;
}

static enum MHD_Result on_request(void *user, struct MHD_Connection *connection, const char *url, const char *method,
                                  const char *version, const char *upload, size_t *upload_size, void **state)
{
	EXPECT(user == &port);
	if (!*state) {
		see(method, url);
		see("version", version);
		EXPECT_EQUAL(HTTP(MHD_get_connection_values)(connection, MHD_GET_ARGUMENT_KIND, on_value, seen), 2);
		see("Host", HTTP(MHD_lookup_connection_value)(connection, MHD_HEADER_KIND, "Host"));
		*state = HTTP(MHD_create_post_processor)(connection, 1024, on_field, seen);
		EXPECT_CALL_OK();
		return MHD_YES;
	}
	if (*upload_size == 0)
		return respond(connection);
	EXPECT_EQUAL(HTTP(MHD_post_process)(*state, upload, *upload_size), MHD_YES);
	*upload_size = 0;
	return MHD_YES;
}

static void on_completed(void *user, struct MHD_Connection *connection, void **state, enum MHD_RequestTerminationCode how)
{
	(void)connection;
	EXPECT(user == &n_completed);
	EXPECT_EQUAL(HTTP(MHD_destroy_post_processor)(*state), MHD_YES);
	n_completed++;
	completed_how = how;
}

static void *browse(void *request)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	size_t used = 0;
	ssize_t n;
	EXPECT_EQUAL(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
	EXPECT_EQUAL(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
	while ((n = recv(fd, reply + used, sizeof reply - 1 - used, 0)) > 0)
		used += (size_t)n;
	close(fd);
	is_read = 1;
	cbb_queue_stop(cbb_queue_default(remote_client));
	return NULL;
}

static struct MHD_Daemon *start_server(uint16_t wanted_port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(wanted_port),
	                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct MHD_Daemon *started =
		HTTP(MHD_start_daemon)(FLAGS, wanted_port, NULL, NULL, on_request, &port, MHD_OPTION_EXTERNAL_LOGGER, on_log, log_text,
	                           MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_CONNECTION_LIMIT, 10u, MHD_OPTION_NOTIFY_COMPLETED,
	                           on_completed, &n_completed, MHD_OPTION_END);
	EXPECT_CALL_OK();
	return started;
}

static void given_a_server(void)
{
	union MHD_DaemonInfo info;
	given_a_host();
	REMOTE_OK(cbb_library_open(remote_host, "libmicrohttpd", &library));
	server = start_server(0);
	REQUIRE(server != NULL);
	REMOTE_OK(cbb_read(remote_host, HTTP(MHD_get_daemon_info)(server, MHD_DAEMON_INFO_BIND_PORT), &info, sizeof info));
	port = info.port;
	EXPECT(port != 0);
}

static void then_the_server_is_stopped(void)
{
	HTTP(MHD_stop_daemon)(server);
	EXPECT_CALL_OK();
	remote_end();
}

static void given_a_form_when_posted_then_handlers_have_seen_all_of_it_and_made_the_answer(void)
{
	static char request[] = "POST /form?a=1&b=two%20words HTTP/1.1\r\nHost: here\r\nConnection: close\r\n"
	                        "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 15\r\n\r\nname=Ada&age=36";
	pthread_t browser;
	given_a_server();
	REQUIRE_EQUAL(pthread_create(&browser, NULL, browse, request), 0);
	while (!is_read || n_completed == 0 || n_freed == 0)
		REMOTE_OK(cbb_queue_dispatch(cbb_queue_default(remote_client), 10000, 0));
	pthread_join(browser, NULL);
	EXPECT_STRING(seen, "POST=/form;version=HTTP/1.1;a=1;b=two words;Host=here;name=Ada;age=36;");
	EXPECT_CONTAINS(reply, "HTTP/1.1 200 OK\r\n");
	EXPECT_CONTAINS(reply, "X-Kind: pieces\r\n");
	EXPECT_CONTAINS(reply, "aaa\r\n12C\r\nbbb");
	EXPECT_CONTAINS(reply, "dddd");
	EXPECT_EQUAL(n_completed, 1);
	EXPECT_EQUAL(completed_how, MHD_REQUEST_TERMINATED_COMPLETED_OK);
	EXPECT_EQUAL(n_freed, 1);
	then_the_server_is_stopped();
}

static void given_a_port_that_is_taken_when_a_server_is_started_on_it_then_the_log_has_the_words(void)
{
	given_a_server();
	EXPECT(start_server(port) == NULL);
	EXPECT_CONTAINS(log_text, harness_format("Failed to bind to port %u", port));
	then_the_server_is_stopped();
}

static void given_memory_to_be_freed_by_the_server_when_a_response_is_made_then_it_is_refused(void)
{
	char text[] = "text";
	given_a_host();
	REMOTE_OK(cbb_library_open(remote_host, "libmicrohttpd", &library));
	EXPECT(HTTP(MHD_create_response_from_buffer)(4, text, MHD_RESPMEM_MUST_FREE) == NULL);
	EXPECT_ERROR(CBB_ERR_ARGUMENT, "buffer");
	struct MHD_Response *response = HTTP(MHD_create_response_from_buffer)(4, text, MHD_RESPMEM_MUST_COPY);
	EXPECT(response != NULL);
	HTTP(MHD_destroy_response)(response);
	EXPECT_CALL_OK();
	remote_end();
}

static const struct test tests[] = {
	TEST(given_a_form_when_posted_then_handlers_have_seen_all_of_it_and_made_the_answer),
	TEST(given_a_port_that_is_taken_when_a_server_is_started_on_it_then_the_log_has_the_words),
	TEST(given_memory_to_be_freed_by_the_server_when_a_response_is_made_then_it_is_refused),
};
HARNESS_MAIN(tests)
