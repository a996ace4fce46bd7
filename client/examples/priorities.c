/* SPDX-License-Identifier: MIT */
/*
 * One native thread makes five notes at a time, one of them important. The important ones overtake the others, and its
 * thread waits when there is no room for one; of the others, those are lost that find no room.
 */
#include "examples.h"
#include "work.h"

#define IMPORTANT 50

static cbb_queue *queue;
static unsigned long n_important, n_chatter, n_lost, n_overtaken;
static int last_important;

static void on_important(int number)
{
	n_important++;
	last_important = number;
	if (number == IMPORTANT)
		cbb_queue_stop(queue);
}

/* Numbers 4 to 7 were made before the important note 1, and so on. */
static void on_chatter(int number)
{
	n_chatter++;
	n_overtaken += number / 4 <= last_important;
}

static void on_lost(cbb_callback *callback, const cbb_loss *loss, void *user_data)
{
	(void)callback, (void)user_data;
	n_lost += loss->count;
}

int main(void)
{
	cbb_client *client = NULL;
	cbb_callback *important = NULL, *chatter = NULL;
	cbb_library *work = open_example_library(&client, NULL, WORK_INTERFACE);
	__typeof__(notes_start) *start = CBB_SYMBOL(work, notes_start, "notes_start");
	__typeof__(notes_stop) *stop = CBB_SYMBOL(work, notes_stop, "notes_stop");
	check_that(start && stop, "notes_start and notes_stop are found");

	queue = cbb_queue_default(client);
	cbb_callback_options first = {.size = sizeof first, .name = "important", .priority = 10, .max_queued = 4,
	                              .overflow = CBB_OVERFLOW_WAIT};
	cbb_callback_options second = {.size = sizeof second, .name = "chatter", .max_queued = 8,
	                               .overflow = CBB_OVERFLOW_REJECT_NEWEST, .on_lost = on_lost};
	check(cbb_callback_open(work, "note", CBB_FUNCTION(on_important), &first, &important), "open the first callback");
	check(cbb_callback_open(work, "note", CBB_FUNCTION(on_chatter), &second, &chatter), "open the second callback");
	int started = start(IMPORTANT, (note)cbb_callback_pointer(important), (note)cbb_callback_pointer(chatter));
	check_last("notes_start");
	check_that(started == 0, "the notes are begun");

	check(cbb_queue_run(queue), "run");
	stop();
	check(cbb_callback_close(important, NULL), "close the first callback"); /* what is queued is still handled */
	check(cbb_callback_close(chatter, NULL), "close the second callback");
	printf("important: %lu of %d arrived\n", n_important, IMPORTANT);
	printf("chatter: %lu arrived, %lu of it overtaken by what was made later; %lu were lost, together %lu\n", n_chatter,
	       n_overtaken, n_lost, n_chatter + n_lost);
	check_that(cbb_disconnect(client) == NULL, "disconnected");
	return 0;
}
