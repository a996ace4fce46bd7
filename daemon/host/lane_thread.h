/* SPDX-License-Identifier: MIT */
/*
 * The threads that serve lanes: each is the double of one client thread.
 */
#ifndef CBB_HOST_LANE_THREAD_H
#define CBB_HOST_LANE_THREAD_H

/*
 * Starts a thread that serves the lane behind `fd`; takes the descriptor. 0, or -errno with a detail text: then the
 * descriptor is the caller's.
 */
int lane_thread_start(int fd, const char *thread_name);

/*
 * Serves a lane on the calling thread until the client closes it; takes the descriptor. For whoever has a thread of
 * its own for it; lane_thread_count() must have been raised by lane_thread_expect().
 */
void lane_thread_expect(void);
void lane_thread_serve(int fd, const char *thread_name);
/* The end of what lane_thread_expect() began. */
void lane_thread_forget(void);

/* Lanes being served, and event lanes: what keeps the host alive without a broker. */
unsigned lane_thread_count(void);

#endif
