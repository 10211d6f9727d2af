/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The branch that a remote's HEAD names but that does not exist (gitprotocol-v2, ls-refs,
 * "unborn"): the default branch of an empty repository. Versions 0 and 1 of the protocol, which
 * libgit2 uses, do not send it.
 */
#ifndef CLONE_GIT_REMOTE_HEAD_H
#define CLONE_GIT_REMOTE_HEAD_H

#include "clone/git/transport.h"

/* Appends the ref, such as "refs/heads/trunk". False: the server does not tell, or can't be asked.
 * Waits at most 30 s. */
bool remote_head_ask(const struct transport_options *options, struct buf *name) MUST_CHECK;

#endif
