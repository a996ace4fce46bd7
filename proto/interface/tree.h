/* SPDX-License-Identifier: MIT */
/*
 * What the parser makes of a declaration before its meaning is worked out: expressions, attributes, and
 * parameters or fields with their types. Lives in the parser's memory.
 */
#ifndef CBB_INTERFACE_TREE_H
#define CBB_INTERFACE_TREE_H

#include "interface/model.h"
#include "interface/token.h"

enum node_kind {
	NODE_INTEGER,  /* `integer` */
	NODE_REAL,     /* `real` */
	NODE_NULL,
	NODE_NAME,     /* `token` */
	NODE_RETURN,
	NODE_CALL,     /* call.`token` */
	NODE_DEREF,    /* *left; left is NODE_NAME or NODE_CALL */
	NODE_MEMBER,   /* left->`token` or left.`token`; operator_mark tells which */
	NODE_UNARY,    /* operator_mark left */
	NODE_BINARY,   /* left operator_mark right */
	NODE_MIN,
	NODE_MAX,
	NODE_CHOICE,   /* condition ? left : right */
};

struct node {
	enum node_kind kind;
	int operator_mark;
	struct token token; /* for errors, too */
	struct node *condition, *left, *right;
	int64_t integer;
	double real;
	unsigned height;    /* of the tree below and with this node, at most NODE_HEIGHT_MAX */
};

#define NODE_HEIGHT_MAX 64

enum word { /* up to WORD_ZERO: what makes a pointer one to elements */
	WORD_IN, WORD_OUT, WORD_INOUT,
	WORD_SIZE, WORD_BYTES, WORD_ZERO,
	WORD_FILLED,
	WORD_STRING, WORD_HANDLE, WORD_USERDATA, WORD_INTO,
	WORD_NULLABLE, WORD_ELEMENTS,
	WORD_SCOPE, WORD_CLOSES, WORD_VALUES,
	WORD_TRANSFER, WORD_LIFETIME,
	WORD_ON_ERROR, WORD_TIMEOUT,
	WORD_AUTO, WORD_LOCAL, WORD_BLOCKING, WORD_LISTENER, WORD_LATEST, WORD_RATE, WORD_PRIORITY, WORD_KEY,
	WORD_DESTROY, WORD_FORMAT, WORD_HOST,
	WORD_SLOT, WORD_CASE, WORD_SELECT, WORD_SENTINEL,
	WORD_LIBRARY, WORD_HEADER,
	WORD_COUNT,
};

/* A set of ATTRIBUTE_BITs. */
typedef uint64_t word_set;

struct attribute;

/* A declared parameter, field, result or type. */
struct declared {
	struct qualified type;
	struct token name;             /* size 0: it has none; then where it would stand */
	struct attribute *attributes;
	uint64_t array_count;          /* a parameter that was written as an array of this many; 0: it was not */
	bool is_array;                 /* a parameter that was written as an array */
};

struct declared_list {
	struct declared *items;
	size_t n, capacity;
	struct token ellipsis;         /* of parameters: the `...` behind them; size 0: there is none */
	struct attribute *variadic;    /* the attributes in front of it */
};

struct choice;

/* One attribute: its word, and what stands in its parentheses. */
struct attribute {
	struct attribute *next;
	enum word word;
	struct token token;      /* the word */
	struct token argument;   /* a name, string or `return` in parentheses; size 0: none */
	struct node *expression;
	struct node **values;
	size_t n_values;
	Cbb__Scope scope;
	Cbb__Lifetime lifetime;
	Cbb__Overflow overflow;
	struct token *names;     /* of a list of names */
	size_t n_names;
	bool is_indirect;        /* owner(*name) */
	struct choice *choices;  /* case, select */
	struct declared_list option; /* select, sentinel: the type of an option or element, or none */
};

/* One case of a `select` or `case`: the values that choose it, and what there is then. */
struct choice {
	struct choice *next;
	struct token token;            /* where it begins */
	int64_t *labels;
	size_t n_labels;
	struct declared_list params;
};

#endif
