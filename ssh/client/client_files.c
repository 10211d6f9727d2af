/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client's files: one with the token for each workspace, the identity that sshd sees, and
 * known_hosts. All are private to the user, and replaced as a whole.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/process/fd.h"
#include "base/url.h"
#include "ssh/client/client_private.h"

#define HOSTS	      "hosts"
#define LOCK_MS	      10000u
#define LOCK_PAUSE_MS 10

static bool
make_directory(const char *path, struct err *e)
{
	char part[CLIENT_PATH_MAX];

	(void)snprintf(part, sizeof(part), "%s", path);
	for (char *slash = strchr(part + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(part, 0700) != 0 && errno != EEXIST)
			return err_set_errno(e, errno, "%s", part);
		*slash = '/';
	}
	return true;
}

bool
client_home_path(const char *name, char out[CLIENT_PATH_MAX], struct err *e)
{
	const char *home = getenv("HOME");
	int len;

	if (home == NULL || home[0] != '/')
		return err_set(e, ERR_CONFIG, "HOME is not set to a directory");
	len = snprintf(out, CLIENT_PATH_MAX, "%s/%s", home, name);
	if (len < 0 || (size_t)len >= CLIENT_PATH_MAX)
		return err_set(e, ERR_CONFIG, "HOME is too long");
	return make_directory(out, e);
}

bool
client_path(const char *name, char out[CLIENT_PATH_MAX], struct err *e)
{
	const char *config = getenv("XDG_CONFIG_HOME");
	char relative[CLIENT_PATH_MAX];
	int len;

	if (config == NULL || config[0] != '/') {
		(void)snprintf(relative, sizeof(relative), ".config/workspace-proxy/%s", name);
		return client_home_path(relative, out, e);
	}
	len = snprintf(out, CLIENT_PATH_MAX, "%s/workspace-proxy/%s", config, name);
	if (len < 0 || (size_t)len >= CLIENT_PATH_MAX)
		return err_set(e, ERR_CONFIG, "XDG_CONFIG_HOME is too long");
	return make_directory(out, e);
}

bool
client_read(const char *path, struct buf *out, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char piece[4096];
	ssize_t n;

	if (fd < 0) {
		int error = errno;
		err_set_errno(e, error, "%s", path);
		if (e != NULL && error == ENOENT)
			e->code = ERR_NOT_FOUND;
		return false;
	}
	while ((n = read(fd, piece, sizeof(piece))) > 0)
		if (!buf_add(out, piece, (size_t)n))
			break;
	close(fd);
	if (n < 0)
		return err_set_errno(e, errno, "%s", path);
	return n == 0 || err_set(e, ERR_LIMIT, "%s: file too large", path);
}

bool
client_write(const char *path, struct str text, struct err *e)
{
	char fresh[CLIENT_PATH_MAX + 32];
	int fd;
	bool ok;

	(void)snprintf(fresh, sizeof(fresh), "%s.%ld.new", path, (long)getpid());
	(void)unlink(fresh);
	fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_set_errno(e, errno, "%s", fresh);
	ok = fd_write_all(fd, text) && fsync(fd) == 0;
	if (!ok)
		err_set_errno(e, errno, "%s", fresh);
	close(fd);
	if (ok && rename(fresh, path) != 0)
		ok = err_set_errno(e, errno, "%s", path);
	if (!ok)
		(void)unlink(fresh);
	return ok;
}

bool
client_lock(int *fd, struct err *e)
{
	uint64_t deadline_ms = clock_monotonic_ms() + LOCK_MS;
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	char path[CLIENT_PATH_MAX];

	*fd = -1;
	if (!client_path("lock", path, e))
		return false;
	*fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (*fd < 0)
		return err_set_errno(e, errno, "%s", path);
	while (fcntl(*fd, F_SETLK, &whole) != 0) {
		if (errno != EAGAIN && errno != EACCES && errno != EINTR) {
			err_set_errno(e, errno, "%s", path);
		} else if (clock_monotonic_ms() < deadline_ms) {
			(void)poll(NULL, 0, LOCK_PAUSE_MS);
			continue;
		} else {
			err_set(e, ERR_TIMEOUT, "%s: locked by another %s", path, client_name());
		}
		return false;
	}
	return true;
}

static bool
login_path(const struct client_host *h, char out[CLIENT_PATH_MAX], struct err *e)
{
	char name[CLIENT_HOST_MAX + 16];

	(void)snprintf(name, sizeof(name), HOSTS "/%s.json", h->key);
	return client_path(name, out, e);
}

static bool
read_member(const struct flat_json *json, const char *name, char *out, size_t size, struct err *e)
{
	struct str value = flat_json_get(json, name);

	if (value.len >= size)
		return err_set(e, ERR_INPUT, "%s: value too long", name);
	if (value.len > 0)
		memcpy(out, value.data, value.len);
	out[value.len] = '\0';
	return true;
}

static bool
parse_login(struct client_login *l, struct buf *text, struct err *e)
{
	struct flat_json json;

	if (!flat_json_parse(&json, text->data, text->len))
		return err_set(e, ERR_INPUT, "it is not a JSON object; log in again");
	return read_member(&json, "token", l->token, sizeof(l->token), e) &&
	       read_member(&json, "user", l->user, sizeof(l->user), e) &&
	       read_member(&json, "prefix", l->prefix, sizeof(l->prefix), e) &&
	       read_member(&json, "ca_file", l->ca_file, sizeof(l->ca_file), e);
}

bool
client_login_read(const struct client_host *h, struct client_login *l, struct err *e)
{
	char path[CLIENT_PATH_MAX];
	struct buf text;
	bool ok;

	*l = (struct client_login){.token = ""};
	if (!login_path(h, path, e))
		return false;
	buf_init(&text, CLIENT_TEXT_MAX);
	ok = client_read(path, &text, e) && (parse_login(l, &text, e) || err_wrap(e, "%s", path));
	buf_wipe_fini(&text);
	if (!ok && e != NULL && e->code == ERR_NOT_FOUND)
		return err_set(e, ERR_NOT_FOUND, "%s: not signed in; run `%s login %s`", h->key,
			       client_name(), h->key);
	return ok;
}

bool
client_login_write(const struct client_host *h, const struct client_login *l, struct err *e)
{
	char path[CLIENT_PATH_MAX];
	const struct flat_json_member members[] = {
		{STR("token"), str_from(l->token)},
		{STR("user"), str_from(l->user)},
		{STR("prefix"), str_from(l->prefix)},
		{STR("ca_file"), str_from(l->ca_file)},
	};
	struct buf text;
	bool ok;

	if (!login_path(h, path, e))
		return false;
	buf_init(&text, CLIENT_TEXT_MAX);
	ok = flat_json_write(&text, members, sizeof(members) / sizeof(members[0]))
		     ? client_write(path, buf_view(&text), e)
		     : err_set(e, ERR_MEMORY, "out of memory");
	buf_wipe_fini(&text);
	return ok;
}

static bool
set_ca_file(struct client_login *l, const char *value, struct err *e)
{
	char absolute[PATH_MAX];

	if (realpath(value, absolute) == NULL)
		return err_set_errno(e, errno, "%.200s", value);
	if (strlen(absolute) >= sizeof(l->ca_file))
		return err_set(e, ERR_CONFIG, "--ca-file: the path is too long");
	memcpy(l->ca_file, absolute, strlen(absolute) + 1);
	return true;
}

static bool
set_prefix(struct client_login *l, const char *value, struct err *e)
{
	if (!url_is_plain_path(str_from(value)) || strlen(value) >= sizeof(l->prefix))
		return err_set(e, ERR_CONFIG,
			       "--prefix: expected a path such as /oauth2 of at most %zu bytes",
			       sizeof(l->prefix) - 1);
	memcpy(l->prefix, value, strlen(value) + 1);
	return true;
}

bool
client_login_option(struct client_login *l, int argc, char **argv, int *at, struct err *e)
{
	const char *name = argv[*at];
	bool is_ca_file = strcmp(name, "--ca-file") == 0;

	if (!is_ca_file && strcmp(name, "--prefix") != 0)
		return err_set(e, ERR_CONFIG, "%s: unexpected argument \"%.64s\"", argv[0], name);
	if (++*at == argc)
		return err_set(e, ERR_CONFIG, "%s: a value is missing", name);
	return is_ca_file ? set_ca_file(l, argv[*at], e) : set_prefix(l, argv[*at], e);
}

bool
client_login_remove(const struct client_host *h, struct err *e)
{
	char path[CLIENT_PATH_MAX];

	return login_path(h, path, e) &&
	       (unlink(path) == 0 || errno == ENOENT || err_set_errno(e, errno, "%s", path));
}

void
client_login_each(client_login_fn *fn, void *arg)
{
	char path[CLIENT_PATH_MAX];
	struct dirent *entry;
	struct client_login l;
	struct client_host h;
	DIR *directory;

	if (!client_path(HOSTS "/", path, NULL) || (directory = opendir(path)) == NULL)
		return;
	while ((entry = readdir(directory)) != NULL) {
		struct str name = str_from(entry->d_name);

		if (str_ends_with(name, STR(".json")) &&
		    client_host_parse(&h, str_take(name, name.len - strlen(".json")), NULL) &&
		    client_login_read(&h, &l, NULL))
			fn(&h, &l, arg);
	}
	secret_wipe(&l, sizeof(l));
	(void)closedir(directory);
}

static bool
run_keygen(const char *path)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		execlp("ssh-keygen", "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C",
		       "workspace-proxy", "-f", path, (char *)NULL);
		_exit(127);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) {
	}
	return pid > 0 && status == 0;
}

static bool
find_identity(char key[SSH_KEY_TEXT_MAX + 1], struct err *e)
{
	char path[CLIENT_PATH_MAX];
	char public[CLIENT_PATH_MAX];
	struct ssh_key parsed;
	struct buf text;
	bool ok;

	if (!client_path("id_ed25519", path, e) || !client_path("id_ed25519.pub", public, e))
		return false;
	if (access(path, F_OK) != 0 && !run_keygen(path))
		return err_set(e, ERR_CONFIG, "ssh-keygen could not make %s; is OpenSSH installed?",
			       path);
	buf_init(&text, CLIENT_TEXT_MAX);
	ok = client_read(public, &text, e);
	if (ok) {
		struct str line = str_take(buf_view(&text), str_find_byte(buf_view(&text), '\n'));
		ok = ssh_key_parse(line, &parsed, e) || err_wrap(e, "%s", public);
		if (ok)
			(void)snprintf(key, SSH_KEY_TEXT_MAX + 1, "%.*s %.*s", STR_FMT(parsed.type),
				       STR_FMT(parsed.base64));
	}
	buf_fini(&text);
	return ok;
}

/* Locked, because the two files of the key are not made at once. */
bool
client_identity(char key[SSH_KEY_TEXT_MAX + 1], struct err *e)
{
	int lock;
	bool ok = client_lock(&lock, e) && find_identity(key, e);

	fd_close(lock);
	return ok;
}

static bool
note_host_key(const struct client_host *h, struct str host_key, struct err *e)
{
	char path[CLIENT_PATH_MAX];
	char start[CLIENT_HOST_MAX + 2];
	struct ssh_key key;
	struct str rest;
	struct str line;
	struct buf old;
	struct buf fresh;
	bool ok = true;

	/* Without what follows the key: it is the server's text. */
	if (!ssh_key_parse(host_key, &key, e) || !client_path("known_hosts", path, e))
		return false;
	(void)snprintf(start, sizeof(start), "%s ", h->key);
	buf_init(&old, 1u << 20);
	buf_init(&fresh, 1u << 20);
	if (!client_read(path, &old, e)) {
		ok = e->code == ERR_NOT_FOUND;
		buf_clear(&old);
	}
	rest = buf_view(&old);
	while (rest.len > 0 && str_next(&rest, '\n', &line))
		if (line.len > 0 && !str_starts_with(line, str_from(start)))
			buf_addf(&fresh, "%.*s\n", STR_FMT(line));
	buf_addf(&fresh, "%s%.*s %.*s\n", start, STR_FMT(key.type), STR_FMT(key.base64));
	ok = ok && (buf_is_ok(&fresh) || err_set(e, ERR_LIMIT, "%s is too long", path));
	if (ok && !str_equal(buf_view(&old), buf_view(&fresh)))
		ok = client_write(path, buf_view(&fresh), e);
	buf_fini(&old);
	buf_fini(&fresh);
	return ok;
}

bool
client_note_host_key(const struct client_host *h, struct str host_key, struct err *e)
{
	int lock;
	bool ok = client_lock(&lock, e) && note_host_key(h, host_key, e);

	fd_close(lock);
	return ok;
}
