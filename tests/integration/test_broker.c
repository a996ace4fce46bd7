/* SPDX-License-Identifier: MIT */
/* A broker, a raw client, and the real host program. */
#include "support/raw_client.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

static struct harness_broker *broker;
static struct raw_client client;

static void given_a_session(void)
{
	broker = harness_start_broker(NULL);
	raw_open_session(&client, broker->socket);
}

static uint64_t given_a_host(uint32_t *ret_pid)
{
	Cbb__OpenHost message;
	raw_open_host_init(&message, &client);
	uint64_t host = raw_open_host(&client, &message, NULL, 0, ret_pid);
	REQUIRE(host != 0);
	return host;
}

/* ---- Opening ---- */

static void given_a_session_when_a_host_is_opened_then_it_runs_and_is_listed(void)
{
	uint32_t pid = 0;
	given_a_session();
	uint64_t host = given_a_host(&pid);
	EXPECT_EQUAL(kill((pid_t)pid, 0), 0);
	const Cbb__HostList *list = raw_list(&client);
	REQUIRE_EQUAL(list->n_hosts, 1);
	EXPECT_EQUAL(list->hosts[0]->host, host);
	EXPECT_EQUAL(list->hosts[0]->pid, pid);
	EXPECT_EQUAL(list->hosts[0]->state, CBB__HOST_STATE__HOST_RUNNING);
	EXPECT_STRING(raw_text(list->hosts[0]->name), "a test");
	EXPECT_EQUAL(list->hosts[0]->client_pid, getpid());
	EXPECT_EQUAL(list->hosts[0]->client_uid, getuid());
	const Cbb__HostStatusReply *status = raw_status(&client, host);
	REQUIRE(status != NULL);
	EXPECT(status->threads >= 1);
	EXPECT(status->memory_bytes > 0);
	EXPECT(status->exited == NULL);
	raw_close(&client);
	EXPECT(harness_wait_gone((pid_t)pid, 15000));
}

static const char *link_of(uint32_t pid, const char *name)
{
	char target[4096];
	ssize_t n = readlink(harness_format("/proc/%u/%s", pid, name), target, sizeof target - 1);
	return harness_format("%.*s", n > 0 ? (int)n : 0, target);
}

/* The host has the file that a descriptor of this process stands for. */
static bool has_file(uint32_t pid, int fd)
{
	struct stat own, other;
	REQUIRE_EQUAL(fstat(fd, &own), 0);
	for (int i = 0; i < 1024; i++)
		if (stat(harness_format("/proc/%u/fd/%d", pid, i), &other) == 0 && other.st_dev == own.st_dev &&
		    other.st_ino == own.st_ino)
			return true;
	return false;
}

static void given_a_broker_with_a_stray_descriptor_when_a_host_is_opened_then_it_does_not_have_it(void)
{
	uint32_t host_pid = 0;
	int stray[2], status = -1;
	const char *program = harness_program("cbbrokerd");
	char *path = harness_format("%s/stray.sock", harness_temp_dir());
	REQUIRE_EQUAL(pipe(stray), 0);
	pid_t pid = fork();
	if (pid == 0) {
		execl(program, program, "--socket", path, NULL);
		_exit(1);
	}
	REQUIRE(harness_wait_until(raw_is_served, path, 15000));
	raw_open_session(&client, path);
	EXPECT(has_file((uint32_t)pid, stray[0]));
	given_a_host(&host_pid);
	EXPECT(!has_file(host_pid, stray[0]));
	raw_close(&client);
	close(stray[0]);
	close(stray[1]);
	kill(pid, SIGTERM);
	EXPECT(harness_wait_child(pid, &status, 10000));
	EXPECT_EQUAL(status, 0);
}

static void given_wishes_when_a_host_is_opened_then_it_has_directory_environment_umask_and_stdio(void)
{
	Cbb__OpenHost message;
	uint32_t pid = 0;
	int pipe_fds[2];
	given_a_session();
	REQUIRE_EQUAL(pipe2(pipe_fds, O_CLOEXEC), 0);
	ProtobufCBinaryData environment[] = {raw_bytes("FIRST=1"), raw_bytes("SECOND=two words")};
	raw_open_host_init(&message, &client);
	message.working_directory = raw_bytes(harness_temp_dir());
	message.environment = environment;
	message.n_environment = 2;
	message.umask = 0137;
	message.has_stdout = true;
	REQUIRE(raw_open_host(&client, &message, (int[]){pipe_fds[1]}, 1, &pid) != 0);

	EXPECT_STRING(link_of(pid, "cwd"), harness_temp_dir());
	EXPECT_STRING(harness_read_file(harness_format("/proc/%u/environ", pid)), "FIRST=1");
	EXPECT_STRING(link_of(pid, "fd/0"), "/dev/null");
	EXPECT_CONTAINS(link_of(pid, "fd/1"), "pipe:");
	EXPECT_STRING(link_of(pid, "fd/2"), link_of((uint32_t)broker->pid, "fd/2"));
	const char *status = harness_read_file(harness_format("/proc/%u/status", pid));
	EXPECT_CONTAINS(status, "Umask:\t0137");
	EXPECT_EQUAL(getsid((pid_t)pid), pid);
	/* Not the broker's own, which it has raised for itself. */
	const char *limits = harness_read_file(harness_format("/proc/%u/limits", pid));
	struct rlimit own;
	REQUIRE_EQUAL(getrlimit(RLIMIT_NOFILE, &own), 0);
	unsigned long long soft = 0;
	EXPECT_EQUAL(sscanf(strstr(limits, "Max open files"), "Max open files %llu", &soft), 1);
	EXPECT_EQUAL(soft, own.rlim_cur);
	close(pipe_fds[0]);
	raw_close(&client);
	EXPECT(harness_wait_gone((pid_t)pid, 15000));
}

static void given_a_wrong_wish_when_a_host_is_opened_then_the_words_name_it_and_the_session_goes_on(void)
{
	Cbb__OpenHost message;
	const char *detail;
	given_a_session();

	raw_open_host_init(&message, &client);
	message.working_directory = raw_bytes("relative");
	EXPECT_EQUAL(raw_open_host(&client, &message, NULL, 0, NULL), 0);
	EXPECT_EQUAL(raw_done(&client, &detail), -EINVAL);
	EXPECT_CONTAINS(detail, "absolute");

	raw_open_host_init(&message, &client);
	message.working_directory = raw_bytes("/no/such/directory");
	EXPECT_EQUAL(raw_open_host(&client, &message, NULL, 0, NULL), 0);
	EXPECT_EQUAL(raw_done(&client, &detail), CBB__STATUS__STATUS_HOST_START);
	EXPECT_CONTAINS(detail, "/no/such/directory");

	raw_open_host_init(&message, &client);
	message.name = raw_bytes("0123456789012345678901234567890123456789012345678901234567890123x");
	EXPECT_EQUAL(raw_open_host(&client, &message, NULL, 0, NULL), 0);
	EXPECT_EQUAL(raw_done(&client, &detail), -EINVAL);
	EXPECT_CONTAINS(detail, "65 bytes");

	raw_open_host_init(&message, &client);
	message.name.len = 64; /* at the limit */
	message.name.data = (uint8_t *)(uintptr_t) "0123456789012345678901234567890123456789012345678901234567890123";
	EXPECT(raw_open_host(&client, &message, NULL, 0, NULL) != 0);
	raw_close(&client);
}

static void given_a_missing_host_program_when_a_host_is_opened_then_the_words_name_it(void)
{
	Cbb__OpenHost message;
	const char *detail;
	const char *path = harness_temp_file("host", "#!/no/such/interpreter\n");
	REQUIRE_EQUAL(chmod(path, 0755), 0);
	broker = harness_start_broker((const char *[]){"--host-program", path, NULL});
	raw_open_session(&client, broker->socket);
	raw_open_host_init(&message, &client);
	EXPECT_EQUAL(raw_open_host(&client, &message, NULL, 0, NULL), 0);
	EXPECT_EQUAL(raw_done(&client, &detail), CBB__STATUS__STATUS_HOST_START);
	EXPECT_CONTAINS(detail, path);
	raw_close(&client);
}

/* ---- Ending ---- */

static void given_a_host_when_it_is_closed_then_its_end_is_told_before_the_answer(void)
{
	uint32_t pid = 0;
	given_a_session();
	uint64_t host = given_a_host(&pid);
	raw_send_close_host(&client, host);
	const Cbb__HostExited *exited = raw_exited(&client);
	EXPECT_EQUAL(exited->host, host);
	EXPECT(exited->asked);
	EXPECT_STRING(raw_text(exited->why), "its client closed it");
	EXPECT_EQUAL(raw_done(&client, NULL), 0);
	EXPECT(kill((pid_t)pid, 0) < 0); /* reaped already */
	/* Closing again is fine, and closing what never was is not. */
	raw_send_close_host(&client, host);
	EXPECT_EQUAL(raw_done(&client, NULL), 0);
	raw_send_close_host(&client, host + 1);
	EXPECT_EQUAL(raw_done(&client, NULL), -ENOENT);
	raw_close(&client);
}

static void given_a_host_when_it_is_killed_then_its_client_is_told_how_and_it_stays_listed(void)
{
	uint32_t pid = 0;
	given_a_session();
	uint64_t host = given_a_host(&pid);
	kill((pid_t)pid, SIGKILL);
	const Cbb__HostExited *exited = raw_exited(&client);
	EXPECT_EQUAL(exited->host, host);
	EXPECT(!exited->asked);
	EXPECT(WIFSIGNALED(exited->wait_status) && WTERMSIG(exited->wait_status) == SIGKILL);
	EXPECT_CONTAINS(raw_text(exited->why), "SIGKILL");
	const Cbb__HostStatusReply *status = raw_status(&client, host);
	REQUIRE(status != NULL);
	EXPECT_EQUAL(status->info->state, CBB__HOST_STATE__HOST_ENDED);
	REQUIRE(status->exited != NULL);
	EXPECT_CONTAINS(raw_text(status->exited->why), "SIGKILL");
	EXPECT(given_a_host(NULL) != host);
	raw_close(&client);
}

/* It took no processor time for ten looks in a row. */
static bool broker_rests(void *context)
{
	static unsigned n_looks;
	struct timespec *last = context, now;
	clockid_t clock;
	REQUIRE_EQUAL(clock_getcpuclockid(broker->pid, &clock), 0);
	REQUIRE_EQUAL(clock_gettime(clock, &now), 0);
	n_looks = now.tv_sec == last->tv_sec && now.tv_nsec == last->tv_nsec ? n_looks + 1 : 0;
	*last = now;
	return n_looks == 10;
}

/* Whoever traces a process reaps it first: its parent can not yet, and must not try all the time. */
static void given_a_traced_host_when_it_is_killed_then_the_broker_rests_until_the_tracer_has_seen_it(void)
{
	uint32_t pid = 0;
	siginfo_t info = {0};
	struct timespec last = {0};
	given_a_session();
	uint64_t host = given_a_host(&pid);
	if (ptrace(PTRACE_SEIZE, (pid_t)pid, NULL, NULL) < 0) { /* not everywhere allowed */
		raw_close(&client);
		return;
	}
	kill((pid_t)pid, SIGKILL);
	REQUIRE_EQUAL(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT | __WALL), 0);
	EXPECT_EQUAL(raw_list(&client)->hosts[0]->state, CBB__HOST_STATE__HOST_ENDING);
	EXPECT(harness_wait_until(broker_rests, &last, 10000));
	EXPECT_EQUAL(waitpid((pid_t)pid, NULL, __WALL), pid);
	EXPECT_EQUAL(raw_exited(&client)->host, host);
	raw_close(&client);
}

static void given_many_ended_hosts_when_listed_then_the_last_sixteen_are_kept(void)
{
	uint64_t first = 0;
	given_a_session();
	for (int i = 0; i < 17; i++) {
		uint64_t host = given_a_host(NULL);
		first = first ? first : host;
		raw_send_close_host(&client, host);
		raw_exited(&client);
		EXPECT_EQUAL(raw_done(&client, NULL), 0);
		EXPECT_EQUAL(raw_list(&client)->n_hosts, i < 16 ? i + 1 : 16);
	}
	EXPECT(raw_status(&client, first) == NULL);
	EXPECT_EQUAL(raw_done(&client, NULL), -ENOENT);
	EXPECT(raw_status(&client, first + 1) != NULL);
	raw_close(&client);
}

static bool nothing_is_listed(void *session)
{
	return raw_list(session)->n_hosts == 0;
}

static void given_a_client_that_forked_when_it_ends_then_its_hosts_end_although_the_socket_is_open(void)
{
	int pipe_fds[2];
	uint32_t pid = 0;
	broker = harness_start_broker(NULL);
	REQUIRE_EQUAL(pipe2(pipe_fds, O_CLOEXEC), 0);
	pid_t program = fork();
	if (program == 0) {
		uint32_t host_pid = 0;
		raw_open_session(&client, broker->socket);
		given_a_host(&host_pid);
		pid_t heir = fork();
		if (heir == 0) {
			setpgid(0, 0);
			pause();
			_exit(0);
		}
		const uint32_t numbers[2] = {host_pid, (uint32_t)heir};
		_exit(write(pipe_fds[1], numbers, sizeof numbers) == sizeof numbers ? 0 : 1);
	}
	uint32_t numbers[2] = {0, 0};
	REQUIRE_EQUAL(read(pipe_fds[0], numbers, sizeof numbers), sizeof numbers);
	pid = numbers[0];
	EXPECT(harness_wait_child(program, NULL, 15000));
	EXPECT(harness_wait_gone((pid_t)pid, 15000));
	EXPECT(harness_broker_wait_log(broker, "process ended", 15000));
	/* Its session is gone too, with the hosts that ended: the socket that is still open keeps nothing. */
	raw_open_session(&client, broker->socket);
	EXPECT(harness_wait_until(nothing_is_listed, &client, 15000));
	raw_close(&client);
	kill((pid_t)numbers[1], SIGKILL);
	EXPECT(harness_wait_gone((pid_t)numbers[1], 15000));
	close(pipe_fds[0]);
	close(pipe_fds[1]);
}

static void given_hosts_when_the_broker_is_told_to_end_then_they_end_first_and_their_client_is_told(void)
{
	uint32_t pids[3];
	given_a_session();
	for (int i = 0; i < 3; i++)
		given_a_host(&pids[i]);
	harness_stop_broker(broker);
	for (int i = 0; i < 3; i++)
		EXPECT(kill((pid_t)pids[i], 0) < 0);
	EXPECT(access(broker->socket, F_OK) < 0);
	EXPECT(access(harness_format("%s.lock", broker->socket), F_OK) < 0);
	for (int i = 0; i < 3; i++) {
		const Cbb__HostExited *exited = raw_exited(&client);
		EXPECT(exited->asked);
		EXPECT_STRING(raw_text(exited->why), "the broker ended");
	}
	raw_expect_end(&client);
	raw_close(&client);
}

/* ---- Lanes ---- */

static void given_a_host_when_a_lane_is_asked_for_then_the_host_itself_answers(void)
{
	struct raw_client lane;
	given_a_session();
	uint64_t host = given_a_host(NULL);
	const Cbb__HelloReply *reply = raw_attach(&lane, broker->socket, &client, host);
	EXPECT_EQUAL(reply->status, 0);
	EXPECT(reply->thread != 0);
	raw_close(&lane);
	raw_close(&client);
}

static void given_a_client_that_does_not_wait_when_it_attaches_then_what_follows_its_hello_reaches_the_host(void)
{
	struct raw_client lane;
	Cbb__Hello hello;
	Cbb__Type nothing = CBB__TYPE__INIT;
	Cbb__Interface interface = CBB__INTERFACE__INIT;
	Cbb__OpenLibrary open = CBB__OPEN_LIBRARY__INIT;
	ProtobufCBinaryData no_name = raw_bytes("");
	given_a_session();
	uint64_t host = given_a_host(NULL);

	raw_hello_init(&hello, CBB__PURPOSE__PURPOSE_ATTACH);
	hello.token = (ProtobufCBinaryData){.len = sizeof client.token, .data = client.token};
	hello.host = host;
	hello.lane = CBB__LANE_KIND__LANE_CLIENT_THREAD;
	interface.soname = raw_bytes("libc.so.6");
	interface.names = &no_name;
	interface.n_names = 1;
	interface.types = (Cbb__Type *[]){&nothing};
	interface.n_types = 1;
	open.sequence = 1;
	open.library = 1;
	open.interface = &interface;
	raw_open(&lane, broker->socket);
	REQUIRE_EQUAL(connection_queue(&lane.connection, CBB__FRAME_TYPE__FRAME_HELLO, &hello.base, NULL, 0), 0);
	REQUIRE_EQUAL(connection_queue(&lane.connection, CBB__FRAME_TYPE__FRAME_OPEN_LIBRARY, &open.base, NULL, 0), 0);
	REQUIRE_EQUAL(connection_flush(&lane.connection), 0); /* one send */

	const Cbb__HelloReply *reply =
	    raw_expect(&lane, CBB__FRAME_TYPE__FRAME_HELLO_REPLY, &cbb__hello_reply__descriptor);
	EXPECT_EQUAL(reply->status, 0);
	const Cbb__LibraryOpened *opened =
	    raw_expect(&lane, CBB__FRAME_TYPE__FRAME_LIBRARY_OPENED, &cbb__library_opened__descriptor);
	EXPECT_EQUAL(opened->sequence, 1);
	raw_close(&lane);
	raw_close(&client);
}

static void given_a_wrong_token_or_host_when_a_lane_is_asked_for_then_it_is_refused_in_words(void)
{
	struct raw_client lane, other;
	given_a_session();
	uint64_t host = given_a_host(NULL);

	raw_open_session(&other, broker->socket);
	EXPECT_EQUAL(raw_attach(&lane, broker->socket, &other, host)->status, CBB__STATUS__STATUS_REFUSED);
	raw_expect_end(&lane);
	raw_close(&lane);
	raw_close(&other);

	EXPECT_EQUAL(raw_attach(&lane, broker->socket, &client, host + 5)->status, CBB__STATUS__STATUS_REFUSED);
	raw_close(&lane);

	struct raw_client guess = client;
	guess.token[15] ^= 1;
	const Cbb__HelloReply *reply = raw_attach(&lane, broker->socket, &guess, host);
	EXPECT_EQUAL(reply->status, CBB__STATUS__STATUS_REFUSED);
	EXPECT_CONTAINS(raw_text(reply->detail), "token");
	raw_close(&lane);
	raw_close(&client);
}

static void given_an_ended_host_when_a_lane_is_asked_for_then_the_words_say_how_it_ended(void)
{
	struct raw_client lane;
	uint32_t pid;
	given_a_session();
	uint64_t host = given_a_host(&pid);
	kill((pid_t)pid, SIGKILL);
	raw_exited(&client);
	const Cbb__HelloReply *reply = raw_attach(&lane, broker->socket, &client, host);
	EXPECT_EQUAL(reply->status, CBB__STATUS__STATUS_HOST_DIED);
	EXPECT_CONTAINS(raw_text(reply->detail), "SIGKILL");
	raw_close(&lane);
	raw_close(&client);
}

static void given_two_sessions_when_one_ends_then_the_other_keeps_its_host(void)
{
	struct raw_client other;
	Cbb__OpenHost message;
	uint32_t pid, other_pid;
	given_a_session();
	uint64_t host = given_a_host(&pid);
	raw_open_session(&other, broker->socket);
	raw_open_host_init(&message, &other);
	uint64_t other_host = raw_open_host(&other, &message, NULL, 0, &other_pid);
	REQUIRE(other_host != 0);
	/* It sees the first session's host, and may not end it. */
	EXPECT_EQUAL(raw_list(&other)->n_hosts, 2);
	raw_send_close_host(&other, host);
	EXPECT_EQUAL(raw_done(&other, NULL), -EPERM);
	raw_close(&other);
	EXPECT(harness_wait_gone((pid_t)other_pid, 15000));
	EXPECT_EQUAL(kill((pid_t)pid, 0), 0);
	EXPECT(raw_status(&client, host) != NULL);
	raw_close(&client);
}

static const struct test tests[] = {
    TEST(given_a_session_when_a_host_is_opened_then_it_runs_and_is_listed),
    TEST(given_a_broker_with_a_stray_descriptor_when_a_host_is_opened_then_it_does_not_have_it),
    TEST(given_wishes_when_a_host_is_opened_then_it_has_directory_environment_umask_and_stdio),
    TEST(given_a_wrong_wish_when_a_host_is_opened_then_the_words_name_it_and_the_session_goes_on),
    TEST(given_a_missing_host_program_when_a_host_is_opened_then_the_words_name_it),
    TEST(given_a_host_when_it_is_closed_then_its_end_is_told_before_the_answer),
    TEST(given_a_host_when_it_is_killed_then_its_client_is_told_how_and_it_stays_listed),
    TEST(given_a_traced_host_when_it_is_killed_then_the_broker_rests_until_the_tracer_has_seen_it),
    TEST(given_many_ended_hosts_when_listed_then_the_last_sixteen_are_kept),
    TEST(given_a_client_that_forked_when_it_ends_then_its_hosts_end_although_the_socket_is_open),
    TEST(given_hosts_when_the_broker_is_told_to_end_then_they_end_first_and_their_client_is_told),
    TEST(given_a_host_when_a_lane_is_asked_for_then_the_host_itself_answers),
    TEST(given_a_client_that_does_not_wait_when_it_attaches_then_what_follows_its_hello_reaches_the_host),
    TEST(given_a_wrong_token_or_host_when_a_lane_is_asked_for_then_it_is_refused_in_words),
    TEST(given_an_ended_host_when_a_lane_is_asked_for_then_the_words_say_how_it_ended),
    TEST(given_two_sessions_when_one_ends_then_the_other_keeps_its_host),
};
HARNESS_MAIN(tests)
