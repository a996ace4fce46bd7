/* SPDX-License-Identifier: MIT */
#include "support/signatures.h"

#include "support/wait.h"

#include <stdbool.h>
#include <stdlib.h>

#define STRUCTS 40
#define PARAMETERS_MAX 10
#define FIELDS_MAX 5
#define ELEMENTS_MAX 6
#define NESTING_MAX 3 /* structs in structs; the language allows 8 levels, arrays and the pointer among them */

static const char *const scalars[] = {
    "_Bool", "char", "int8_t", "uint8_t", "int16_t", "uint16_t", "int", "unsigned", "int32_t", "uint32_t", "long",
    "unsigned long", "long long", "int64_t", "uint64_t", "float", "double", "float", "double", "long double"};
#define SCALARS (sizeof scalars / sizeof *scalars)

enum kind { SCALAR, STRUCT, TEXT, TEXTS, IN_ONE, IN_ARRAY, OUT_ONE, OUT_ARRAY, OUT_TEXT, INOUT_ONE, INOUT_ARRAY, KINDS };

struct parameter {
	enum kind kind;
	unsigned type; /* number of a scalar; from SCALARS on, of a struct */
};

struct signature {
	unsigned number, n;
	struct parameter parameters[PARAMETERS_MAX];
	int result; /* as `type`; -1: void; -2: text */
};

static uint64_t state;
static unsigned nesting[STRUCTS];

static unsigned below(unsigned n)
{
	return (unsigned)(harness_random(&state) % n);
}

/* The number of a type, in `text` as C spells it. */
static const char *type_name(unsigned type)
{
	static char names[4][32];
	static unsigned at;
	char *name = names[at++ % 4];
	if (type < SCALARS)
		return scalars[type];
	snprintf(name, sizeof names[0], "struct s%u", type - (unsigned)SCALARS);
	return name;
}

static const char *function_name(unsigned type)
{
	static char names[4][32];
	static unsigned at;
	char *name = names[at++ % 4];
	snprintf(name, sizeof names[0], type < SCALARS ? "t%u" : "s%u", type < SCALARS ? type : type - (unsigned)SCALARS);
	return name;
}

/* ---- What each type needs: to be made from random numbers, and to be mixed into one ---- */

static void prelude_write(FILE *source)
{
	fputs("#include <stdint.h>\n#include <string.h>\n#include <math.h>\n#include <stdlib.h>\n"
	      "static uint64_t next(uint64_t *s) { uint64_t z = *s += 0x9e3779b97f4a7c15u;\n"
	      "	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u; z = (z ^ z >> 27) * 0x94d049bb133111ebu; return z ^ z >> 31; }\n"
	      "static void mix(uint64_t *h, const void *at, size_t n) { for (size_t i = 0; i < n; i++)\n"
	      "	*h = (*h ^ ((const unsigned char *)at)[i]) * 1099511628211u; }\n"
	      "static void make_text(char *t, uint64_t *s) { int n = (int)(next(s) % 20);\n"
	      "	for (int i = 0; i < n; i++) t[i] = (char)(1 + next(s) % 255);\n	t[n] = 0; }\n"
	      "static void mix_text(uint64_t *h, const char *t) { if (t) mix(h, t, strlen(t) + 1); else mix(h, \"\\1\", 2); }\n",
	      source);
	for (unsigned i = 0; i < SCALARS; i++) {
		bool is_long = i == SCALARS - 1;
		fprintf(source, "static void make_t%u(%s *v, uint64_t *s) { uint64_t r = next(s); ", i, scalars[i]);
		if (i == 0)
			fputs("*v = r & 1; }\n", source);
		else if (is_long)
			fputs("*v = (long double)(int64_t)r / 3; }\n", source);
		else /* no NaN: compilers may pass a float through a register that quiets it */
			fputs("memcpy(v, &r, sizeof *v); if (*v != *v) *v = 1; }\n", source);
		fprintf(source, "static void mix_t%u(uint64_t *h, const %s *v) { mix(h, v, %s); }\n", i, scalars[i],
		        is_long ? "10" : "sizeof *v");
	}
}

/* The type of a field: a scalar, or an earlier struct that is not nested too deep. */
static unsigned field_type(unsigned number)
{
	unsigned inner = number > 0 && below(4) == 0 ? below(number) : STRUCTS;
	if (inner == STRUCTS || nesting[inner] == NESTING_MAX)
		return below(SCALARS);
	if (nesting[number] < nesting[inner] + 1)
		nesting[number] = nesting[inner] + 1;
	return (unsigned)SCALARS + inner;
}

static void struct_write(unsigned number, FILE *source, FILE *interface)
{
	unsigned n = 1 + below(FIELDS_MAX), counts[FIELDS_MAX], types[FIELDS_MAX];
	FILE *const files[] = {source, interface};
	nesting[number] = 0;
	for (unsigned i = 0; i < n; i++) {
		types[i] = field_type(number);
		counts[i] = below(3) == 0 ? 1 + below(types[i] < SCALARS ? 4 : 2) : 0;
	}
	for (unsigned f = 0; f < 2; f++) {
		fprintf(files[f], "struct s%u {", number);
		for (unsigned i = 0; i < n; i++) {
			fprintf(files[f], " %s m%u", type_name(types[i]), i);
			fprintf(files[f], counts[i] ? "[%u];" : ";", counts[i]);
		}
		fputs(" };\n", files[f]);
	}
	for (unsigned f = 0; f < 2; f++) {
		fprintf(source, f == 0 ? "static void make_s%u(struct s%u *v, uint64_t *s) {"
		                       : "static void mix_s%u(uint64_t *s, const struct s%u *v) {", number, number);
		for (unsigned i = 0; i < n; i++)
			fprintf(source, f == 0 ? " for (int i = 0; i < %u; i++) make_%s(&v->m%u%s, s);"
			                       : " for (int i = 0; i < %u; i++) mix_%s(s, &v->m%u%s);",
			        counts[i] ? counts[i] : 1, function_name(types[i]), i, counts[i] ? "[i]" : "");
		fputs(" }\n", source);
	}
}

/* ---- Signatures ---- */

static bool has_count(enum kind kind)
{
	return kind == IN_ARRAY || kind == OUT_ARRAY || kind == OUT_TEXT || kind == INOUT_ARRAY;
}

static bool goes_out(enum kind kind)
{
	return kind >= OUT_ONE;
}

static unsigned random_type(void)
{
	return below(3) == 0 ? (unsigned)SCALARS + below(STRUCTS) : below(SCALARS);
}

static struct signature signature_random(unsigned number)
{
	struct signature made = {.number = number, .n = below(PARAMETERS_MAX + 1)};
	for (unsigned i = 0; i < made.n; i++) {
		struct parameter *parameter = &made.parameters[i];
		parameter->kind = below(2) ? SCALAR : (enum kind)below(KINDS);
		parameter->type = parameter->kind == SCALAR ? below(SCALARS)
		                  : parameter->kind == STRUCT ? (unsigned)SCALARS + below(STRUCTS)
		                                              : random_type();
	}
	unsigned result = below(10);
	made.result = result == 0 ? -1 : result == 1 ? -2 : (int)random_type();
	return made;
}

static const char *result_name(const struct signature *signature)
{
	return signature->result == -1 ? "void" : signature->result == -2 ? "const char *" : type_name((unsigned)signature->result);
}

#define CHAR_TYPE 1 /* a pointer to char is text, unless its size is said */

static void brackets_write(const struct parameter *parameter, unsigned i, FILE *file)
{
	static const char *const brackets[KINDS] = {
	    [TEXT] = "[nullable] ", [TEXTS] = "[string, zero] ", [OUT_ONE] = "[out] ", [INOUT_ONE] = "[inout, nullable] "};
	static const char *const of_char[KINDS] = {
	    [IN_ONE] = "[size(1)] ", [OUT_ONE] = "[out, size(1)] ", [INOUT_ONE] = "[inout, nullable, size(1)] "};
	static const char *const sized[KINDS] = {
	    [IN_ARRAY] = "in", [OUT_ARRAY] = "out", [OUT_TEXT] = "out, string", [INOUT_ARRAY] = "inout"};
	if (sized[parameter->kind])
		fprintf(file, "[%s, size(n%u)] ", sized[parameter->kind], i);
	else if (parameter->type == CHAR_TYPE && of_char[parameter->kind])
		fputs(of_char[parameter->kind], file);
	else if (brackets[parameter->kind])
		fputs(brackets[parameter->kind], file);
}

/* "(int p0, ...)", with the interface's brackets or without. */
static void parameters_write(const struct signature *signature, bool described, FILE *file)
{
	fputc('(', file);
	for (unsigned i = 0; i < signature->n; i++) {
		const struct parameter *parameter = &signature->parameters[i];
		fputs(i ? ", " : "", file);
		/* The count before its array or behind it, in turn. */
		if (has_count(parameter->kind) && i % 2)
			fprintf(file, "int n%u, ", i);
		if (described)
			brackets_write(parameter, i, file);
		switch (parameter->kind) {
		case SCALAR: case STRUCT: fprintf(file, "%s p%u", type_name(parameter->type), i); break;
		case TEXT: fprintf(file, "const char *p%u", i); break;
		case TEXTS: fprintf(file, "const char **p%u", i); break;
		case OUT_TEXT: fprintf(file, "char *p%u", i); break;
		case IN_ONE: case IN_ARRAY: fprintf(file, "const %s *p%u", type_name(parameter->type), i); break;
		default: fprintf(file, "%s *p%u", type_name(parameter->type), i); break;
		}
		if (has_count(parameter->kind) && i % 2 == 0)
			fprintf(file, ", int n%u", i);
	}
	fputs(signature->n ? ")" : "void)", file);
}

/* Mixes a parameter in, as its receiver sees it (before) or as its giver does (after). */
static void mix_write(const struct parameter *parameter, unsigned i, FILE *file)
{
	const char *function = function_name(parameter->type);
	switch (parameter->kind) {
	case SCALAR: case STRUCT: fprintf(file, "	mix_%s(&h, &p%u);\n", function, i); break;
	case TEXT: case OUT_TEXT: fprintf(file, "	mix_text(&h, p%u);\n", i); break;
	case TEXTS: fprintf(file, "	for (int i = 0; p%u[i]; i++) mix_text(&h, p%u[i]);\n", i, i); break;
	case IN_ONE: case OUT_ONE: case INOUT_ONE:
		fprintf(file, "	if (p%u) mix_%s(&h, p%u); else mix(&h, \"\", 1);\n", i, function, i);
		break;
	default: fprintf(file, "	for (int i = 0; i < n%u; i++) mix_%s(&h, &p%u[i]);\n", i, function, i); break;
	}
}

static void fill_write(const struct parameter *parameter, unsigned i, FILE *file)
{
	const char *function = function_name(parameter->type);
	if (parameter->kind == OUT_TEXT)
		fprintf(file, "	{ char t[24]; make_text(t, &h); t[n%u - 1] = 0; strcpy(p%u, t); }\n", i, i);
	else if (parameter->kind == OUT_ONE || parameter->kind == INOUT_ONE)
		fprintf(file, "	if (p%u) make_%s(p%u, &h);\n", i, function, i);
	else
		fprintf(file, "	for (int i = 0; i < n%u; i++) make_%s(&p%u[i], &h);\n", i, function, i);
}

static void function_write(const struct signature *signature, FILE *file)
{
	fprintf(file, "%s f_%u", result_name(signature), signature->number);
	parameters_write(signature, false, file);
	fprintf(file, "\n{\n	uint64_t h = %u;\n", signature->number);
	for (unsigned i = 0; i < signature->n; i++) {
		if (has_count(signature->parameters[i].kind))
			fprintf(file, "	mix(&h, &n%u, sizeof n%u);\n", i, i);
		if (!goes_out(signature->parameters[i].kind) || signature->parameters[i].kind >= INOUT_ONE)
			mix_write(&signature->parameters[i], i, file);
	}
	for (unsigned i = 0; i < signature->n; i++)
		if (goes_out(signature->parameters[i].kind))
			fill_write(&signature->parameters[i], i, file);
	fprintf(file, "	seen += h;\n");
	if (signature->result == -2)
		fputs("	static __thread char text[24]; make_text(text, &h); return text;\n", file);
	else if (signature->result >= 0)
		fprintf(file, "	%s r; memset(&r, 0, sizeof r); make_%s(&r, &h); return r;\n", result_name(signature),
		        function_name((unsigned)signature->result));
	fputs("}\n", file);
}

/* A variable for what a parameter points to, and `p` as the parameter itself. */
static void variable_write(const struct parameter *parameter, unsigned i, FILE *file)
{
	const char *type = type_name(parameter->type), *function = function_name(parameter->type);
	switch (parameter->kind) {
	case SCALAR: case STRUCT:
		fprintf(file, "	%s p%u; memset(&p%u, 0, sizeof p%u); make_%s(&p%u, &s);\n", type, i, i, i, function, i);
		break;
	case TEXT:
		fprintf(file, "	char v%u[24]; make_text(v%u, &s); const char *p%u = next(&s) %% 4 ? v%u : NULL;\n", i, i, i, i);
		break;
	case TEXTS:
		fprintf(file, "	char v%u[4][24]; const char *p%u[5] = {NULL}; for (int i = 0, n = (int)(next(&s) %% 5); i < n; i++) "
		              "{ make_text(v%u[i], &s); p%u[i] = v%u[i]; }\n", i, i, i, i, i);
		break;
	case OUT_TEXT:
		fprintf(file, "	int n%u = 1 + (int)(next(&s) %% 24); char p%u[24] = \"\";\n", i, i);
		break;
	case IN_ONE: case OUT_ONE: case INOUT_ONE:
		fprintf(file, "	%s v%u; memset(&v%u, 0, sizeof v%u); make_%s(&v%u, &s); ", type, i, i, i, function, i);
		fprintf(file, "%s *p%u = %s&v%u%s;\n", type, i, parameter->kind == INOUT_ONE ? "next(&s) % 4 ? " : "", i,
		        parameter->kind == INOUT_ONE ? " : NULL" : "");
		break;
	default:
		fprintf(file, "	%s p%u[%d]; memset(p%u, 0, sizeof p%u); int n%u = (int)(next(&s) %% %d); "
		              "for (int i = 0; i < %d; i++) make_%s(&p%u[i], &s);\n",
		        type, i, ELEMENTS_MAX, i, i, i, ELEMENTS_MAX + 1, ELEMENTS_MAX, function, i);
		break;
	}
}

static void arguments_write(const struct signature *signature, FILE *file)
{
	for (unsigned i = 0; i < signature->n; i++) {
		bool count = has_count(signature->parameters[i].kind);
		fprintf(file, "%s", i ? ", " : "");
		if (count)
			fprintf(file, i % 2 ? "n%u, p%u" : "p%u, n%u", i, i);
		else
			fprintf(file, "p%u", i);
	}
}

/* drive_i and call_i: the same body, under two names. */
static void driver_write(const struct signature *signature, const char *name, FILE *file)
{
	fprintf(file, "uint64_t %s_%u(%s (*handler)", name, signature->number, result_name(signature));
	parameters_write(signature, false, file);
	fprintf(file, ", uint64_t seed)\n{\n	uint64_t s = seed, h = seed;\n");
	for (unsigned i = 0; i < signature->n; i++)
		variable_write(&signature->parameters[i], i, file);
	fputs(signature->result == -1 ? "	handler(" : "	", file);
	if (signature->result != -1)
		fprintf(file, "%s r = handler(", result_name(signature));
	arguments_write(signature, file);
	fputs(");\n", file);
	if (signature->result == -2)
		fputs("	mix_text(&h, r);\n", file);
	else if (signature->result >= 0)
		fprintf(file, "	mix_%s(&h, &r);\n", function_name((unsigned)signature->result));
	for (unsigned i = 0; i < signature->n; i++)
		mix_write(&signature->parameters[i], i, file);
	fputs("	return h;\n}\n", file);
}

static void generic_argument_write(const struct parameter *parameter, bool is_count, unsigned at, FILE *file)
{
	if (is_count)
		fprintf(file, "*(int *)a[%u]", at);
	else if (parameter->kind <= STRUCT)
		fprintf(file, "*(%s *)a[%u]", type_name(parameter->type), at);
	else
		fprintf(file, "*(void **)a[%u]", at);
}

static void generic_write(const struct signature *signature, FILE *file)
{
	unsigned at = 0;
	fprintf(file, "void generic_%u(void *result, void *const a[], void *data)\n{\n	(void)result; (void)a; (void)data;\n	",
	        signature->number);
	if (signature->result != -1)
		fprintf(file, "*(%s *)result = ", result_name(signature));
	fprintf(file, "f_%u(", signature->number);
	for (unsigned i = 0; i < signature->n; i++) {
		const struct parameter *parameter = &signature->parameters[i];
		bool count = has_count(parameter->kind);
		fputs(i ? ", " : "", file);
		generic_argument_write(parameter, count && i % 2, at++, file);
		if (!count)
			continue;
		fputs(", ", file);
		generic_argument_write(parameter, i % 2 == 0, at++, file);
	}
	fputs(");\n}\n", file);
}

void signatures_write(uint64_t seed, unsigned n, FILE *source, FILE *interface)
{
	state = seed;
	prelude_write(source);
	for (unsigned i = 0; i < STRUCTS; i++)
		struct_write(i, source, interface);
	fputs("uint64_t seen;\n", source);
	for (unsigned i = 0; i < n; i++) {
		struct signature signature = signature_random(i);
		function_write(&signature, source);
		driver_write(&signature, "drive", source);
		driver_write(&signature, "call", source);
		generic_write(&signature, source);
		fprintf(interface, "%s f_%u", result_name(&signature), i);
		parameters_write(&signature, true, interface);
		fprintf(interface, ";\ntypedef %s (*cb_%u)", result_name(&signature), i);
		parameters_write(&signature, true, interface);
		fprintf(interface, ";\nuint64_t call_%u(cb_%u handler, uint64_t seed);\n", i, i);
	}
}
