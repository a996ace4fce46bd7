/* SPDX-License-Identifier: MIT */
#include "telemetry/page.h"

#include "base/printable.h"

#include <string.h>

/* Another process writes meanwhile: each byte is read and written once, as one. */
static char byte_read(const char *from)
{
	return __atomic_load_n(from, __ATOMIC_RELAXED);
}

static void byte_write(char *to, char value)
{
	__atomic_store_n(to, value, __ATOMIC_RELAXED);
}

static uint64_t read_u64(const _Atomic uint64_t *value)
{
	return atomic_load_explicit(value, memory_order_relaxed);
}

static uint32_t read_u32(const _Atomic uint32_t *value)
{
	return atomic_load_explicit(value, memory_order_relaxed);
}

char *page_text(const char *text, size_t size, char *ret_text, size_t ret_size)
{
	size_t n = 0;
	while (n < size && n + 1 < ret_size) {
		char c = byte_read(text + n);
		if (c == '\0')
			break;
		unsigned char before = n ? (unsigned char)ret_text[n - 1] : 0;
		ret_text[n++] = printable_is_control(before, (unsigned char)c) ? '?' : c;
	}
	ret_text[n] = '\0';
	return ret_text;
}

void page_set_text(char *field, size_t size, const char *text)
{
	size_t n = 0;
	for (; text && n + 1 < size && text[n]; n++)
		byte_write(field + n, text[n]);
	byte_write(field + n, '\0');
}

char *page_name(const struct telemetry_page *page, uint32_t offset, char ret_name[PAGE_TEXT_BYTES])
{
	size_t size = offset < PAGE_NAMES_BYTES ? PAGE_NAMES_BYTES - offset : 0;
	return page_text(page->names + (size ? offset : 0), offset ? size : 0, ret_name, PAGE_TEXT_BYTES);
}

bool page_notice(const struct telemetry_page *page, uint64_t number, char ret_text[PAGE_NOTICE_BYTES])
{
	const struct page_notice *cell = &page->notices[number % PAGE_NOTICES_MAX];
	char text[PAGE_NOTICE_BYTES];
	if (number == 0 || atomic_load_explicit(&cell->number, memory_order_acquire) != number)
		return false;
	page_text(cell->text, sizeof cell->text, text, sizeof text);
	atomic_thread_fence(memory_order_acquire);
	if (read_u64(&cell->number) != number)
		return false;
	memcpy(ret_text, text, sizeof text);
	return true;
}

unsigned page_notices(const struct telemetry_page *page, char ret_texts[PAGE_NOTICES_MAX][PAGE_NOTICE_BYTES])
{
	uint64_t last = atomic_load_explicit(&page->n_notices, memory_order_acquire);
	unsigned n = 0;
	for (unsigned age = PAGE_NOTICES_MAX; age-- > 0;)
		if (last > age)
			n += page_notice(page, last - age, ret_texts[n]);
	return n;
}

unsigned page_n_libraries(const struct telemetry_page *page)
{
	uint32_t n = atomic_load_explicit(&page->n_libraries, memory_order_acquire);
	return n < PAGE_LIBRARIES_MAX ? n : PAGE_LIBRARIES_MAX;
}

char *page_library(const struct telemetry_page *page, unsigned index, char ret_path[PAGE_TEXT_BYTES])
{
	return page_text(page->libraries[index % PAGE_LIBRARIES_MAX], PAGE_TEXT_BYTES, ret_path, PAGE_TEXT_BYTES);
}

uint64_t page_calls(const struct telemetry_page *page)
{
	uint64_t sum = read_u64(&page->calls);
	for (unsigned i = 0; i < PAGE_LANES_MAX; i++)
		sum += read_u64(&page->lanes[i].calls);
	return sum;
}

uint64_t page_callbacks(const struct telemetry_page *page)
{
	uint64_t sum = read_u64(&page->callbacks);
	for (unsigned i = 0; i < PAGE_LANES_MAX; i++)
		sum += read_u64(&page->lanes[i].callbacks);
	return sum;
}

bool page_lane(const struct telemetry_page *page, unsigned index, struct page_lane_view *ret_lane)
{
	if (index >= PAGE_LANES_MAX)
		return false;
	const struct page_lane *cell = &page->lanes[index];
	uint32_t thread = atomic_load_explicit(&cell->thread, memory_order_acquire);
	if (thread == 0)
		return false;
	ret_lane->thread = thread;
	ret_lane->depth = read_u32(&cell->depth);
	ret_lane->calls = read_u64(&cell->calls);
	ret_lane->callbacks = read_u64(&cell->callbacks);
	page_text(cell->thread_name, sizeof cell->thread_name, ret_lane->thread_name, sizeof ret_lane->thread_name);
	page_name(page, read_u32(&cell->function), ret_lane->function);
	page_name(page, read_u32(&cell->callback), ret_lane->callback);
	return true;
}

bool page_death(const struct telemetry_page *page, struct page_death *ret_death)
{
	const struct page_death *death = &page->death;
	uint32_t state = atomic_load_explicit(&death->state, memory_order_acquire);
	if (state == 0)
		return false;
	*ret_death = (struct page_death){
	    .state = state,
	    .signal = death->signal,
	    .signal_code = death->signal_code,
	    .exit_status = death->exit_status,
	    .thread = death->thread,
	    .address = death->address,
	    .instruction = death->instruction,
	};
	page_text(death->thread_name, sizeof death->thread_name, ret_death->thread_name, sizeof death->thread_name);
	page_text(death->library, sizeof death->library, ret_death->library, sizeof death->library);
	page_text(death->module, sizeof death->module, ret_death->module, sizeof death->module);
	page_text(death->function, sizeof death->function, ret_death->function, sizeof death->function);
	page_text(death->callback, sizeof death->callback, ret_death->callback, sizeof death->callback);
	return true;
}
