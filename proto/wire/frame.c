/* SPDX-License-Identifier: MIT */
#include "wire/frame.h"

#include "base/descriptor.h"
#include "base/detail.h"

#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

void frame_write_header(uint8_t header[FRAME_HEADER_BYTES], uint32_t size, Cbb__FrameType type)
{
	uint32_t size_le = htole32(size);
	uint16_t type_le = htole16((uint16_t)type);
	memcpy(header, &size_le, 4);
	memcpy(header + 4, &type_le, 2);
	header[6] = header[7] = 0;
}

/* Without default: a type that is added to the protocol and not here is a warning. */
static bool type_is_known(Cbb__FrameType type)
{
	switch (type) {
	case CBB__FRAME_TYPE__FRAME_HELLO:
	case CBB__FRAME_TYPE__FRAME_HELLO_REPLY:
	case CBB__FRAME_TYPE__FRAME_OPEN_HOST:
	case CBB__FRAME_TYPE__FRAME_CLOSE_HOST:
	case CBB__FRAME_TYPE__FRAME_LIST_HOSTS:
	case CBB__FRAME_TYPE__FRAME_HOST_STATUS:
	case CBB__FRAME_TYPE__FRAME_DONE:
	case CBB__FRAME_TYPE__FRAME_HOST_OPENED:
	case CBB__FRAME_TYPE__FRAME_HOST_LIST:
	case CBB__FRAME_TYPE__FRAME_HOST_STATUS_REPLY:
	case CBB__FRAME_TYPE__FRAME_HOST_EXITED:
	case CBB__FRAME_TYPE__FRAME_HOST_HELLO:
	case CBB__FRAME_TYPE__FRAME_HOST_SETUP:
	case CBB__FRAME_TYPE__FRAME_HOST_ATTACH:
	case CBB__FRAME_TYPE__FRAME_HOST_END:
	case CBB__FRAME_TYPE__FRAME_INVOKE:
	case CBB__FRAME_TYPE__FRAME_RETURN:
	case CBB__FRAME_TYPE__FRAME_OPEN_LIBRARY:
	case CBB__FRAME_TYPE__FRAME_LIBRARY_OPENED:
	case CBB__FRAME_TYPE__FRAME_CLOSE_CALLBACK:
	case CBB__FRAME_TYPE__FRAME_ABANDON:
	case CBB__FRAME_TYPE__FRAME_OPEN_CALLBACK:
	case CBB__FRAME_TYPE__FRAME_READ_MEMORY:
	case CBB__FRAME_TYPE__FRAME_WRITE_MEMORY:
	case CBB__FRAME_TYPE__FRAME_EVENT:
	case CBB__FRAME_TYPE__FRAME_LOST:
	case CBB__FRAME_TYPE__FRAME_LANE_WANTED:
	case CBB__FRAME_TYPE__FRAME_ROOM_WANTED:
	case CBB__FRAME_TYPE__FRAME_CALLBACK_ENDED:
	case CBB__FRAME_TYPE__FRAME_CALLBACK_USE:
	case CBB__FRAME_TYPE__FRAME_FAILED:
	case CBB__FRAME_TYPE__FRAME_EVENTS_TAKEN:
	case CBB__FRAME_TYPE__FRAME_PAUSE_CALLBACK:
		return true;
	case CBB__FRAME_TYPE__FRAME_NONE:
	case _CBB__FRAME_TYPE_IS_INT_SIZE:
		return false;
	}
	return false;
}

int frame_read_header(const uint8_t header[FRAME_HEADER_BYTES], size_t max_bytes, uint32_t *ret_size,
                      Cbb__FrameType *ret_type)
{
	uint32_t size;
	uint16_t type;
	memcpy(&size, header, 4);
	memcpy(&type, header + 4, 2);
	size = le32toh(size);
	type = le16toh(type);
	if (header[6] || header[7])
		return detail_set(-EBADMSG, "not a frame of this protocol (reserved bits are set)");
	if (!type_is_known((Cbb__FrameType)type))
		return detail_set(-EBADMSG, "unknown frame type %u", type);
	if (size > max_bytes)
		return detail_set(-EBADMSG, "frame %s of %u bytes, at most %zu are allowed here", frame_type_name(type),
		                  size, max_bytes);
	*ret_size = size;
	*ret_type = (Cbb__FrameType)type;
	return 0;
}

const char *frame_type_name(int type)
{
	static __thread char unknown[24];
	const ProtobufCEnumValue *value =
	    protobuf_c_enum_descriptor_get_value(&cbb__frame_type__descriptor, type);
	if (value)
		return value->name + strlen("FRAME_");
	snprintf(unknown, sizeof unknown, "type %d", type);
	return unknown;
}

void frame_close_fds(struct frame *frame)
{
	for (unsigned i = 0; i < frame->n_fds; i++)
		descriptor_discard(frame->fds[i]);
	frame->n_fds = 0;
}
