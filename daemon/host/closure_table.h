/* SPDX-License-Identifier: MIT */
/*
 * The closures of this host: by slot and generation, as the client names them; by address, when native code hands one
 * back.
 */
#ifndef CBB_HOST_CLOSURE_TABLE_H
#define CBB_HOST_CLOSURE_TABLE_H

#include "cbbroker.pb-c.h"
#include "host/closure.h"

/* FRAME_OPEN_CALLBACK, FRAME_CLOSE_CALLBACK, FRAME_PAUSE_CALLBACK. 0, or -EBADMSG with a detail text. */
int closure_table_open(const Cbb__OpenCallback *message);
int closure_table_close(const Cbb__CloseCallback *message);
int closure_table_pause(const Cbb__PauseCallback *message);

/* NULL if there is none: never announced, or its making failed. */
struct closure *closure_table_find(uint32_t slot, uint32_t generation);
struct closure *closure_table_find_code(const void *code);

#endif
