/* SPDX-License-Identifier: MIT */
#include "lib/places.h"

#include "lib/error.h"
#include "support/harness.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void expect_path(char *path, const char *expected)
{
	EXPECT_STRING(path, expected);
	free(path);
}

static void expect_none(char *path, const char *words)
{
	EXPECT(path == NULL);
	EXPECT_CONTAINS(detail_text(), words);
	free(path);
}

static void given_a_broker_in_the_environment_when_asked_then_it_is_that_one(void)
{
	const char *path = harness_temp_file("broker", "");
	REQUIRE_EQUAL(chmod(path, 0700), 0);
	setenv("CBB_BROKER", path, 1);
	expect_path(places_broker(), path);
}

static void given_a_broker_that_cannot_run_when_asked_then_the_words_name_it(void)
{
	setenv("CBB_BROKER", harness_temp_path("none"), 1);
	expect_none(places_broker(), harness_temp_path("none"));
	EXPECT_CONTAINS(detail_text(), "CBB_BROKER");
	setenv("CBB_BROKER", harness_temp_file("text", "no program"), 1);
	expect_none(places_broker(), harness_temp_path("text"));
}

static void given_interfaces_in_the_environment_when_one_is_asked_for_then_the_first_directory_with_it_wins(void)
{
	const char *first = harness_temp_path("first"), *second = harness_temp_path("second");
	REQUIRE_EQUAL(mkdir(first, 0700), 0);
	REQUIRE_EQUAL(mkdir(second, 0700), 0);
	const char *both = harness_temp_file("first/both.cbi", ""), *one = harness_temp_file("second/one.cbi", "");
	harness_temp_file("second/both.cbi", "");
	setenv("CBB_INTERFACES", harness_format("%s:%s", first, second), 1);
	expect_path(places_interface("both"), both);
	expect_path(places_interface("both.cbi"), both);
	expect_path(places_interface("one"), one);
	expect_none(places_interface("none"), "no interface \"none.cbi\" in");
	EXPECT_CONTAINS(detail_text(), second);
}

static void given_odd_lists_of_directories_when_an_interface_is_asked_for_then_it_is_found_all_the_same(void)
{
	const char *path = harness_temp_file("a.cbi", "");
	setenv("CBB_INTERFACES", harness_format("::/nowhere::%s:", harness_temp_dir()), 1);
	expect_path(places_interface("a"), path);
	setenv("CBB_INTERFACES", ":", 1);
	expect_none(places_interface("a"), "no interface");
}

static void given_a_path_in_place_of_a_name_when_an_interface_is_asked_for_then_it_is_refused_in_words(void)
{
	const char *const paths[] = {"/etc/passwd", "../a", "a/b", "./a.cbi"};
	harness_temp_file("a.cbi", "");
	setenv("CBB_INTERFACES", harness_temp_dir(), 1);
	for (unsigned i = 0; i < sizeof paths / sizeof *paths; i++)
		expect_none(places_interface(paths[i]), "cbb_library_open_file");
}

static void given_a_runtime_directory_when_the_users_socket_is_asked_for_then_it_is_below_it(void)
{
	setenv("XDG_RUNTIME_DIR", "/run/user/7", 1);
	expect_path(places_user_socket(), "/run/user/7/cbbroker/broker.sock");
	setenv("XDG_RUNTIME_DIR", "", 1);
	expect_path(places_user_socket(), NULL);
	unsetenv("XDG_RUNTIME_DIR");
	expect_path(places_user_socket(), NULL);
}

static const struct test tests[] = {
    TEST(given_a_broker_in_the_environment_when_asked_then_it_is_that_one),
    TEST(given_a_broker_that_cannot_run_when_asked_then_the_words_name_it),
    TEST(given_interfaces_in_the_environment_when_one_is_asked_for_then_the_first_directory_with_it_wins),
    TEST(given_odd_lists_of_directories_when_an_interface_is_asked_for_then_it_is_found_all_the_same),
    TEST(given_a_path_in_place_of_a_name_when_an_interface_is_asked_for_then_it_is_refused_in_words),
    TEST(given_a_runtime_directory_when_the_users_socket_is_asked_for_then_it_is_below_it),
};
HARNESS_MAIN(tests)
