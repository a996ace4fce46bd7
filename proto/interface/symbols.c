/* SPDX-License-Identifier: MIT */
#include "interface/symbols.h"

#include "interface/layout.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <time.h>
#include <wchar.h>

#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(element) ((void)(element))
#include <uthash.h>

struct symbol_entry {
	UT_hash_handle hh;
	struct symbol symbol;
	unsigned char key[]; /* 'n' or 't' and a name, or 's' and a type */
};

/* As the compiler of this library sees them: host and program are of the same machine. */
#define BUILT_IN(type) {#type, sizeof(type), (type)-1 < (type)1}
static const struct {
	const char *name;
	unsigned size_bytes;
	bool is_signed;
} built_in[] = {
    BUILT_IN(size_t),   BUILT_IN(ssize_t),   BUILT_IN(ptrdiff_t), BUILT_IN(intptr_t),    BUILT_IN(uintptr_t),
    BUILT_IN(int8_t),   BUILT_IN(int16_t),   BUILT_IN(int32_t),   BUILT_IN(int64_t),     BUILT_IN(uint8_t),
    BUILT_IN(uint16_t), BUILT_IN(uint32_t),  BUILT_IN(uint64_t),  BUILT_IN(intmax_t),    BUILT_IN(uintmax_t),
    BUILT_IN(off_t),    BUILT_IN(off64_t),   BUILT_IN(mode_t),    BUILT_IN(uid_t),       BUILT_IN(gid_t),
    BUILT_IN(pid_t),    BUILT_IN(id_t),      BUILT_IN(dev_t),     BUILT_IN(ino_t),       BUILT_IN(nlink_t),
    BUILT_IN(time_t),   BUILT_IN(clock_t),   BUILT_IN(clockid_t), BUILT_IN(suseconds_t), BUILT_IN(useconds_t),
    BUILT_IN(wchar_t),  BUILT_IN(wint_t),    BUILT_IN(socklen_t), BUILT_IN(blksize_t),   BUILT_IN(blkcnt_t),
    BUILT_IN(u_char),   BUILT_IN(u_short),   BUILT_IN(u_int),     BUILT_IN(u_long),
};

void symbols_init(struct symbols *symbols, struct interface_memory *memory, struct model *model)
{
	*symbols = (struct symbols){.memory = memory, .model = model};
}

void symbols_close(struct symbols *symbols)
{
	HASH_CLEAR(hh, symbols->entries);
}

static struct symbol *entry_find(struct symbols *symbols, char space, const void *content, size_t size)
{
	unsigned char key[257] = {(unsigned char)space};
	struct symbol_entry *entry = NULL;
	if (size >= sizeof key)
		return NULL;
	memcpy(key + 1, content, size);
	HASH_FIND(hh, symbols->entries, key, size + 1, entry);
	return entry ? &entry->symbol : NULL;
}

static struct symbol *entry_add(struct symbols *symbols, char space, const void *content, size_t size)
{
	struct symbol_entry *entry = memory_allocate(symbols->memory, sizeof *entry + size + 1);
	if (!entry)
		return NULL;
	entry->key[0] = (unsigned char)space;
	memcpy(entry->key + 1, content, size);
	entry->symbol.entry = entry;
	HASH_ADD(hh, symbols->entries, key, (unsigned)size + 1, entry);
	return &entry->symbol;
}

static struct symbol *built_in_find(struct symbols *symbols, const struct token *name)
{
	for (size_t i = 0; i < sizeof built_in / sizeof *built_in; i++) {
		if (!token_is_name(name, built_in[i].name))
			continue;
		struct symbol *symbol = entry_add(symbols, 'n', name->text, name->size);
		if (!symbol)
			return NULL;
		symbol->kind = SYMBOL_TYPEDEF;
		symbol->type.type = model_scalar(symbols->model, layout_integer(built_in[i].size_bytes, built_in[i].is_signed),
		                                 built_in[i].name);
		return symbol;
	}
	return NULL;
}

/* As a parameter it is a pointer to something that nobody here looks into. */
static struct symbol *va_list_find(struct symbols *symbols, const struct token *name)
{
	static const char tag[] = "__va_list_tag";
	struct model *model = symbols->model;
	if (!token_is_name(name, "va_list"))
		return NULL;
	struct symbol *symbol = entry_add(symbols, 'n', name->text, name->size);
	if (!symbol)
		return NULL;
	uint32_t target = model_struct(model, model_name(model, tag, sizeof tag - 1), false);
	symbol->kind = SYMBOL_TYPEDEF;
	symbol->type.type = symbols->va_list = model_pointer(model, (struct qualified){target, false});
	return symbol;
}

struct symbol *symbols_find(struct symbols *symbols, const struct token *name)
{
	struct symbol *symbol = entry_find(symbols, 'n', name->text, name->size);
	if (!symbol)
		symbol = built_in_find(symbols, name);
	return symbol ? symbol : va_list_find(symbols, name);
}

/* A struct's entry under its type points to the one under its name, if it has a name. */
struct symbol *symbols_find_tag(struct symbols *symbols, const struct token *name)
{
	return entry_find(symbols, 't', name->text, name->size);
}

struct symbol *symbols_find_struct(struct symbols *symbols, uint32_t type)
{
	struct symbol *symbol = entry_find(symbols, 's', &type, sizeof type);
	return symbol ? &symbol->entry->symbol : NULL;
}

int symbols_add(struct symbols *symbols, enum symbol_kind kind, const struct token *name, struct symbol **ret_symbol)
{
	struct symbol *symbol = symbols_find(symbols, name);
	if (symbol && symbol->token.size == 0)
		return fail_at(name, "take the declaration out: the type is known without it", "'%.*s' is built in",
		               TOKEN_TEXT(name));
	if (symbol)
		return fail_at(name, "take one of the two out, or give it another name",
		               "'%.*s' is declared twice (first in %.80s:%u)", TOKEN_TEXT(name), symbol->token.source->name,
		               symbol->token.line);
	symbol = entry_add(symbols, 'n', name->text, name->size);
	if (!symbol)
		return fail_memory();
	symbol->kind = kind;
	symbol->token = *name;
	*ret_symbol = symbol;
	return 0;
}

int symbols_add_tag(struct symbols *symbols, enum symbol_kind kind, const struct token *name, uint32_t type,
                    struct symbol **ret_symbol)
{
	struct symbol *by_type = entry_add(symbols, 's', &type, sizeof type);
	struct symbol *symbol = by_type && name->size > 0 ? entry_add(symbols, 't', name->text, name->size) : by_type;
	if (!symbol)
		return fail_memory();
	by_type->entry = symbol->entry;
	symbol->kind = kind;
	symbol->token = *name;
	symbol->type.type = type;
	*ret_symbol = symbol;
	return 0;
}
