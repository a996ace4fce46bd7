/* SPDX-License-Identifier: MIT */
/*
 * An interface text as a C source that compiles only if the text agrees with the library's header: brackets taken out,
 * prototypes and typedefs said again after the header; structs, enums and constants, which C does not let us say twice,
 * under other names and compared with the header's.
 */
#ifndef CBB_TESTS_SUPPORT_INTERFACE_C_H
#define CBB_TESTS_SUPPORT_INTERFACE_C_H

#include <stddef.h>

/* Fields and constants that the header does not have, for padding: their names end with this. */
#define INTERFACE_C_PRIVATE "_not_in_header"

/* The text without comments, attributes and lines with #, every line where it was. Freed by the caller. */
char *interface_c_strip(const char *text);
/* The C source; `file` names the text in the compiler's words. Freed by the caller. */
char *interface_c_source(const char *text, const char *file);
/* What [library("...")] or [header("...")] says, "" if nothing does. Freed by the caller. */
char *interface_c_attribute(const char *text, const char *word);
/* Calls `each` with the name of every function of the library that the text declares. */
void interface_c_functions(const char *text, void (*each)(const char *name, void *context), void *context);

#endif
