/* SPDX-License-Identifier: MIT */
/*
 * OpenLibrary on this thread's lane: the host loads the shared object and looks up its functions.
 */
#ifndef CBB_CLIENT_LIBRARY_OPEN_H
#define CBB_CLIENT_LIBRARY_OPEN_H

struct cbb_library;

/* 0 (library->missing is filled in), or a negative code with a detail text. */
int library_open_in_host(struct cbb_library *library);

#endif
