/* SPDX-License-Identifier: MIT */
#include "made_lane.h"

static struct made_lane made;
static struct closure first, second;

/* A call of a function of the fixture, its arguments as native code would see them. */
struct made_call {
	struct native_call call;
	uintptr_t values[4];
	void *arguments[4];
	uintptr_t result;
};

static void given_a_library(void)
{
	lane_make(&made);
	open_callbacks(&made);
}

static void call_make(struct made_call *call, const char *name)
{
	struct native_function *function = NULL;
	memset(call, 0, sizeof *call);
	REQUIRE_EQUAL(library_function(library_find(1), number_of(name), &function), 0);
	for (unsigned i = 0; i < 4; i++)
		call->arguments[i] = &call->values[i];
	call->call.marshal.plan = function->plan;
	call->call.marshal.arguments = call->arguments;
	call->call.marshal.result = &call->result;
	call->call.marshal.arena = &made.lane.arena;
	call->call.lane = &made.lane;
}

static void call_pass(struct made_call *call, struct closure *closure)
{
	for (uint32_t i = 0; i < call->call.marshal.plan->n_params; i++)
		if (call->call.marshal.plan->params[i]->mode == CBB__MODE__MODE_CALLBACK) {
			EXPECT_EQUAL(scope_add(&call->call, closure, call->call.marshal.plan->params[i], i), 0);
			return;
		}
	FAIL("no parameter is a callback");
}

static void keeper_set_call(uintptr_t keeper, struct closure *closure)
{
	struct made_call call;
	call_make(&call, "keeper_set");
	call.values[0] = keeper;
	call_pass(&call, closure);
	scope_enter(&call.call);
	EXPECT(closure->n_armed > 0);
	scope_leave(&call.call);
}

static void keeper_close_call(uintptr_t keeper, int result)
{
	struct made_call call;
	call_make(&call, "keeper_close");
	call.values[0] = keeper;
	call.result = (uint32_t)result;
	scope_enter(&call.call);
	scope_leave(&call.call);
}

static void keeper_open_call(struct closure *closure, uintptr_t result)
{
	struct made_call call;
	call_make(&call, "keeper_open");
	call_pass(&call, closure);
	scope_enter(&call.call);
	EXPECT(closure->n_armed > 0); /* its constructor may call at once */
	call.result = result;
	scope_leave(&call.call);
}

static void given_scope_call_when_the_calls_are_over_then_nothing_is_armed(void)
{
	struct made_call outer, inner;
	given_a_library();
	call_make(&outer, "call_number");
	call_make(&inner, "call_number");
	call_pass(&outer, &first);
	call_pass(&inner, &first);
	EXPECT_EQUAL(first.n_armed, 0); /* not before it runs */
	scope_enter(&outer.call);
	EXPECT_EQUAL(first.n_armed, 1);
	scope_enter(&inner.call);
	EXPECT_EQUAL(first.n_armed, 2);
	scope_leave(&inner.call);
	EXPECT_EQUAL(first.n_armed, 1);
	EXPECT_EQUAL(first.closed_ns, 0);
	scope_leave(&outer.call);
	EXPECT_EQUAL(first.n_armed, 0);
	EXPECT(first.closed_ns > 0);
	lane_end(&made);
}

static void given_one_function_passed_twice_in_a_call_when_it_is_over_then_nothing_is_armed(void)
{
	struct made_call call;
	given_a_library();
	call_make(&call, "call_two");
	EXPECT_EQUAL(scope_add(&call.call, &first, call.call.marshal.plan->params[0], 0), 0);
	EXPECT_EQUAL(scope_add(&call.call, &first, call.call.marshal.plan->params[1], 1), 0);
	scope_enter(&call.call);
	EXPECT_EQUAL(first.n_armed, 2);
	scope_leave(&call.call);
	EXPECT_EQUAL(first.n_armed, 0);
	lane_end(&made);
}

static void given_scope_forever_when_the_call_is_over_then_it_stays_armed(void)
{
	struct made_call call;
	given_a_library();
	call_make(&call, "keep_number");
	call_pass(&call, &first);
	scope_enter(&call.call);
	scope_leave(&call.call);
	EXPECT(first.n_armed > 0);
	lane_end(&made);
}

static void given_an_owner_when_it_is_closed_then_all_that_it_owned_is_disarmed(void)
{
	given_a_library();
	keeper_set_call(0x1000, &first);
	keeper_set_call(0x1000, &first); /* however often: once */
	keeper_set_call(0x1000, &second);
	EXPECT_EQUAL(first.n_armed, 1);
	EXPECT_EQUAL(second.n_armed, 1);
	keeper_close_call(0x1000, -1); /* closes only if it returns 0 */
	EXPECT_EQUAL(first.n_armed, 1);
	keeper_close_call(0x1000, 0);
	EXPECT_EQUAL(first.n_armed, 0);
	EXPECT_EQUAL(second.n_armed, 0);
	keeper_close_call(0x1000, 0);
	EXPECT_EQUAL(first.n_armed, 0);
	lane_end(&made);
}

static void given_two_owners_of_one_function_when_one_is_closed_then_the_other_keeps_it_armed(void)
{
	given_a_library();
	keeper_set_call(0x1000, &first);
	keeper_set_call(0x2000, &first);
	EXPECT_EQUAL(first.n_armed, 2);
	keeper_close_call(0x1000, 0);
	EXPECT_EQUAL(first.n_armed, 1);
	keeper_close_call(0x2000, 0);
	EXPECT_EQUAL(first.n_armed, 0);
	keeper_set_call(0x1000, &first); /* the address is another object's now */
	EXPECT_EQUAL(first.n_armed, 1);
	keeper_close_call(0x1000, 0);
	lane_end(&made);
}

static void given_the_result_as_owner_when_the_call_returned_one_then_it_keeps_it_armed(void)
{
	given_a_library();
	keeper_open_call(&first, 0x3000);
	EXPECT_EQUAL(first.n_armed, 1);
	keeper_close_call(0x3000, 0);
	EXPECT_EQUAL(first.n_armed, 0);
	lane_end(&made);
}

static void given_the_result_as_owner_when_the_call_returned_null_then_nothing_is_armed(void)
{
	given_a_library();
	keeper_open_call(&first, 0);
	EXPECT_EQUAL(first.n_armed, 0);
	lane_end(&made);
}

static const struct test tests[] = {
    TEST(given_scope_call_when_the_calls_are_over_then_nothing_is_armed),
    TEST(given_one_function_passed_twice_in_a_call_when_it_is_over_then_nothing_is_armed),
    TEST(given_scope_forever_when_the_call_is_over_then_it_stays_armed),
    TEST(given_an_owner_when_it_is_closed_then_all_that_it_owned_is_disarmed),
    TEST(given_two_owners_of_one_function_when_one_is_closed_then_the_other_keeps_it_armed),
    TEST(given_the_result_as_owner_when_the_call_returned_one_then_it_keeps_it_armed),
    TEST(given_the_result_as_owner_when_the_call_returned_null_then_nothing_is_armed),
};
HARNESS_MAIN(tests)
