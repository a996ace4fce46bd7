/* SPDX-License-Identifier: MIT */
/* Texts that the parser accepts, and looking into what it made of them; texts that it refuses. */
#ifndef CBB_TESTS_INTERFACE_WORDS_H
#define CBB_TESTS_INTERFACE_WORDS_H

#include "base/detail.h"
#include "interface/check.h"
#include "interface/parse.h"
#include "support/harness.h"

#include <stdio.h>
#include <string.h>

static inline struct interface *words_parse(const char *text)
{
	struct interface *interface = NULL;
	int r = interface_parse("t.cbi", text, strlen(text), NULL, NULL, &interface);
	if (r < 0) {
		FAIL("%d: %s\n  for: %s", r, detail_text(), text);
		expect_end();
	}
	return interface;
}

/* A function, or the function type of a typedef. */
static inline Cbb__Function *words_function(const struct interface *interface, const char *name)
{
	int index = interface_find_function(&interface->message, name);
	if (index < 0)
		index = interface_find_callback_type(&interface->message, name);
	REQUIRE(index >= 0);
	return interface->message.functions[index];
}

static inline Cbb__Param *words_param(const struct interface *interface, const char *function, unsigned number)
{
	const Cbb__Function *found = words_function(interface, function);
	REQUIRE(number < found->n);
	return interface->message.params[found->first + number];
}

struct words_refusal {
	const char *text;
	unsigned line, column;
	const char *message, *hint; /* parts of them */
};

static inline void words_refuse(const struct words_refusal *refusal)
{
	struct interface *interface = NULL;
	char place[64];
	int r = interface_parse("t.cbi", refusal->text, strlen(refusal->text), NULL, NULL, &interface);
	if (r != CBB__STATUS__STATUS_INTERFACE) {
		FAIL("accepted, or another error (%d): %s", r, refusal->text);
		interface_free(interface);
		return;
	}
	const char *said = detail_text(), *hint = strstr(said, "\nHint: ");
	snprintf(place, sizeof place, "t.cbi:%u:%u: ", refusal->line, refusal->column);
	if (strncmp(said, place, strlen(place)) != 0)
		FAIL("expected at %s, for: %s\n  %s", place, refusal->text, said);
	EXPECT_CONTAINS(said, refusal->message);
	EXPECT_CONTAINS(hint ? hint : "(no hint)", refusal->hint);
}

#define WORDS_REFUSE(table) \
	for (size_t i = 0; i < sizeof(table) / sizeof *(table); i++) \
		words_refuse(&(table)[i])

/* With this lie in it the message is refused, in these words; without it, it is not. */
#define WORDS_LIE(interface, place, lie, words) \
	do { \
		__typeof__(place) honest_ = (place); \
		EXPECT_EQUAL(interface_check(&(interface)->message), 0); \
		(place) = (lie); \
		EXPECT_EQUAL(interface_check(&(interface)->message), CBB__STATUS__STATUS_INTERFACE); \
		EXPECT_CONTAINS(detail_text(), words); \
		(place) = honest_; \
	} while (0)

#endif
