/* SPDX-License-Identifier: MIT */
/*
 * What one test reports, in memory that its threads and forked children share with the harness's main process.
 * For the harness only.
 */
#ifndef CBB_TESTS_SUPPORT_RECORD_H
#define CBB_TESTS_SUPPORT_RECORD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

/* More failures than these are counted, not kept. */
#define RECORD_MAX 32

struct record {
	_Atomic bool complete;
	const char *file;
	int line;             /* 0: of the harness, no place in a file */
	char text[2048];
};

struct record_board {
	pid_t test_pid;       /* of the process that runs the test */
	_Atomic unsigned n;   /* failures, also those not kept */
	_Atomic bool skipped;
	_Atomic bool ended;   /* ended early on purpose: REQUIRE or SKIP */
	_Atomic bool returned; /* the test function returned */
	_Atomic bool checked; /* and what it left behind was looked at */
	char skip_text[256];
	struct record records[RECORD_MAX];
};

void record_open(void);
void record_clear(void);
struct record_board *record_board(void);

#endif
