/* SPDX-License-Identifier: MIT */
/*
 * Whole operations of ordinary libraries, with a callback for each comparison and each piece of a document.
 */
#include "base/detail.h"
#include "bench/rows.h"
#include "bench/table.h"
#include "bench/target.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N_INTS 10000
#define DOCUMENT_BYTES (1u << 20)
/* One operation may take seconds: more than a few are not worth the wait. */
#define OPERATIONS_MAX 10000

static uint64_t n_callbacks;

/* ---- qsort ---- */

typedef void sort_fn(void *base, size_t count, size_t size, int (*compare)(const void *, const void *));

static int compare_ints(const void *a, const void *b)
{
	const int *x = a, *y = b;
	n_callbacks++;
	return (*x > *y) - (*x < *y);
}

/* The same numbers in each run. */
static void fill(int *values)
{
	uint32_t state = 1;
	for (int i = 0; i < N_INTS; i++) {
		state = state * 1664525u + 1013904223u;
		values[i] = (int)(state >> 1);
	}
}

static int sort_once(sort_fn *sort, const int *unsorted, struct measure *measure, pid_t host)
{
	static int values[N_INTS];
	memcpy(values, unsorted, sizeof values);
	n_callbacks = 0;
	measure_resume(measure, host);
	sort(values, N_INTS, sizeof *values, compare_ints);
	measure_step(measure);
	measure_pause(measure);
	if (cbb_last_error() < 0)
		return target_result(cbb_last_error(), "qsort");
	for (int i = 1; i < N_INTS; i++)
		if (values[i - 1] > values[i])
			return detail_set(-EPROTO, "qsort left element %d out of order", i);
	return 0;
}

static int sort_measured(const struct target *target, unsigned ms)
{
	static int unsorted[N_INTS];
	struct measure measure;
	sort_fn *sort = CBB_SYMBOL(target->library, sort_fn, "qsort");
	if (!sort)
		return target_result(cbb_last_error(), "qsort");
	fill(unsorted);
	sort(unsorted, 2, sizeof *unsorted, compare_ints); /* from here on the lane's thread exists */
	int r = target_place(target);
	if (r == 0)
		r = measure_init(&measure, ms, OPERATIONS_MAX);
	if (r < 0)
		return r;
	do
		r = sort_once(sort, unsorted, &measure, cbb_host_pid(target->host));
	while (r == 0 && measure_more(&measure));
	if (r == 0)
		table_add_time("qsort_10k", &measure, "comparison", (double)n_callbacks);
	measure_free(&measure);
	return r;
}

int row_qsort_10k(unsigned ms)
{
	struct target target;
	int r = target_open(&target, "libc", -1);
	if (r == 0)
		r = sort_measured(&target, ms);
	target_close(&target);
	return r;
}

/* ---- expat ---- */

typedef void start_fn(void *user, const char *name, const char **attributes);
typedef void end_fn(void *user, const char *name);
typedef void text_fn(void *user, const char *text, int length);

struct expat {
	void *(*create)(const char *encoding);
	void (*set_elements)(void *parser, start_fn *start, end_fn *end);
	void (*set_text)(void *parser, text_fn *text);
	int (*parse)(void *parser, const char *text, int length, int is_final);
	void (*release)(void *parser);
};

static uint64_t n_starts, n_ends;

static void on_start(void *user, const char *name, const char **attributes)
{
	(void)user;
	n_callbacks++;
	n_starts += name[0] != '\0' && attributes != NULL;
}

static void on_end(void *user, const char *name)
{
	(void)user;
	n_callbacks++;
	n_ends += name[0] != '\0';
}

static void on_text(void *user, const char *text, int length)
{
	(void)user;
	(void)text;
	n_callbacks += length > 0;
}

/* A catalogue of books; ret_elements counts what a parser must find. */
static char *document_make(size_t *ret_size, uint64_t *ret_elements)
{
	char *document = malloc(DOCUMENT_BYTES + 512);
	size_t size = 0;
	uint64_t n = 0;
	if (!document)
		return NULL;
	size += (size_t)sprintf(document, "<?xml version=\"1.0\"?>\n<catalogue>\n");
	while (size < DOCUMENT_BYTES) {
		size += (size_t)sprintf(document + size,
		                        "<book id=\"b%llu\" year=\"%llu\"><title>Volume %llu of many</title>"
		                        "<author>Anonymous</author></book>\n",
		                        (unsigned long long)n, (unsigned long long)(1900 + n % 100), (unsigned long long)n);
		n++;
	}
	size += (size_t)sprintf(document + size, "</catalogue>\n");
	*ret_size = size;
	*ret_elements = 3 * n + 1;
	return document;
}

/* A function pointer of the library in the place of any type. */
static int find(cbb_library *library, const char *name, void *ret_pointer)
{
	cbb_any_function function = cbb_symbol(library, name);
	if (!function)
		return target_result(cbb_last_error(), name);
	memcpy(ret_pointer, &function, sizeof function);
	return 0;
}

static int expat_find(struct expat *expat, cbb_library *library)
{
	int r = find(library, "XML_ParserCreate", &expat->create);
	if (r == 0)
		r = find(library, "XML_SetElementHandler", &expat->set_elements);
	if (r == 0)
		r = find(library, "XML_SetCharacterDataHandler", &expat->set_text);
	if (r == 0)
		r = find(library, "XML_Parse", &expat->parse);
	if (r == 0)
		r = find(library, "XML_ParserFree", &expat->release);
	return r;
}

static int parse_once(const struct expat *expat, const char *document, size_t size, uint64_t n_elements)
{
	n_callbacks = n_starts = n_ends = 0;
	void *parser = expat->create(NULL);
	if (!parser)
		return target_result(cbb_last_error() < 0 ? cbb_last_error() : -ENOMEM, "XML_ParserCreate");
	expat->set_elements(parser, on_start, on_end);
	expat->set_text(parser, on_text);
	int ok = expat->parse(parser, document, (int)size, 1);
	if (cbb_last_error() < 0)
		return target_result(cbb_last_error(), "XML_Parse");
	expat->release(parser);
	if (ok != 1 || n_starts != n_elements || n_ends != n_elements)
		return detail_set(-EPROTO, "expat found %llu starts and %llu ends of %llu elements",
		                  (unsigned long long)n_starts, (unsigned long long)n_ends, (unsigned long long)n_elements);
	return 0;
}

static int parse_measured(const struct target *target, unsigned ms, const char *document, size_t size,
                          uint64_t n_elements)
{
	struct expat expat;
	struct measure measure;
	int r = expat_find(&expat, target->library);
	if (r == 0)
		r = parse_once(&expat, "<a>b</a>", 8, 1); /* from here on the lane's thread exists */
	if (r == 0)
		r = target_place(target);
	if (r == 0)
		r = measure_init(&measure, ms, OPERATIONS_MAX);
	if (r < 0)
		return r;
	measure_resume(&measure, cbb_host_pid(target->host));
	do
		r = parse_once(&expat, document, size, n_elements);
	while (r == 0 && measure_step_more(&measure));
	measure_pause(&measure);
	if (r == 0)
		table_add_time("expat_1mb", &measure, "callback", (double)n_callbacks);
	measure_free(&measure);
	return r;
}

int row_expat_1mb(unsigned ms)
{
	struct target target;
	size_t size = 0;
	uint64_t n_elements = 0;
	char *document = document_make(&size, &n_elements);
	if (!document)
		return detail_set(-ENOMEM, "no memory for the document");
	int r = target_open(&target, "expat", -1);
	if (r == 0)
		r = parse_measured(&target, ms, document, size, n_elements);
	target_close(&target);
	free(document);
	return r;
}
