/* SPDX-License-Identifier: MIT */
#include "ctl/command.h"
#include "ctl/json.h"

#include "support/harness.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

static const char *base64_of(const char *data, size_t size)
{
	ProtobufCBinaryData bytes = {.len = size, .data = (uint8_t *)(uintptr_t)data};
	json_t *json = json_of_bytes(&bytes);
	const char *text = harness_format("%s", json_string_value(json_object_get(json, "base64")));
	json_decref(json);
	return text;
}

static void given_text_when_it_is_utf8_then_it_is_a_string(void)
{
	ProtobufCBinaryData bytes = {.len = 5, .data = (uint8_t *)(uintptr_t) "a\"\nä"};
	json_t *json = json_of_bytes(&bytes);
	EXPECT_STRING(json_string_value(json), "a\"\nä");
	json_decref(json);
}

static void given_bytes_when_they_are_no_utf8_then_base64_has_them_all(void)
{
	EXPECT_STRING(base64_of("\xff", 1), "/w==");
	EXPECT_STRING(base64_of("\xff\xfe", 2), "//4=");
	EXPECT_STRING(base64_of("\xff\xfe\0", 3), "//4A");
	EXPECT_STRING(base64_of("\xff\xfe\0\x10", 4), "//4AEA==");
}

static void given_a_counter_when_it_is_beyond_json_then_it_stays_at_the_largest(void)
{
	json_t *largest = json_of_number(UINT64_MAX), *one_less = json_of_number(INT64_MAX - 1);
	EXPECT_EQUAL(json_integer_value(largest), INT64_MAX);
	EXPECT_EQUAL(json_integer_value(one_less), INT64_MAX - 1);
	json_decref(largest);
	json_decref(one_less);
}

static void given_a_host_when_shown_then_the_rate_is_that_of_its_life(void)
{
	Cbb__HostInfo info = CBB__HOST_INFO__INIT;
	info.uptime_ms = 2000;
	info.calls = 10;
	json_t *json = json_of_info(&info);
	EXPECT(json_real_value(json_object_get(json, "calls_per_s")) == 5.0);
	EXPECT_EQUAL(json_array_size(json_object_get(json, "libraries")), 0);
	json_decref(json);
	info.uptime_ms = 0;
	json = json_of_info(&info);
	EXPECT(json_real_value(json_object_get(json, "calls_per_s")) == 0.0);
	json_decref(json);
}

static void given_a_failure_when_it_ends_then_the_exit_status_tells_what_kind(void)
{
	EXPECT_EQUAL(command_exit(0), CTL_OK);
	EXPECT_EQUAL(command_exit(-EINVAL), CTL_USAGE);
	EXPECT_EQUAL(command_exit(-ESRCH), CTL_NOTHING);
	EXPECT_EQUAL(command_exit(-EACCES), CTL_NOT_PERMITTED);
	EXPECT_EQUAL(command_exit(CBB__STATUS__STATUS_REFUSED), CTL_NOT_PERMITTED);
	EXPECT_EQUAL(command_exit(CBB__STATUS__STATUS_VERSION), CTL_ERROR);
}

static const struct test tests[] = {
	TEST(given_text_when_it_is_utf8_then_it_is_a_string),
	TEST(given_bytes_when_they_are_no_utf8_then_base64_has_them_all),
	TEST(given_a_counter_when_it_is_beyond_json_then_it_stays_at_the_largest),
	TEST(given_a_host_when_shown_then_the_rate_is_that_of_its_life),
	TEST(given_a_failure_when_it_ends_then_the_exit_status_tells_what_kind),
};
HARNESS_MAIN(tests)
