/* SPDX-License-Identifier: MIT */
#include "ctl/command.h"

#include "cbbroker.pb-c.h"

#include <errno.h>

enum ctl_exit command_exit(int status)
{
	switch (status) {
	case 0:
		return CTL_OK;
	case -EINVAL:
		return CTL_USAGE;
	case -ESRCH:
		return CTL_NOTHING;
	case -EPERM:
	case -EACCES:
	case CBB__STATUS__STATUS_REFUSED:
		return CTL_NOT_PERMITTED;
	default:
		return CTL_ERROR;
	}
}
