/* SPDX-License-Identifier: MIT */
/*
 * PortAudio on ALSA's null device, which takes what it is given without waiting: the audio thread calls as fast as it
 * can.
 */
#include "support/foreign.h"

#include "../fixtures/audio.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>

static cbb_library *library;
static cbb_queue *queue;
static _Atomic long n_handled, n_lost, n_accounted;
static long last_number;

static void given_an_audio_thread_without_an_end(void)
{
	if (!dlopen("libportaudio.so.2", RTLD_LAZY))
		SKIP("needs libportaudio2");
	const char *config =
	    harness_temp_file("asound.conf", "pcm.!default { type null }\nctl.!default { type null }\n");
	REQUIRE(setenv("ALSA_CONFIG_PATH", config, 1) == 0 && setenv("JACK_NO_START_SERVER", "1", 1) == 0);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC); /* PortAudio speaks of JACK servers */
	int stdio_fds[3] = {null, null, null};
	given_a_host_with(&(cbb_host_options){.size = sizeof(cbb_host_options), .stdio_fds = stdio_fds});
	close(null);
	default_queue = cbb_queue_default(remote_client);
}

static void block(long number, unsigned long n_frames, const float *samples)
{
	if (number != last_number + 1)
		FAIL("block %ld comes after %ld", number, last_number);
	last_number = number;
	for (unsigned long i = 0; i < n_frames; i++)
		if (samples[i] != (float)(number % 1000) / 1000)
			FAIL("block %ld: sample %lu is %f", number, i, (double)samples[i]);
	n_handled++;
	n_accounted++;
}

static void blocks_lost(cbb_callback *callback, const cbb_loss *loss, void *user_data)
{
	(void)callback, (void)user_data;
	last_number += (long)loss->count;
	n_lost += (long)loss->count;
	n_accounted += (long)loss->count;
}

static long own_resident_bytes(void)
{
	long size = 0, resident = 0;
	EXPECT_EQUAL(sscanf(harness_read_file("/proc/self/statm"), "%ld %ld", &size, &resident), 2);
	return resident * sysconf(_SC_PAGESIZE);
}

/* Half a second's work for the audio thread is minutes of sound; the handler keeps up with a part of it. */
static void expect_flood_is_bounded(int32_t overflow)
{
	long bound = harness_slow() > 1 ? 1l << 30 : 24l << 20; /* sanitizers keep freed memory */
	given_an_audio_thread_without_an_end();
	library = remote_library("audio", AUDIO_TEXT);
	queue = QUEUE_WITH(.max_events = 256);
	cbb_callback *callback = CALLBACK_WITH(library, "audio_block_fn", block, .delivery = CBB_LISTENER, .queue = queue,
	                                       .overflow = overflow, .on_lost = blocks_lost);
	audio_block_fn pointer = (audio_block_fn)cbb_callback_pointer(callback);
	REQUIRE_EQUAL(REMOTE(library, int(audio_block_fn, long), "audio_start")(pointer, 0), 0);
	long (*host_resident_bytes)(void) = REMOTE(library, long(void), "audio_resident_bytes");
	EXPECT(dispatch_until(queue, &n_handled, 1));
	long own_before = own_resident_bytes(), host_before = host_resident_bytes();
	uint64_t end_ms = foreign_now_ms() + (harness_nightly() ? 60000 : 1500);
	while (foreign_now_ms() < end_ms)
		dispatch_ok(queue, 10);
	long own_after = own_resident_bytes(), host_after = host_resident_bytes();
	long n_blocks = REMOTE(library, long(void), "audio_stop")(); /* joins the audio thread */
	EXPECT_CALL_OK();
	EXPECT(dispatch_until(queue, &n_accounted, n_blocks));
	EXPECT_EQUAL(n_accounted, n_blocks); /* to the last event */
	EXPECT_EQUAL(last_number, n_blocks);
	EXPECT_EQUAL(counts_of(callback).lost, n_lost);
	EXPECT(own_after - own_before < bound);
	EXPECT(host_after - host_before < bound);
	printf("     %ld blocks handled, %ld lost; the program grew by %ld KiB, the host by %ld KiB\n", n_handled, n_lost,
	       (own_after - own_before) >> 10, (host_after - host_before) >> 10);
	remote_end();
}

static void given_a_flood_of_audio_when_the_newest_are_rejected_then_memory_is_bounded_and_each_loss_is_told(void)
{
	expect_flood_is_bounded(CBB_OVERFLOW_REJECT_NEWEST);
}

static void given_a_flood_of_audio_when_the_oldest_are_dropped_then_memory_is_bounded_and_each_loss_is_told(void)
{
	expect_flood_is_bounded(CBB_OVERFLOW_DROP_OLDEST);
}

static void given_a_flood_of_audio_when_it_waits_for_room_then_stop_joins_it_and_nothing_is_lost(void)
{
	expect_flood_is_bounded(CBB_OVERFLOW_WAIT);
	EXPECT_EQUAL(n_lost, 0);
}

static const struct test tests[] = {
	TEST_TIMEOUT(given_a_flood_of_audio_when_the_newest_are_rejected_then_memory_is_bounded_and_each_loss_is_told, 150),
	TEST_TIMEOUT(given_a_flood_of_audio_when_the_oldest_are_dropped_then_memory_is_bounded_and_each_loss_is_told, 150),
	TEST_TIMEOUT(given_a_flood_of_audio_when_it_waits_for_room_then_stop_joins_it_and_nothing_is_lost, 150),
};
HARNESS_MAIN(tests)
