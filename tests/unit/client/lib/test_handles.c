/* SPDX-License-Identifier: MIT */
#include "lib/handles.h"
#include "support/harness.h"

#define ADDRESS 0x5000

static struct handle_table table;

static void given_a_closing_call_when_another_thread_was_given_the_address_meanwhile_then_its_handle_stays(void)
{
	handle_table_init(&table);
	EXPECT_EQUAL(handle_opened(&table, ADDRESS), 0);
	uint64_t at_begin = table.n_opened;
	EXPECT_EQUAL(handle_opened(&table, ADDRESS), 0); /* native code freed it, and made another there */
	const char *copy = handle_copy(&table, ADDRESS, "text", 5);
	handle_closed(&table, ADDRESS, at_begin);
	EXPECT(handle_is_live(&table, ADDRESS));
	EXPECT_STRING(copy, "text");
	handle_closed(&table, ADDRESS, table.n_opened);
	EXPECT(!handle_is_live(&table, ADDRESS));
	handle_table_free(&table);
}

static const struct test tests[] = {
	TEST(given_a_closing_call_when_another_thread_was_given_the_address_meanwhile_then_its_handle_stays),
};
HARNESS_MAIN(tests)
