/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tokens of an answer, which its receiver may take.
 */
#include "auth/gitlab/gitlab_answer.h"

void
gitlab_tokens_fini(struct gitlab_tokens *t)
{
	secret_free(t->access);
	secret_free(t->refresh);
	secret_free(t->id_token);
	*t = (struct gitlab_tokens){0};
}
