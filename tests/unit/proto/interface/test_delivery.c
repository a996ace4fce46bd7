/* SPDX-License-Identifier: MIT */
/* How callbacks of a type are delivered: the words, what they become, and where they cannot stand. */
#include "words.h"

static void given_a_delivery_word_when_parsed_then_the_type_has_it(void)
{
	static const struct {
		const char *words;
		Cbb__Delivery delivery;
		Cbb__Overflow overflow;
	} table[] = {
	    {"on_error(0)", CBB__DELIVERY__DELIVERY_NONE, CBB__OVERFLOW__OVERFLOW_WAIT},
	    {"auto", CBB__DELIVERY__DELIVERY_AUTO, CBB__OVERFLOW__OVERFLOW_WAIT},
	    {"local", CBB__DELIVERY__DELIVERY_LOCAL, CBB__OVERFLOW__OVERFLOW_WAIT},
	    {"blocking", CBB__DELIVERY__DELIVERY_BLOCKING, CBB__OVERFLOW__OVERFLOW_WAIT},
	};
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct interface *interface =
			words_parse(harness_format("[%s] typedef int (*done)(int code);\nvoid f(done d);", table[i].words));
		EXPECT_EQUAL((int)words_function(interface, "done")->delivery, (int)table[i].delivery);
		EXPECT_EQUAL((int)words_function(interface, "done")->overflow, (int)table[i].overflow);
		interface_free(interface);
	}
}

static void given_a_listener_when_parsed_then_the_type_has_its_overflow(void)
{
	static const struct {
		const char *words;
		Cbb__Overflow overflow;
	} table[] = {
	    {"listener", CBB__OVERFLOW__OVERFLOW_WAIT},
	    {"listener(wait)", CBB__OVERFLOW__OVERFLOW_WAIT},
	    {"listener(reject_newest)", CBB__OVERFLOW__OVERFLOW_REJECT_NEWEST},
	    {"listener(drop_oldest)", CBB__OVERFLOW__OVERFLOW_DROP_OLDEST},
	    {"latest", CBB__OVERFLOW__OVERFLOW_LATEST},
	};
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct interface *interface = words_parse(
			harness_format("[%s, rate(20), priority(-3)] typedef void progress(const char *what, int percent);\n"
		                   "void f(progress *p);", table[i].words));
		const Cbb__Function *type = words_function(interface, "progress");
		EXPECT_EQUAL((int)type->delivery, CBB__DELIVERY__DELIVERY_LISTENER);
		EXPECT_EQUAL((int)type->overflow, (int)table[i].overflow);
		EXPECT_EQUAL(type->rate_per_s, 20);
		EXPECT_EQUAL(type->priority, -3);
		interface_free(interface);
	}
}

static void given_a_key_when_parsed_then_the_listener_coalesces(void)
{
	struct interface *interface = words_parse("[listener] typedef void (*changed)([userdata] void *user, [key] int id, "
	                                          "double value);\nvoid f(changed c);");
	EXPECT_EQUAL((int)words_function(interface, "changed")->overflow, CBB__OVERFLOW__OVERFLOW_COALESCE);
	EXPECT(words_param(interface, "changed", 1)->key);
	EXPECT(!words_param(interface, "changed", 2)->key);
	interface_free(interface);
}

static void given_a_function_type_that_is_no_pointer_when_parsed_then_pointers_to_it_are_callbacks(void)
{
	struct interface *interface = words_parse(
		"typedef int stream_callback([in, bytes(frames * 4)] const void *input, unsigned long frames, "
		"[userdata] void *user);\n"
		"int open_stream([nullable, scope(forever)] stream_callback *callback, [userdata(callback)] void *user);\n"
		"void decayed(stream_callback callback);\n"
		"void unnamed(struct m *m, void (*on_connect)(struct m *, [userdata] void *, int));\n");
	EXPECT(interface_find_callback_type(&interface->message, "stream_callback") >= 0);
	EXPECT_EQUAL((int)words_param(interface, "open_stream", 0)->mode, CBB__MODE__MODE_CALLBACK);
	EXPECT_EQUAL((int)words_param(interface, "open_stream", 0)->scope, CBB__SCOPE__SCOPE_FOREVER);
	EXPECT_EQUAL((int)words_param(interface, "decayed", 0)->mode, CBB__MODE__MODE_CALLBACK);
	EXPECT_EQUAL((int)words_param(interface, "unnamed", 1)->mode, CBB__MODE__MODE_CALLBACK);
	interface_free(interface);
}

static void given_words_that_cannot_be_delivered_when_parsed_then_refused(void)
{
	static const struct words_refusal table[] = {
	    {"[listener] void f(int a);", 1, 2, "'f' is a function of the library", "typedef"},
	    {"[rate(3)] void f(int a);", 1, 2, "'f' is a function of the library", "typedef"},
	    {"int f([blocking] void (*cb)(int));", 1, 8, "[blocking] has no meaning", "typedef"},
	    {"[deferred] typedef void (*cb)(int);", 1, 2, "[deferred] is not offered", "listener"},
	    {"[interrupt] typedef void (*cb)(int);", 1, 2, "[interrupt] is not offered", "signal handlers"},
	    {"[auto, listener] typedef void (*cb)(int);", 1, 8, "[auto] is said already", "keep one"},
	    {"[listener, latest] typedef void (*cb)(int);", 1, 12, "[listener] is said already", "keep one"},
	    {"[listener(newest)] typedef void (*cb)(int);", 1, 11, "'newest' is no rule", "drop_oldest"},
	    {"[listener(latest)] typedef void (*cb)(int);", 1, 11, "'latest' is no rule", "a word of its own"},
	    {"[listener(coalesce)] typedef void (*cb)(int);", 1, 11, "'coalesce' is no rule", "key"},
	    {"[listener] typedef int (*cb)(int a);", 1, 26, "returns something", "blocking"},
	    {"[latest] typedef const char *(*cb)(int a);", 1, 32, "returns something", "blocking"},
	    {"[listener] typedef void (*cb)(int a,\n[out] int *b);", 2, 12, "'b' is to", "[in]"},
	    {"[listener] typedef void (*cb)(int a,\n[inout, size(4)] int *b);", 2, 23, "'b' is to", "[in]"},
	    {"[listener] typedef void (*cb)([bytes(call.n)] const void *a);", 1, 59, "needs a parameter of it", "blocking"},
	    {"[listener, timeout(5)] typedef void (*cb)(int a);", 1, 12, "no deadline", "take it out"},
	    {"[rate(5)] typedef void (*cb)(int a);", 1, 2, "only events of a listener", "[listener, rate(n)]"},
	    {"[blocking, rate(5)] typedef void (*cb)(int a);", 1, 12, "only events of a listener", "[listener, rate(n)]"},
	    {"[listener, rate(0)] typedef void (*cb)(int a);", 1, 12, "no rate", "from 1"},
	    {"[listener, rate(4294967296)] typedef void (*cb)(int a);", 1, 12, "no rate", "from 1"},
	    {"[listener, rate] typedef void (*cb)(int a);", 1, 16, "'(' is expected", "events per second"},
	    {"[listener, priority(2147483648)] typedef void (*cb)(int a);", 1, 12, "no priority", "32 bits"},
	    {"[listener, priority(a)] typedef void (*cb)(int a);", 1, 21, "'a' is not", "enum constant"},
	    {"[local, priority(1)] typedef void (*cb)(int a);", 1, 9, "waits in no queue", "take"},
	    {"typedef void (*cb)([key] int a);", 1, 21, "only events of a listener", "[listener]"},
	    {"[latest] typedef void (*cb)([key] int a);", 1, 30, "do not go together", "[listener] alone"},
	    {"[listener(wait)] typedef void (*cb)([key] int a);", 1, 38, "do not go together", "[listener] alone"},
	    {"[listener] typedef void (*cb)([key] int a, [key] int b);", 1, 45, "one key", "keep one"},
	    {"[listener] typedef void (*cb)([key] const char *a);", 1, 32, "[key] has no meaning", "take it out"},
	    {"[listener] typedef void (*cb)([key] long double a);", 1, 32, "cannot be compared", "64 bits"},
	    {"struct s { int a; };\n[listener] typedef void (*cb)([key] struct s a);", 2, 32, "cannot be compared",
	     "64 bits"},
	    {"void f([key] int a);", 1, 9, "no parameter of a callback", "function type"},
	    {"struct s { [key] int a; };", 1, 13, "no parameter of a callback", "function type"},
	};
	WORDS_REFUSE(table);
}

static void given_a_message_that_lies_about_delivery_when_checked_then_refused(void)
{
	struct interface *interface = words_parse(
		"[listener] typedef void (*event)([key] int id, const int *at);\n"
		"typedef int (*ask)(int id, const char *text);\n"
		"int f(event e, ask a);");
	Cbb__Function *event = words_function(interface, "event"), *ask = words_function(interface, "ask"),
				  *f = words_function(interface, "f");
	WORDS_LIE(interface, event->delivery, 5, "unknown way");
	WORDS_LIE(interface, event->delivery, -1, "unknown way");
	WORDS_LIE(interface, event->overflow, 9, "unknown way");
	WORDS_LIE(interface, event->overflow, CBB__OVERFLOW__OVERFLOW_LATEST, "1 keys");
	WORDS_LIE(interface, event->delivery, CBB__DELIVERY__DELIVERY_BLOCKING, "no listener");
	WORDS_LIE(interface, event->timeout_ms, 5, "waited for");
	WORDS_LIE(interface, event->result, f->result, "");
	WORDS_LIE(interface, ask->rate_per_s, 5, "no listener");
	WORDS_LIE(interface, ask->overflow, CBB__OVERFLOW__OVERFLOW_LATEST, "no listener");
	WORDS_LIE(interface, ask->delivery, CBB__DELIVERY__DELIVERY_LISTENER, "waited for");
	WORDS_LIE(interface, words_param(interface, "ask", 0)->key, true, "no listener");
	WORDS_LIE(interface, words_param(interface, "ask", 1)->key, true, "only others can");
	WORDS_LIE(interface, f->delivery, CBB__DELIVERY__DELIVERY_AUTO, "no type");
	WORDS_LIE(interface, f->priority, 1, "no type");
	interface_free(interface);
}

static const struct test tests[] = {
    TEST(given_a_delivery_word_when_parsed_then_the_type_has_it),
    TEST(given_a_listener_when_parsed_then_the_type_has_its_overflow),
    TEST(given_a_key_when_parsed_then_the_listener_coalesces),
    TEST(given_a_function_type_that_is_no_pointer_when_parsed_then_pointers_to_it_are_callbacks),
    TEST(given_words_that_cannot_be_delivered_when_parsed_then_refused),
    TEST(given_a_message_that_lies_about_delivery_when_checked_then_refused),
};
HARNESS_MAIN(tests)
