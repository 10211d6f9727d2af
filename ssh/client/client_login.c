/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `workspace-proxy login` and `logout`. The browser brings a code to a loopback port (RFC 8252),
 * which only this process can redeem (RFC 7636); or a code is typed into the page (as in RFC
 * 8628). The stored token is valid for this workspace's SSH only.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/ascii.h"
#include "base/clock.h"
#include "base/crypto/crypto.h"
#include "base/url.h"
#include "ssh/client/client.h"
#include "ssh/client/client_private.h"
#include "ssh/client/loopback.h"

#define RANDOM_LEN    CRYPTO_TEXT_LEN
#define USER_CODE_LEN 8u
#define LOGIN_MS      300000u
#define NAME_MAX_LEN  64u

struct login {
	struct client_host host;
	struct client_login l;
	bool has_browser;
	char name[NAME_MAX_LEN + 1]; /* of this computer */
	char verifier[RANDOM_LEN + 1];
	char challenge[RANDOM_LEN + 1];
	char state[RANDOM_LEN + 1];
	uint64_t deadline_ms;
};

static int
print_usage(FILE *out, int code)
{
	(void)fprintf(
		out,
		"usage: %s login HOST [--no-browser] [--ca-file FILE] [--prefix PATH]\n"
		"       %s logout HOST\n"
		"\n"
		"Lets this computer connect to a workspace by SSH, as long as your session in\n"
		"the browser lasts. --no-browser prints a code to type into a page on another\n"
		"computer. FILE is a PEM bundle; PATH is the proxy's PROXY_PREFIX (/oauth2).\n",
		client_name(), client_name());
	return code;
}

static void
begin(struct login *g)
{
	crypto_random_text(g->verifier);
	crypto_random_text(g->state);
	crypto_sha256_text(str_from(g->verifier), g->challenge);
	if (gethostname(g->name, sizeof(g->name) - 1) != 0 || g->name[0] == '\0')
		(void)snprintf(g->name, sizeof(g->name), "computer");
	for (char *c = g->name; *c != '\0'; c++)
		if (*c <= 0x20 || *c >= 0x7f)
			*c = '-';
	g->deadline_ms = clock_monotonic_ms() + LOGIN_MS;
}

static void
add_field(struct buf *form, const char *name, const char *value)
{
	buf_addf(form, "%s%s=", form->len > 0 ? "&" : "", name);
	(void)url_encode(form, str_from(value));
}

/* Opens the page in a browser, if there is one; the address was printed already. */
static void
open_browser(const char *url)
{
	const char *browser = getenv("BROWSER");
	const char *const programs[] = {browser, "xdg-open", "open", "wslview"};
	pid_t pid = fork();

	if (pid != 0) {
		while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
		}
		return;
	}
	/* Twice, so that the user does not have to wait for the browser. */
	if (fork() != 0)
		_exit(0);
	(void)signal(SIGPIPE, SIG_DFL);
	(void)dup2(STDERR_FILENO, STDOUT_FILENO);
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++)
		if (programs[i] != NULL && programs[i][0] != '\0')
			execlp(programs[i], programs[i], url, (char *)NULL);
	_exit(127);
}

static bool
get_code(struct login *g, char code[RANDOM_LEN + 1], struct err *e)
{
	struct loopback loopback = {.state = g->state, .issuer = g->host.origin};
	char port[8];
	struct buf url;
	bool ok;

	if (!loopback_open(&loopback, e))
		return false;
	(void)snprintf(port, sizeof(port), "%u", loopback.port);
	buf_init(&url, CLIENT_PATH_MAX);
	buf_addf(&url, "%s%s/device?name=", g->host.origin, g->l.prefix);
	(void)url_encode(&url, str_from(g->name));
	add_field(&url, "port", port);
	add_field(&url, "challenge", g->challenge);
	add_field(&url, "state", g->state);
	buf_add_byte(&url, '\0');
	(void)fprintf(stderr, "Continue in your browser:\n%s\n", url.data);
	open_browser(url.data);
	ok = loopback_wait(&loopback, g->deadline_ms, code, RANDOM_LEN + 1, e);
	buf_fini(&url);
	loopback_close(&loopback);
	return ok;
}

/* The code that is to be typed goes to the terminal, the device's own one to the caller. */
static bool
start_typed(struct login *g, char code[RANDOM_LEN + 1], struct err *e)
{
	struct client_answer a;
	struct str device_code;
	struct str user_code;
	struct buf form;
	bool ok;

	buf_init(&form, CLIENT_TEXT_MAX);
	add_field(&form, "challenge", g->challenge);
	add_field(&form, "name", g->name);
	ok = client_ask(&g->host, &g->l, "/device/start", &form, false, &a, e);
	buf_fini(&form);
	if (!ok)
		return false;
	device_code = flat_json_get(&a.json, "device_code");
	user_code = flat_json_get(&a.json, "user_code");
	if (a.status != 200) {
		ok = client_explain(&g->host, a.status, flat_json_get(&a.json, "message"), e);
	} else if (device_code.len == 0 || device_code.len > RANDOM_LEN ||
		   user_code.len != USER_CODE_LEN || !ascii_all_alnum_or(user_code, STR(""))) {
		ok = err_set(e, ERR_PROTOCOL, "%s: malformed answer", g->host.key);
	} else {
		memcpy(code, device_code.data, device_code.len);
		code[device_code.len] = '\0';
		(void)fprintf(stderr, "Open %s%s/device in a browser and type %.4s-%.4s\n",
			      g->host.origin, g->l.prefix, user_code.data, user_code.data + 4);
	}
	client_answer_fini(&a);
	return ok;
}

enum redeem_result { REDEEM_OK, REDEEM_PENDING, REDEEM_FAILED };

static enum redeem_result
redeem(struct login *g, const char *code, struct err *e)
{
	enum redeem_result result = REDEEM_FAILED;
	struct client_answer a;
	struct str token;
	struct buf form;
	bool ok;

	buf_init(&form, CLIENT_TEXT_MAX);
	add_field(&form, "code", code);
	add_field(&form, "verifier", g->verifier);
	ok = client_ask(&g->host, &g->l, "/device/token", &form, false, &a, e);
	buf_wipe_fini(&form);
	if (!ok)
		return REDEEM_FAILED;
	token = flat_json_get(&a.json, "token");
	if (a.status == 200 && token.len > 0 && token.len < sizeof(g->l.token) &&
	    ascii_all_visible(token)) {
		memcpy(g->l.token, token.data, token.len);
		g->l.token[token.len] = '\0';
		result = REDEEM_OK;
	} else if (str_equal(flat_json_get(&a.json, "error"), STR("authorization_pending"))) {
		result = REDEEM_PENDING;
	} else if (str_equal(flat_json_get(&a.json, "error"), STR("invalid_grant"))) {
		err_set(e, ERR_DENIED, "%s: the code has expired or was used; log in again",
			g->host.key);
	} else {
		(void)client_explain(&g->host, a.status, flat_json_get(&a.json, "message"), e);
	}
	client_answer_fini(&a);
	return result;
}

static bool
get_token(struct login *g, struct err *e)
{
	const struct timespec pause = {.tv_sec = 2};
	char code[RANDOM_LEN + 1];
	enum redeem_result result;

	if (!(g->has_browser ? get_code(g, code, e) : start_typed(g, code, e)))
		return false;
	while ((result = redeem(g, code, e)) == REDEEM_PENDING) {
		if (clock_monotonic_ms() >= g->deadline_ms)
			return err_set(e, ERR_TIMEOUT, "%s: the code was not entered in time",
				       g->host.key);
		(void)nanosleep(&pause, NULL);
	}
	secret_wipe(code, sizeof(code));
	return result == REDEEM_OK;
}

/* The login is complete without this: it says what can be done with it. */
static void
look_at_workspace(struct login *g)
{
	struct client_answer a;
	struct err e = ERR_INIT;
	struct str user;
	struct str problem;
	struct ssh_key key;

	if (!client_ask(&g->host, &g->l, "/ssh", NULL, true, &a, &e)) {
		(void)client_fail(&e, 0);
		return;
	}
	user = flat_json_get(&a.json, "user");
	problem = flat_json_get(&a.json, "problem");
	if (a.status != 200) {
		(void)client_explain(&g->host, a.status, flat_json_get(&a.json, "message"), &e);
		(void)client_fail(&e, 0);
	} else if (problem.len > 0) {
		(void)client_explain(&g->host, a.status, problem, &e);
		(void)client_fail(&e, 0);
	}
	if (ssh_key_parse(flat_json_get(&a.json, "host_key"), &key, NULL) &&
	    !client_note_host_key(&g->host, flat_json_get(&a.json, "host_key"), &e))
		(void)client_fail(&e, 0);
	if (ssh_user_is_valid(user))
		(void)snprintf(g->l.user, sizeof(g->l.user), "%.*s", STR_FMT(user));
	client_answer_fini(&a);
}

static bool
log_in(struct login *g, struct err *e)
{
	char key[SSH_KEY_TEXT_MAX + 1];

	begin(g);
	if (!client_identity(key, e) || !get_token(g, e) || !client_login_write(&g->host, &g->l, e))
		return false;
	look_at_workspace(g);
	if (!client_login_write(&g->host, &g->l, e) || !client_config_refresh(e))
		return false;
	(void)fprintf(stderr, "Logged in. Try: %s ssh %s\n", client_name(), g->host.key);
	return true;
}

static bool
read_options(struct login *g, int argc, char **argv, struct err *e)
{
	for (int i = 2; i < argc; i++) {
		if (strcmp(argv[i], "--no-browser") == 0)
			g->has_browser = false;
		else if (!client_login_option(&g->l, argc, argv, &i, e))
			return false;
	}
	return true;
}

int
ssh_client_login(int argc, char **argv)
{
	static struct login g;
	struct err e = ERR_INIT;
	bool ok;

	g = (struct login){.has_browser = true, .l = {.prefix = "/oauth2"}};
	if (argc == 2 && strcmp(argv[1], "--help") == 0)
		return print_usage(stdout, 0);
	if (argc < 2)
		return print_usage(stderr, 2);
	if (!client_host_parse(&g.host, str_from(argv[1]), &e) || !read_options(&g, argc, argv, &e))
		return client_fail(&e, 2);
	ok = log_in(&g, &e);
	secret_wipe(&g, sizeof(g));
	return ok ? 0 : client_fail(&e, 1);
}

/* The file goes also if the workspace can't be reached; then the token ends with its session. */
int
ssh_client_logout(int argc, char **argv)
{
	struct client_answer a;
	struct client_login l;
	struct client_host h;
	struct err e = ERR_INIT;
	struct buf form;
	bool was_told;

	if (argc == 2 && strcmp(argv[1], "--help") == 0)
		return print_usage(stdout, 0);
	if (argc != 2)
		return print_usage(stderr, 2);
	if (!client_host_parse(&h, str_from(argv[1]), &e) || !client_login_read(&h, &l, &e))
		return client_fail(&e, 1);
	buf_init(&form, CLIENT_TEXT_MAX);
	add_field(&form, "token", l.token);
	was_told = client_ask(&h, &l, "/device/end", &form, false, &a, &e);
	buf_wipe_fini(&form);
	if (was_told)
		client_answer_fini(&a);
	else
		(void)client_fail(&e, 0);
	secret_wipe(&l, sizeof(l));
	if (!client_login_remove(&h, &e) || !client_config_refresh(&e))
		return client_fail(&e, 1);
	return was_told ? 0 : 1;
}
