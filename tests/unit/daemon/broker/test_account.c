/* SPDX-License-Identifier: MIT */
#include "base/detail.h"
#include "broker/account.h"
#include "cbbroker.pb-c.h"
#include "support/harness.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static const struct broker_limits limits = {.pending_per_uid = 2, .sessions_per_uid = 1, .hosts_per_uid = 0};

static void given_a_limit_when_charged_up_to_it_then_one_more_fails_in_words_and_giving_back_makes_room(void)
{
	struct accounts accounts = {0};
	struct account *account = account_join(&accounts, 1234);
	EXPECT_EQUAL(account_charge(account, CHARGE_PENDING, &limits), 0);
	EXPECT_EQUAL(account_charge(account, CHARGE_PENDING, &limits), 0);
	EXPECT_EQUAL(account_charge(account, CHARGE_PENDING, &limits), CBB__STATUS__STATUS_LIMIT);
	EXPECT_CONTAINS(detail_text(), "user 1234 has 2 connections");
	account_give_back(account, CHARGE_PENDING);
	EXPECT_EQUAL(account_charge(account, CHARGE_PENDING, &limits), 0);
	/* Each kind for itself. */
	EXPECT_EQUAL(account_charge(account, CHARGE_SESSION, &limits), 0);
	EXPECT_EQUAL(account_charge(account, CHARGE_SESSION, &limits), CBB__STATUS__STATUS_LIMIT);
	EXPECT_EQUAL(account_charge(account, CHARGE_HOST, &limits), CBB__STATUS__STATUS_LIMIT);
	EXPECT(account_leave(&accounts, account) == NULL);
	EXPECT(accounts.by_uid == NULL);
}

static void given_two_users_when_one_is_at_its_limit_then_the_other_is_not(void)
{
	struct accounts accounts = {0};
	struct account *a = account_join(&accounts, 1), *b = account_join(&accounts, 2);
	struct account *again = account_join(&accounts, 1);
	EXPECT(a == again);
	EXPECT(a != b);
	EXPECT_EQUAL(account_charge(a, CHARGE_SESSION, &limits), 0);
	EXPECT_EQUAL(account_charge(again, CHARGE_SESSION, &limits), CBB__STATUS__STATUS_LIMIT);
	EXPECT_EQUAL(account_charge(b, CHARGE_SESSION, &limits), 0);
	account_leave(&accounts, again);
	account_leave(&accounts, a);
	account_leave(&accounts, b);
	EXPECT(accounts.by_uid == NULL);
}

static unsigned count_lines(const char *text)
{
	unsigned n = 0;
	for (; *text; text++)
		n += *text == '\n';
	return n;
}

static void given_a_user_who_causes_many_lines_when_logged_then_a_burst_is_written_and_another_user_is_heard(void)
{
	struct accounts accounts = {0};
	const char *path = harness_temp_file("log", "");
	struct account *loud = account_join(&accounts, 1), *quiet = account_join(&accounts, 2);
	int before = dup(STDERR_FILENO), fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	dup2(fd, STDERR_FILENO);
	for (int i = 0; i < 1000; i++)
		account_warn(loud, "noise %d", i);
	account_warn(quiet, "a word");
	dup2(before, STDERR_FILENO);
	close(before);
	close(fd);
	const char *log = harness_read_file(path);
	EXPECT(count_lines(log) >= 40);
	EXPECT(count_lines(log) < 100);
	EXPECT_CONTAINS(log, "noise 0");
	EXPECT_CONTAINS(log, "a word");
	account_leave(&accounts, loud);
	account_leave(&accounts, quiet);
	accounts_free(&accounts);
}

static void given_a_user_who_comes_and_goes_when_each_visit_causes_a_line_then_no_more_are_written_than_by_one(void)
{
	struct accounts accounts = {0};
	const char *path = harness_temp_file("log", "");
	int before = dup(STDERR_FILENO), fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	dup2(fd, STDERR_FILENO);
	for (int i = 0; i < 1000; i++) {
		struct account *visitor = account_join(&accounts, 1);
		account_warn(visitor, "noise %d", i);
		account_leave(&accounts, visitor);
	}
	accounts_free(&accounts);
	dup2(before, STDERR_FILENO);
	close(before);
	close(fd);
	const char *log = harness_read_file(path);
	EXPECT(count_lines(log) >= 40);
	EXPECT(count_lines(log) < 100);
	EXPECT_CONTAINS(log, "lines caused by user 1 were left out");
	EXPECT(accounts.by_uid == NULL);
}

static const struct test tests[] = {
    TEST(given_a_limit_when_charged_up_to_it_then_one_more_fails_in_words_and_giving_back_makes_room),
    TEST(given_two_users_when_one_is_at_its_limit_then_the_other_is_not),
    TEST(given_a_user_who_causes_many_lines_when_logged_then_a_burst_is_written_and_another_user_is_heard),
    TEST(given_a_user_who_comes_and_goes_when_each_visit_causes_a_line_then_no_more_are_written_than_by_one),
};
HARNESS_MAIN(tests)
