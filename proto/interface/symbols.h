/* SPDX-License-Identifier: MIT */
/*
 * The names a text has declared: typedefs, functions and enum constants in one space, tags in another.
 */
#ifndef CBB_INTERFACE_SYMBOLS_H
#define CBB_INTERFACE_SYMBOLS_H

#include "interface/tree.h"

enum symbol_kind { SYMBOL_TYPEDEF = 1, SYMBOL_FUNCTION, SYMBOL_CONSTANT, SYMBOL_STRUCT, SYMBOL_UNION, SYMBOL_ENUM };

struct symbol {
	struct symbol_entry *entry;
	enum symbol_kind kind;
	struct token token;            /* where it was declared; size 0: built in */
	struct qualified type;         /* typedef, struct, union, enum */
	uint32_t function;
	int64_t value;
	struct attribute *attributes;  /* typedef: for each parameter of that type */
	bool is_complete;              /* struct, enum */
	unsigned depth, weight;        /* struct: of its deepest field; values in it and behind it */
	bool is_open;                  /* struct: its fields are being read */
	struct token handle_use; /* struct: where a pointer to it became a handle, being incomplete; size 0: nowhere */
};

struct symbols {
	struct symbol_entry *entries; /* uthash */
	struct interface_memory *memory;
	struct model *model;
	uint32_t va_list; /* the type of that name; 0: it was not used */
};

void symbols_init(struct symbols *symbols, struct interface_memory *memory, struct model *model);
void symbols_close(struct symbols *symbols);

/* NULL if there is none. Built-in typedefs such as size_t are found, too. */
struct symbol *symbols_find(struct symbols *symbols, const struct token *name);
struct symbol *symbols_find_tag(struct symbols *symbols, const struct token *name);
/* The struct behind a type; NULL if the type is none. */
struct symbol *symbols_find_struct(struct symbols *symbols, uint32_t type);

/* Fails if the name is taken. */
int symbols_add(struct symbols *symbols, enum symbol_kind kind, const struct token *name, struct symbol **ret_symbol);
/* `name` of size 0: a tag without name. */
int symbols_add_tag(struct symbols *symbols, enum symbol_kind kind, const struct token *name, uint32_t type,
                    struct symbol **ret_symbol);

#endif
