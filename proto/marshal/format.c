/* SPDX-License-Identifier: MIT */
#include "marshal/format.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int format_put(struct walk *walk, const struct pointer *pointer, const char *format)
{
	void *list;
	va_list copy;
	memcpy(&list, walk->frame->arguments[pointer->param->format - 1], sizeof list);
	if (!list)
		return walk_fail(walk, pointer->param, walk->fault, "is to be printed with a va_list that is NULL");
	va_copy(copy, *(va_list *)list);
	int n = vsnprintf(NULL, 0, format, copy);
	va_end(copy);
	if (n < 0)
		return walk_fail(walk, pointer->param, walk->fault, "cannot be printed: %s", strerror(errno));
	char *to = (char *)hot_add_block(walk->writer, (size_t)n + 1);
	if (!to)
		return walk_fail(walk, pointer->param, CBB__STATUS__STATUS_LIMIT,
		                 "has %d bytes when printed, beyond the %zu bytes of a message (option max_payload_bytes)",
		                 n + 1, walk->writer->out->limit);
	va_copy(copy, *(va_list *)list);
	vsnprintf(to, (size_t)n + 1, format, copy);
	va_end(copy);
	return 0;
}

#if defined(__x86_64__)
/* A va_list of the calling convention of x86-64 whose registers are used up: the next argument is in memory. */
struct list {
	unsigned general_offset, float_offset;
	void *overflow, *registers;
	const char *text;
};
_Static_assert(offsetof(struct list, text) == sizeof(va_list), "struct list is a va_list and what it gives");

#define GENERAL_END 48
#define FLOAT_END 176

static void *list_new(const struct walk *walk, const char *text)
{
	struct list *list = walk_take(walk, sizeof *list);
	if (list)
		*list = (struct list){GENERAL_END, FLOAT_END, &list->text, NULL, text};
	return list;
}
#else
static void *list_new(const struct walk *walk, const char *text)
{
	(void)walk;
	(void)text;
	return NULL;
}
#endif

int format_check_machine(const struct builder *builder)
{
#if defined(__x86_64__)
	(void)builder;
	return 0;
#else
	return builder_fail(builder, CBB__STATUS__STATUS_UNSUPPORTED, "a va_list is offered on x86-64 only");
#endif
}

int format_get(struct walk *walk, const struct pointer *pointer, const char *text, uintptr_t *ret_format)
{
	const struct plan *plan = walk->frame->plan;
	bool is_ellipsis = plan->function->variadic == CBB__VARIADIC__VARIADIC_FORMAT;
	void *list = is_ellipsis ? (void *)(uintptr_t)text : list_new(walk, text);
	if (!list && !is_ellipsis)
		return CBB__STATUS__STATUS_LIMIT;
	memcpy(walk->frame->arguments[pointer->param->format - 1], &list, sizeof list);
	*ret_format = text ? (uintptr_t) "%s" : 0;
	return 0;
}
