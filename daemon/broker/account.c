/* SPDX-License-Identifier: MIT */
#include "broker/account.h"

#include "base/clock.h"
#include "base/detail.h"
#include "base/log.h"
#include "cbbroker.pb-c.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

/* A user's burst of lines, and how fast it comes back: a flood of garbage must not become a flood of log. */
#define LOG_BURST 40u
#define LOG_NS_PER_LINE 250000000u

/* Lines that have come back since the budget was last looked at. */
static uint64_t budget_due(const struct log_budget *budget)
{
	return (clock_now_ns() - budget->refilled_ns) / LOG_NS_PER_LINE;
}

static bool budget_is_full(const struct log_budget *budget)
{
	return budget->left + budget_due(budget) >= LOG_BURST;
}

static void budget_say_left_out(const struct account *account, struct log_budget *budget)
{
	if (budget->left_out)
		log_warning("%u lines caused by user %u were left out", budget->left_out, (unsigned)account->uid);
	budget->left_out = 0;
}

static void account_free(struct accounts *accounts, struct account *account)
{
	budget_say_left_out(account, &account->warnings);
	budget_say_left_out(account, &account->infos);
	HASH_DEL(accounts->by_uid, account);
	free(account);
}

/* One that was freed before its budgets are full would come back with fresh ones. */
static void account_free_unused(struct accounts *accounts, struct account *account)
{
	if (account->n_users == 0 && budget_is_full(&account->warnings) && budget_is_full(&account->infos))
		account_free(accounts, account);
}

void accounts_free(struct accounts *accounts)
{
	struct account *account, *next;
	HASH_ITER(hh, accounts->by_uid, account, next)
		account_free(accounts, account);
}

struct account *account_join(struct accounts *accounts, uid_t uid)
{
	struct account *account, *next;
	HASH_ITER(hh, accounts->by_uid, account, next)
		account_free_unused(accounts, account);
	HASH_FIND(hh, accounts->by_uid, &uid, sizeof uid, account);
	if (!account) {
		account = calloc(1, sizeof *account);
		if (!account)
			return NULL;
		account->uid = uid;
		account->warnings.left = account->infos.left = LOG_BURST;
		account->warnings.refilled_ns = account->infos.refilled_ns = clock_now_ns();
		HASH_ADD(hh, accounts->by_uid, uid, sizeof account->uid, account);
	}
	account->n_users++;
	return account;
}

struct account *account_leave(struct accounts *accounts, struct account *account)
{
	if (account) {
		account->n_users--;
		account_free_unused(accounts, account);
	}
	return NULL;
}

int account_charge(struct account *account, enum charge kind, const struct broker_limits *limits)
{
	static const char *const names[CHARGE_KINDS] = {"connections that have not said who they are", "sessions",
	                                                "hosts"};
	const unsigned most[CHARGE_KINDS] = {limits->pending_per_uid, limits->sessions_per_uid, limits->hosts_per_uid};
	if (account->charged[kind] >= most[kind])
		return detail_set(CBB__STATUS__STATUS_LIMIT,
		                  "user %u has %u %s, which is the broker's limit: end some first",
		                  (unsigned)account->uid, account->charged[kind], names[kind]);
	account->charged[kind]++;
	return 0;
}

void account_give_back(struct account *account, enum charge kind)
{
	account->charged[kind]--;
}

/* Whether one more line may be written. */
static bool log_take(const struct account *account, struct log_budget *budget)
{
	uint64_t lines = budget_due(budget);
	budget->refilled_ns += lines * LOG_NS_PER_LINE;
	budget->left = lines < LOG_BURST - budget->left ? budget->left + (unsigned)lines : LOG_BURST;
	if (budget->left == 0) {
		budget->left_out++;
		return false;
	}
	budget->left--;
	budget_say_left_out(account, budget);
	return true;
}

void account_warn(struct account *account, const char *format, ...)
{
	char line[DETAIL_SIZE];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(line, sizeof line, format, arguments);
	va_end(arguments);
	if (log_take(account, &account->warnings))
		log_warning("%s", line);
}

void account_inform(struct account *account, const char *format, ...)
{
	char line[DETAIL_SIZE];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(line, sizeof line, format, arguments);
	va_end(arguments);
	if (log_take(account, &account->infos))
		log_info("%s", line);
}
