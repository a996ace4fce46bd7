/* SPDX-License-Identifier: MIT */
/*
 * Threads of a native library ask for users' names and wait. The handler answers none of them itself: it hands each
 * question to a thread of this program, which answers when it knows, in another order than they were asked. The loop
 * goes on meanwhile.
 */
#include "examples.h"
#include "work.h"

#include <pthread.h>

#define USERS 5

static const char *const names[USERS] = {"Ada", "Grace", "Hedy", "Katherine", "Margaret"};
static struct question {
	cbb_deferred *deferred;
	int user;
} questions[USERS];
static int n_asked, n_greeted;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t all_asked = PTHREAD_COND_INITIALIZER;
static cbb_queue *queue;

/* Answers once all have asked, the last one first. */
static void *answer(void *unused)
{
	pthread_mutex_lock(&lock);
	while (n_asked < USERS)
		pthread_cond_wait(&all_asked, &lock);
	pthread_mutex_unlock(&lock);
	for (int i = USERS - 1; i >= 0; i--) {
		const char *name = names[questions[i].user];
		check(cbb_deferred_answer(questions[i].deferred, &name, sizeof name), "answer");
		cbb_deferred_free(questions[i].deferred);
	}
	return unused;
}

static const char *on_name(int user)
{
	cbb_invocation *invocation = cbb_invocation_current();
	struct question *question = &questions[n_asked];
	check(cbb_invocation_defer(invocation, &question->deferred), "defer");
	question->user = user;
	printf("user %d? (thread %d)\n", user, (int)cbb_invocation_thread(invocation));
	pthread_mutex_lock(&lock);
	n_asked++;
	pthread_cond_signal(&all_asked);
	pthread_mutex_unlock(&lock);
	return NULL; /* ignored: the answer comes later */
}

static void on_greeting(int user, const char *text)
{
	printf("user %d: %s\n", user, text);
	if (++n_greeted == USERS)
		cbb_queue_stop(queue);
}

int main(void)
{
	cbb_client *client = NULL;
	pthread_t thread;
	show_at_once();
	cbb_library *work = open_example_library(&client, NULL, WORK_INTERFACE);
	__typeof__(greet_start) *start = CBB_SYMBOL(work, greet_start, "greet_start");
	__typeof__(greet_stop) *stop = CBB_SYMBOL(work, greet_stop, "greet_stop");
	check_that(start && stop && pthread_create(&thread, NULL, answer, NULL) == 0, "everything is there");
	queue = cbb_queue_default(client);
	check_that(start(USERS, on_name, on_greeting) == USERS, "all threads are started"); /* plain C functions */
	while (n_greeted < USERS)
		check(cbb_queue_dispatch(queue, CBB_UNLIMITED, 0), "dispatch");
	stop();
	pthread_join(thread, NULL);
	check_that(cbb_disconnect(client) == NULL, "disconnected");
	return 0;
}
