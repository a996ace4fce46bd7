/* SPDX-License-Identifier: MIT */
/* Random signatures, in one process and in two: the same numbers come out. CBB_TEST_SEED replays a run. */
#include "support/remote.h"
#include "support/signatures.h"

#include <dlfcn.h>
#include <time.h>

#define N_SIGNATURES 300
#define ROUNDS 4

typedef uint64_t drive_fn(cbb_any_function function, uint64_t seed);

static void *local;
static cbb_library *library;
static uint64_t seed;

static void write_and_compile(const char *source_path, const char *text_path, const char *library_path)
{
	FILE *source = fopen(source_path, "we"), *text = fopen(text_path, "we");
	REQUIRE(source != NULL && text != NULL);
	fprintf(text, "[library(\"%s\")]\n", library_path);
	signatures_write(seed, N_SIGNATURES, source, text);
	REQUIRE(fclose(source) == 0 && fclose(text) == 0);
	struct harness_output output = harness_run((const char *const[]){"/usr/bin/env", "cc", "-std=gnu11", "-O1", "-w",
	                                                                "-fno-strict-aliasing", "-shared", "-fPIC", "-o",
	                                                                library_path, source_path, NULL}, 150000);
	EXPECT_STRING(output.err, "");
	REQUIRE_EQUAL(output.status, 0);
}

static void given_random_signatures(void)
{
	seed = harness_seed((uint64_t)time(NULL) * 1000 + (uint64_t)getpid());
	printf("     CBB_TEST_SEED=%llu\n", (unsigned long long)seed);
	const char *library_path = harness_temp_path("librandom.so");
	write_and_compile(harness_temp_path("random.c"), harness_temp_path("random.cbi"), library_path);
	local = dlopen(library_path, RTLD_NOW | RTLD_LOCAL);
	if (!local)
		FAIL("%s", dlerror());
	REQUIRE(local != NULL);
	given_a_host();
	REMOTE_OK(cbb_library_open_file(remote_host, harness_temp_path("random.cbi"), &library));
}

static cbb_any_function local_symbol(const char *kind, unsigned i)
{
	cbb_any_function function;
	void *address = dlsym(local, harness_format("%s_%u", kind, i));
	REQUIRE(address != NULL);
	memcpy(&function, &address, sizeof function);
	return function;
}

/* The line of the interface, for a failure. */
static const char *prototype_of(unsigned i)
{
	const char *text = harness_read_file(harness_temp_path("random.cbi"));
	const char *at = strstr(text, harness_format(" f_%u(", i));
	while (at && at > text && at[-1] != '\n')
		at--;
	return at ? harness_format("%.*s", (int)strcspn(at, "\n"), at) : "";
}

static void expect_same(unsigned i, uint64_t round, const char *way, uint64_t got, uint64_t expected)
{
	if (cbb_last_error() != 0)
		FAIL("%s, round %llu, %s: %s", prototype_of(i), (unsigned long long)round, way, cbb_last_error_text());
	else if (got != expected)
		FAIL("%s, round %llu, seed %llu: %s gives another result than in one process", prototype_of(i),
		     (unsigned long long)round, (unsigned long long)seed, way);
}

static void compare_signature(unsigned i, uint64_t *ret_mixed)
{
	drive_fn *drive = (drive_fn *)local_symbol("drive", i), *call = (drive_fn *)local_symbol("call", i);
	cbb_any_function own = local_symbol("f", i);
	drive_fn *remote_call = (drive_fn *)remote_symbol(library, harness_format("call_%u", i));
	cbb_callback *native = NULL, *generic = NULL;
	const char *type = harness_format("cb_%u", i);
	REMOTE_OK(cbb_callback_open(library, type, own, NULL, &native));
	REMOTE_OK(cbb_callback_open_generic(library, type, (cbb_generic_handler *)local_symbol("generic", i), NULL, &generic));
	for (uint64_t round = 0; round < ROUNDS; round++) {
		uint64_t called = drive(own, seed + round), calling_back = call(own, seed + round);
		*ret_mixed ^= called * 31 + calling_back;
		uint64_t got = drive(remote_symbol(library, harness_format("f_%u", i)), seed + round);
		expect_same(i, round, "the call", got, called);
		got = remote_call(own, seed + round);
		expect_same(i, round, "the callback of a plain function", got, calling_back);
		got = remote_call(cbb_callback_pointer(native), seed + round);
		expect_same(i, round, "the explicit callback", got, calling_back);
		got = remote_call(cbb_callback_pointer(generic), seed + round);
		expect_same(i, round, "the generic callback", got, calling_back);
	}
	cbb_callback_close(native, NULL);
	cbb_callback_close(generic, NULL);
}

static void given_300_random_signatures_then_calls_and_callbacks_give_the_same_as_in_one_process(void)
{
	uint64_t mixed = 0;
	given_random_signatures();
	for (unsigned i = 0; i < N_SIGNATURES && expect_failures() < 10; i++)
		compare_signature(i, &mixed);
	EXPECT(mixed != 0);
	remote_end();
	dlclose(local);
}

static const struct test tests[] = {
	TEST_TIMEOUT(given_300_random_signatures_then_calls_and_callbacks_give_the_same_as_in_one_process, 240),
};
HARNESS_MAIN(tests)
