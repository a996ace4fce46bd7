/* SPDX-License-Identifier: MIT */
/*
 * An interface with every shape of argument and result, and a way to feed arbitrary messages to both ends of its
 * functions. Whatever is accepted is read again to its last byte. For the hostile test and the fuzz target.
 */
#ifndef CBB_TESTS_MARSHAL_SHAPES_H
#define CBB_TESTS_MARSHAL_SHAPES_H

#include "base/detail.h"
#include "interface/check.h"
#include "interface/parse.h"
#include "marshal/marshal.h"
#include "marshal/variadic.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHAPES 12
#define SHAPES_ARGUMENTS_MAX 16
#define SHAPES_KEPT_MAX 4096
#define SHAPES_MEMORY_MAX 256
#define SHAPES_LIMIT_BYTES (1u << 20)

static const char shapes_text[] =
	"[library(\"libshapes.so\")]\n"
	"typedef struct thing *thing;\n"
	"struct small { float x; _Bool b; };\n"
	"struct item { const char *name; int n; [size(n)] const short *marks; [userdata] void *user;\n"
	"              struct small s[2]; long double wide; };\n"
	"typedef int (*shape0)([bytes(call.size)] const void *a, [bytes(call.size)] const void *b);\n"
	"typedef void (*notify)(int n);\n"
	"void shape1(_Bool a, signed char b, short c, int d, long e, float f, double g, long double h);\n"
	"int shape2([in, size(n)] const struct item *items, int n, const char *title, [string, zero] const char **list);\n"
	"struct item shape3(struct item item);\n"
	"int shape4([out, size(*n), filled(*n)] unsigned char *to, [inout] unsigned long *n, [out, size(1)] struct small *s,\n"
	"           [out, string, nullable] char **message, [out, string, size(20)] char *text, [out] thing *ret_thing);\n"
	"[bytes(*size)] void *shape5([out] unsigned long *size);\n"
	"[into(base)] void *shape6([bytes(n)] const void *base, unsigned long n, [out, nullable, into(base)] void **end);\n"
	"[size(1)] struct item *shape7([userdata] void *user, [nullable] notify note, thing t);\n"
	"[string, zero] char **shape8([string, size(n), elements(nullable)] const char **names, int n);\n"
	"int shape9([inout, size(n)] struct small *all, unsigned int n, [out, string, size(n)] char **names,\n"
	"           [out, bytes(return), nullable, lifetime(next)] unsigned char **bytes);\n"
	"union any { int i; double d; char text[12]; };\n"
	"int shape10(int kind, [nullable, case(kind, 0: [in, size(n)] const struct item *; 1: [inout, size(n)] struct small *;\n"
	"            2, 3: const char *; 4: [userdata] void *; 5: [out, string, size(n)] char *)] void *p, int n,\n"
	"            union any u, [slot, nullable] void **cell);\n"
	"[sentinel(0), select(int, case 1: unsigned long m, [size(m)] const short *; case 2: const char *; case 3: double;\n"
	"                     case 4: [inout] struct small *, [nullable] notify, [userdata] void *; case 5: void)]\n"
	"int shape11(thing t, int n, ...);\n"
	"void sort(unsigned long size, shape0 compare);\n";

struct shapes_item {
	const char *name;
	int n;
	const short *marks;
	void *user;
	struct {
		float x;
		bool b;
	} s[2];
	long double wide;
};

/* One function: what a program would pass to it, in memory of exactly the size that it has. */
struct shapes_function {
	struct plan *plan;
	struct plan *base;            /* of a function with `...`: `plan` is that of a list */
	void *arguments[SHAPES_ARGUMENTS_MAX];
	void *result;
};

struct shapes {
	struct interface *interface;
	struct shapes_function functions[SHAPES];
	struct plan *sort;
	struct marshal_frame call;    /* sort's, that shape0 runs under */
	struct arena arena, other;
	struct buffer wire;
	void *kept[SHAPES_KEPT_MAX];
	unsigned n_kept;
	void *memory[SHAPES_MEMORY_MAX];
	unsigned n_memory;
};

static int shapes_word_out(struct marshal_frame *frame, const Cbb__Param *param, uintptr_t value, uint64_t *ret_word)
{
	(void)frame;
	(void)param;
	*ret_word = value;
	return 0;
}

static int shapes_word_in(struct marshal_frame *frame, const Cbb__Param *param, uint64_t word, uintptr_t *ret_value)
{
	(void)frame;
	(void)param;
	*ret_value = (uintptr_t)word;
	return 0;
}

static int shapes_callback_out(struct marshal_frame *frame, const Cbb__Param *param, uint32_t argument_index,
                               void *pointer, uint64_t *ret_word)
{
	(void)argument_index;
	return shapes_word_out(frame, param, (uintptr_t)pointer, ret_word);
}

static int shapes_callback_in(struct marshal_frame *frame, const Cbb__Param *param, uint32_t argument_index,
                              uint64_t word, void **ret_pointer)
{
	(void)argument_index;
	return shapes_word_in(frame, param, word, (uintptr_t *)ret_pointer);
}

static void *shapes_keep(struct marshal_frame *frame, const Cbb__Param *param, const void *content, size_t size)
{
	struct shapes *shapes = frame->context;
	(void)param;
	if (shapes->n_kept == SHAPES_KEPT_MAX)
		return NULL;
	void *memory = shapes->kept[shapes->n_kept++] = malloc(size);
	return content ? memcpy(memory, content, size) : memory;
}

static const struct marshal_side shapes_side = {
	.userdata_out = shapes_word_out, .userdata_in = shapes_word_in, .callback_out = shapes_callback_out,
	.callback_in = shapes_callback_in, .keep = shapes_keep,
};

static void *shapes_copy(struct shapes *shapes, const void *from, size_t size)
{
	if (shapes->n_memory == SHAPES_MEMORY_MAX)
		abort();
	void *copy = shapes->memory[shapes->n_memory++] = malloc(size);
	memcpy(copy, from, size);
	return copy;
}

#define SHAPES_COPY(...) shapes_copy(shapes, &__VA_ARGS__, sizeof(__VA_ARGS__))
#define SHAPES_POINTER(...) SHAPES_COPY((void *){SHAPES_COPY(__VA_ARGS__)})

/* Field by field: the padding, which goes into the message too, stays zero. */
static void shapes_set_item(struct shapes *shapes, struct shapes_item *item)
{
	short marks[3] = {1, 2, 3};
	char name[5] = "item";
	memset(item, 0, sizeof *item);
	item->name = SHAPES_COPY(name);
	item->n = 3;
	item->marks = SHAPES_COPY(marks);
	item->user = (void *)0x4444;
	item->s[0].x = 1;
	item->s[0].b = true;
	item->s[1].x = 2;
	item->wide = 3;
}

static void shapes_fill_in(struct shapes *shapes, struct shapes_function *all)
{
	char text[6] = "hello", room[20] = "";
	const char *list[3] = {SHAPES_COPY(text), SHAPES_COPY(text), NULL};
	struct shapes_item items[2];
	shapes_set_item(shapes, &items[0]);
	shapes_set_item(shapes, &items[1]);
	uint64_t zero = 0, eight = 8;
	int two = 2;
	char small[16] = "";
	void **a = all[0].arguments;
	a[0] = SHAPES_POINTER(eight);
	a[1] = SHAPES_POINTER(eight);
	for (int i = 0; i < 8; i++)
		all[1].arguments[i] = SHAPES_COPY(small);
	a = all[2].arguments;
	a[0] = SHAPES_POINTER(items);
	a[1] = SHAPES_COPY(two);
	a[2] = SHAPES_POINTER(text);
	a[3] = SHAPES_POINTER(list);
	all[3].arguments[0] = SHAPES_COPY(items[0]);
	a = all[4].arguments;
	a[0] = SHAPES_POINTER(eight);
	a[1] = SHAPES_POINTER(eight);
	a[2] = SHAPES_POINTER(eight);
	a[3] = SHAPES_POINTER(zero);
	a[4] = SHAPES_POINTER(room);
	a[5] = SHAPES_POINTER(zero);
}

static void shapes_fill_more(struct shapes *shapes, struct shapes_function *all)
{
	char text[6] = "hello", bytes[10] = "123456789";
	const char *names[2] = {SHAPES_COPY(text), NULL};
	uint64_t zero = 0, ten = 10, both[2] = {0, 0};
	int two = 2;
	void **a;
	all[5].arguments[0] = SHAPES_POINTER(zero);
	a = all[6].arguments;
	a[0] = SHAPES_POINTER(bytes);
	a[1] = SHAPES_COPY(ten);
	a[2] = SHAPES_POINTER(zero);
	a = all[7].arguments;
	a[0] = SHAPES_COPY(ten);
	a[1] = SHAPES_COPY(ten);
	a[2] = SHAPES_COPY(ten);
	a = all[8].arguments;
	a[0] = SHAPES_POINTER(names);
	a[1] = SHAPES_COPY(two);
	a = all[9].arguments;
	a[0] = SHAPES_POINTER(both);
	a[1] = SHAPES_COPY(two);
	a[2] = SHAPES_POINTER(both);
	a[3] = SHAPES_POINTER(zero);
}

static void shapes_fill_last(struct shapes *shapes, struct shapes_function *all)
{
	char text[6] = "hello";
	uint64_t zero = 0, both[2] = {0, 0};
	unsigned char any[16] = "";
	short marks[2] = {1, 2};
	double half = 0.5;
	unsigned long n_marks = 2;
	int zero_n = 0, one = 1, two = 2, three = 3, four = 4;
	void **a = all[10].arguments;
	a[0] = SHAPES_COPY(one);
	a[1] = SHAPES_POINTER(both);
	a[2] = SHAPES_COPY(two);
	a[3] = SHAPES_COPY(any);
	a[4] = SHAPES_POINTER(zero);
	a = all[11].arguments;
	*a++ = SHAPES_COPY(n_marks); /* a handle: any address */
	*a++ = SHAPES_COPY(two);
	*a++ = SHAPES_COPY(one);
	*a++ = SHAPES_COPY(n_marks);
	*a++ = SHAPES_POINTER(marks);
	*a++ = SHAPES_COPY(four);
	*a++ = SHAPES_POINTER(both);
	*a++ = SHAPES_COPY(zero);
	*a++ = SHAPES_COPY(n_marks);
	*a++ = SHAPES_COPY(three);
	*a++ = SHAPES_COPY(half);
	*a++ = SHAPES_COPY(two);
	*a++ = SHAPES_POINTER(text);
	*a++ = SHAPES_COPY(zero_n);
}

static __attribute__((noreturn)) void shapes_abort(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, detail_text());
	abort();
}

static struct plan *shapes_plan(const struct shapes *shapes, const char *name)
{
	struct plan *plan = NULL;
	int index = interface_find_function(&shapes->interface->message, name);
	if (index < 0)
		index = interface_find_callback_type(&shapes->interface->message, name);
	if (index < 0 || plan_new(&shapes->interface->message, (uint32_t)index, &plan) < 0)
		shapes_abort(name);
	return plan;
}

/* Makes the plan that of the list which the arguments are. */
static void shapes_open_list(struct shapes_function *function)
{
	struct variadic_array array;
	struct variadic_call call;
	function->base = function->plan;
	variadic_array_init(&array, function->base, function->arguments, SIZE_MAX);
	if (variadic_collect(function->base, function->arguments, &array.source, &call) < 0)
		shapes_abort("list");
	function->plan = (struct plan *)(uintptr_t)call.plan; /* the first: the base keeps it */
}

static __attribute__((unused)) void shapes_open(struct shapes *shapes)
{
	static uint64_t size = 8;
	static void *sort_arguments[] = {&size, &size};
	memset(shapes, 0, sizeof *shapes);
	if (interface_parse("shapes.cbi", shapes_text, strlen(shapes_text), NULL, NULL, &shapes->interface) < 0)
		shapes_abort("interface");
	arena_init(&shapes->arena, SHAPES_LIMIT_BYTES);
	arena_init(&shapes->other, SHAPES_LIMIT_BYTES);
	buffer_init(&shapes->wire, SHAPES_LIMIT_BYTES);
	for (int i = 0; i < SHAPES; i++) {
		char name[24];
		snprintf(name, sizeof name, "shape%d", i);
		struct shapes_function *function = &shapes->functions[i];
		function->plan = shapes_plan(shapes, name);
		function->result = calloc(1, function->plan->result_bytes + 1);
	}
	shapes_fill_in(shapes, shapes->functions);
	shapes_fill_more(shapes, shapes->functions);
	shapes_fill_last(shapes, shapes->functions);
	shapes_open_list(&shapes->functions[11]);
	shapes->sort = shapes_plan(shapes, "sort");
	shapes->call = (struct marshal_frame){.plan = shapes->sort, .arguments = sort_arguments};
}

static __attribute__((unused)) void shapes_free(struct shapes *shapes)
{
	for (int i = 0; i < SHAPES; i++) {
		plan_free(shapes->functions[i].base ? shapes->functions[i].base : shapes->functions[i].plan);
		free(shapes->functions[i].result);
	}
	plan_free(shapes->sort);
	while (shapes->n_memory)
		free(shapes->memory[--shapes->n_memory]);
	arena_free(&shapes->arena);
	arena_free(&shapes->other);
	buffer_free(&shapes->wire);
	interface_free(shapes->interface);
}

static struct marshal_frame shapes_frame(struct shapes *shapes, unsigned index, struct arena *arena)
{
	return (struct marshal_frame){
		.plan = shapes->functions[index].plan, .side = &shapes_side, .context = shapes, .arena = arena,
		.call = &shapes->call, .arguments = shapes->functions[index].arguments,
		.result = shapes->functions[index].result,
	};
}

/* Writes a message from a frame; its size, behind the header in shapes->wire. */
static int shapes_put(struct shapes *shapes, struct marshal_frame *frame, bool is_return, size_t *ret_size)
{
	struct hot fields = {.sequence = 1};
	struct hot_writer writer;
	const struct plan *plan = frame->plan;
	shapes->wire.size = 0;
	hot_begin(&writer, &shapes->wire, is_return ? CBB__FRAME_TYPE__FRAME_RETURN : CBB__FRAME_TYPE__FRAME_INVOKE,
	          &fields, is_return ? plan->n_words_out : plan->n_words_in);
	int r = is_return ? marshal_put_results(frame, &writer) : marshal_put_arguments(frame, &writer);
	if (r < 0) {
		hot_cancel(&writer);
		return r;
	}
	r = hot_end(&writer);
	*ret_size = shapes->wire.size - FRAME_HEADER_BYTES;
	return r;
}

/* A message for the skeleton. What it accepts, it must be able to write again. 1: accepted. */
static __attribute__((unused)) int shapes_feed_invoke(struct shapes *shapes, unsigned index, const uint8_t *data,
                                                      size_t size)
{
	struct hot message;
	struct frame frame = {.type = CBB__FRAME_TYPE__FRAME_INVOKE, .body = data, .size = size};
	if (hot_read(&message, &frame) < 0)
		return 0;
	struct marshal_frame callee = shapes_frame(shapes, index, &shapes->arena);
	struct variadic_call list = {0};
	int r = shapes->functions[index].base ? variadic_read(shapes->functions[index].base, &message, &list) : 0;
	if (list.plan)
		callee.plan = list.plan;
	if (r == 0)
		r = marshal_get_arguments(&callee, &message);
	if (r == 0) {
		struct marshal_frame again = callee;
		again.arena = &shapes->other;
		again.extents = NULL;
		if (shapes_put(shapes, &again, false, &size) < 0)
			shapes_abort("arguments were accepted and cannot be put again");
		shapes_put(shapes, &callee, true, &size);
	}
	arena_release(&shapes->arena, (struct arena_mark){0});
	arena_release(&shapes->other, (struct arena_mark){0});
	variadic_release(&list);
	return r == 0;
}

/* A message for the stub, whose call is in flight. */
static __attribute__((unused)) int shapes_feed_return(struct shapes *shapes, unsigned index, const uint8_t *data,
                                                      size_t size)
{
	struct hot message;
	struct frame frame = {.type = CBB__FRAME_TYPE__FRAME_RETURN, .body = data, .size = size};
	if (hot_read(&message, &frame) < 0)
		return 0;
	size_t invoke_size;
	struct marshal_frame caller = shapes_frame(shapes, index, &shapes->arena);
	uint64_t in = 8;
	/* what an earlier result has left in the inout parameter */
	if (index == 4)
		memcpy(*(void **)caller.arguments[1], &in, sizeof in);
	if (shapes_put(shapes, &caller, false, &invoke_size) < 0)
		shapes_abort("arguments");
	int r = marshal_get_results(&caller, &message);
	if (r == 0 && shapes_put(shapes, &caller, true, &size) < 0)
		shapes_abort("results were accepted and cannot be put again");
	while (shapes->n_kept)
		free(shapes->kept[--shapes->n_kept]);
	arena_release(&shapes->arena, (struct arena_mark){0});
	return r == 0;
}

#endif
