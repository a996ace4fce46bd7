/* SPDX-License-Identifier: MIT */
#include "bench/goal.h"

#include <stddef.h>
#include <string.h>

#define ONE (1u << PLACE_ONE)
#define SPLIT (1u << PLACE_SPLIT)
#define ANYWHERE (ONE | SPLIT | 1u << PLACE_FREE)
#define MS 1000000u

static const struct goal goals[] = {
    {.name = "call", .places = ONE, .base = "raw_block", .ratio = 1.3},
    {.name = "callback", .places = ONE, .base = "raw_block", .ratio = 1.3},
    {.name = "call", .places = SPLIT, .base = "raw_spin", .ratio = 2},
    {.name = "callback", .places = SPLIT, .base = "raw_spin", .ratio = 2},
    {.name = "callback_thread", .places = ONE, .base = "raw_block", .ratio = 1.5},
    {.name = "callback_thread_in_call", .places = ONE, .base = "raw_block", .ratio = 1.5},
    {.name = "callback_thread", .places = SPLIT, .base = "raw_spin", .ratio = 2},
    {.name = "callback_thread_in_call", .places = SPLIT, .base = "raw_spin", .ratio = 2},
    {.name = "listener_1", .places = ANYWHERE, .base = "raw_stream", .rate = 5},
    {.name = "listener_lone", .places = ONE, .base = "raw_block", .ratio = 0.75}, /* of a way there, which is half */
    {.name = "live_100k", .places = ONE, .base = "callback", .ratio = 1.25},
    {.name = "host_start", .places = ANYWHERE, .max_ns = 15 * MS},
    {.name = "death_status", .places = ANYWHERE, .max_ns = 10 * MS},
    {.name = "host_idle", .places = ANYWHERE, .max_bytes = 3u << 20},
};

const struct goal *goal_find(const char *name, enum place_mode place)
{
	for (size_t i = 0; i < sizeof goals / sizeof *goals; i++)
		if (strcmp(goals[i].name, name) == 0 && goals[i].places & 1u << place)
			return &goals[i];
	return NULL;
}
