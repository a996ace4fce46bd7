/* SPDX-License-Identifier: MIT */
#include "broker/account.h"

#include "base/clock.h"
#include "base/detail.h"
#include "base/log.h"
#include "cbbroker.pb-c.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* A user's burst of lines, and how fast it comes back: a flood of garbage must not become a flood of log. */
#define LOG_BURST 40u
#define LOG_NS_PER_LINE 250000000u

struct account *account_join(struct accounts *accounts, uid_t uid)
{
	struct account *account;
	HASH_FIND(hh, accounts->by_uid, &uid, sizeof uid, account);
	if (!account) {
		account = calloc(1, sizeof *account);
		if (!account)
			return NULL;
		account->uid = uid;
		account->log_left = LOG_BURST;
		account->log_refilled_ns = clock_now_ns();
		HASH_ADD(hh, accounts->by_uid, uid, sizeof account->uid, account);
	}
	account->n_users++;
	return account;
}

struct account *account_leave(struct accounts *accounts, struct account *account)
{
	if (account && --account->n_users == 0) {
		HASH_DEL(accounts->by_uid, account);
		free(account);
	}
	return NULL;
}

int account_charge(struct account *account, enum charge kind, const struct broker_limits *limits)
{
	static const char *const names[CHARGE_KINDS] = {"connections that have not said who they are", "sessions",
	                                                "hosts"};
	const unsigned most[CHARGE_KINDS] = {limits->pending_per_uid, limits->sessions_per_uid, limits->hosts_per_uid};
	if (account->charged[kind] >= most[kind])
		return detail_set(CBB__STATUS__STATUS_LIMIT, "user %u has %u %s, which is the broker's limit: end some first",
		                  (unsigned)account->uid, account->charged[kind], names[kind]);
	account->charged[kind]++;
	return 0;
}

void account_give_back(struct account *account, enum charge kind)
{
	account->charged[kind]--;
}

static void log_refill(struct account *account)
{
	uint64_t lines = (clock_now_ns() - account->log_refilled_ns) / LOG_NS_PER_LINE;
	account->log_refilled_ns += lines * LOG_NS_PER_LINE;
	account->log_left = lines < LOG_BURST - account->log_left ? account->log_left + (unsigned)lines : LOG_BURST;
}

void account_warn(struct account *account, const char *format, ...)
{
	char line[DETAIL_SIZE];
	log_refill(account);
	if (account->log_left == 0) {
		account->log_left_out++;
		return;
	}
	account->log_left--;
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(line, sizeof line, format, arguments);
	va_end(arguments);
	if (account->log_left_out)
		log_warning("%u lines caused by user %u were left out", account->log_left_out, (unsigned)account->uid);
	account->log_left_out = 0;
	log_warning("%s", line);
}
