/* SPDX-License-Identifier: MIT */
#include "lib/port.h"

#include "base/clock.h"
#include "lib/callback_close.h"
#include "lib/claim.h"
#include "lib/error.h"
#include "lib/host.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

/* Frames other than events are few; more than this beside the callbacks that there are is a flood. */
#define CONTROL_SPARE 4096
#define NATIVE_LANES_MAX 64
/* A host that sees lanes end before they are seen to end here asks for others, and after a while again. */
#define LANES_BEYOND_MAX (16 * NATIVE_LANES_MAX)

/* ---- Records ---- */

/* Most events fit: those records are used again. (malloc and free were a tenth of the cost of an event.) */
#define ROOM_BYTES 512

static struct record *record_take(struct port *port, size_t room)
{
	struct record *record = port->spare;
	if (room <= ROOM_BYTES && record) {
		port->spare = record->next;
		port->n_spare--;
	} else {
		room = room < ROOM_BYTES ? ROOM_BYTES : room;
		record = malloc(sizeof *record + room);
		if (record)
			record->room = room;
	}
	return record;
}

void port_free_record(struct port *port, struct record *record)
{
	if (record->room != ROOM_BYTES || port->n_spare >= port->window_events) {
		free(record);
		return;
	}
	record->next = port->spare;
	port->spare = record;
	port->n_spare++;
}

/* `hot`: what an event says, or NULL. */
static struct record *record_add(struct port *port, Cbb__FrameType type, const uint8_t *body, size_t size,
                                 const struct hot *hot)
{
	size_t hot_room = hot ? (hot_bytes(hot) + 15) / 16 * 16 : 0;
	struct record *record = record_take(port, hot_room + size);
	if (!record)
		return NULL;
	record->type = type;
	record->running = false;
	record->priority = 0;
	record->thread = record->slot = record->generation = 0;
	record->position = 0;
	record->size = size;
	record->body = record->memory + hot_room;
	record->hot = hot ? (struct hot *)(void *)record->memory : NULL;
	if (size)
		memcpy(record->body, body, size);
	if (hot)
		hot_keep(record->hot, hot, body, record->body);
	DL_APPEND(port->records, record);
	port->n_records++;
	return record;
}

static int out_of_memory(void)
{
	return detail_set(-ENOMEM, "no memory for an event");
}

static int take_event(struct port *port, const struct frame *frame)
{
	struct cbb_callback *callback = NULL;
	int r = hot_read(&port->hot, frame);
	if (r == 0)
		r = claim_event(port, &port->hot, &callback);
	if (r < 0)
		return r;
	if (port->received - port->told_n_taken >= port->window_events)
		return detail_set(-EBADMSG, "event %llu, but only %llu may be on their way",
		                  (unsigned long long)port->received + 1, (unsigned long long)port->window_events);
	if (port->n_bytes > port->window_bytes)
		return detail_set(-EBADMSG, "events of %llu bytes and more, but only %llu may be on their way",
		                  (unsigned long long)port->n_bytes, (unsigned long long)port->window_bytes);
	struct record *record = record_add(port, frame->type, frame->body, frame->size, &port->hot);
	if (!record)
		return out_of_memory();
	port->n_bytes += frame->size;
	record->position = ++port->received;
	port_unpark(port);
	record->thread = port->hot.thread;
	record->slot = port->hot.slot;
	record->generation = port->hot.generation;
	record->priority = callback->priority;
	return 0;
}

static int take_control(struct port *port, const struct frame *frame)
{
	if (port->n_control > 4 * (uint64_t)port->host->callbacks.n_all + CONTROL_SPARE)
		return detail_set(-EBADMSG, "a flood of %s", frame_type_name((int)frame->type));
	if (!record_add(port, frame->type, frame->body, frame->size, NULL))
		return out_of_memory();
	port->n_control++;
	return 0;
}

/*
 * The end of a callback that has no events has no place among them: whoever closes it need not wait for the dispatcher
 * to get there.
 */
static int take_ended(struct port *port, const struct frame *frame)
{
	UNPACK_ARENA arena = {0};
	const Cbb__CallbackEnded *message = unpack_frame(&arena, &cbb__callback_ended__descriptor, frame);
	struct cbb_callback *callback =
	    message ? callback_table_find(&port->host->callbacks, message->slot, message->generation) : NULL;
	if (!message)
		return -EBADMSG;
	if (!callback || callback->delivery == CBB_LISTENER)
		return take_control(port, frame);
	/* Of one that is open only the host says so: it stays open. */
	if (atomic_load(&callback->state) != CALLBACK_OPEN && callback_queue(callback) == port->queue)
		callback_ended(callback, true);
	return 0;
}

/* An abort overtakes what is queued: that is what it is about. */
static int take_use(struct port *port, const struct frame *frame)
{
	UNPACK_ARENA arena = {0};
	const Cbb__CallbackUse *message = unpack_frame(&arena, &cbb__callback_use__descriptor, frame);
	int r = message ? take_control(port, frame) : -EBADMSG;
	if (r == 0 && message->use == CBB__USE__USE_ABORT) {
		struct record *record = port->records->prev;
		DL_DELETE(port->records, record);
		DL_PREPEND(port->records, record);
	}
	return r;
}

void port_note_failure(struct port *port, const struct hot *invocation, int status)
{
	Cbb__Failed message = CBB__FAILED__INIT;
	const char *words = detail_text();
	message.slot = invocation->slot;
	message.generation = invocation->generation;
	message.thread = invocation->thread;
	message.thread_name = (ProtobufCBinaryData){invocation->thread_name_size, (uint8_t *)(uintptr_t)invocation->thread_name};
	message.status = status;
	message.detail = (ProtobufCBinaryData){strlen(words), (uint8_t *)(uintptr_t)words};
	struct frame frame = {.type = CBB__FRAME_TYPE__FRAME_FAILED, .size = cbb__failed__get_packed_size(&message)};
	uint8_t *body = malloc(frame.size + 1);
	if (!body)
		return; /* native code has its on_error; only the hook does not hear of it */
	frame.body = body;
	cbb__failed__pack(&message, body);
	take_control(port, &frame);
	free(body);
}

static int take_lane_wanted(struct port *port, const struct frame *frame)
{
	(void)frame;
	if (port->n_wanted + port->n_native_lanes < NATIVE_LANES_MAX)
		port->n_wanted++;
	else if (port->n_wanted_beyond++ == LANES_BEYOND_MAX)
		return detail_set(-EBADMSG, "LANE_WANTED %d times beyond %d lanes", LANES_BEYOND_MAX, NATIVE_LANES_MAX);
	return 0;
}

static int take_room_wanted(struct port *port, const struct frame *frame)
{
	UNPACK_ARENA arena = {0};
	const Cbb__RoomWanted *message = unpack_frame(&arena, &cbb__room_wanted__descriptor, frame);
	if (!message)
		return -EBADMSG;
	port->n_room_wanted = message->threads;
	return 0;
}

static const struct {
	Cbb__FrameType type;
	int (*take)(struct port *port, const struct frame *frame);
} frames[] = {
    {CBB__FRAME_TYPE__FRAME_EVENT, take_event},
    {CBB__FRAME_TYPE__FRAME_LOST, take_control},
    {CBB__FRAME_TYPE__FRAME_CALLBACK_ENDED, take_ended},
    {CBB__FRAME_TYPE__FRAME_CALLBACK_USE, take_use},
    {CBB__FRAME_TYPE__FRAME_FAILED, take_control},
    {CBB__FRAME_TYPE__FRAME_LANE_WANTED, take_lane_wanted},
    {CBB__FRAME_TYPE__FRAME_ROOM_WANTED, take_room_wanted},
};

static int take_frame(struct port *port, const struct frame *frame)
{
	for (size_t i = 0; i < sizeof frames / sizeof *frames; i++)
		if (frames[i].type == frame->type)
			return frames[i].take(port, frame);
	return detail_set(-EBADMSG, "frame %s on an event lane", frame_type_name((int)frame->type));
}

/*
 * Frames in one go: a host that always has one more to say (control frames need no credit) must not hold the reader.
 * What is left keeps the descriptor readable.
 */
#define FRAMES_AT_ONCE 2048

void port_read(struct port *port)
{
	struct frame frame;
	int r = 1;
	for (unsigned n = 0; r > 0 && !port->ended && n < FRAMES_AT_ONCE; n++) {
		/* One recv: what does not fit into it keeps the descriptor readable. */
		r = n == 0 ? lane_receive(&port->lane, &frame, 0) : lane_next(&port->lane, &frame);
		if (r == -ETIMEDOUT)
			return;
		if (r > 0 && take_frame(port, &frame) < 0)
			r = -EBADMSG;
		if (r < 0)
			port_end(port, r == -EBADMSG);
	}
}

void port_read_rest(struct port *port)
{
	uint64_t before;
	do {
		before = port->n_records;
		port_read(port);
	} while (!port->ended && port->n_records != before);
}

/* ---- Telling the host ---- */

static int compare_positions(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

/* Everything up to here is done with. */
static uint64_t taken_up_to(const struct port *port)
{
	const struct record *record;
	DL_FOREACH (port->records, record)
		if (record->type == CBB__FRAME_TYPE__FRAME_EVENT)
			return record->position - 1;
	return port->received;
}

/* Drops what `taken` says as well; what is left has been told, or is told now. */
static void forget_beyond(struct port *port, uint64_t taken)
{
	size_t kept = 0;
	for (size_t i = 0; i < port->n_beyond; i++)
		if (port->beyond[i] > taken)
			port->beyond[kept++] = port->beyond[i];
	port->n_beyond = kept;
}

static void note_beyond(struct port *port, uint64_t position)
{
	if (port->n_beyond == port->beyond_capacity) {
		size_t capacity = port->beyond_capacity ? 2 * port->beyond_capacity : 64;
		uint64_t *grown = realloc(port->beyond, capacity * sizeof *grown);
		if (!grown)
			return; /* told with those before it */
		port->beyond = grown;
		port->beyond_capacity = capacity;
	}
	port->beyond[port->n_beyond++] = position;
}

void port_done(struct port *port, struct record *record)
{
	DL_DELETE(port->records, record);
	port->n_records--;
	if (record->type == CBB__FRAME_TYPE__FRAME_EVENT) {
		port->n_taken++;
		port->n_bytes -= record->size;
		if (record->position > taken_up_to(port))
			note_beyond(port, record->position);
	} else if (record->type != CBB__FRAME_TYPE__FRAME_NONE) {
		port->n_control--;
	}
	port_free_record(port, record);
}

void port_tell(struct port *port, bool now)
{
	Cbb__EventsTaken message = CBB__EVENTS_TAKEN__INIT;
	uint64_t untold = port->n_taken - port->told_n_taken;
	uint64_t now_ns = clock_coarse_ns();
	bool due = now ? untold || port->received != port->told_received
	               : untold >= (3 * port->window_events + 3) / 4 || (untold && now_ns - port->told_ns >= port->tell_after_ns);
	if (!due || port->ended || port->waits_to_send)
		return;
	message.received = port->received;
	message.taken = taken_up_to(port);
	forget_beyond(port, message.taken);
	if (port->n_beyond > 1)
		qsort(port->beyond, port->n_beyond, sizeof *port->beyond, compare_positions);
	message.more = port->beyond;
	message.n_more = port->n_beyond;
	port->told_received = message.received;
	port->told_n_taken = port->n_taken;
	port->told_ns = now_ns;
	port_send(port, CBB__FRAME_TYPE__FRAME_EVENTS_TAKEN, &message.base);
	port->n_beyond = 0; /* each is told once */
}
