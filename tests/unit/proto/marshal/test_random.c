/* SPDX-License-Identifier: MIT */
/*
 * Random signatures with random values: through the message, through ffi_call, into a libffi closure of the same
 * plan, and back. Layouts are computed here a second time. A seed is printed; CBB_TEST_SEED repeats it.
 */
#include "pair.h"
#include "random_types.h"

#include <ffi.h>
#include <stdbool.h>
#include <time.h>

#define SIGNATURES 300
#define CALLS_EACH 4
#define PARAMS_MAX 12
#define TEXT_BYTES 7000

/* ---- Signatures ---- */

enum passing {
	BY_VALUE, IN_ONE, IN_SIZED, IN_STRING, IN_STRINGS, IN_NULL, OUT_ONE, OUT_SIZED, INOUT_SIZED, OUT_TEXT, USERDATA, HANDLE,
	PASSINGS, COUNT
};

struct param {
	enum passing passing;
	const struct type *type;
	unsigned count;
	uint8_t *object;           /* the argument */
	uint8_t *memory;           /* what it points to */
	uint8_t *answer;           /* out: what the function wrote */
};

struct signature {
	struct param params[PARAMS_MAX];
	unsigned n;
	const struct type *result; /* NULL: void */
	bool result_is_text;
	uint8_t *result_value;
};

static struct signature signature;

static const struct type *random_type(bool flat)
{
	const struct type *type;
	do
		type = &types[dice(SCALARS + STRUCTS)];
	while (flat && type->has_text);
	return type;
}

static void add_param(char *text)
{
	unsigned index = signature.n;
	struct param *param = &signature.params[signature.n++];
	*param = (struct param){.passing = dice(PASSINGS)};
	param->type = random_type(param->passing == INOUT_SIZED);
	bool sized = param->passing == IN_SIZED || param->passing == OUT_SIZED || param->passing == INOUT_SIZED ||
	             param->passing == OUT_TEXT;
	char *at = text + strlen(text);
	const char *type = spelling(param->type);
	switch (param->passing) {
	case BY_VALUE: sprintf(at, "%s p%u", type, index); break;
	case IN_ONE: sprintf(at, "[in] const %s *p%u", type, index); break;
	case IN_SIZED: sprintf(at, "[in, size(p%u)] const %s *p%u", index + 1, type, index); break;
	case IN_STRING: sprintf(at, "[string] const char *p%u", index); break;
	case IN_STRINGS: sprintf(at, "[string, zero] const char **p%u", index); break;
	case IN_NULL: sprintf(at, "[in, nullable] const %s *p%u", type, index); break;
	case OUT_ONE: sprintf(at, "[out, size(1)] %s *p%u", type, index); break;
	case OUT_SIZED: sprintf(at, "[out, size(p%u)] %s *p%u", index + 1, type, index); break;
	case INOUT_SIZED: sprintf(at, "[inout, size(p%u)] %s *p%u", index + 1, type, index); break;
	case OUT_TEXT: sprintf(at, "[out, string, size(p%u)] char *p%u", index + 1, index); break;
	case USERDATA: sprintf(at, "[userdata] void *p%u", index); break;
	default: sprintf(at, "[handle] void *p%u", index); break;
	}
	if (sized) {
		sprintf(text + strlen(text), ", int p%u", signature.n);
		signature.params[signature.n++] = (struct param){.passing = COUNT, .type = &types[5]};
	}
}

static void make_signature(char *text)
{
	unsigned wanted = dice(PARAMS_MAX);
	signature.n = 0;
	text[0] = '\0';
	for (unsigned i = 0; i < STRUCTS; i++)
		make_struct((unsigned)SCALARS + i, text);
	uint32_t kind = dice(4);
	signature.result = kind < 2 ? random_type(false) : NULL;
	signature.result_is_text = kind == 2;
	sprintf(text + strlen(text), "%s f(", signature.result ? spelling(signature.result)
	                                      : signature.result_is_text ? "const char *" : "void");
	while (signature.n < wanted && signature.n + 2 <= PARAMS_MAX) {
		if (signature.n)
			strcat(text, ", ");
		add_param(text);
	}
	strcat(text, signature.n ? ");" : "void);");
}

static void set_pointer(struct param *param, const void *to)
{
	memcpy(param->object, &to, sizeof to);
}

static void fill_param(struct param *param)
{
	param->count = 1;
	param->object = allocate(param->type->size < 16 ? 16 : param->type->size);
	param->memory = param->answer = NULL;
	switch (param->passing) {
	case BY_VALUE: fill(param->type, param->object); return;
	case IN_STRING: set_pointer(param, param->memory = (uint8_t *)random_text()); return;
	case IN_STRINGS:
		param->count = dice(5);
		param->memory = allocate((param->count + 1) * sizeof(char *));
		for (unsigned i = 0; i < param->count; i++)
			((char **)(void *)param->memory)[i] = random_text();
		set_pointer(param, param->memory);
		return;
	case IN_NULL: return;
	case USERDATA:
	case HANDLE: set_pointer(param, (void *)(uintptr_t)(1 + dice(UINT32_MAX))); return;
	case COUNT: {
		int count = (int)param[-1].count;
		memcpy(param->object, &count, sizeof count);
		return;
	}
	default: break;
	}
	if (param->passing == OUT_TEXT)
		param->type = &types[1];
	if (param->passing != IN_ONE && param->passing != OUT_ONE)
		param->count = dice(6);
	param->memory = allocate(param->count * param->type->size);
	for (unsigned i = 0; i < param->count; i++)
		fill(param->type, param->memory + i * param->type->size);
	set_pointer(param, param->memory);
}

/* ---- The function ---- */

static void check_strings(char *const *got, char *const *sent)
{
	for (; *sent; sent++, got++)
		EXPECT_STRING(*got, *sent);
	EXPECT_EQUAL(*got, NULL);
}

static void write_answer(struct param *param, uint8_t *to)
{
	size_t size = param->count * param->type->size;
	if (param->passing != INOUT_SIZED)
		for (size_t i = 0; i < size; i++)
			EXPECT_EQUAL(to[i], 0);
	param->answer = allocate(size);
	for (unsigned i = 0; i < param->count; i++)
		fill(param->type, param->answer + i * param->type->size);
	if (param->passing == OUT_TEXT) {
		for (size_t i = 0; i < size; i++)
			param->answer[i] = (uint8_t)(1 + dice(255));
		if (size)
			param->answer[dice((uint32_t)size)] = 0;
	}
	memcpy(to, param->answer, size);
}

static void see_param(struct param *param, uint8_t *argument)
{
	uint8_t *pointer;
	memcpy(&pointer, argument, sizeof pointer);
	switch (param->passing) {
	case BY_VALUE:
	case COUNT: EXPECT(same(param->type, argument, param->object)); break;
	case IN_STRING: EXPECT_STRING((char *)pointer, (char *)param->memory); break;
	case IN_STRINGS: check_strings((char **)(void *)pointer, (char **)(void *)param->memory); break;
	case IN_NULL: EXPECT_EQUAL(pointer, NULL); break;
	case USERDATA:
	case HANDLE: EXPECT(memcmp(&pointer, param->object, sizeof pointer) == 0); break;
	default:
		EXPECT(pointer != param->memory);
		if (param->passing == IN_ONE || param->passing == IN_SIZED || param->passing == INOUT_SIZED)
			EXPECT(same_many(param->type, pointer, param->memory, param->count));
		if (param->passing >= OUT_ONE && param->passing <= OUT_TEXT)
			write_answer(param, pointer);
		break;
	}
}

static void native(ffi_cif *cif, void *result, void **arguments, void *user)
{
	const struct plan *plan = user;
	(void)cif;
	for (unsigned i = 0; i < signature.n; i++)
		see_param(&signature.params[i], arguments[i]);
	if (!plan->returns_void)
		plan_widen_result(plan, signature.result_value, result);
}

/* ---- The property ---- */

static void check_param(const struct param *param)
{
	size_t size = param->count * param->type->size;
	if (param->passing == OUT_TEXT) {
		size_t n = strnlen((char *)param->answer, size);
		EXPECT(memcmp(param->memory, param->answer, n < size ? n + 1 : n) == 0);
	} else if (param->passing >= OUT_ONE && param->passing <= INOUT_SIZED) {
		EXPECT(same_many(param->type, param->memory, param->answer, param->count));
	}
}

static void check_result(const uint8_t *result)
{
	if (signature.result)
		EXPECT(same(signature.result, result, signature.result_value));
	else if (signature.result_is_text)
		EXPECT_STRING(*(char *const *)(const void *)result, *(char **)(void *)signature.result_value);
}

static void try_call(struct pair *pair, void (*code)(void))
{
	void *arguments[PARAMS_MAX] = {NULL};
	for (unsigned i = 0; i < signature.n; i++) {
		fill_param(&signature.params[i]);
		arguments[i] = signature.params[i].object;
	}
	size_t size = pair->plan->result_bytes;
	uint8_t *result = allocate(size);
	signature.result_value = allocate(size);
	if (signature.result)
		fill(signature.result, signature.result_value);
	else if (signature.result_is_text)
		*(char **)(void *)signature.result_value = random_text();
	int r = pair_call(pair, code, arguments, result);
	if (r < 0) {
		FAIL("status %d: %s", r, detail_text());
		return;
	}
	for (unsigned i = 0; i < signature.n; i++)
		check_param(&signature.params[i]);
	check_result(result);
}

static void given_random_signatures_when_called_then_both_ends_agree(void)
{
	static char text[TEXT_BYTES];
	const char *wanted = getenv("CBB_TEST_SEED");
	uint64_t seed = wanted ? strtoull(wanted, NULL, 0) : (uint64_t)time(NULL);
	state = seed * 2654435761u + 88172645463325252u;
	printf("     seed %llu\n", (unsigned long long)seed);
	make_scalars();
	for (int i = 0; i < SIGNATURES; i++) {
		struct pair pair;
		void *code = NULL;
		make_signature(text);
		pair_open(&pair, "f", text);
		for (unsigned k = SCALARS; k < SCALARS + STRUCTS; k++)
			EXPECT(strstr(text, types[k].name) != NULL);
		ffi_closure *closure = ffi_closure_alloc(sizeof *closure, &code);
		REQUIRE(closure != NULL);
		REQUIRE_EQUAL(ffi_prep_closure_loc(closure, &pair.plan->cif, native, pair.plan, code), FFI_OK);
		for (int call = 0; call < CALLS_EACH; call++) {
			void (*function)(void);
			memcpy(&function, &code, sizeof function);
			try_call(&pair, function);
		}
		if (expect_failures()) {
			FAIL("seed %llu, signature %d:\n%s", (unsigned long long)seed, i, text);
			expect_end();
		}
		ffi_closure_free(closure);
		pair_free(&pair);
		free_blocks();
	}
}

static const struct test tests[] = {
	TEST_TIMEOUT(given_random_signatures_when_called_then_both_ends_agree, 60),
};
HARNESS_MAIN(tests)
