/* SPDX-License-Identifier: MIT */
/*
 * cbbctl's session with a broker: one question, one answer, with a deadline.
 */
#ifndef CBB_CTL_ASK_H
#define CBB_CTL_ASK_H

#include "ctl/command.h"
#include "wire/connection.h"
#include "wire/unpack.h"

/* A broker that does not answer in this time hangs. */
#define ASK_TIMEOUT_MS 10000

struct ask {
	struct connection connection;
	struct unpack_arena arena; /* of the last answer */
};

/*
 * Connects: to options->address, the user's broker, the system's, or without any of these to $CBB_ADDRESS, else to
 * the first of user's and system's that answers. 0 or a status with a detail text. Ended with ask_close, also then.
 */
int ask_open(struct ask *ask, const struct ctl_options *options);
void ask_close(struct ask *ask);

/*
 * Sends a request and receives its answer, of the type that is wanted; a DONE instead is a failure with the
 * broker's words. The answer is valid until the next one. 0 or a status with a detail text.
 */
int ask_request(struct ask *ask, Cbb__FrameType type, const ProtobufCMessage *request, Cbb__FrameType wanted,
                const ProtobufCMessageDescriptor *descriptor, void *ret_answer);

#endif
