/* SPDX-License-Identifier: MIT */
#include "support/broker.h"

#include "support/expect.h"
#include "support/paths.h"
#include "support/test_environment.h"
#include "support/wait.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define BROKERS_MAX 16
#define ARGUMENTS_MAX 32
#define START_TIMEOUT_MS 20000
#define STOP_TIMEOUT_MS 20000

static struct harness_broker brokers[BROKERS_MAX];
static unsigned n_brokers;

/* The socket on which a daemon says that it is ready: sd_notify(3). */
static int notify_open(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	REQUIRE(fd >= 0);
	REQUIRE(bind(fd, (struct sockaddr *)&address, sizeof address) == 0);
	return fd;
}

struct starting {
	struct harness_broker *broker;
	int notify_fd;
	bool ready;
	bool ended;
	int status;
};

static bool starting_is_over(void *context)
{
	struct starting *starting = context;
	char text[512];
	ssize_t n;
	while ((n = recv(starting->notify_fd, text, sizeof text - 1, 0)) > 0) {
		text[n] = '\0';
		if (strstr(text, "READY=1"))
			starting->ready = true;
	}
	if (!starting->ready && waitpid(starting->broker->pid, &starting->status, WNOHANG) == starting->broker->pid)
		starting->ended = true;
	return starting->ready || starting->ended;
}

static void broker_await(struct harness_broker *broker, int notify_fd)
{
	struct starting starting = {.broker = broker, .notify_fd = notify_fd};
	harness_wait_until(starting_is_over, &starting, START_TIMEOUT_MS);
	close(notify_fd);
	if (starting.ready)
		return;
	FAIL("the broker %s; its log: %s", starting.ended ? "ended at once" : "did not say READY=1 in time",
	     harness_broker_log(broker));
	expect_end();
}

static pid_t broker_spawn(const struct harness_broker *broker, const char *const arguments[], const char *notify_path)
{
	const char *argv[ARGUMENTS_MAX + 1] = {harness_program("cbbrokerd"), "--socket", broker->socket};
	for (unsigned n = 3; arguments && *arguments && n < ARGUMENTS_MAX; n++)
		argv[n] = *arguments++;
	int log = open(broker->log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	REQUIRE(log >= 0);
	pid_t pid = test_environment_spawn(argv, log, log, harness_format("NOTIFY_SOCKET=%s", notify_path));
	close(log);
	return pid;
}

struct harness_broker *harness_start_broker(const char *const arguments[])
{
	REQUIRE(n_brokers < BROKERS_MAX);
	unsigned i = n_brokers++;
	struct harness_broker *broker = &brokers[i];
	broker->socket = harness_temp_path(harness_format("broker-%u.sock", i));
	broker->address = harness_format("unix:%s", broker->socket);
	broker->log_path = harness_temp_path(harness_format("broker-%u.log", i));
	const char *notify_path = harness_temp_path(harness_format("notify-%u.sock", i));
	int notify_fd = notify_open(notify_path);
	broker->pid = broker_spawn(broker, arguments, notify_path);
	broker_await(broker, notify_fd);
	unlink(notify_path);
	setenv("CBB_ADDRESS", broker->address, 1);
	return broker;
}

const char *harness_broker_log(const struct harness_broker *broker)
{
	return harness_read_file(broker->log_path);
}

struct log_search {
	const struct harness_broker *broker;
	const char *part;
};

/* Its own reading: harness_read_file keeps each text until the test ends, and this looks often. */
static bool log_contains(void *context)
{
	struct log_search *search = context;
	char *text = NULL;
	size_t capacity = 0;
	FILE *file = fopen(search->broker->log_path, "re");
	if (!file)
		return false;
	bool found = false;
	while (!found && getline(&text, &capacity, file) >= 0)
		found = strstr(text, search->part) != NULL;
	free(text);
	fclose(file);
	return found;
}

bool harness_broker_wait_log(const struct harness_broker *broker, const char *part, unsigned timeout_ms)
{
	struct log_search search = {broker, part};
	if (harness_wait_until(log_contains, &search, timeout_ms))
		return true;
	FAIL("the broker's log lacks \"%s\" after %u ms: %s", part, timeout_ms * harness_slow(),
	     harness_broker_log(broker));
	return false;
}

void harness_stop_broker(struct harness_broker *broker)
{
	if (broker->pid == 0)
		return;
	int status = 0;
	kill(broker->pid, SIGTERM);
	if (!harness_wait_child(broker->pid, &status, STOP_TIMEOUT_MS)) {
		FAIL("the broker did not end after SIGTERM; its log: %s", harness_broker_log(broker));
		harness_kill_broker(broker);
	} else if (status != 0) {
		FAIL("the broker ended with %s %d; its log: %s", WIFSIGNALED(status) ? "signal" : "exit status",
		     WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), harness_broker_log(broker));
	}
	broker->pid = 0;
}

void harness_kill_broker(struct harness_broker *broker)
{
	if (broker->pid == 0)
		return;
	kill(broker->pid, SIGKILL);
	waitpid(broker->pid, NULL, 0);
	broker->pid = 0;
}

void test_environment_stop_brokers(void)
{
	for (unsigned i = 0; i < n_brokers; i++)
		harness_stop_broker(&brokers[i]);
}
