/* SPDX-License-Identifier: MIT */
#include "host/lane_request.h"

#include "base/clock.h"
#include "host/queue.h"

#define ASK_AGAIN_NS 1000000000u

/* One that has not read a request will: it must not find many for the same lane. */
void lane_request_failed(struct queue *queue)
{
	struct lane_requests *requests = &queue->pool.requests;
	if (requests->n_open && event_lane_is_read(&queue->events))
		requests->n_open = 0;
}

bool lane_request(struct queue *queue, pid_t thread)
{
	struct lane_requests *requests = &queue->pool.requests;
	uint64_t now_ns = clock_now_ns();
	if (requests->n_open && now_ns - requests->asked_ns >= ASK_AGAIN_NS)
		lane_request_failed(queue);
	if (requests->n_open >= atomic_load(&queue->pool.n_waiting) ||
	    queue->pool.n_lanes + requests->n_open >= THREAD_LANES_MAX)
		return false;
	requests->n_open++;
	requests->asked_ns = now_ns;
	event_lane_want_lane(queue, (uint32_t)thread);
	return true;
}

void lane_request_answered(struct queue *queue)
{
	if (queue->pool.requests.n_open)
		queue->pool.requests.n_open--;
}
