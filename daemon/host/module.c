/* SPDX-License-Identifier: MIT */
#include "host/module.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#define PATH_BYTES 512

/* One byte at a time from /proc/self/maps. */
struct reader {
	int fd;
	size_t used, size;
	char buffer[2048];
};

/* One line: "start-end perms offset device inode   path". */
struct mapping {
	uint64_t start, end, offset;
	char path[PATH_BYTES];
};

static int reader_next(struct reader *reader)
{
	if (reader->used == reader->size) {
		ssize_t n;
		do
			n = read(reader->fd, reader->buffer, sizeof reader->buffer);
		while (n < 0 && errno == EINTR);
		if (n <= 0)
			return -1;
		reader->size = (size_t)n;
		reader->used = 0;
	}
	return (unsigned char)reader->buffer[reader->used++];
}

static int digit_value(int c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A hexadecimal number and the one character behind it, which is returned. */
static int read_number(struct reader *reader, uint64_t *ret_value)
{
	uint64_t value = 0;
	int c;
	while (digit_value(c = reader_next(reader)) >= 0)
		value = value << 4 | (uint64_t)digit_value(c);
	*ret_value = value;
	return c;
}

/* Up to and with the blanks behind the next word; the first character of what follows. */
static int skip_word(struct reader *reader, int c)
{
	while (c != ' ' && c != '\n' && c >= 0)
		c = reader_next(reader);
	while (c == ' ')
		c = reader_next(reader);
	return c;
}

static bool read_mapping(struct reader *reader, struct mapping *ret_mapping)
{
	if (read_number(reader, &ret_mapping->start) != '-' || read_number(reader, &ret_mapping->end) != ' ')
		return false;
	while (reader_next(reader) > ' ')
		; /* permissions */
	int c = read_number(reader, &ret_mapping->offset);
	c = skip_word(reader, skip_word(reader, skip_word(reader, c))); /* blank, device, inode */
	size_t n = 0;
	for (; c >= 0 && c != '\n'; c = reader_next(reader))
		if (n < PATH_BYTES - 1)
			ret_mapping->path[n++] = (char)c;
	ret_mapping->path[n] = '\0';
	return true;
}

static void write_text(char *to, size_t size, const char *path, uint64_t offset)
{
	char digits[2 + 16];
	size_t n_digits = 0, n = strlen(path);
	do
		digits[n_digits++] = "0123456789abcdef"[offset & 15];
	while (offset >>= 4);
	if (size < n_digits + 4)
		return;
	/* Of a path that is too long, its end says more. */
	size_t room = size - n_digits - 4;
	if (n > room) {
		path += n - room;
		n = room;
	}
	memcpy(to, path, n);
	memcpy(to + n, "+0x", 3);
	for (n += 3; n_digits > 0;)
		to[n++] = digits[--n_digits];
	to[n] = '\0';
}

void module_find(uint64_t address, char *ret_text, size_t size)
{
	struct reader reader = {.fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC)};
	struct mapping mapping;
	char base_path[PATH_BYTES] = "";
	uint64_t base = 0;
	ret_text[0] = '\0';
	if (reader.fd < 0)
		return;
	while (read_mapping(&reader, &mapping) && mapping.start <= address) {
		if (mapping.offset == 0 && strcmp(mapping.path, base_path) != 0) {
			memcpy(base_path, mapping.path, sizeof base_path);
			base = mapping.start;
		}
		if (address >= mapping.end)
			continue;
		bool based = mapping.path[0] && strcmp(mapping.path, base_path) == 0;
		write_text(ret_text, size, mapping.path[0] ? mapping.path : "[anonymous]",
		           address - (based ? base : mapping.start - mapping.offset));
		break;
	}
	close(reader.fd);
}
