/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `workspace-proxy credential`: runs in the workspace as a child of git, asks the sidecar and
 * prints its answer. It only knows the socket's path; tokens pass through one buffer, which is
 * wiped.
 *
 * Where prompting would be useless (no user is signed in, the sidecar does not respond) it prints
 * the reason and tells git to quit. For other hosts it prints nothing, so that git tries its other
 * helpers.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/ascii.h"
#include "base/clock.h"
#include "base/process/fd.h"
#include "base/secret.h"
#include "clone/credential/credential.h"

#define PREFIX	       "WORKSPACE_PROXY_"
#define SEND_TIMEOUT_S 10
#define WAIT_MS	       (CREDENTIAL_ANSWER_MS + 5000u)
#define INPUT_MAX      65536u /* git passes the server's WWW-Authenticate fields */
#define SENTENCE_MAX   512
/* Docker continues without credentials after this answer. */
#define DOCKER_NOT_FOUND STR("credentials not found in native keychain")

enum { EXIT_DONE = 0, EXIT_NOT_ASKED = 1, EXIT_USAGE = 2 };

struct helper {
	enum credential_operation operation;
	bool is_docker;
	struct sockaddr_un address;
	struct buf input; /* git's */
	struct buf line;  /* request to the sidecar, then its answer, then output to git */
};

static int
print_usage(FILE *out, int code)
{
	(void)fputs(
		"usage: workspace-proxy credential [--socket PATH] get|store|erase\n"
		"\n"
		"A git credential helper (gitcredentials(7)) that asks the workspace's sidecar\n"
		"for an access token of the signed-in user. PATH is the sidecar's\n"
		"CREDENTIAL_SOCKET; without it " PREFIX "CREDENTIAL_SOCKET counts, then\n"
		"credential.sock in " PREFIX "STATE_DIR.\n"
		"\n"
		"Exit codes: 0 done, nothing to do, or git was told to quit (also if the\n"
		"sidecar is unreachable); 1 refused, no socket configured, or invalid input;\n"
		"2 usage.\n",
		out);
	return code;
}

/* Prints a message to the terminal as one line of printable ASCII. */
static void
tell(struct str sentence)
{
	char text[SENTENCE_MAX] = "";
	size_t len = sentence.len < sizeof(text) ? sentence.len : sizeof(text);

	for (size_t i = 0; i < len; i++) {
		bool is_plain = sentence.data[i] >= 0x20 && sentence.data[i] < 0x7f;
		text[i] = '?';
		if (is_plain)
			text[i] = sentence.data[i];
	}
	(void)fprintf(stderr, "workspace-proxy: %.*s\n", (int)len, text);
}

/* Docker's clients read reasons from standard output. */
static int
print_reason(struct str why)
{
	(void)dprintf(STDOUT_FILENO, "%.*s\n", STR_FMT(why));
	return EXIT_NOT_ASKED;
}

/* Tells git neither to prompt nor to ask other helpers; docker shows the reason. */
static int
quit(const struct helper *h, struct str why)
{
	if (h->is_docker)
		return print_reason(why);
	if (h->operation != CREDENTIAL_GET)
		return EXIT_DONE;
	tell(why);
	return fd_write_all(STDOUT_FILENO, STR("quit=1\n\n")) ? EXIT_DONE : EXIT_NOT_ASKED;
}

static bool
set_address(struct helper *h, const char *directory, const char *name)
{
	char *out = h->address.sun_path;
	size_t size = sizeof(h->address.sun_path);
	int len = snprintf(out, size, "%s%s%s", directory, directory[0] == '\0' ? "" : "/", name);

	h->address.sun_family = AF_UNIX;
	return len > 0 && (size_t)len < size;
}

/* Finds the socket next to the program, where injection puts both. */
static bool
find_beside(struct helper *h)
{
	char path[sizeof(h->address.sun_path)];
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path));

	if (len <= 0 || (size_t)len == sizeof(path))
		return false;
	while (len > 1 && path[len - 1] != '/')
		len--;
	path[len - 1] = '\0';
	return set_address(h, path, CREDENTIAL_SOCKET_NAME) &&
	       access(h->address.sun_path, F_OK) == 0;
}

static bool
find_socket(struct helper *h, const char *option)
{
	const char *path = option != NULL ? option : getenv(PREFIX "CREDENTIAL_SOCKET");
	const char *directory = getenv(PREFIX "STATE_DIR");

	if (path != NULL && path[0] != '\0')
		return set_address(h, "", path);
	if (directory != NULL && directory[0] != '\0')
		return set_address(h, directory, CREDENTIAL_SOCKET_NAME);
	return find_beside(h);
}

/* Reads up to the empty line, if there is one, or the end of input. */
static bool
read_input(struct buf *b, bool ends_with_line)
{
	while (!ends_with_line || credential_message_len(buf_view(b)) == 0) {
		ssize_t n;

		if (b->len == b->max)
			return false;
		n = read(STDIN_FILENO, b->data + b->len, b->max - b->len);
		if (n == 0)
			return true;
		if (n > 0)
			b->len += (size_t)n;
		else if (errno != EINTR)
			return false;
	}
	return true;
}

static int
connect_sidecar(const struct helper *h)
{
	const struct timeval timeout = {.tv_sec = SEND_TIMEOUT_S};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int saved;

	if (fd < 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) == 0 &&
	    connect(fd, (const struct sockaddr *)&h->address, sizeof(h->address)) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

/* Reads until the message is complete, the sidecar closes the connection, or the time limit. */
static void
read_answer(int fd, struct buf *b)
{
	uint64_t end_ms = clock_monotonic_ms() + WAIT_MS;

	buf_clear(b);
	while (credential_message_len(buf_view(b)) == 0 && b->len < b->max) {
		uint64_t now_ms = clock_monotonic_ms();
		struct pollfd polled = {.fd = fd, .events = POLLIN};
		ssize_t n;

		if (now_ms >= end_ms || poll(&polled, 1, (int)(end_ms - now_ms)) == 0)
			return;
		n = recv(fd, b->data + b->len, b->max - b->len, MSG_DONTWAIT);
		if (n > 0)
			b->len += (size_t)n;
		else if (n == 0 || (errno != EINTR && errno != EAGAIN))
			return;
	}
}

static bool
is_plain(struct str text)
{
	return ascii_all_visible(text) && str_find_byte(text, '"') == SIZE_MAX &&
	       str_find_byte(text, '\\') == SIZE_MAX;
}

/* Prints the credential as docker expects it. None of the texts needs an escape. */
static int
print_for_docker(const struct helper *h, const struct credential_answer *a)
{
	struct str server = buf_view(&h->input);
	struct buf out;
	bool ok;

	buf_init(&out, CREDENTIAL_MESSAGE_MAX);
	ok = buf_reserve(&out, out.max) && is_plain(server) && is_plain(a->username) &&
	     is_plain(a->password) && buf_add_str(&out, STR("{\"ServerURL\":\"")) &&
	     buf_add_str(&out, server) && buf_add_str(&out, STR("\",\"Username\":\"")) &&
	     buf_add_str(&out, a->username) && buf_add_str(&out, STR("\",\"Secret\":\"")) &&
	     buf_add_str(&out, a->password) && buf_add_str(&out, STR("\"}\n")) &&
	     fd_write_all(STDOUT_FILENO, buf_view(&out));
	buf_wipe_fini(&out);
	return ok ? EXIT_DONE : EXIT_NOT_ASKED;
}

/* Prints the parts of the answer in h->line that git knows. */
static int
pass_on(struct helper *h)
{
	struct credential_answer a = {.status = CREDENTIAL_BROKEN};
	struct credential_answer credential;
	struct buf out;
	int code = EXIT_DONE;

	if (credential_message_len(buf_view(&h->line)) == 0 ||
	    !credential_parse_answer(buf_view(&h->line), &a, NULL))
		a.status = CREDENTIAL_BROKEN;
	switch (a.status) {
	case CREDENTIAL_GIVEN:
		if (h->is_docker)
			return print_for_docker(h, &a);
		credential = (struct credential_answer){
			.username = a.username,
			.password = a.password,
			.expires_at_s = a.expires_at_s,
		};
		buf_init(&out, CREDENTIAL_MESSAGE_MAX);
		if (!buf_reserve(&out, out.max) || !credential_add_answer(&credential, &out) ||
		    !fd_write_all(STDOUT_FILENO, buf_view(&out)))
			code = EXIT_NOT_ASKED;
		buf_wipe_fini(&out);
		return code;
	case CREDENTIAL_NOTHING:
		return h->is_docker ? quit(h, DOCKER_NOT_FOUND) : EXIT_DONE;
	case CREDENTIAL_REFUSED:
		if (h->is_docker)
			return quit(h, a.message);
		tell(a.message);
		return EXIT_NOT_ASKED;
	case CREDENTIAL_SIGN_IN:
	case CREDENTIAL_UNAVAILABLE:
		return quit(h, a.message);
	case CREDENTIAL_BROKEN:
		break;
	}
	return quit(h, STR("the workspace's sidecar did not answer; try again"));
}

static int
ask(struct helper *h, const struct credential_request *r)
{
	int fd = connect_sidecar(h);
	bool is_sent;

	if (fd < 0 && h->is_docker)
		return quit(h, STR("the workspace's sidecar can't be reached"));
	if (fd < 0 && (errno == EACCES || errno == EPERM)) {
		tell(STR("this user id may not request credentials from the workspace's sidecar"));
		return EXIT_NOT_ASKED;
	}
	if (fd < 0)
		return quit(h, STR("the workspace's sidecar can't be reached; is it running?"));
	buf_clear(&h->line);
	is_sent = credential_add_request(r, &h->line) &&
		  send(fd, h->line.data, h->line.len, MSG_NOSIGNAL) == (ssize_t)h->line.len;
	(void)is_sent; /* a sidecar that refuses the caller answers before it closes */
	read_answer(fd, &h->line);
	close(fd);
	return pass_on(h);
}

static int
serve_git(struct helper *h)
{
	struct credential_request r;

	if (!buf_reserve(&h->input, h->input.max) || !buf_reserve(&h->line, h->line.max))
		return EXIT_NOT_ASKED;
	if (!read_input(&h->input, true))
		return EXIT_NOT_ASKED;
	if (h->operation == CREDENTIAL_STORE || h->operation == CREDENTIAL_OTHER)
		return EXIT_DONE;
	if (!credential_parse_request(buf_view(&h->input), &r, NULL)) {
		tell(STR("git's request is not a valid credential"));
		return EXIT_NOT_ASKED;
	}
	r.operation = h->operation;
	if (h->operation == CREDENTIAL_GET)
		r.password = STR_NONE;
	else if (str_is_empty(r.password))
		return EXIT_DONE;
	return ask(h, &r);
}

int
credential_run(int argc, char **argv)
{
	struct helper h = {.operation = CREDENTIAL_OTHER};
	const char *socket_path = NULL;
	int code;

	if (argc == 2 && strcmp(argv[1], "--help") == 0)
		return print_usage(stdout, EXIT_DONE);
	if (argc >= 3 && strcmp(argv[1], "--socket") == 0) {
		socket_path = argv[2];
		argc -= 2;
		argv += 2;
	}
	if (argc != 2 || argv[1][0] == '-')
		return print_usage(stderr, EXIT_USAGE);
	h.operation = credential_operation_from(str_from(argv[1]));
	if (!find_socket(&h, socket_path)) {
		tell(STR("no socket is configured, or its path is too long; use --socket PATH"));
		return EXIT_NOT_ASKED;
	}
	buf_init(&h.input, INPUT_MAX);
	buf_init(&h.line, CREDENTIAL_MESSAGE_MAX);
	code = serve_git(&h);
	buf_wipe_fini(&h.input);
	buf_wipe_fini(&h.line);
	return code;
}

/* Parses "host", "host:port" or a URL. */
static void
read_server(struct helper *h, struct credential_request *r)
{
	struct str server = buf_view(&h->input);
	size_t scheme;
	size_t slash;

	while (server.len > 0 && strchr("\r\n", server.data[server.len - 1]) != NULL)
		server.len--;
	scheme = str_find(server, STR("://"));
	*r = (struct credential_request){.operation = CREDENTIAL_GET, .is_registry = true};
	r->protocol = scheme == SIZE_MAX ? STR("https") : str_take(server, scheme);
	r->host = scheme == SIZE_MAX ? server : str_skip(server, scheme + 3);
	slash = str_find_byte(r->host, '/');
	r->host = str_take(r->host, slash == SIZE_MAX ? r->host.len : slash);
	/* Keep what is printed with the credential. */
	h->input.len = server.len;
}

static int
get_for_docker(struct helper *h)
{
	struct credential_request r;

	if (!buf_reserve(&h->input, h->input.max) || !buf_reserve(&h->line, h->line.max) ||
	    !read_input(&h->input, false))
		return print_reason(STR("the registry's name can't be read"));
	read_server(h, &r);
	if (!is_plain(r.protocol) || !is_plain(r.host) || str_is_empty(r.host))
		return print_reason(DOCKER_NOT_FOUND);
	return ask(h, &r);
}

int
credential_run_docker(int argc, char **argv)
{
	struct helper h = {.operation = CREDENTIAL_GET, .is_docker = true};
	int code;

	if (argc != 2 || argv[1][0] == '-') {
		(void)fputs("usage: docker-credential-workspace get|list|store|erase\n", stderr);
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "list") == 0)
		return fd_write_all(STDOUT_FILENO, STR("{}\n")) ? EXIT_DONE : EXIT_NOT_ASKED;
	if (strcmp(argv[1], "erase") == 0)
		return EXIT_DONE;
	if (strcmp(argv[1], "get") != 0)
		return print_reason(STR("credentials are those of the user who is signed in to the "
					"workspace, and are not stored"));
	if (!find_socket(&h, NULL))
		return print_reason(
			STR("no socket is configured; set " PREFIX "CREDENTIAL_SOCKET"));
	buf_init(&h.input, INPUT_MAX);
	buf_init(&h.line, CREDENTIAL_MESSAGE_MAX);
	code = get_for_docker(&h);
	buf_wipe_fini(&h.input);
	buf_wipe_fini(&h.line);
	return code;
}
