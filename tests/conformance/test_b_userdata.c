/* SPDX-License-Identifier: MIT */
/* B20: a pointer of the program goes to native code and comes back as the same; what was never given reaches nobody. */
#include "support/remote.h"

#include "../fixtures/cookies.h"

static cbb_library *library;
static int n_handled;
static void *expected;

static int handler(void *user, int value)
{
	n_handled++;
	EXPECT_EQUAL(user, expected);
	return value + 1;
}

static void given_the_cookies(void)
{
	given_a_host();
	library = remote_library("cookies", COOKIES_TEXT);
	n_handled = 0;
}

typedef int call_fn(cookie_fn, void *, int);

static void B20_user_data_comes_back_as_the_same_object(void)
{
	given_the_cookies();
	int objects[3] = {0};
	for (int i = 0; i < 30; i++) {
		expected = &objects[i % 3];
		EXPECT_EQUAL(REMOTE(library, call_fn, "cookie_call")(handler, expected, i), i + 1);
	}
	expected = NULL;
	EXPECT_EQUAL(REMOTE(library, call_fn, "cookie_call")(handler, NULL, 5), 6);
	EXPECT_EQUAL(n_handled, 31);
	REMOTE(library, void(void *), "cookie_keep")(&objects[2]);
	EXPECT_EQUAL(REMOTE(library, void *(void), "cookie_kept")(), &objects[2]);
	EXPECT_CALL_OK();
	remote_end();
}

static void B20_native_code_never_sees_the_address_itself(void)
{
	given_the_cookies();
	int object = 0, other = 0;
	uintptr_t (*raw)(void *) = REMOTE(library, uintptr_t(void *), "cookie_raw");
	EXPECT(raw(&object) != (uintptr_t)&object);
	EXPECT(raw(&object) != 0);
	EXPECT_EQUAL(raw(&object), raw(&object));
	EXPECT(raw(&object) != raw(&other));
	EXPECT_EQUAL(raw(NULL), 0);
	remote_end();
}

static void B20_a_live_handle_as_user_data_passes_unchanged(void)
{
	given_the_cookies();
	struct jar *jar = REMOTE(library, struct jar *(void), "jar_open")();
	REQUIRE(jar != NULL);
	expected = jar;
	int (*call)(cookie_fn, struct jar *, int) = REMOTE(library, int(cookie_fn, struct jar *, int), "cookie_call_jar");
	EXPECT_EQUAL(call(handler, jar, 8), 9);
	EXPECT_EQUAL(REMOTE(library, call_fn, "cookie_call")(handler, jar, 8), 9);
	EXPECT_EQUAL(n_handled, 2);
	REMOTE(library, void(struct jar *), "jar_close")(jar);
	EXPECT_CALL_OK();
	remote_end();
}

static void B20_a_pointer_that_was_never_given_reaches_no_handler(void)
{
	static const uintptr_t unknown[] = {1, 0xdeadbeef, UINTPTR_MAX, 0x7fffdeadb000};
	given_the_cookies();
	for (unsigned i = 0; i < sizeof unknown / sizeof *unknown; i++) {
		EXPECT_EQUAL(REMOTE(library, int(cookie_fn, uintptr_t, int), "cookie_call_raw")(handler, unknown[i], 1), -55);
		EXPECT_CALL_OK();
	}
	EXPECT_EQUAL(n_handled, 0);
	EXPECT_CONTAINS(remote_report().notice, "cookie_fn");
	expected = &n_handled;
	EXPECT_EQUAL(REMOTE(library, call_fn, "cookie_call")(handler, &n_handled, 5), 6);
	remote_end();
}

static const struct test tests[] = {
	TEST(B20_user_data_comes_back_as_the_same_object),
	TEST(B20_native_code_never_sees_the_address_itself),
	TEST(B20_a_live_handle_as_user_data_passes_unchanged),
	TEST(B20_a_pointer_that_was_never_given_reaches_no_handler),
};
HARNESS_MAIN(tests)
