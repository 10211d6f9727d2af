/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by the files of workspace-ssh. Calls go one way: helper.c, helper_serve.c,
 * helper_connection.c, helper_sshd.c, helper_account.c, helper_program.c.
 */
#ifndef SSH_HELPER_HELPER_PRIVATE_H
#define SSH_HELPER_HELPER_PRIVATE_H

#include <sys/types.h>

#include "ssh/message.h"

#define HELPER_PATH_MAX	   512u
#define HELPER_CHILDREN	   512u	 /* connections at the same time; SSH_TUNNELS_MAX is the limit */
#define HELPER_REQUEST_MS  2000u /* for the sidecar to send its request */
#define HELPER_LOGIN_S	   20	 /* for the client to log in; then its key is removed */
#define HELPER_RUN_S	   10	 /* for a program that is waited for */
#define HELPER_LOG_MAX	   (1024 * 1024)
#define HELPER_PUBLIC_KEY  "host_key.pub"
#define HELPER_PRIVATE_KEY "host_key"

struct helper_account {
	char name[SSH_USER_MAX + 1];
	char home[HELPER_PATH_MAX];
	char shell[HELPER_PATH_MAX];
	gid_t gid;
};

struct helper_program {
	char path[HELPER_PATH_MAX];
	bool is_shipped; /* not of the image */
};

struct ssh_helper {
	const char *socket_path;
	const char *directory; /* private: host key, keys of connections, log */
	uid_t allowed_uid;     /* the sidecar's */
	mode_t umask;	       /* of sessions; that of this process is stricter */
	struct helper_program sshd;
	struct helper_program keygen;
	struct helper_account account;
	char host_key[SSH_KEY_TEXT_MAX + 1]; /* public: "<type> <base64>" */
	char problem[SSH_SENTENCE_MAX + 1];  /* why there can be no SSH; or "" */
	char notice[SSH_SENTENCE_MAX + 1];   /* what does not work; or "" */
};

/* helper_program.c */

/* Whether the image has this program. */
bool helper_program_of_image(struct helper_program *p, const char *path) MUST_CHECK;

/* Whether one of this name was installed beside us. */
bool helper_program_shipped(struct helper_program *p, const char *name) MUST_CHECK;

#define HELPER_WORDS_MAX 128u

struct helper_command {
	char *words[HELPER_WORDS_MAX]; /* ends with NULL; owned */
	size_t count;
	bool is_ok; /* false: out of memory, or too many words */
};

/* Starts an argument vector with the program's own words; helper_command_add appends arguments. */
void helper_command_begin(struct helper_command *c, const struct helper_program *p);
void helper_command_add(struct helper_command *c, const char *word);
void helper_command_free(struct helper_command *c);

/* Runs the command and waits for at most HELPER_RUN_S seconds. Its output goes to output_fd; -1: to
 * ours. Returns whether it succeeded. */
bool helper_command_run(struct helper_command *c, int output_fd) MUST_CHECK;

/* helper_account.c */

/* Finds the passwd(5) entry of this process's user id, or adds one where that file is writable. */
bool helper_account_find(struct helper_account *a, struct err *e) MUST_CHECK;

/* Whether sshd can allocate terminals: without root it can't change the group of a pty, so that
 * must be the one that sshd wants. */
bool helper_account_has_terminals(const struct helper_account *a);

/* helper_sshd.c */

/* Finds sshd and ssh-keygen, and makes the host key. On failure h->problem says what is missing. */
void helper_sshd_prepare(struct ssh_helper *h);

/* Replaces this process with sshd for the connection fd. Returns only on failure. */
void helper_sshd_exec(const struct ssh_helper *h, int fd, const char *keys_path, struct err *e);

/* Path of the authorized_keys file of the connection that process pid serves. */
void helper_keys_path(const struct ssh_helper *h, pid_t pid, char out[HELPER_PATH_MAX]);

/* helper_connection.c */

/* Serves one connection in a process of its own; does not return. */
_Noreturn void helper_connection_run(const struct ssh_helper *h, int fd);

/* helper_serve.c */

/* Writes one byte to this descriptor, unless it is -1, and closes it. */
void helper_notify_ready(int ready_fd);

/* Listens and serves until SIGTERM. Tells ready_fd as soon as it listens. */
bool helper_serve(struct ssh_helper *h, int ready_fd, struct err *e) MUST_CHECK;

#endif
