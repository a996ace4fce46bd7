/* SPDX-License-Identifier: MIT */
/*
 * Functions of libc that cbb-host exports under the same name, so that libraries find ours first:
 *
 *  - pthread_create, thrd_create: each thread of a library gets an alternate signal stack (its stack overflow can be
 *    recorded) and a record with its name.
 *  - pthread_setname_np: the record follows when a thread renames itself.
 *  - exit, _exit, _Exit, quick_exit: who ended the process is known at the moment of the call, on the calling thread.
 *  - pthread_sigmask, sigprocmask: the signals of a faulty instruction stay unblocked. The kernel kills a thread that
 *    faults with the signal blocked, without running any handler.
 */
#ifndef CBB_HOST_INTERPOSE_H
#define CBB_HOST_INTERPOSE_H

/* Finds the real functions. Call it early; it also keeps this module in the program. */
void interpose_install(void);

/*
 * For a thread that did not come through our pthread_create: gives it a record, which goes with it. Harmless on a
 * thread that has one.
 */
void interpose_adopt_thread(void);

#endif
