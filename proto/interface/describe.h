/* SPDX-License-Identifier: MIT */
/*
 * What each parameter, result and field is to the marshalling engine: its type and attributes -> its Param.
 *
 * In two passes. The first decides the mode of each (describe.c), the second fills in what refers to the others
 * by name: sizes, owners, buffers (refer.c).
 */
#ifndef CBB_INTERFACE_DESCRIBE_H
#define CBB_INTERFACE_DESCRIBE_H

#include "interface/attribute.h"
#include "interface/function.h"

enum role { ROLE_PARAM, ROLE_RESULT, ROLE_FIELD };

struct described {
	const struct declared *declared;
	enum role role;
	struct attribute *words[WORD_COUNT]; /* NULL: not there */
	uint32_t param;
	uint32_t inner;     /* the Param of the inner pointer of a pointer to a pointer; 0: none */
	struct described *alternatives; /* of a parameter with `case` */
	uint32_t n_alternatives;
	bool inner_is_sized; /* size and bytes describe what the inner pointer points to */
};

/* A function's parameters and result, or a struct's fields. */
struct scene {
	struct parser *parser;
	const struct function_text *function; /* NULL: a struct */
	const struct symbol *structure;       /* NULL: a function */
	struct described *items;
	size_t n;
	struct described result;
	uint32_t first, result_param;
};

/* The Params are there, empty: the result's, then the parameters' from `first` on. */
int describe_function(struct parser *parser, const struct function_text *text, uint32_t result_param);
int describe_fields(struct parser *parser, struct symbol *structure, const struct declared_list *fields,
                    uint32_t first);

/* Of a union: nothing is said about its members, its bytes pass as they are. */
int describe_members(struct parser *parser, struct symbol *structure, const struct declared_list *members,
                     uint32_t first);

/* First pass. */
int describe_one(struct scene *scene, struct described *item);

/* "parameter 'text' of 'XML_Parse' (const void *)", in a buffer of the thread. */
const char *describe_subject(const struct scene *scene, const struct described *item);
/* The place of an attribute, else of the declared name. */
const struct token *describe_place(const struct described *item, enum word word);

/* The place of the last of these words (ATTRIBUTE_BITs) in the text. */
const struct token *describe_last(const struct described *item, word_set words);

/* Fails because nothing says what the pointer is; the hint names what would. `is_inner`: the inner pointer. */
int describe_refuse(struct scene *scene, const struct described *item, uint32_t type, bool is_inner);

/* Second pass. */
int refer_one(struct scene *scene, struct described *item);

#endif
