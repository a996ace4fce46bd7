/* SPDX-License-Identifier: MIT */
#include "host/module.h"
#include "support/harness.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static uint64_t offset_in(const char *text)
{
	const char *plus = strrchr(text, '+');
	return plus ? strtoull(plus + 1, NULL, 16) : 0;
}

/* The linker's own idea of where the file begins. */
static uint64_t offset_by_linker(const void *address)
{
	Dl_info info;
	REQUIRE(dladdr(address, &info) != 0);
	return (uint64_t)((const char *)address - (const char *)info.dli_fbase);
}

static void given_a_function_when_looked_up_then_its_file_and_offset_are_those_of_the_linker(void)
{
	char text[256];
	void *in_program = (void *)given_a_function_when_looked_up_then_its_file_and_offset_are_those_of_the_linker;
	void *in_libc = dlsym(RTLD_DEFAULT, "hcreate");
	module_find((uint64_t)(uintptr_t)in_program, text, sizeof text);
	EXPECT_CONTAINS(text, "unit_daemon_host_module+0x");
	EXPECT_EQUAL(offset_in(text), offset_by_linker(in_program));
	module_find((uint64_t)(uintptr_t)in_libc, text, sizeof text);
	EXPECT_CONTAINS(text, "libc.so.6+0x");
	EXPECT_EQUAL(offset_in(text), offset_by_linker(in_libc));
}

static void given_generated_code_when_looked_up_then_it_is_anonymous(void)
{
	char text[256];
	char *memory = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	REQUIRE(memory != MAP_FAILED);
	module_find((uint64_t)(uintptr_t)memory + 0x123, text, sizeof text);
	EXPECT_CONTAINS(text, "[anonymous]+0x");
	munmap(memory, 8192);
}

static void given_an_address_that_is_not_mapped_when_looked_up_then_there_is_no_module(void)
{
	char text[256] = "before";
	module_find(0, text, sizeof text);
	EXPECT_STRING(text, "");
	module_find(0x7fffffffffffull - 8, text, sizeof text);
	EXPECT_STRING(text, "");
	module_find(UINT64_MAX - 8, text, sizeof text);
	EXPECT_LACKS(text, "unit_daemon");
}

static void given_a_short_buffer_when_looked_up_then_the_end_of_the_path_is_kept(void)
{
	for (size_t size = 1; size < 64; size++) {
		char text[64];
		memset(text, 'x', sizeof text);
		module_find((uint64_t)(uintptr_t)offset_by_linker, text, size);
		EXPECT(strlen(text) < size);
		for (size_t i = size; i < sizeof text; i++)
			EXPECT_EQUAL(text[i], 'x');
		if (size > 48)
			EXPECT_CONTAINS(text, "daemon_host_module+0x");
	}
}

static const struct test tests[] = {
    TEST(given_a_function_when_looked_up_then_its_file_and_offset_are_those_of_the_linker),
    TEST(given_generated_code_when_looked_up_then_it_is_anonymous),
    TEST(given_an_address_that_is_not_mapped_when_looked_up_then_there_is_no_module),
    TEST(given_a_short_buffer_when_looked_up_then_the_end_of_the_path_is_kept),
};
HARNESS_MAIN(tests)
