/* SPDX-License-Identifier: MIT */
#include "host/memory.h"

#include "base/detail.h"
#include "host/host_lane.h"
#include "wire/unpack.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

/* The kernel copies, and says if the memory is not there. */
static int refuse(struct host_lane *lane, uint64_t sequence, const char *how, uint64_t address, size_t bytes,
                  ssize_t done)
{
	int code = done < 0 ? -errno : -EFAULT;
	detail_set(code, "%zu bytes at %#llx in the host cannot be %s: %s", bytes, (unsigned long long)address, how,
	           strerror(-code));
	return host_lane_refuse(lane, sequence, code);
}

static struct hot_writer begin_answer(struct host_lane *lane, uint64_t sequence)
{
	struct hot_writer writer;
	struct hot fields;
	memset(&fields, 0, offsetof(struct hot, words));
	fields.sequence = sequence;
	fields.core = lane_core();
	hot_begin(&writer, &lane->lane.out, CBB__FRAME_TYPE__FRAME_RETURN, &fields, 0);
	return writer;
}

static int answer(struct host_lane *lane, struct hot_writer *writer)
{
	int r = hot_end(writer);
	return r < 0 ? r : host_lane_send(lane);
}

int memory_serve_read(struct host_lane *lane, const struct frame *frame, uint64_t parent)
{
	UNPACK_ARENA arena = {0};
	(void)parent;
	const Cbb__ReadMemory *message = unpack_frame(&arena, &cbb__read_memory__descriptor, frame);
	if (!message)
		return -EBADMSG;
	struct hot_writer writer = begin_answer(lane, message->sequence);
	size_t bytes = message->bytes;
	uint8_t *to = hot_add_block(&writer, bytes);
	if (!to) {
		hot_cancel(&writer);
		detail_set(CBB__STATUS__STATUS_LIMIT,
		           "%zu bytes of memory are more than a message holds (option max_payload_bytes)", bytes);
		return host_lane_refuse(lane, message->sequence, CBB__STATUS__STATUS_LIMIT);
	}
	struct iovec local = {to, bytes}, remote = {(void *)(uintptr_t)message->address, bytes};
	ssize_t n = process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
	if (n == (ssize_t)bytes)
		return answer(lane, &writer);
	int error_number = errno;
	hot_cancel(&writer);
	errno = error_number;
	return refuse(lane, message->sequence, "read", message->address, bytes, n);
}

int memory_serve_write(struct host_lane *lane, const struct frame *frame, uint64_t parent)
{
	UNPACK_ARENA arena = {0};
	(void)parent;
	const Cbb__WriteMemory *message = unpack_frame(&arena, &cbb__write_memory__descriptor, frame);
	if (!message)
		return -EBADMSG;
	size_t bytes = message->data.len;
	struct iovec local = {message->data.data, bytes}, remote = {(void *)(uintptr_t)message->address, bytes};
	ssize_t n = process_vm_writev(getpid(), &local, 1, &remote, 1, 0);
	if (n != (ssize_t)bytes)
		return refuse(lane, message->sequence, "written", message->address, bytes, n);
	struct hot_writer writer = begin_answer(lane, message->sequence);
	return answer(lane, &writer);
}
