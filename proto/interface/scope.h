/* SPDX-License-Identifier: MIT */
/*
 * How long native code keeps what it is given: owners, and callbacks that tell that it let go of others.
 */
#ifndef CBB_INTERFACE_SCOPE_H
#define CBB_INTERFACE_SCOPE_H

#include "interface/describe.h"

/* destroy(callback, ...), of all parameters: before the others are referred to. */
int scope_refer_destroy(struct scene *scene, struct described *item);

/* scope(owner(...)) and scope(notified(...)), which `param` has. */
int scope_refer(struct scene *scene, struct described *item, Cbb__Param *param);

/* owner(name), owner(*name), owner(return): number + 1 of the parameter or result. */
int scope_find_owner(struct scene *scene, const struct attribute *attribute, uint32_t *ret_owner);

#endif
