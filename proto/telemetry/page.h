/* SPDX-License-Identifier: MIT */
/*
 * The telemetry page of a host: a sealed memfd of fixed size that the broker creates, the host writes with
 * relaxed atomics, and the broker reads. It outlives the host: its death record says how the host ended.
 * Whoever reads it trusts nothing in it: page_text() and page_name() check bounds, every array is of fixed size.
 */
#ifndef CBB_TELEMETRY_PAGE_H
#define CBB_TELEMETRY_PAGE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE_MAGIC 0x31454741504243ull /* "CBPAGE1" */
#define PAGE_LIBRARIES_MAX 64
#define PAGE_LANES_MAX 1024          /* lanes beyond it work, but are not shown */
#define PAGE_NAMES_BYTES 65536       /* names beyond it are not shown */
#define PAGE_NOTICES_MAX 16          /* the last so many are kept */
#define PAGE_TEXT_BYTES 256
#define PAGE_NOTICE_BYTES 512

/* One thing that went wrong without ending anything. Readers take it only if `number` is the same before and after. */
struct page_notice {
	_Atomic uint64_t number;         /* counts from 1; 0: being written or empty */
	char text[PAGE_NOTICE_BYTES];    /* NUL-terminated */
};

/* A lane's cell: one writer, its thread. */
struct page_lane {
	_Atomic uint32_t thread;         /* native thread id; 0: free */
	_Atomic uint32_t depth;          /* calls and callbacks in flight */
	_Atomic uint32_t function;       /* offset in names of the innermost call in flight; 0: idle */
	_Atomic uint32_t callback;       /* offset in names of the callback in flight; 0: none */
	_Atomic uint64_t calls;
	_Atomic uint64_t callbacks;
	char thread_name[16];
};

/* Written once, by the thread that dies, with what is async-signal-safe. */
struct page_death {
	_Atomic uint32_t state;          /* 0: none; 1: being written; 2: complete */
	int32_t signal;                  /* 0: exit() was called */
	int32_t signal_code;
	int32_t exit_status;
	uint32_t thread;
	uint64_t address;
	uint64_t instruction;
	char thread_name[16];
	char library[PAGE_TEXT_BYTES];   /* of the call in flight */
	char module[PAGE_TEXT_BYTES];    /* file+0xoffset of the instruction */
	char function[PAGE_TEXT_BYTES];
	char callback[PAGE_TEXT_BYTES];
};

struct telemetry_page {
	uint64_t magic;
	uint64_t size_bytes;             /* sizeof(struct telemetry_page) of the writer */
	_Atomic uint64_t calls;          /* of lanes that have ended; running lanes count in their cells */
	_Atomic uint64_t callbacks;
	_Atomic uint64_t late_calls;
	_Atomic uint64_t wrong_thread_calls;
	_Atomic uint64_t late_answers;
	_Atomic uint64_t late_results;
	_Atomic uint64_t open_callbacks;
	_Atomic uint64_t closed_callbacks;
	_Atomic uint64_t events;         /* accepted from listeners */
	_Atomic uint64_t lost_events;    /* for whatever reason */
	_Atomic uint64_t n_notices;      /* number of the last notice */
	_Atomic uint32_t n_libraries;
	_Atomic uint32_t names_used;     /* bytes of `names` in use; offset 0 is "" */
	struct page_death death;
	struct page_notice notices[PAGE_NOTICES_MAX]; /* notice k is in cell k % PAGE_NOTICES_MAX */
	char libraries[PAGE_LIBRARIES_MAX][PAGE_TEXT_BYTES];
	struct page_lane lanes[PAGE_LANES_MAX];
	char names[PAGE_NAMES_BYTES];
};

/* ---- The shared memory ---- */

/* A sealed memfd of zeros of the page's size; the descriptor, or -errno. The broker makes it. */
int page_create(void);
/* Maps it: the host to write, the broker to read. -EBADMSG with a detail text if it has not the page's size. */
int page_map(int fd, bool writable, struct telemetry_page **ret_page);
void page_unmap(const struct telemetry_page *page);

/* ---- Reading: nothing that is found is trusted ---- */

/*
 * Copies a field of text: at most `size` bytes of it, up to its NUL, cut to what ret_text holds, always terminated.
 * Control characters become '?': the text goes to terminals and logs. Returns ret_text.
 */
char *page_text(const char *text, size_t size, char *ret_text, size_t ret_size);
/* The name at an offset of `names`; "" for 0 and for an offset beyond it. Returns ret_name. */
char *page_name(const struct telemetry_page *page, uint32_t offset, char ret_name[PAGE_TEXT_BYTES]);

/* Notice `number`, unless it is overwritten or being written. */
bool page_notice(const struct telemetry_page *page, uint64_t number, char ret_text[PAGE_NOTICE_BYTES]);
/* All that are readable, oldest first; how many. */
unsigned page_notices(const struct telemetry_page *page, char ret_texts[PAGE_NOTICES_MAX][PAGE_NOTICE_BYTES]);

/* At most PAGE_LIBRARIES_MAX, in the order of loading. */
unsigned page_n_libraries(const struct telemetry_page *page);
char *page_library(const struct telemetry_page *page, unsigned index, char ret_path[PAGE_TEXT_BYTES]);

/* Of lanes that have ended and of those that run. */
uint64_t page_calls(const struct telemetry_page *page);
uint64_t page_callbacks(const struct telemetry_page *page);

struct page_lane_view {
	uint32_t thread;
	uint32_t depth;
	uint64_t calls;
	uint64_t callbacks;
	char thread_name[16];
	char function[PAGE_TEXT_BYTES];
	char callback[PAGE_TEXT_BYTES];
};

/* The lane in cell `index` (below PAGE_LANES_MAX); false if the cell is free. */
bool page_lane(const struct telemetry_page *page, unsigned index, struct page_lane_view *ret_lane);

/* The death record: false if there is none. Of a host that died while it wrote, what it had written. */
bool page_death(const struct telemetry_page *page, struct page_death *ret_death);

/* ---- Writing ---- */

/* Text into a field, cut, always terminated. Async-signal-safe. NULL: "". */
void page_set_text(char *field, size_t size, const char *text);

#endif
