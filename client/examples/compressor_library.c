/* SPDX-License-Identifier: MIT */
/*
 * A library that compresses files with zlib on a thread of its own, for compress.c. It knows nothing of cbbroker: it
 * tells how far it is, and at the end that it is done, by calling back from its thread.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#define PIECE 16384

typedef void (*compressor_progress)(unsigned long done_bytes, unsigned long total_bytes);
typedef void (*compressor_done)(int status, unsigned long in_bytes, unsigned long out_bytes);

int compressor_start(const char *from, const char *to, int level, compressor_progress progress, compressor_done done);

struct job {
	FILE *from, *to;
	unsigned long total_bytes;
	z_stream stream;
	compressor_progress progress;
	compressor_done done;
};

static unsigned long file_size(FILE *file)
{
	long size = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
	rewind(file);
	return size < 0 ? 0 : (unsigned long)size;
}

/* Compresses what stream.next_in has, and writes it. */
static int job_write(struct job *job, int flush)
{
	unsigned char out[PIECE];
	do {
		job->stream.next_out = out;
		job->stream.avail_out = sizeof out;
		if (deflate(&job->stream, flush) == Z_STREAM_ERROR)
			return Z_STREAM_ERROR;
		size_t size = sizeof out - job->stream.avail_out;
		if (fwrite(out, 1, size, job->to) != size)
			return Z_ERRNO;
	} while (job->stream.avail_out == 0);
	return Z_OK;
}

static int job_work(struct job *job)
{
	unsigned char in[PIECE];
	int status = Z_OK, is_last = 0;
	while (status == Z_OK && !is_last) {
		job->stream.next_in = in;
		job->stream.avail_in = (unsigned)fread(in, 1, sizeof in, job->from);
		is_last = feof(job->from) != 0;
		status = ferror(job->from) ? Z_ERRNO : job_write(job, is_last ? Z_FINISH : Z_NO_FLUSH);
		job->progress(job->stream.total_in, job->total_bytes);
	}
	return status;
}

static void *job_run(void *argument)
{
	struct job *job = argument;
	int status = job_work(job);
	unsigned long in = job->stream.total_in, out = job->stream.total_out;
	deflateEnd(&job->stream);
	fclose(job->from);
	if (fclose(job->to) != 0)
		status = Z_ERRNO;
	job->done(status, in, out);
	free(job);
	return NULL;
}

static int job_begin(struct job *job, int level)
{
	pthread_t thread;
	if (!job->from || !job->to)
		return Z_ERRNO;
	int status = deflateInit(&job->stream, level);
	if (status != Z_OK)
		return status;
	job->total_bytes = file_size(job->from);
	if (pthread_create(&thread, NULL, job_run, job) == 0)
		return pthread_detach(thread);
	deflateEnd(&job->stream);
	return Z_MEM_ERROR;
}

int compressor_start(const char *from, const char *to, int level, compressor_progress progress, compressor_done done)
{
	struct job *job = calloc(1, sizeof *job);
	if (!job)
		return Z_MEM_ERROR;
	job->from = fopen(from, "rbe");
	job->to = job->from ? fopen(to, "wbe") : NULL;
	job->progress = progress;
	job->done = done;
	int status = job_begin(job, level);
	if (status == Z_OK)
		return Z_OK;
	if (job->from)
		fclose(job->from);
	if (job->to)
		fclose(job->to);
	free(job);
	return status;
}
