/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds sshd, makes the host key, and runs sshd with a fixed configuration, which no file and no
 * client can change.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ssh/helper/helper_private.h"

#define ENVIRONMENT_MAX 16384u
#define ARGUMENTS_MAX	64u

extern char **environ;

static const char *const sshd_paths[] = {"/usr/sbin/sshd", "/usr/local/sbin/sshd", "/sbin/sshd",
					 "/usr/bin/sshd"};
static const char *const keygen_paths[] = {"/usr/bin/ssh-keygen", "/usr/local/bin/ssh-keygen",
					   "/bin/ssh-keygen"};

/* Authentication by one key, nothing else; files are named by us. */
static const char *const fixed_options[] = {
	"UsePAM=no",
	"AuthenticationMethods=publickey",
	"PubkeyAuthentication=yes",
	"PasswordAuthentication=no",
	"KbdInteractiveAuthentication=no",
	"PermitRootLogin=no",
	"PermitEmptyPasswords=no",
	"PermitUserEnvironment=no",
	"AuthorizedKeysCommand=none",
	"TrustedUserCAKeys=none",
	"StrictModes=no", /* of our own directory, which is checked */
	"LoginGraceTime=20",
	"MaxAuthTries=6",
	"UseDNS=no",
	"PidFile=none",
	"PrintMotd=no",
	"PrintLastLog=no",
	"X11Forwarding=no",
	"PermitTunnel=no",
	"AllowTcpForwarding=yes",
	"AllowStreamLocalForwarding=yes",
	"AllowAgentForwarding=yes",
	"GatewayPorts=no",
	"AcceptEnv=LANG LC_*",
	"LogLevel=ERROR",
	"Subsystem=sftp internal-sftp",
};

/* Variables of the container that sessions get; everything else may be a secret. */
static const char *const kept_variables[] = {"PATH", "LANG", "VSCODE_PROXY_URI"};

static bool
find_program(const char *const *paths, size_t count, char out[HELPER_PATH_MAX])
{
	for (size_t i = 0; i < count; i++) {
		if (access(paths[i], X_OK) == 0) {
			(void)snprintf(out, HELPER_PATH_MAX, "%s", paths[i]);
			return true;
		}
	}
	return false;
}

static void
set_problem(struct ssh_helper *h, const char *sentence)
{
	(void)snprintf(h->problem, sizeof(h->problem), "%s", sentence);
}

static bool
run_keygen(const struct ssh_helper *h, const char *path)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		execl(h->keygen, h->keygen, "-q", "-t", "ed25519", "-N", "", "-C", "workspace",
		      "-f", path, (char *)NULL);
		_exit(127);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) {
	}
	return pid > 0 && status == 0;
}

/* The public key without its comment. */
static bool
read_host_key(struct ssh_helper *h)
{
	char path[2 * HELPER_PATH_MAX];
	char text[2 * SSH_KEY_TEXT_MAX];
	struct ssh_key key;
	ssize_t len;
	int fd;

	(void)snprintf(path, sizeof(path), "%s/" HELPER_PUBLIC_KEY, h->directory);
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return false;
	len = read(fd, text, sizeof(text));
	close(fd);
	while (len > 0 && text[len - 1] == '\n')
		len--;
	if (len <= 0 || !ssh_key_parse((struct str){text, (size_t)len}, &key, NULL))
		return false;
	(void)snprintf(h->host_key, sizeof(h->host_key), "%.*s %.*s", STR_FMT(key.type),
		       STR_FMT(key.base64));
	return true;
}

static bool
make_host_key(struct ssh_helper *h)
{
	char path[2 * HELPER_PATH_MAX];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/" HELPER_PRIVATE_KEY, h->directory);
	if (lstat(path, &st) == 0 && read_host_key(h))
		return true;
	(void)unlink(path);
	return run_keygen(h, path) && read_host_key(h);
}

void
helper_sshd_prepare(struct ssh_helper *h)
{
	struct err e = ERR_INIT;

	if (getuid() == 0)
		set_problem(h, "the workspace runs as root; SSH needs a user of its own");
	else if (!helper_account_find(&h->account, &e))
		set_problem(h, e.text);
	else if (!find_program(sshd_paths, sizeof(sshd_paths) / sizeof(sshd_paths[0]), h->sshd))
		set_problem(h, "there is no sshd in the workspace's image; install "
			       "openssh-server");
	else if (!find_program(keygen_paths, sizeof(keygen_paths) / sizeof(keygen_paths[0]),
			       h->keygen))
		set_problem(h, "there is no ssh-keygen in the workspace's image; install "
			       "openssh-client");
	else if (!make_host_key(h))
		set_problem(h, "no host key could be made for sshd");
	else if (!helper_account_has_terminals(&h->account))
		(void)snprintf(h->notice, sizeof(h->notice),
			       "no terminals: /dev/pts is mounted without the group of ttys; "
			       "commands, file transfers and IDEs work");
}

void
helper_keys_path(const struct ssh_helper *h, pid_t pid, char out[HELPER_PATH_MAX])
{
	(void)snprintf(out, HELPER_PATH_MAX, "%s/keys-%ld", h->directory, (long)pid);
}

static bool
is_kept(struct str name)
{
	for (size_t i = 0; i < sizeof(kept_variables) / sizeof(kept_variables[0]); i++)
		if (str_equal(name, str_from(kept_variables[i])))
			return true;
	return str_starts_with(name, STR("GIT_CONFIG_"));
}

/* Quoted as in sshd_config(5); what can't be quoted there is left out. */
static void
add_environment(struct buf *out)
{
	buf_add_str(out, STR("SetEnv="));
	for (char **at = environ; *at != NULL; at++) {
		struct str variable = str_from(*at);
		struct str name = str_take(variable, str_find_byte(variable, '='));

		if (is_kept(name) && (*at)[strcspn(*at, "\"\\\r\n")] == '\0' &&
		    out->len + variable.len + 4 < out->max)
			buf_addf(out, "\"%.*s\" ", STR_FMT(variable));
	}
}

struct arguments {
	char *items[2 * ARGUMENTS_MAX];
	size_t count;
	bool ok;
};

static void
add_argument(struct arguments *a, const char *text)
{
	if (a->count + 1 >= sizeof(a->items) / sizeof(a->items[0])) {
		a->ok = false;
		return;
	}
	a->items[a->count] = strdup(text);
	a->ok = a->ok && a->items[a->count] != NULL;
	a->count++;
}

static void
add_option(struct arguments *a, const char *option)
{
	add_argument(a, "-o");
	add_argument(a, option);
}

static void
add_path_option(struct arguments *a, const char *name, const char *path)
{
	char option[3 * HELPER_PATH_MAX];

	(void)snprintf(option, sizeof(option), "%s=%s", name, path);
	add_option(a, option);
}

/* What sshd reports goes to a file of bounded size. */
static void
open_log(const struct ssh_helper *h)
{
	char path[2 * HELPER_PATH_MAX];
	struct stat st;
	int fd;

	(void)snprintf(path, sizeof(path), "%s/log", h->directory);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (fstat(fd, &st) != 0 || st.st_size <= HELPER_LOG_MAX || ftruncate(fd, 0) == 0)
		(void)dup2(fd, STDERR_FILENO);
}

void
helper_sshd_exec(const struct ssh_helper *h, int fd, const char *keys_path, struct err *e)
{
	struct arguments a = {.count = 0, .ok = true};
	char path[2 * HELPER_PATH_MAX];
	struct buf environment;

	buf_init(&environment, ENVIRONMENT_MAX);
	add_environment(&environment);
	buf_add_byte(&environment, '\0');
	(void)snprintf(path, sizeof(path), "%s/" HELPER_PRIVATE_KEY, h->directory);
	add_argument(&a, h->sshd);
	add_argument(&a, "-ie");
	add_argument(&a, "-f");
	add_argument(&a, "/dev/null");
	for (size_t i = 0; i < sizeof(fixed_options) / sizeof(fixed_options[0]); i++)
		add_option(&a, fixed_options[i]);
	add_path_option(&a, "HostKey", path);
	add_path_option(&a, "AuthorizedKeysFile", keys_path);
	add_path_option(&a, "AllowUsers", h->account.name);
	if (buf_is_ok(&environment) && environment.len > sizeof("SetEnv="))
		add_option(&a, environment.data);
	open_log(h);
	if (a.ok && dup2(fd, STDIN_FILENO) >= 0 && dup2(fd, STDOUT_FILENO) >= 0)
		execv(h->sshd, a.items);
	err_set_errno(e, errno, "%s", h->sshd);
}
