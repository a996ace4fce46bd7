/* SPDX-License-Identifier: MIT */
/*
 * The error of the public functions: code and words of this thread's last failure.
 */
#ifndef CBB_CLIENT_ERROR_H
#define CBB_CLIENT_ERROR_H

#include "base/detail.h"
#include "cbbroker.h"

/* At the start of a public function that can fail. */
#define error_begin() detail_begin()

/* At its end: remembers a negative code, with general words if nobody found better ones. Returns it. */
int error_end(int code);

/* After a call: also success is remembered. */
int error_end_call(int code);

#endif
