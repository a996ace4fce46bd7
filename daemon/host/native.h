/* SPDX-License-Identifier: MIT */
/*
 * The host's side of cbbroker-native.h: the table of functions that libraries find by its weak symbol.
 */
#ifndef CBB_HOST_NATIVE_H
#define CBB_HOST_NATIVE_H

/* This thread's call of a callback has ended with a negative status, 0, or enum admission. */
void native_note(int result);

#endif
