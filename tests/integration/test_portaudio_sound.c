/* SPDX-License-Identifier: MIT */
/* PortAudio through its interface, on ALSA's null device: its thread asks for sound, a handler here makes it. */
#include "support/remote.h"

#include <portaudio.h>
#include <stdlib.h>

#define AUDIO(name) REMOTE(library, name, #name)
#define FRAMES 256
#define BLOCKS 8

static cbb_library *library;
static int n_blocks, n_finished;

static void given_portaudio(void)
{
	setenv("ALSA_CONFIG_PATH", harness_temp_file("asound.conf", "pcm.!default { type null }\nctl.!default { type null }\n"), 1);
	given_a_host();
	REMOTE_OK(cbb_library_open(remote_host, "portaudio", &library));
	EXPECT_EQUAL(AUDIO(Pa_Initialize)(), paNoError);
	EXPECT_CALL_OK();
}

static int on_sound(const void *input, void *output, unsigned long frames, const PaStreamCallbackTimeInfo *when,
                    PaStreamCallbackFlags flags, void *user)
{
	(void)flags;
	EXPECT(input == NULL && output != NULL && when != NULL && user == &n_blocks);
	EXPECT_EQUAL(frames, FRAMES);
	for (unsigned long i = 0; output && i < frames; i++)
		((float *)output)[i] = (float)i / FRAMES;
	return ++n_blocks < BLOCKS ? paContinue : paComplete;
}

static void on_finished(void *user)
{
	EXPECT(user == &n_blocks);
	n_finished++;
	cbb_queue_stop(cbb_queue_default(remote_client));
}

static void given_a_stream_when_it_plays_then_its_thread_gets_sound_from_here(void)
{
	PaStream *stream = NULL;
	given_portaudio();
	EXPECT_EQUAL(AUDIO(Pa_OpenDefaultStream)(&stream, 0, 1, paFloat32, 48000, FRAMES, on_sound, &n_blocks), paNoError);
	EXPECT_CALL_OK();
	EXPECT_EQUAL(AUDIO(Pa_SetStreamFinishedCallback)(stream, on_finished), paNoError);
	EXPECT_EQUAL(AUDIO(Pa_StartStream)(stream), paNoError);
	while (n_finished == 0)
		REMOTE_OK(cbb_queue_dispatch(cbb_queue_default(remote_client), 10000, 0));
	EXPECT_EQUAL(n_blocks, BLOCKS);
	EXPECT_EQUAL(AUDIO(Pa_StopStream)(stream), paNoError);
	EXPECT_EQUAL(AUDIO(Pa_CloseStream)(stream), paNoError);
	EXPECT_EQUAL(AUDIO(Pa_Terminate)(), paNoError);
	EXPECT_EQUAL(n_finished, 1);
	EXPECT_CALL_OK();
	remote_end();
}

static int n_heard;
static volatile float last_heard;

/* What the null device hears is whatever its memory held: as many samples as it asks for, each of which can be read. */
static int on_sound_both_ways(const void *input, void *output, unsigned long frames, const PaStreamCallbackTimeInfo *when,
                              PaStreamCallbackFlags flags, void *user)
{
	REQUIRE(input != NULL && frames == FRAMES);
	for (unsigned long i = 0; i < frames; i++, n_heard++)
		last_heard = ((const float *)input)[i];
	return on_sound(NULL, output, frames, when, flags, user);
}

static void given_a_stream_both_ways_when_it_plays_then_its_sound_comes_here_too(void)
{
	PaStream *stream = NULL;
	given_portaudio();
	EXPECT_EQUAL(AUDIO(Pa_OpenDefaultStream)(&stream, 1, 1, paFloat32, 48000, FRAMES, on_sound_both_ways, &n_blocks), paNoError);
	EXPECT_EQUAL(AUDIO(Pa_SetStreamFinishedCallback)(stream, on_finished), paNoError);
	EXPECT_EQUAL(AUDIO(Pa_StartStream)(stream), paNoError);
	while (n_finished == 0)
		REMOTE_OK(cbb_queue_dispatch(cbb_queue_default(remote_client), 10000, 0));
	EXPECT_EQUAL(n_heard, BLOCKS * FRAMES);
	EXPECT_EQUAL(AUDIO(Pa_StopStream)(stream), paNoError);
	EXPECT_EQUAL(AUDIO(Pa_CloseStream)(stream), paNoError);
	EXPECT_EQUAL(AUDIO(Pa_Terminate)(), paNoError);
	EXPECT_CALL_OK();
	remote_end();
}

static void given_devices_when_asked_for_then_they_have_names(void)
{
	given_portaudio();
	PaDeviceIndex device = AUDIO(Pa_GetDefaultOutputDevice)();
	const PaDeviceInfo *info = AUDIO(Pa_GetDeviceInfo)(device);
	REQUIRE(info != NULL && info->name != NULL);
	EXPECT_STRING(info->name, "default");
	EXPECT(info->maxOutputChannels > 0);
	EXPECT_STRING(AUDIO(Pa_GetErrorText)(paInvalidDevice), "Invalid device");
	EXPECT(AUDIO(Pa_GetDeviceInfo)(1000) == NULL);
	EXPECT_EQUAL(AUDIO(Pa_Terminate)(), paNoError);
	remote_end();
}

static const struct test tests[] = {
	TEST(given_a_stream_when_it_plays_then_its_thread_gets_sound_from_here),
	TEST(given_a_stream_both_ways_when_it_plays_then_its_sound_comes_here_too),
	TEST(given_devices_when_asked_for_then_they_have_names),
};
HARNESS_MAIN(tests)
