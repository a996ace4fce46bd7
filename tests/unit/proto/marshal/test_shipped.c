/* SPDX-License-Identifier: MIT */
/* Each function of the interfaces that ship has a plan. */
#include "pair.h"

#include <glob.h>

static void plan_all(const char *path)
{
	struct interface *interface = NULL;
	const char *text = harness_read_file(path);
	if (interface_parse(path, text, strlen(text), NULL, NULL, &interface) < 0) {
		FAIL("%s", detail_text());
		return;
	}
	EXPECT(interface->message.n_functions > 0);
	for (uint32_t i = 0; i < interface->message.n_functions; i++) {
		struct plan *plan = NULL;
		if (plan_new(&interface->message, i, &plan) < 0)
			FAIL("%s: %s", path, detail_text());
		plan_free(plan);
	}
	interface_free(interface);
}

static void given_the_shipped_interfaces_when_planned_then_each_function_can_be_carried(void)
{
	glob_t found;
	REQUIRE_EQUAL(glob(harness_source_path("client/interfaces/*.cbi"), 0, NULL, &found), 0);
	EXPECT(found.gl_pathc >= 3);
	for (size_t i = 0; i < found.gl_pathc; i++)
		plan_all(found.gl_pathv[i]);
	globfree(&found);
}

static const struct test tests[] = {
	TEST(given_the_shipped_interfaces_when_planned_then_each_function_can_be_carried),
};
HARNESS_MAIN(tests)
