/* SPDX-License-Identifier: MIT */
/*
 * A library with faults, for survive.c. It knows nothing of cbbroker: any library may be like this.
 */
#include <pthread.h>
#include <stdlib.h>

typedef int (*faulty_visitor)(int item);
typedef void (*faulty_listener)(const char *text);

size_t faulty_length(const char *text);
int faulty_visit(int count, faulty_visitor visitor);
void faulty_talk(faulty_listener listener);
void faulty_wait(void);
int faulty_recurse(int depth);
void faulty_quit(int status);
void faulty_keep(faulty_visitor visitor);
int faulty_use(int item);

static faulty_visitor kept;

/* Does not ask whether there is a text. */
size_t faulty_length(const char *text)
{
	const volatile char *at = text;
	while (*at)
		at++;
	return (size_t)(at - text);
}

int faulty_visit(int count, faulty_visitor visitor)
{
	int sum = 0;
	for (int i = 0; i < count; i++)
		sum += visitor(i);
	return sum;
}

/* The second text is gone before it is told. */
void faulty_talk(faulty_listener listener)
{
	listener("a text");
	listener((const char *)16);
}

static void *work(void *unused)
{
	volatile int *volatile nowhere = NULL;
	*nowhere = 1;
	return unused;
}

/* Waits for a thread that does not come far. */
void faulty_wait(void)
{
	pthread_t worker;
	if (pthread_create(&worker, NULL, work, NULL) == 0)
		pthread_join(worker, NULL);
}

/* Never ends, whatever the compiler thinks of it. */
int faulty_recurse(int depth)
{
	volatile char frame[4096];
	frame[0] = (char)depth;
	return depth < 0 ? 0 : faulty_recurse((depth + 1) & 0x7fffffff) + frame[0];
}

void faulty_quit(int status)
{
	exit(status);
}

void faulty_keep(faulty_visitor visitor)
{
	kept = visitor;
}

int faulty_use(int item)
{
	return kept(item);
}
