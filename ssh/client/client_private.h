/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by the files of the client. Calls go one way: login, ssh, config; tunnel, dial; api;
 * http; trust; token; files; host; program (each with client_ in front).
 */
#ifndef SSH_CLIENT_CLIENT_PRIVATE_H
#define SSH_CLIENT_CLIENT_PRIVATE_H

#include "base/secret.h"
#include "ssh/client/http/flat_json.h"
#include "ssh/message.h"

#define CLIENT_HOST_MAX	  256u
#define CLIENT_PATH_MAX	  1024u
#define CLIENT_WORD_MAX	  (2 * CLIENT_PATH_MAX + 2) /* a quoted path, with each '%' twice */
#define CLIENT_PREFIX_MAX 64u
#define CLIENT_TEXT_MAX	  16384u /* of a file or an answer */
#define CLIENT_TOKEN_MAX  1024u

/* For ssh: the cheapest first, because TLS encrypts everything again. Only ciphers that every ssh
 * supports, including builds restricted to FIPS 140, because ssh rejects unknown names. */
#define CLIENT_CIPHERS                                                                             \
	"aes128-gcm@openssh.com,aes256-gcm@openssh.com,aes128-ctr,aes192-ctr,aes256-ctr"

#define CLIENT_USER_AGENT "workspace-connect/" VERSION

/* client_program.c */

/* How users call this program: "workspace-proxy", unless it was set. argument: argv[0] of main.
 * Both are borrowed. */
void client_program_set(const char *name, const char *argument);
const char *client_name(void);

/* Returns this program's path, quoted for ssh's ProxyCommand, which a shell runs. */
bool client_program(char out[CLIENT_WORD_MAX], struct err *e) MUST_CHECK;

/* Prints "<name of the program>: <message>" to standard error; returns code. */
int client_fail(const struct err *e, int code);

/* client_host.c */

struct client_host {
	char name[CLIENT_HOST_MAX]; /* lower case */
	uint16_t port;		    /* 443 where the user gave none */
	char key[CLIENT_HOST_MAX];  /* of files and known_hosts: "name", or "name:port" */
	char origin[CLIENT_HOST_MAX + 16];
};

/* Parses "host", "host:port" or "https://host[:port]/". */
bool client_host_parse(struct client_host *h, struct str text, struct err *e) MUST_CHECK;

/* client_files.c */

/* What login stored for a host. */
struct client_login {
	char token[CLIENT_TOKEN_MAX];
	char user[SSH_USER_MAX + 1]; /* in the workspace; or "" */
	char prefix[CLIENT_PREFIX_MAX];
	char ca_file[CLIENT_PATH_MAX]; /* or "" */
	bool is_gitlab_token;	       /* not stored */
};

/* <directory>/<name>; the directory is $XDG_CONFIG_HOME/workspace-proxy or
 * ~/.config/workspace-proxy, made with mode 0700. */
bool client_path(const char *name, char out[CLIENT_PATH_MAX], struct err *e) MUST_CHECK;
bool client_home_path(const char *name, char out[CLIENT_PATH_MAX], struct err *e) MUST_CHECK;

/* Whole files. Writing is atomic, with mode 0600. ERR_NOT_FOUND: there is none to read. */
bool client_read(const char *path, struct buf *out, struct err *e) MUST_CHECK;
bool client_write(const char *path, struct str text, struct err *e) MUST_CHECK;

/* Locks the client's files against other processes. Call fd_close(*fd) to unlock, also on failure;
 * ERR_TIMEOUT after ten seconds. Not recursive. */
bool client_lock(int *fd, struct err *e) MUST_CHECK;

bool client_login_read(const struct client_host *h, struct client_login *l,
		       struct err *e) MUST_CHECK;
bool client_login_write(const struct client_host *h, const struct client_login *l,
			struct err *e) MUST_CHECK;
/* Reads --ca-file or --prefix at argv[*at], and moves *at to the option's value. */
bool client_login_option(struct client_login *l, int argc, char **argv, int *at,
			 struct err *e) MUST_CHECK;
bool client_login_remove(const struct client_host *h, struct err *e) MUST_CHECK;

/* Calls fn for each host that has a login. */
typedef void client_login_fn(const struct client_host *h, const struct client_login *l, void *arg);
void client_login_each(client_login_fn *fn, void *arg);

/* The public key of our identity, made with ssh-keygen if there is none. */
bool client_identity(char key[SSH_KEY_TEXT_MAX + 1], struct err *e) MUST_CHECK;

/* Puts the host's key into our known_hosts, in place of an older one. */
bool client_note_host_key(const struct client_host *h, struct str host_key,
			  struct err *e) MUST_CHECK;

/* client_api.c: requests with short JSON answers */

struct client_answer {
	unsigned status;
	struct buf body;
	struct flat_json json; /* of the body; empty if that is no JSON object */
};

/* form: of a POST; NULL: a GET. with_token: l->token goes with it. */
bool client_ask(const struct client_host *h, const struct client_login *l, const char *path,
		const struct buf *form, bool with_token, struct client_answer *a,
		struct err *e) MUST_CHECK;
void client_answer_fini(struct client_answer *a);

/* Sets e to the reason of a failed request, as a sentence for the user. Returns false. */
bool client_explain(const struct client_host *h, unsigned status, struct str message,
		    struct err *e);

/* client_config.c */

/* Rewrites our ssh_config, if it exists, after hosts or their users have changed. */
bool client_config_refresh(struct err *e) MUST_CHECK;

#endif
