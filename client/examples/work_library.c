/* SPDX-License-Identifier: MIT */
#include "work.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

/* A thread, and a descriptor that is readable when it shall end. */
struct worker {
	pthread_t thread;
	int end_fd;
};

static int worker_start(struct worker *worker, void *(*run)(void *))
{
	worker->end_fd = eventfd(0, EFD_CLOEXEC);
	int r = worker->end_fd < 0 ? errno : pthread_create(&worker->thread, NULL, run, worker);
	return r == 0 ? 0 : -1;
}

static void worker_stop(struct worker *worker)
{
	const unsigned long long one = 1;
	if (write(worker->end_fd, &one, sizeof one) == (ssize_t)sizeof one)
		pthread_join(worker->thread, NULL);
	close(worker->end_fd);
}

/* Waits for the time, or for the descriptor if there is one; false if the thread shall end. */
static int worker_goes_on(const struct worker *worker, int fd, int timeout_ms)
{
	struct pollfd polls[2] = {{.fd = worker->end_fd, .events = POLLIN}, {.fd = fd, .events = POLLIN}};
	while (poll(polls, 2, timeout_ms) < 0 && errno == EINTR)
		;
	return polls[0].revents == 0;
}

/* ---- Monitor ---- */

static struct {
	struct worker worker;
	int interval_ms;
	monitor_sample sample;
} monitor;

/* The number behind "VmRSS:" or the like in /proc/self/status. */
static long status_number(const char *what)
{
	char line[256];
	long number = -1;
	FILE *file = fopen("/proc/self/status", "re");
	while (file && number < 0 && fgets(line, sizeof line, file))
		if (strncmp(line, what, strlen(what)) == 0)
			number = strtol(line + strlen(what), NULL, 10);
	if (file)
		fclose(file);
	return number;
}

static void *monitor_run(void *worker)
{
	do {
		struct timespec cpu;
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
		monitor.sample(status_number("VmRSS:"), status_number("Threads:"),
		               (double)cpu.tv_sec + (double)cpu.tv_nsec / 1e9);
	} while (worker_goes_on(worker, -1, monitor.interval_ms));
	return NULL;
}

int monitor_start(int interval_ms, monitor_sample sample)
{
	monitor.interval_ms = interval_ms;
	monitor.sample = sample;
	return worker_start(&monitor.worker, monitor_run);
}

void monitor_stop(void)
{
	worker_stop(&monitor.worker);
}

/* ---- Watcher ---- */

static struct {
	struct worker worker;
	int fd;
	watch_event event;
} watch;

static void watch_tell(const struct inotify_event *event)
{
	const char *what = event->mask & IN_CREATE   ? "created"
	                   : event->mask & IN_DELETE ? "deleted"
	                   : event->mask & IN_MOVE   ? "moved"
	                                             : "written";
	watch.event(what, event->len > 0 ? event->name : "");
}

static void *watch_run(void *worker)
{
	_Alignas(struct inotify_event) char buffer[4096];
	while (worker_goes_on(worker, watch.fd, -1)) {
		ssize_t size = read(watch.fd, buffer, sizeof buffer);
		for (char *at = buffer; size > 0 && at < buffer + size;) {
			const struct inotify_event *event = (const struct inotify_event *)at;
			watch_tell(event);
			at += sizeof *event + event->len;
		}
	}
	return NULL;
}

int watch_start(const char *directory, watch_event event)
{
	watch.event = event;
	watch.fd = inotify_init1(IN_CLOEXEC);
	if (inotify_add_watch(watch.fd, directory, IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_TO | IN_DELETE) < 0)
		return -1;
	return worker_start(&watch.worker, watch_run);
}

void watch_stop(void)
{
	worker_stop(&watch.worker);
	close(watch.fd);
}

/* ---- Notes ---- */

static struct {
	struct worker worker;
	int n;
	note important, chatter;
} notes;

static void *notes_run(void *worker)
{
	for (int i = 1; i <= notes.n; i++) {
		for (int j = 0; j < 4; j++)
			notes.chatter(4 * i + j);
		notes.important(i);
	}
	return worker;
}

int notes_start(int n, note important, note chatter)
{
	notes.n = n;
	notes.important = important;
	notes.chatter = chatter;
	return worker_start(&notes.worker, notes_run);
}

void notes_stop(void)
{
	worker_stop(&notes.worker);
}

/* ---- Download ---- */

static struct {
	struct worker worker;
	download_progress progress;
	download_broken broken;
	download_done done;
} download;

static void *download_run(void *worker)
{
	int percent = 0, is_wanted = 1;
	while (is_wanted && percent < 100 && worker_goes_on(worker, -1, 5)) {
		percent += 10;
		download.progress(percent);
		if (percent == 60)
			is_wanted = download.broken(percent, "connection reset by peer");
	}
	download.done(percent == 100);
	return NULL;
}

int download_start(const char *url, download_progress progress, download_broken broken, download_done done)
{
	download.progress = progress;
	download.broken = broken;
	download.done = done;
	return *url ? worker_start(&download.worker, download_run) : -1;
}

void download_stop(void)
{
	worker_stop(&download.worker);
}

/* ---- Log ---- */

static struct {
	struct worker worker;
	log_line line;
} logger;

static void *log_run(void *worker)
{
	char text[64];
	for (int i = 1; worker_goes_on(worker, -1, 2); i++) {
		snprintf(text, sizeof text, "still here, round %d", i);
		logger.line(i % 10 == 0 ? 2 : 1, text);
	}
	return NULL;
}

int log_start(log_line line)
{
	logger.line = line;
	return worker_start(&logger.worker, log_run);
}

void log_stop(void)
{
	worker_stop(&logger.worker);
}

/* ---- Greetings ---- */

#define GREET_MAX 16

static struct {
	pthread_t threads[GREET_MAX];
	int n;
	atomic_int next;
	profile_name name;
	profile_greeting greeting;
} greet;

static void *greet_run(void *unused)
{
	char text[128];
	int user = atomic_fetch_add(&greet.next, 1);
	const char *name = greet.name(user);
	snprintf(text, sizeof text, "Good morning, %s!", name ? name : "whoever you are");
	greet.greeting(user, text);
	return unused;
}

int greet_start(int n, profile_name name, profile_greeting greeting)
{
	greet.name = name;
	greet.greeting = greeting;
	atomic_store(&greet.next, 0);
	for (greet.n = 0; greet.n < n && greet.n < GREET_MAX; greet.n++)
		if (pthread_create(&greet.threads[greet.n], NULL, greet_run, NULL) != 0)
			return -1;
	return greet.n;
}

void greet_stop(void)
{
	while (greet.n > 0)
		pthread_join(greet.threads[--greet.n], NULL);
}
