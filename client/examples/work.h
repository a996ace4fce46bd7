/* SPDX-License-Identifier: MIT */
/*
 * A small library that works on threads of its own and calls back from them, as many do. It knows nothing of cbbroker.
 * Each pair of start and stop is one thread; stop waits for it.
 */
#ifndef CBB_EXAMPLES_WORK_H
#define CBB_EXAMPLES_WORK_H

/* What /proc says of this process, every interval_ms. */
typedef void (*monitor_sample)(long memory_kib, long n_threads, double cpu_s);
int monitor_start(int interval_ms, monitor_sample sample);
void monitor_stop(void);

/* What happens in a directory: "created", "written", "moved", "deleted". */
typedef void (*watch_event)(const char *what, const char *name);
int watch_start(const char *directory, watch_event event);
void watch_stop(void);

/* n notes of each kind, as fast as they can be told; the last of the important ones is the number n. */
typedef void (*note)(int number);
int notes_start(int n, note important, note chatter);
void notes_stop(void);

/* Something large in ten steps. The line breaks at 60 %: then `broken` says whether to go on (1) or to give up (0). */
typedef void (*download_progress)(int percent);
typedef int (*download_broken)(int percent, const char *why);
typedef void (*download_done)(int is_complete);
int download_start(const char *url, download_progress progress, download_broken broken, download_done done);
void download_stop(void);

/* Tells what it does for as long as it lives. */
typedef void (*log_line)(int level, const char *text);
int log_start(log_line line);
void log_stop(void);

/* Greets n users, each from a thread of its own that first asks for the user's name. */
typedef const char *(*profile_name)(int user);
typedef void (*profile_greeting)(int user, const char *text);
int greet_start(int n, profile_name name, profile_greeting greeting);
void greet_stop(void);

#endif
