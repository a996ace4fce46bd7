/* SPDX-License-Identifier: MIT */
#include "host/telemetry.h"

#include "host/host.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct telemetry_page *page;

/* Held among the writers of notices and libraries, for a copy of text; never around anything that waits. */
static pthread_mutex_t text_lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t n_notices;
static uint32_t n_libraries;

static _Atomic uint32_t names_used = 1; /* offset 0 is "" */

void telemetry_open(struct telemetry_page *opened)
{
	page = opened;
	if (!page)
		return;
	page->magic = PAGE_MAGIC;
	page->size_bytes = sizeof *page;
	atomic_store(&page->names_used, 1);
}

/* The page, unless there is none or it belongs to the process that forked us. */
static struct telemetry_page *writable(void)
{
	return atomic_load_explicit(&host_forked_child, memory_order_relaxed) ? NULL : page;
}

/* ---- Texts ---- */

uint32_t telemetry_name(const char *name)
{
	struct telemetry_page *to = writable();
	size_t size = strlen(name) + 1;
	uint32_t offset = atomic_load(&names_used);
	if (!to)
		return 0;
	do
		if (size > PAGE_NAMES_BYTES - offset)
			return 0;
	while (!atomic_compare_exchange_weak(&names_used, &offset, offset + (uint32_t)size));
	page_set_text(to->names + offset, size, name);
	atomic_fetch_add(&to->names_used, (uint32_t)size);
	return offset;
}

void telemetry_library_loaded(const char *path)
{
	struct telemetry_page *to = writable();
	if (!to)
		return;
	pthread_mutex_lock(&text_lock);
	if (n_libraries < PAGE_LIBRARIES_MAX) {
		page_set_text(to->libraries[n_libraries], PAGE_TEXT_BYTES, path);
		atomic_store_explicit(&to->n_libraries, ++n_libraries, memory_order_release);
	}
	pthread_mutex_unlock(&text_lock);
}

void telemetry_notice(const char *format, ...)
{
	struct telemetry_page *to = writable();
	char text[PAGE_NOTICE_BYTES];
	va_list arguments;
	if (!to)
		return;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	pthread_mutex_lock(&text_lock);
	uint64_t number = ++n_notices;
	struct page_notice *cell = &to->notices[number % PAGE_NOTICES_MAX];
	atomic_store_explicit(&cell->number, 0, memory_order_relaxed);
	atomic_thread_fence(memory_order_release); /* a reader that sees new text sees the 0 too */
	page_set_text(cell->text, sizeof cell->text, text);
	atomic_store_explicit(&cell->number, number, memory_order_release);
	atomic_store_explicit(&to->n_notices, number, memory_order_release);
	pthread_mutex_unlock(&text_lock);
}

/* ---- Lanes ---- */

static bool in_page(const struct page_lane *cell)
{
	uintptr_t at = (uintptr_t)cell, begin = (uintptr_t)page;
	return page && at >= begin && at < begin + sizeof *page;
}

/* Without memory for a cell of their own, lanes that are not shown share one: whoever writes there misleads nobody. */
static struct page_lane last_resort;

static struct page_lane *cell_unseen(void)
{
	struct page_lane *cell = calloc(1, sizeof *cell);
	return cell ? cell : &last_resort;
}

static void cell_clear(struct page_lane *cell)
{
	atomic_store_explicit(&cell->depth, 0, memory_order_relaxed);
	atomic_store_explicit(&cell->function, 0, memory_order_relaxed);
	atomic_store_explicit(&cell->callback, 0, memory_order_relaxed);
}

struct page_lane *telemetry_lane_claim(pid_t thread, const char *thread_name)
{
	struct telemetry_page *to = writable();
	for (unsigned i = 0; to && i < PAGE_LANES_MAX; i++) {
		struct page_lane *cell = &to->lanes[i];
		uint32_t none = 0;
		if (atomic_load_explicit(&cell->thread, memory_order_relaxed) != 0 ||
		    !atomic_compare_exchange_strong(&cell->thread, &none, (uint32_t)thread))
			continue;
		cell_clear(cell);
		page_set_text(cell->thread_name, sizeof cell->thread_name, thread_name);
		return cell;
	}
	return cell_unseen();
}

void telemetry_lane_name(struct page_lane *cell, pid_t thread, const char *thread_name)
{
	if (!in_page(cell))
		return;
	atomic_store_explicit(&cell->thread, (uint32_t)thread, memory_order_relaxed);
	page_set_text(cell->thread_name, sizeof cell->thread_name, thread_name);
}

void telemetry_lane_release(struct page_lane *cell)
{
	struct telemetry_page *to = writable();
	if (to) {
		atomic_fetch_add(&to->calls, atomic_exchange(&cell->calls, 0));
		atomic_fetch_add(&to->callbacks, atomic_exchange(&cell->callbacks, 0));
	}
	if (in_page(cell)) {
		cell_clear(cell);
		atomic_store_explicit(&cell->thread, 0, memory_order_release);
	} else if (cell != &last_resort) {
		free(cell);
	}
}

/* ---- Counters ---- */

#define COUNTER(name, action)                                                                                          \
	void name(void)                                                                                                \
	{                                                                                                              \
		struct telemetry_page *to = writable();                                                                \
		if (to) {                                                                                              \
			action;                                                                                        \
		}                                                                                                      \
	}

static void add(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

COUNTER(telemetry_late_call, add(&to->late_calls, 1))
COUNTER(telemetry_wrong_thread_call, add(&to->wrong_thread_calls, 1))
COUNTER(telemetry_late_answer, add(&to->late_answers, 1))
COUNTER(telemetry_late_result, add(&to->late_results, 1))
COUNTER(telemetry_event, add(&to->events, 1))
COUNTER(telemetry_callback_opened, add(&to->open_callbacks, 1))
COUNTER(telemetry_callback_closed, add(&to->open_callbacks, UINT64_MAX); add(&to->closed_callbacks, 1))

void telemetry_lost_events(uint64_t n)
{
	struct telemetry_page *to = writable();
	if (to)
		add(&to->lost_events, n);
}
