/* SPDX-License-Identifier: MIT */
#include "host/notifier.h"

#include "host/closure.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct registration *registrations; /* under lock; the oldest first */

static void arm(const struct registration *registration)
{
	for (unsigned i = 0; i < registration->n; i++)
		closure_arm(registration->closures[i]);
}

/* Under lock. */
static void end(struct registration *registration)
{
	DL_DELETE(registrations, registration);
	for (unsigned i = 0; i < registration->n; i++)
		closure_disarm(registration->closures[i]);
	atomic_fetch_sub(&registration->notifier->n_registered, 1);
	free(registration);
}

void notifier_add(const struct registration *registration)
{
	struct registration *copy = malloc(sizeof *copy);
	arm(registration);
	if (!copy)
		return;
	*copy = *registration;
	pthread_mutex_lock(&lock);
	atomic_fetch_add(&copy->notifier->n_registered, 1);
	DL_APPEND(registrations, copy);
	pthread_mutex_unlock(&lock);
}

/* The user data among the arguments; 0: there is none. */
static uint64_t userdata_of(const struct plan *plan, void *const *arguments)
{
	for (uint32_t i = 0; i < plan->n_params; i++) {
		uintptr_t value;
		if (plan->params[i]->mode != CBB__MODE__MODE_USERDATA)
			continue;
		memcpy(&value, arguments[i], sizeof value);
		return value;
	}
	return 0;
}

void notifier_called(struct closure *notifier, void *const *arguments)
{
	uint64_t word = userdata_of(notifier->plan, arguments);
	struct registration *registration;
	pthread_mutex_lock(&lock);
	DL_FOREACH (registrations, registration) {
		if (registration->notifier != notifier || registration->word != word)
			continue;
		end(registration);
		break;
	}
	pthread_mutex_unlock(&lock);
}

void notifier_end_handle(uint64_t handle)
{
	struct registration *registration, *next;
	pthread_mutex_lock(&lock);
	DL_FOREACH_SAFE (registrations, registration, next)
		if (registration->handle && registration->handle == handle)
			end(registration);
	pthread_mutex_unlock(&lock);
}
