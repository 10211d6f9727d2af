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
#include <unistd.h>

#include "base/process/fd.h"
#include "ssh/helper/helper_private.h"

#define ENVIRONMENT_MAX 16384u

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

static void
set_problem(struct ssh_helper *h, const char *sentence)
{
	(void)snprintf(h->problem, sizeof(h->problem), "%s", sentence);
}

static bool
run_keygen(const struct ssh_helper *h, const char *path)
{
	const char *const words[] = {"-q", "-t",	"ed25519", "-N", "",
				     "-C", "workspace", "-f",	   path};
	struct helper_command c;
	bool ok;

	helper_command_begin(&c, &h->keygen);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		helper_command_add(&c, words[i]);
	ok = helper_command_run(&c, -1);
	helper_command_free(&c);
	return ok;
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

static void
add_option(struct helper_command *c, const char *option)
{
	helper_command_add(c, "-o");
	helper_command_add(c, option);
}

static void
add_path_option(struct helper_command *c, const char *name, const char *path)
{
	char option[3 * HELPER_PATH_MAX];

	(void)snprintf(option, sizeof(option), "%s=%s", name, path);
	add_option(c, option);
}

/* mode: sshd's first argument. */
static void
write_command(const struct ssh_helper *h, struct helper_command *c, const char *mode,
	      const char *keys_path)
{
	char path[2 * HELPER_PATH_MAX];
	struct buf environment;

	buf_init(&environment, ENVIRONMENT_MAX);
	add_environment(&environment);
	buf_add_byte(&environment, '\0');
	(void)snprintf(path, sizeof(path), "%s/" HELPER_PRIVATE_KEY, h->directory);
	helper_command_begin(c, &h->sshd);
	helper_command_add(c, mode);
	helper_command_add(c, "-f");
	helper_command_add(c, "/dev/null");
	for (size_t i = 0; i < sizeof(fixed_options) / sizeof(fixed_options[0]); i++)
		add_option(c, fixed_options[i]);
	add_path_option(c, "HostKey", path);
	add_path_option(c, "AuthorizedKeysFile", keys_path);
	add_path_option(c, "AllowUsers", h->account.name);
	if (buf_is_ok(&environment) && environment.len > sizeof("SetEnv="))
		add_option(c, environment.data);
	buf_fini(&environment);
}

/* What sshd reports goes to a file of bounded size. */
static int
open_log(const struct ssh_helper *h)
{
	char path[2 * HELPER_PATH_MAX];
	struct stat st;
	int fd;

	(void)snprintf(path, sizeof(path), "%s/log", h->directory);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	/* If it can't be truncated, nothing more is logged. */
	if (fd >= 0 &&
	    (fstat(fd, &st) != 0 || (st.st_size > HELPER_LOG_MAX && ftruncate(fd, 0) != 0))) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* Whether sshd takes all that we ask of it: an old one lacks some of it. */
static bool
is_usable(const struct ssh_helper *h)
{
	struct helper_command c;
	int log = open_log(h);
	bool ok;

	write_command(h, &c, "-t", "none");
	ok = helper_command_run(&c, log);
	helper_command_free(&c);
	fd_close(log);
	return ok;
}

/* That of the image, unless it can't be used. */
static bool
find_sshd(struct ssh_helper *h, bool *has_one)
{
	for (size_t i = 0; i < sizeof(sshd_paths) / sizeof(sshd_paths[0]); i++) {
		if (!helper_program_of_image(&h->sshd, sshd_paths[i]))
			continue;
		*has_one = true;
		if (is_usable(h))
			return true;
	}
	return helper_program_shipped(&h->sshd, "sshd") && is_usable(h);
}

static bool
find_keygen(struct ssh_helper *h)
{
	for (size_t i = 0; i < sizeof(keygen_paths) / sizeof(keygen_paths[0]); i++)
		if (helper_program_of_image(&h->keygen, keygen_paths[i]))
			return true;
	return helper_program_shipped(&h->keygen, "ssh-keygen");
}

void
helper_sshd_prepare(struct ssh_helper *h)
{
	struct err e = ERR_INIT;
	bool has_sshd = false;

	if (getuid() == 0)
		set_problem(h, "the workspace runs as root; SSH needs a user of its own");
	else if (!helper_account_find(&h->account, &e))
		set_problem(h, e.text);
	else if (!find_keygen(h))
		set_problem(h, "there is no ssh-keygen in the workspace's image; install "
			       "openssh-client");
	else if (!make_host_key(h))
		set_problem(h, "no host key could be made for sshd");
	else if (!find_sshd(h, &has_sshd))
		set_problem(h, has_sshd
				       ? "the sshd in the workspace's image can't be used; install "
					 "openssh-server 8.7 or later"
				       : "there is no sshd in the workspace's image; install "
					 "openssh-server");
	else if (!helper_account_has_terminals(&h->account))
		(void)snprintf(h->notice, sizeof(h->notice),
			       "no terminals: /dev/pts is mounted without the group of ttys; "
			       "commands, file transfers and IDEs work");
}

void
helper_sshd_exec(const struct ssh_helper *h, int fd, const char *keys_path, struct err *e)
{
	struct helper_command c;
	int log = open_log(h);

	write_command(h, &c, "-ie", keys_path);
	if (log >= 0)
		(void)dup2(log, STDERR_FILENO);
	if (c.is_ok && dup2(fd, STDIN_FILENO) >= 0 && dup2(fd, STDOUT_FILENO) >= 0)
		execv(c.words[0], c.words);
	err_set_errno(e, errno, "%s", h->sshd.path);
}
