/* SPDX-License-Identifier: MIT */
#include "host/service.h"

#include "base/descriptor.h"
#include "base/detail.h"
#include "base/log.h"
#include "host/death.h"
#include "host/greeting.h"
#include "host/host.h"
#include "host/lane_thread.h"
#include "host/queue_service.h"
#include "host/telemetry.h"
#include "host/thread.h"
#include "wire/connection.h"
#include "wire/unpack.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/time.h>
#include <unistd.h>

#define SERVICE_STACK_BYTES (256u << 10)
/* What the library printed is flushed at the end, unless whoever reads it does not. */
#define FLUSH_MS 1000
/* When the broker breaks the protocol; a broker that reaps the host sees that nobody asked for this. */
#define STATUS_BROKER_FAULT 3

static struct {
	struct event_base *base;
	struct connection broker;
	int epoll_fd;                /* the base's; -1: not known */
	int wake_fd;
	struct event *broker_event, *client_event, *wake_event, *end_timer;
	bool broker_gone, client_gone;
	_Atomic bool exit_begun;     /* the library called exit(): it runs its exit handlers */
	_Atomic int exit_status;
	_Atomic bool queues_wait;    /* for somebody to look at them */
} service = {.broker.fd = -1, .epoll_fd = -1, .wake_fd = -1};

/* ---- The end ---- */

static void end_now(void)
{
	death_expected();
	_exit(atomic_load(&service.exit_begun) ? atomic_load(&service.exit_status) : EXIT_SUCCESS);
}

static void on_end_timer(evutil_socket_t fd, short events, void *context)
{
	(void)fd, (void)events, (void)context;
	end_now();
}

static void end_within(unsigned ms)
{
	struct timeval time = {.tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000};
	if (!evtimer_pending(service.end_timer, NULL) && evtimer_add(service.end_timer, &time) < 0)
		end_now();
}

static void *flush_and_end(void *unused)
{
	(void)unused;
	host_thread_block_signals();
	fflush(stdout);
	end_now();
	return NULL;
}

/* A flush may wait: for the reader of a pipe, or for a thread that holds the stream. So it is not done here. */
static void end(void)
{
	pthread_t thread;
	death_expected();
	if (__fpending(stdout) == 0 || pthread_create(&thread, NULL, flush_and_end, NULL) != 0)
		end_now();
	evtimer_del(service.end_timer);
	end_within(FLUSH_MS);
}

static void end_if_unused(void)
{
	if ((service.broker_gone || service.client_gone) && !atomic_load(&service.exit_begun) &&
	    lane_thread_count() == 0)
		end();
}

static void broker_fault(const char *what)
{
	log_error("the broker broke the protocol: %s; this host ends", what);
	death_expected();
	_exit(STATUS_BROKER_FAULT);
}

/* ---- Wakes from other threads ---- */

static void wake(void)
{
	uint64_t one = 1;
	int saved = errno;
	ssize_t n = write(service.wake_fd, &one, sizeof one);
	(void)n; /* full: a wake is pending */
	errno = saved;
}

void service_lane_closed(void)
{
	wake();
}

void service_look_at_queues(void)
{
	if (!atomic_exchange(&service.queues_wait, true))
		wake();
}

static void on_exit_begun(int status)
{
	atomic_store(&service.exit_status, status);
	atomic_store(&service.exit_begun, true);
	wake();
}

static void on_wake(evutil_socket_t fd, short events, void *context)
{
	(void)events, (void)context;
	uint64_t count;
	ssize_t n = read(fd, &count, sizeof count);
	(void)n;
	if (atomic_exchange(&service.queues_wait, false))
		queue_service_look();
	if (atomic_load(&service.exit_begun))
		end_within(SERVICE_GRACE_MS); /* exit handlers that hang */
	end_if_unused();
}

/* ---- The client ---- */

static void on_client_gone(evutil_socket_t fd, short events, void *context)
{
	(void)fd, (void)events, (void)context;
	service.client_gone = true;
	death_expected();
	death_shut_lanes();
	queue_service_end();
	end_within(SERVICE_GRACE_MS);
	end_if_unused();
}

/* ---- The broker ---- */

static int take_lane(const Cbb__HostAttach *attach, int fd, const char *thread_name)
{
	switch (attach->lane) {
	case CBB__LANE_KIND__LANE_CLIENT_THREAD:
		return lane_thread_start(fd, thread_name);
	case CBB__LANE_KIND__LANE_EVENTS:
	case CBB__LANE_KIND__LANE_NATIVE_THREAD:
		return queue_service_attach(service.base, attach, fd);
	default:
		return detail_set(CBB__STATUS__STATUS_UNSUPPORTED, "lane kind %d is not known to this host", (int)attach->lane);
	}
}

/* A client that does not take even that finds the end. */
static void refuse_lane(const Cbb__HostAttach *attach, int fd, int status, const char *thread_name)
{
	greeting_send(fd, status, 0, 0);
	descriptor_close(fd);
	if (attach->lane != CBB__LANE_KIND__LANE_CLIENT_THREAD)
		return; /* it may ask as often as it likes: that is no news for the log */
	log_warning("a lane for thread %s cannot be served: %s", thread_name, detail_text());
	telemetry_notice("a lane for thread %s could not be served: %s", thread_name, detail_text());
}

static void serve_attach(struct frame *frame)
{
	UNPACK_ARENA arena = {0};
	Cbb__HostAttach *attach = unpack_frame(&arena, &cbb__host_attach__descriptor, frame);
	char name[HOST_THREAD_NAME_BYTES];
	if (!attach)
		broker_fault(detail_text());
	snprintf(name, sizeof name, "%.*s", (int)(attach->thread_name.len & 0xff), (char *)attach->thread_name.data);
	int fd = frame->fds[0];
	frame->n_fds = 0;
	if (service.client_gone) {
		descriptor_close(fd);
		return;
	}
	int r = take_lane(attach, fd, name);
	if (r < 0)
		refuse_lane(attach, fd, r, name);
}

static void serve_end(struct frame *frame)
{
	(void)frame;
	end();
}

static const struct {
	Cbb__FrameType type;
	unsigned n_fds;
	void (*serve)(struct frame *frame);
} kinds[] = {
    {CBB__FRAME_TYPE__FRAME_HOST_ATTACH, 1, serve_attach},
    {CBB__FRAME_TYPE__FRAME_HOST_END, 0, serve_end},
};

/* The kernel has closed the connection: its client finds its end. */
static void serve_lost(void)
{
	log_warning("a lane cannot be served: this process has no descriptors left");
	telemetry_notice("a lane could not be served: the host has no descriptors left; what the library opens counts too");
}

static void serve_frame(struct frame *frame)
{
	if (frame->lost_fds) {
		frame_close_fds(frame);
		serve_lost();
		return;
	}
	for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		if (kinds[i].type != frame->type)
			continue;
		if (kinds[i].n_fds == frame->n_fds) {
			kinds[i].serve(frame);
			return;
		}
	}
	detail_set(-EBADMSG, "frame %s with %u descriptors is not for a host", frame_type_name((int)frame->type),
	           frame->n_fds);
	broker_fault(detail_text());
}

static void serve_received(void)
{
	struct frame frame;
	int r;
	while ((r = connection_next(&service.broker, &frame)) > 0)
		serve_frame(&frame);
	if (r < 0)
		broker_fault(detail_text());
}

static void on_broker(evutil_socket_t fd, short events, void *context)
{
	(void)fd, (void)events, (void)context;
	int r = connection_fill(&service.broker);
	if (r == -EBADMSG)
		broker_fault(detail_text());
	if (r == -EAGAIN)
		return;
	if (r > 0) {
		serve_received();
		return;
	}
	/* End of file: what runs goes on. */
	event_del(service.broker_event);
	service.broker.fd = descriptor_close(service.broker.fd);
	service.broker_gone = true;
	end_if_unused();
}

/* ---- The thread ---- */

static void *service_run(void *unused)
{
	(void)unused;
	host_thread_enter("cbb-service");
	host_thread_block_signals();
	serve_received();
	event_base_dispatch(service.base);
	log_error("the event loop has ended; this host ends");
	_exit(EXIT_FAILURE);
}

static struct event *watch(int fd, event_callback_fn callback)
{
	struct event *event = event_new(service.base, fd, EV_READ | EV_PERSIST, callback, NULL);
	if (!event || event_add(event, NULL) < 0)
		return NULL;
	return event;
}

/* libevent does not tell its descriptor: that is the first free one, as long as there is no other thread. */
static struct event_base *base_new(int *ret_fd)
{
	int fd = fcntl(service.broker.fd, F_DUPFD_CLOEXEC, 0);
	descriptor_close(fd);
	struct event_base *base = event_base_new();
	bool is_epoll = base && epoll_ctl(fd, EPOLL_CTL_DEL, service.broker.fd, NULL) < 0 && errno == ENOENT;
	*ret_fd = is_epoll ? fd : -1;
	return base;
}

static int watch_all(void)
{
	int client = host_self()->client_pidfd;
	service.base = base_new(&service.epoll_fd);
	service.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (!service.base || service.wake_fd < 0)
		return -ENOMEM;
	service.end_timer = evtimer_new(service.base, on_end_timer, NULL);
	service.wake_event = watch(service.wake_fd, on_wake);
	service.broker_event = watch(service.broker.fd, on_broker);
	if (!service.end_timer || !service.wake_event || !service.broker_event)
		return -ENOMEM;
	if (client >= 0)
		service.client_event = watch(client, on_client_gone);
	if (client >= 0 && !service.client_event)
		log_warning("the client's end cannot be watched; the broker's word for it remains");
	return 0;
}

int service_start(struct connection *connection)
{
	pthread_attr_t attributes;
	pthread_t thread;
	service.broker = *connection;
	*connection = (struct connection){.fd = -1};
	int r = watch_all();
	if (r < 0)
		return r;
	death_on_exit(on_exit_begun);
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, SERVICE_STACK_BYTES);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	r = -pthread_create(&thread, &attributes, service_run, NULL);
	pthread_attr_destroy(&attributes);
	return r;
}

void service_close_descriptors(void)
{
	descriptor_close(service.broker.fd);
	descriptor_close(service.epoll_fd);
	descriptor_close(service.wake_fd);
}
