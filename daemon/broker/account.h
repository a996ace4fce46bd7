/* SPDX-License-Identifier: MIT */
/*
 * What one user holds in the broker. Whatever costs something is charged to its user when it comes into being
 * and given back by its destructor; an account exists while something is charged to it, and until the lines of log
 * that it caused are forgotten.
 */
#ifndef CBB_BROKER_ACCOUNT_H
#define CBB_BROKER_ACCOUNT_H

#include "broker/limits.h"

#include <sys/types.h>
#include <uthash.h>

enum charge { CHARGE_PENDING, CHARGE_SESSION, CHARGE_HOST, CHARGE_KINDS };

/* Lines of log that a user may still cause. */
struct log_budget {
	uint64_t refilled_ns;
	unsigned left;
	unsigned left_out;
};

struct account {
	uid_t uid;
	unsigned charged[CHARGE_KINDS];
	unsigned n_users;
	struct log_budget warnings, infos;
	UT_hash_handle hh;
};

struct accounts {
	struct account *by_uid;
};

/* Takes part in the user's account, or NULL without memory. Ended with account_leave. */
struct account *account_join(struct accounts *accounts, uid_t uid);
struct account *account_leave(struct accounts *accounts, struct account *account); /* NULL is fine. Returns NULL */

/* Of all users, none of whom takes part any more. */
void accounts_free(struct accounts *accounts);

/* 0, or STATUS_LIMIT with words that name the limit. */
int account_charge(struct account *account, enum charge kind, const struct broker_limits *limits);
void account_give_back(struct account *account, enum charge kind);

/* A line that this user's processes caused. Beyond a few per second they are counted and left out; by kind. */
void account_warn(struct account *account, const char *format, ...) __attribute__((format(printf, 2, 3)));
void account_inform(struct account *account, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
