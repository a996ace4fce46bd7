/* SPDX-License-Identifier: MIT */
/* How long native code keeps what it is given: scopes of callbacks, also in structs, destroy, lifetimes. */
#include "words.h"

static const char scopes[] =
	"typedef struct sqlite3 sqlite3;\n"
	"typedef int (*run)([userdata] void *user, int n);\n"
	"typedef void (*gone)([userdata] void *user);\n"
	"struct ops { [nullable] run read; [scope(forever)] gone close; [userdata] void *user; int n; };\n"
	"struct all { struct ops ops[2]; };\n"
	"int create(sqlite3 *db, [userdata] void *user, [nullable] run step, [nullable, scope(owner(db))] run final,\n"
	"           [nullable, destroy(step, final)] gone destroy);\n"
	"int wait_for(sqlite3 *db, [scope(notified(over))] run r, gone over);\n"
	"int once([scope(async)] gone done);\n"
	"int open_it([out] sqlite3 **db, [scope(owner(*db))] run r);\n"
	"sqlite3 *open_ops([in, scope(owner(return))] const struct ops *ops);\n"
	"int pass(struct all all, [in, scope(async)] struct ops *ops);\n"
	"int bind(sqlite3 *db, [bytes(n), lifetime(owner(db))] const void *blob, int n);\n"
	"int name_it(sqlite3 *db, [lifetime(forever)] const char *name, [lifetime(next)] const char *other);\n"
	"int names([string, zero, lifetime(owner(db))] const char *const *list, sqlite3 *db);\n"
	"int read_it([lifetime(call)] const char *name);\n"
	"typedef const char *(*look_up)(sqlite3 *db, int n);\n";

static struct interface *given_scopes(void)
{
	return words_parse(scopes);
}

static void expect_scope(const struct interface *interface, const char *function, unsigned number, Cbb__Scope scope,
                         uint32_t owner, uint32_t notified_by)
{
	const Cbb__Param *param = words_param(interface, function, number);
	EXPECT_EQUAL((int)param->scope, (int)scope);
	EXPECT_EQUAL(param->owner, owner);
	EXPECT_EQUAL(param->notified_by, notified_by);
}

static void given_scopes_when_parsed_then_params_have_them(void)
{
	struct interface *interface = given_scopes();
	expect_scope(interface, "create", 2, CBB__SCOPE__SCOPE_NOTIFIED, 0, 5);
	expect_scope(interface, "create", 3, CBB__SCOPE__SCOPE_OWNER, 1, 5);
	expect_scope(interface, "create", 4, CBB__SCOPE__SCOPE_ASYNC, 0, 0);
	expect_scope(interface, "wait_for", 1, CBB__SCOPE__SCOPE_NOTIFIED, 0, 3);
	expect_scope(interface, "wait_for", 2, CBB__SCOPE__SCOPE_ASYNC, 0, 0);
	expect_scope(interface, "once", 0, CBB__SCOPE__SCOPE_ASYNC, 0, 0);
	expect_scope(interface, "open_it", 1, CBB__SCOPE__SCOPE_OWNER, 1, 0);
	expect_scope(interface, "open_ops", 0, CBB__SCOPE__SCOPE_OWNER, 2, 0);
	expect_scope(interface, "pass", 0, CBB__SCOPE__SCOPE_NONE, 0, 0);
	expect_scope(interface, "pass", 1, CBB__SCOPE__SCOPE_ASYNC, 0, 0);
	interface_free(interface);
}

static void given_function_pointers_in_a_struct_when_parsed_then_they_are_callbacks(void)
{
	struct interface *interface = given_scopes();
	const Cbb__Param *ops = words_param(interface, "open_ops", 0);
	const Cbb__Type *type = interface->message.types[interface->message.params[ops->element]->type];
	const Cbb__Param *const *fields = (const Cbb__Param *const *)interface->message.params + type->first;
	EXPECT_EQUAL((int)fields[0]->mode, CBB__MODE__MODE_CALLBACK);
	EXPECT_EQUAL((int)fields[0]->scope, CBB__SCOPE__SCOPE_NONE);
	EXPECT(fields[0]->nullable);
	EXPECT_EQUAL((int)fields[1]->scope, CBB__SCOPE__SCOPE_FOREVER);
	EXPECT(interface_has_callbacks(&interface->message, words_param(interface, "pass", 0)->type));
	EXPECT(!interface_has_callbacks(&interface->message, 0));
	interface_free(interface);
}

static void given_lifetimes_of_arguments_when_parsed_then_params_have_them(void)
{
	struct interface *interface = given_scopes();
	EXPECT_EQUAL((int)words_param(interface, "bind", 1)->lifetime, CBB__LIFETIME__LIFETIME_OWNER);
	EXPECT_EQUAL(words_param(interface, "bind", 1)->lifetime_owner, 1);
	EXPECT_EQUAL((int)words_param(interface, "name_it", 1)->lifetime, CBB__LIFETIME__LIFETIME_FOREVER);
	EXPECT_EQUAL((int)words_param(interface, "name_it", 2)->lifetime, CBB__LIFETIME__LIFETIME_NEXT);
	EXPECT_EQUAL((int)words_param(interface, "names", 0)->lifetime, CBB__LIFETIME__LIFETIME_OWNER);
	EXPECT_EQUAL(words_param(interface, "names", 0)->lifetime_owner, 2);
	EXPECT_EQUAL((int)words_param(interface, "read_it", 0)->lifetime, CBB__LIFETIME__LIFETIME_CALL);
	interface_free(interface);
}

#define TYPES "typedef void (*cb)([userdata] void *u);\nstruct ops { cb read; };\n"

static void given_scopes_that_do_not_fit_when_parsed_then_refused(void)
{
	static const struct words_refusal table[] = {
	    {"int f([scope(async(1))] void (*cb)(int));", 1, 19, "')' is expected", "scope"},
	    {"int f([scope(notified)] void (*cb)(int));", 1, 22, "'(' is expected", "notified(callback)"},
	    {TYPES "int f([scope(notified(d))] cb c, int d);", 3, 23, "no callback", "callback"},
	    {TYPES "int f([scope(notified(d))] cb c);", 3, 23, "'d' is no other parameter", "another callback"},
	    {TYPES "int f([scope(notified(c))] cb c);", 3, 23, "'c' is no other parameter", "another callback"},
	    {TYPES "typedef void (*g)([scope(notified(d))] cb c, cb d);", 3, 35, "no other parameter of a function",
	     "another callback"},
	    {TYPES "int f(cb c, [destroy(x)] cb d);", 3, 22, "'x' is no other parameter", "another callback"},
	    {TYPES "int f(cb c, [destroy] cb d);", 3, 21, "'(' is expected", "destroy(callback"},
	    {TYPES "int f(cb c, [destroy(c)] cb d, [destroy(c)] cb e);", 3, 41, "two callbacks tell", "keep one"},
	    {TYPES "int f(cb c, [destroy(c)] int d);", 3, 14, "[destroy] has no meaning", "take it out"},
	    {TYPES "typedef void (*g)(cb c, [destroy(c)] cb d);", 3, 26, "[destroy] has no meaning", "take it out"},
	    {TYPES "int f([userdata, scope(async)] void *u);", 3, 18, "not called and not notified", "userdata(callback)"},
	    {TYPES "int f([out] struct h **h, [scope(owner(h))] cb c);", 3, 40, "no handle itself", "owner(*name)"},
	    {TYPES "int f(struct h *h, [scope(owner(*h))] cb c);", 3, 34, "no handle", "an owner is"},
	    {TYPES "int f([out] int *h, [scope(owner(*h))] cb c);", 3, 35, "no handle", "an owner is"},
	    {TYPES "struct more { struct h *h; [scope(owner(h))] cb c; };", 3, 41, "knows no owner", "where the struct is"},
	    {TYPES "struct more { [scope(notified(d))] cb c; cb d; };", 3, 16, "no callback that another", "parameters"},
	    {"int f([in, scope(async)] int *n);", 1, 12, "holds no callback", "structs"},
	    {"struct s { int n; };\nint f([in, scope(async)] struct s *s);", 2, 12, "holds no callback", "structs"},
	    {"struct s { int n; };\nint f([scope(async)] struct s s);", 2, 8, "[scope] has no meaning", "take it out"},
	    {TYPES "int f([in, scope(notified(d))] struct ops *o, cb d);", 3, 12, "no callback that another", "parameters"},
	    {"typedef int (*cmp)([bytes(call.size)] const void *a);\nstruct s { int n; cmp c; };\nint f(const struct s *s);",
	     3, 23, "uses call.size, which 'f' does not have", "integer parameter"},
	    {"int f([out] void (**handler)(int));", 1, 21, "points to a function pointer", "[handle]"},
	    {"[lifetime(call)] const char *f(int a);", 1, 2, "the call is over", "lifetime(next)"},
	    {"int f([lifetime(next)] struct s *a);", 1, 8, "[lifetime] has no meaning", "take it out"},
	    {"int f([out, size(4), lifetime(next)] int *a);", 1, 22, "no copy that outlives", "kept"},
	    {"int f([in, transfer(full(free))] int *a);", 1, 12, "not given away", "results"},
	};
	WORDS_REFUSE(table);
}

static void given_a_message_that_lies_about_scopes_when_checked_then_refused(void)
{
	struct interface *interface = given_scopes();
	Cbb__Param *step = words_param(interface, "create", 2), *destroy = words_param(interface, "create", 4);
	Cbb__Param *ops = words_param(interface, "open_ops", 0), *user = words_param(interface, "create", 1);
	Cbb__Param *field = interface->message.params[interface->message.types[interface->message.params[ops->element]->type]
	                                                  ->first];
	WORDS_LIE(interface, step->scope, 6, "unknown scope");
	WORDS_LIE(interface, step->scope, CBB__SCOPE__SCOPE_NONE, "unknown scope");
	WORDS_LIE(interface, step->notified_by, 0, "let go of by nothing");
	WORDS_LIE(interface, step->notified_by, 6, "not there");
	WORDS_LIE(interface, step->notified_by, 3, "no other callback");
	WORDS_LIE(interface, step->notified_by, 1, "no other callback");
	WORDS_LIE(interface, user->scope, CBB__SCOPE__SCOPE_ASYNC, "no callback");
	WORDS_LIE(interface, user->notified_by, 5, "only others can");
	WORDS_LIE(interface, destroy->owner, 1, "no such scope");
	WORDS_LIE(interface, ops->scope, CBB__SCOPE__SCOPE_NOTIFIED, "holds no callbacks");
	WORDS_LIE(interface, ops->owner, 1, "an owner is no handle");
	WORDS_LIE(interface, field->scope, CBB__SCOPE__SCOPE_OWNER, "where none can");
	WORDS_LIE(interface, field->scope, CBB__SCOPE__SCOPE_NOTIFIED, "where none can");
	WORDS_LIE(interface, field->scope, -1, "where none can");
	WORDS_LIE(interface, field->owner, 1, "where none can be");
	WORDS_LIE(interface, words_param(interface, "bind", 2)->scope, CBB__SCOPE__SCOPE_CALL, "holds no callbacks");
	WORDS_LIE(interface, words_param(interface, "bind", 2)->lifetime, CBB__LIFETIME__LIFETIME_NEXT, "no copy");
	WORDS_LIE(interface, words_param(interface, "open_it", 0)->lifetime, CBB__LIFETIME__LIFETIME_NEXT, "no copy");
	WORDS_LIE(interface, words_param(interface, "read_it", 0)->lifetime, 5, "unknown lifetime");
	WORDS_LIE(interface, words_param(interface, "bind", 1)->lifetime_owner, 4, "owner is no handle");
	interface_free(interface);
}

static const struct test tests[] = {
    TEST(given_scopes_when_parsed_then_params_have_them),
    TEST(given_function_pointers_in_a_struct_when_parsed_then_they_are_callbacks),
    TEST(given_lifetimes_of_arguments_when_parsed_then_params_have_them),
    TEST(given_scopes_that_do_not_fit_when_parsed_then_refused),
    TEST(given_a_message_that_lies_about_scopes_when_checked_then_refused),
};
HARNESS_MAIN(tests)
