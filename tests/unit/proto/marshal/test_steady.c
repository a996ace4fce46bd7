/* SPDX-License-Identifier: MIT */
/* Callbacks in steady state: what one costs, and that it allocates nothing. */
#include "pair.h"

#include "base/clock.h"

/* Under a sanitizer malloc is the sanitizer's. */
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define COUNTS_ALLOCATIONS 1

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *at, size_t size);

static unsigned long n_allocations;

void *malloc(size_t size)
{
	n_allocations++;
	return __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	n_allocations++;
	return __libc_calloc(n, size);
}

void *realloc(void *at, size_t size)
{
	n_allocations++;
	return __libc_realloc(at, size);
}
#else
static unsigned long n_allocations;
#endif

#define ROUNDS 200000

struct steady {
	struct pair pair;
	struct hot message;
	const char *name;
};

/* Put arguments, get arguments, put results, get results. */
static int round_trip(struct pair *pair, struct hot *message, void *const *arguments, void *result)
{
	struct hot fields = {.sequence = 7, .slot = 1, .generation = 1};
	struct hot_writer writer;
	struct arena_mark caller = arena_mark(&pair->caller_arena), callee = arena_mark(&pair->callee_arena);
	pair->caller.arguments = arguments;
	pair->caller.result = result;
	hot_begin(&writer, &pair->wire, CBB__FRAME_TYPE__FRAME_INVOKE, &fields, pair->plan->n_words_in);
	int r = marshal_put_arguments(&pair->caller, &writer);
	r |= hot_end(&writer);
	struct frame frame = {.type = CBB__FRAME_TYPE__FRAME_INVOKE, .body = pair->wire.data + FRAME_HEADER_BYTES,
	                      .size = pair->wire.size - FRAME_HEADER_BYTES};
	r |= hot_read(message, &frame);
	pair->wire.size = 0;
	r |= marshal_get_arguments(&pair->callee, message);
	hot_begin(&writer, &pair->wire, CBB__FRAME_TYPE__FRAME_RETURN, &fields, pair->plan->n_words_out);
	r |= marshal_put_results(&pair->callee, &writer);
	r |= hot_end(&writer);
	frame.size = pair->wire.size - FRAME_HEADER_BYTES;
	r |= hot_read(message, &frame);
	pair->wire.size = 0;
	r |= marshal_get_results(&pair->caller, message);
	arena_release(&pair->caller_arena, caller);
	arena_release(&pair->callee_arena, callee);
	return r;
}

static void run(struct pair *pair, const char *name, void *const *arguments, void *result)
{
	static struct hot message;
	for (int i = 0; i < 10; i++)
		REQUIRE_EQUAL(round_trip(pair, &message, arguments, result), 0);
	unsigned long before = n_allocations;
	uint64_t start = clock_now_ns();
	for (int i = 0; i < ROUNDS; i++)
		if (round_trip(pair, &message, arguments, result) != 0)
			FAIL("%s", detail_text());
	uint64_t end = clock_now_ns();
	EXPECT_EQUAL(n_allocations - before, 0);
	printf("     %s: %.1f ns for arguments and result, both ends, with the codec\n", name,
	       (double)(end - start) / ROUNDS);
}

static void given_a_comparator_when_called_often_then_nothing_is_allocated(void)
{
	static const char text[] = "typedef int (*compare)([bytes(call.size)] const void *a, [bytes(call.size)] const void *b);\n"
	                           "void sort([inout, bytes(count * size)] void *base, unsigned long count, unsigned long size, "
	                           "compare c);\n";
	struct pair pair, call;
	pair_open(&pair, "compare", text);
	int function = interface_find_function(&pair.interface->message, "sort");
	struct plan *sort = NULL;
	REQUIRE_EQUAL(plan_new(&pair.interface->message, (uint32_t)function, &sort), 0);
	call.caller = (struct marshal_frame){.plan = sort};
	unsigned long size = sizeof(int);
	void *none = NULL;
	call.caller.arguments = ARGUMENTS(&none, &size, &size, &none);
	pair.caller.call = pair.callee.call = &call.caller;
	int a = 1, b = 2, *at_a = &a, *at_b = &b, result = 0;
	run(&pair, "compare", ARGUMENTS(&at_a, &at_b), &result);
	plan_free(sort);
	pair_free(&pair);
}

static void given_an_element_handler_when_called_often_then_nothing_is_allocated(void)
{
	struct pair pair;
	pair_open(&pair, "start", "typedef void (*start)([userdata] void *user, const char *name, "
	                          "[string, zero] const char **attributes);\nvoid set(start s);");
	const char *name = "chapter", *attributes[] = {"id", "c1", "title", "The beginning", NULL}, **at = attributes;
	void *user = &pair;
	run(&pair, "start", ARGUMENTS(&user, &name, &at), NULL);
	pair_free(&pair);
}

static void given_a_text_handler_when_called_often_then_nothing_is_allocated(void)
{
	struct pair pair;
	pair_open(&pair, "text", "typedef void (*text)([userdata] void *user, [size(length)] const char *s, int length);\n"
	                         "void set(text t);");
	static const char words[64] = "a few words";
	const char *at = words;
	void *user = &pair;
	int length = sizeof words;
	run(&pair, "text", ARGUMENTS(&user, &at, &length), NULL);
	pair_free(&pair);
}

static void given_malloc_when_called_then_this_test_would_notice(void)
{
#ifdef COUNTS_ALLOCATIONS
	unsigned long before = n_allocations;
	void *volatile at = malloc(1);
	free(at);
	EXPECT_EQUAL(n_allocations - before, 1);
#else
	SKIP("malloc is the sanitizer's");
#endif
}

static const struct test tests[] = {
	TEST(given_a_comparator_when_called_often_then_nothing_is_allocated),
	TEST(given_an_element_handler_when_called_often_then_nothing_is_allocated),
	TEST(given_a_text_handler_when_called_often_then_nothing_is_allocated),
	TEST(given_malloc_when_called_then_this_test_would_notice),
};
HARNESS_MAIN(tests)
