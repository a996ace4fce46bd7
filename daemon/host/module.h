/* SPDX-License-Identifier: MIT */
/*
 * Which file an instruction belongs to. Async-signal-safe: raw system calls and a small buffer on the stack.
 */
#ifndef CBB_HOST_MODULE_H
#define CBB_HOST_MODULE_H

#include <stddef.h>
#include <stdint.h>

/*
 * "path+0xoffset" into ret_text, the offset from the file's first mapping (what addr2line takes for a shared object);
 * "[anonymous]+0xoffset" for generated code. "" if nothing is mapped there, or /proc cannot be read.
 */
void module_find(uint64_t address, char *ret_text, size_t size);

#endif
