/* SPDX-License-Identifier: MIT */
/*
 * Giving back, once their copies are made, the originals that transfer(full(f)) speaks of.
 */
#ifndef CBB_MARSHAL_RELEASE_H
#define CBB_MARSHAL_RELEASE_H

#include "marshal/walk.h"

/*
 * Each original of the result and of the out parameters exactly once, also when `status` says that copying failed.
 * Returns `status`, or the first failure of a release.
 */
int release_results(struct walk *walk, int status);

#endif
