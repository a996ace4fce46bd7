/* SPDX-License-Identifier: MIT */
/* Messages that lie: valid ones with bytes flipped, cut off, repeated. Meant for ASan and UBSan. */
#include "shapes.h"

#include "support/harness.h"

#include <time.h>

#define MUTATIONS 100000
#define MESSAGES_MAX (2 * SHAPES)

static uint64_t state;

static uint32_t dice(uint32_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return n ? (uint32_t)((state >> 11) % n) : 0;
}

struct message {
	unsigned index;
	bool is_return;
	uint8_t *data;
	size_t size;
};

static struct shapes shapes;
static struct message messages[MESSAGES_MAX];

static void keep_message(unsigned index, bool is_return, size_t size)
{
	struct message *message = &messages[2 * index + is_return];
	*message = (struct message){index, is_return, malloc(size), size};
	memcpy(message->data, shapes.wire.data + FRAME_HEADER_BYTES, size);
}

/* A skeleton that answers with something in every place. */
static void make_answer(unsigned index, const struct message *invoke)
{
	static struct shapes_item item;
	static char *names[3], text[] = "text";
	struct hot message;
	struct frame frame = {.type = CBB__FRAME_TYPE__FRAME_INVOKE, .body = invoke->data, .size = invoke->size};
	struct marshal_frame callee = shapes_frame(&shapes, index, &shapes.arena);
	size_t size = 0;
	REQUIRE_EQUAL(hot_read(&message, &frame), 0);
	REQUIRE_EQUAL(marshal_get_arguments(&callee, &message), 0);
	shapes_set_item(&shapes, &item);
	names[0] = names[1] = text;
	void *out[] = {[5] = text, [6] = *(void **)callee.arguments[0], [7] = &item, [8] = names};
	if (index == 3)
		memcpy(callee.result, &item, sizeof item);
	else if (index >= 5 && index <= 8)
		memcpy(callee.result, &out[index], sizeof(void *));
	else if (index == 9)
		*(int *)callee.result = 4;
	if (index == 4)
		**(char ***)callee.arguments[3] = text;
	if (index == 5)
		**(uint64_t **)callee.arguments[0] = 4;
	if (index == 6)
		**(void ***)callee.arguments[2] = out[6];
	if (index == 9) {
		memcpy(*(void **)callee.arguments[2], names, 2 * sizeof *names);
		**(char ***)callee.arguments[3] = text;
	}
	REQUIRE_EQUAL(shapes_put(&shapes, &callee, true, &size), 0);
	keep_message(index, true, size);
	arena_release(&shapes.arena, (struct arena_mark){0});
}

static void open_all(void)
{
	shapes_open(&shapes);
	for (unsigned i = 0; i < SHAPES; i++) {
		size_t size = 0;
		struct marshal_frame caller = shapes_frame(&shapes, i, &shapes.arena);
		if (shapes_put(&shapes, &caller, false, &size) < 0)
			FAIL("shape%u: %s", i, detail_text());
		keep_message(i, false, size);
		arena_release(&shapes.arena, (struct arena_mark){0});
		make_answer(i, &messages[2 * i]);
	}
}

static void free_all(void)
{
	for (unsigned i = 0; i < MESSAGES_MAX; i++)
		free(messages[i].data);
	shapes_free(&shapes);
}

static int feed(const struct message *message, const uint8_t *data, size_t size)
{
	return message->is_return ? shapes_feed_return(&shapes, message->index, data, size)
	                          : shapes_feed_invoke(&shapes, message->index, data, size);
}

static void given_the_valid_messages_when_fed_then_they_are_accepted(void)
{
	open_all();
	for (unsigned i = 0; i < MESSAGES_MAX; i++)
		if (!feed(&messages[i], messages[i].data, messages[i].size))
			FAIL("message %u: %s", i, detail_text());
	free_all();
}

static void given_each_prefix_when_fed_then_nothing_breaks(void)
{
	open_all();
	for (unsigned i = 0; i < MESSAGES_MAX; i++)
		for (size_t size = 0; size < messages[i].size; size++) {
			uint8_t *data = malloc(size + 1);
			memcpy(data, messages[i].data, size);
			uint8_t *exact = realloc(data, size ? size : 1);
			feed(&messages[i], exact, size);
			free(exact);
		}
	free_all();
}

static void mutate(uint8_t *data, size_t size)
{
	static const uint8_t liked[] = {0, 1, 2, 7, 8, 0x7f, 0x80, 0xff};
	for (uint32_t n = 1 + dice(3); n && size; n--) {
		uint32_t at = dice((uint32_t)size);
		switch (dice(4)) {
		case 0: data[at] ^= (uint8_t)(1 << dice(8)); break;
		case 1: data[at] = liked[dice(sizeof liked)]; break;
		case 2: data[at] = (uint8_t)dice(256); break;
		default: data[at] = data[dice((uint32_t)size)]; break;
		}
	}
}

static void given_mutated_messages_when_fed_then_nothing_breaks(void)
{
	const char *wanted = getenv("CBB_TEST_SEED");
	uint64_t seed = wanted ? strtoull(wanted, NULL, 0) : (uint64_t)time(NULL);
	unsigned n_accepted = 0;
	state = seed * 2654435761u + 88172645463325252u;
	printf("     seed %llu\n", (unsigned long long)seed);
	open_all();
	for (unsigned i = 0; i < MUTATIONS; i++) {
		const struct message *message = &messages[dice(MESSAGES_MAX)];
		size_t size = dice(8) ? message->size : dice((uint32_t)message->size + 1);
		uint8_t *data = malloc(size ? size : 1);
		memcpy(data, message->data, size);
		mutate(data, size);
		n_accepted += (unsigned)feed(message, data, size);
		free(data);
	}
	printf("     %u of %d were still valid\n", n_accepted, MUTATIONS);
	EXPECT(n_accepted > MUTATIONS / 100 && n_accepted < MUTATIONS);
	free_all();
}

/* The message of one function, given to another. */
static void given_another_functions_message_when_fed_then_nothing_breaks(void)
{
	open_all();
	for (unsigned i = 0; i < MESSAGES_MAX; i++)
		for (unsigned k = 0; k < MESSAGES_MAX; k++)
			feed(&messages[i], messages[k].data, messages[k].size);
	free_all();
}

static const struct test tests[] = {
	TEST(given_the_valid_messages_when_fed_then_they_are_accepted),
	TEST(given_each_prefix_when_fed_then_nothing_breaks),
	TEST_TIMEOUT(given_mutated_messages_when_fed_then_nothing_breaks, 60),
	TEST(given_another_functions_message_when_fed_then_nothing_breaks),
};
HARNESS_MAIN(tests)
