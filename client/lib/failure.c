/* SPDX-License-Identifier: MIT */
#include "lib/failure.h"

#include "lib/client.h"
#include "lib/error.h"
#include "lib/invocation.h"
#include "lib/library.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

void failure_describe(cbb_failure *failure, const struct cbb_invocation *invocation, int code, char *text, size_t size)
{
	const struct cbb_callback *callback = invocation->callback;
	snprintf(text, size, "%s", detail_text());
	*failure = (cbb_failure){
	    .size = sizeof *failure, .code = code, .thread = invocation->thread, .text = text,
	    .thread_name = cbb_invocation_thread_name(invocation), .callback = cbb_invocation_callback(invocation),
	    .callback_name = callback->name ? callback->name : callback->type->plan->name,
	    .sequence = invocation->sequence};
}

bool failure_tell(cbb_client *client, const cbb_failure *failure)
{
	pthread_mutex_lock(&client->hook_lock);
	cbb_failure_hook *hook = client->hook;
	void *data = client->hook_data;
	pthread_mutex_unlock(&client->hook_lock);
	if (!hook)
		return false;
	int error_number = errno;
	hook(failure, data);
	errno = error_number;
	return true;
}

int cbb_set_failure_hook(cbb_client *client, cbb_failure_hook *hook, void *user_data)
{
	error_begin();
	if (!client)
		return error_end(detail_set(-EINVAL, "cbb_set_failure_hook: client is NULL"));
	pthread_mutex_lock(&client->hook_lock);
	client->hook = hook;
	client->hook_data = user_data;
	pthread_mutex_unlock(&client->hook_lock);
	return 0;
}
