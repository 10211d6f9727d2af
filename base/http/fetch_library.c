/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Initializes libcurl for both HTTP clients, makes it wipe memory that it frees, because it copies
 * tokens and bodies, and translates its error codes.
 */
#include "base/http/fetch_library.h"

#include <curl/curl.h>
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/ascii.h"
#include "base/net/address.h"
#include "base/net/tls/tls_library.h"
#include "base/secret.h"

#define HEADER_MAX_BYTES  65536u
#define RETRY_AFTER_MAX_S 86400u

static void
free_wiped(void *data)
{
	if (data != NULL)
		secret_wipe(data, malloc_usable_size(data));
	free(data);
}

static void *
realloc_wiped(void *data, size_t size)
{
	size_t old_size = data == NULL ? 0 : malloc_usable_size(data);
	void *fresh;

	if (data != NULL && size != 0 && size <= old_size && size >= old_size / 2)
		return data;
	fresh = malloc(size == 0 ? 1 : size);
	if (fresh == NULL)
		return NULL;
	if (data != NULL)
		memcpy(fresh, data, size < old_size ? size : old_size);
	free_wiped(data);
	return fresh;
}

bool
fetch_library_init(const char *ca_file, struct err *e)
{
	if (ca_file != NULL && access(ca_file, R_OK) != 0)
		return err_set_errno(e, errno, "%s", ca_file);
	return curl_global_init_mem(CURL_GLOBAL_DEFAULT, malloc, free_wiped, realloc_wiped, strdup,
				    calloc) == CURLE_OK ||
	       err_set(e, ERR_MEMORY, "the HTTP client can't be set up");
}

static CURLcode
on_tls_context(CURL *easy, void *ctx, void *data)
{
	(void)easy;
	(void)data;
	tls_library_context_wipe_reads(ctx);
	return CURLE_OK;
}

bool
fetch_set_numbers(void *easy, const struct fetch_number *numbers, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (curl_easy_setopt(easy, (CURLoption)numbers[i].option, numbers[i].value) !=
		    CURLE_OK)
			return false;
	return true;
}

bool
fetch_set_options(void *easy, const char *ca_file, const char *user_agent,
		  uint64_t connect_timeout_ms)
{
	const struct fetch_number numbers[] = {
		{CURLOPT_NOSIGNAL, 1},
		{CURLOPT_QUICK_EXIT, 1}, /* never waits for the thread that resolves a name */
		{CURLOPT_FOLLOWLOCATION, 0},
		{CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2},
		{CURLOPT_SSL_VERIFYPEER, 1},
		{CURLOPT_SSL_VERIFYHOST, 2},
		{CURLOPT_CONNECTTIMEOUT_MS, (long)connect_timeout_ms},
	};

	return fetch_set_numbers(easy, numbers, sizeof(numbers) / sizeof(numbers[0])) &&
	       curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, on_tls_context) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_USERAGENT, user_agent) == CURLE_OK &&
	       (ca_file == NULL || curl_easy_setopt(easy, CURLOPT_CAINFO, ca_file) == CURLE_OK);
}

bool
fetch_add_header(struct curl_slist **headers, const char *name, struct str value, struct err *e)
{
	struct buf line;
	struct curl_slist *longer = NULL;

	/* A control character could start another line. */
	if (ascii_has_control(value))
		return err_set(e, ERR_INPUT, "control character in a request header");
	buf_init(&line, HEADER_MAX_BYTES);
	buf_add_str(&line, str_from(name));
	buf_add_str(&line, value);
	if (buf_add_byte(&line, '\0'))
		longer = curl_slist_append(*headers, line.data);
	buf_wipe_fini(&line);
	if (longer == NULL)
		return err_set(e, ERR_MEMORY, "out of memory for a request");
	*headers = longer;
	return true;
}

bool
fetch_read_url(const char *url, char **host, unsigned *port)
{
	CURLU *parsed = curl_url();
	char *scheme = NULL;
	char *digits = NULL;
	uint64_t number = 0;
	bool ok = parsed != NULL &&
		  curl_url_set(parsed, CURLUPART_URL, url, CURLU_DISALLOW_USER) == CURLUE_OK &&
		  curl_url_get(parsed, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
		  (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0) &&
		  curl_url_get(parsed, CURLUPART_PORT, &digits, CURLU_DEFAULT_PORT) == CURLUE_OK &&
		  str_to_u64(str_from(digits), 0, 65535, &number) &&
		  curl_url_get(parsed, CURLUPART_HOST, host, 0) == CURLUE_OK;

	*port = (unsigned)number;
	curl_free(digits);
	curl_free(scheme);
	curl_url_cleanup(parsed);
	return ok;
}

/* Whether libcurl's message names another host that it could not connect to: that of the proxy. In
 * the message, IPv6 addresses have no brackets. */
static bool
names_other_host(const char *problem, struct str host)
{
	struct str rest = str_from(problem);
	struct str intro = STR("Failed to connect to ");
	struct str name;

	if (!str_starts_with(rest, intro))
		return false;
	rest = str_skip(rest, intro.len);
	name = str_take(rest, str_find_byte(rest, ' '));
	if (str_starts_with(host, STR("[")))
		host = str_take(str_skip(host, 1), host.len - 2);
	return !str_equal_nocase(name, host);
}

static const char *
explain_status(long status)
{
	return status == 407 ? " (it requires a user and password)" : "";
}

/* Whether the transfer timed out on the way through a proxy, before the request was sent. */
static bool
is_timeout_at_proxy(CURL *easy, CURLcode code, bool uses_proxy)
{
	curl_off_t ready_us = 0;

	(void)curl_easy_getinfo(easy, CURLINFO_PRETRANSFER_TIME_T, &ready_us);
	return code == CURLE_OPERATION_TIMEDOUT && uses_proxy && ready_us == 0;
}

bool
fetch_is_proxy_error(const struct fetch_outcome *o, struct err *e)
{
	CURLcode code = (CURLcode)o->code;
	long status = 0;
	long errno_value = 0;

	(void)curl_easy_getinfo(o->easy, CURLINFO_HTTP_CONNECTCODE, &status);
	(void)curl_easy_getinfo(o->easy, CURLINFO_OS_ERRNO, &errno_value);
	if (code == CURLE_COULDNT_RESOLVE_PROXY)
		(void)err_set(e, ERR_PROXY, "outgoing proxy: its name can't be resolved");
	else if (code == CURLE_PROXY)
		(void)err_set(e, ERR_PROXY, "outgoing proxy: SOCKS handshake failed");
	else if (code != CURLE_OK && status >= 300)
		(void)err_set(e, ERR_PROXY, "outgoing proxy: %s refused with status %ld%s", o->host,
			      status, explain_status(status));
	else if (code == CURLE_COULDNT_CONNECT && names_other_host(o->problem, str_from(o->host)))
		(void)err_set(e, ERR_PROXY, "outgoing proxy: connect: %s",
			      errno_value == 0 ? curl_easy_strerror(code)
					       : strerror((int)errno_value));
	else if (is_timeout_at_proxy(o->easy, code, o->uses_proxy))
		(void)err_set(e, ERR_PROXY, "outgoing proxy: no connection to %s in time", o->host);
	else
		return false;
	return true;
}

uint32_t
fetch_retry_after_s(void *easy)
{
	curl_off_t s = 0;

	(void)curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &s);
	if (s < 0)
		return 0;
	return s < RETRY_AFTER_MAX_S ? (uint32_t)s : RETRY_AFTER_MAX_S;
}

/* libcurl 7.88 does not report whether it uses a proxy, but the address that it connects to. */
bool
fetch_is_other_port(const struct sockaddr *address, socklen_t len, unsigned port)
{
	struct address a = {.len = 0};

	if (len > sizeof(a.sa))
		return false;
	memcpy(&a.sa, address, len);
	a.len = len;
	return address_port(&a) != port;
}

bool
fetch_explain(const struct fetch_outcome *o, struct err *e)
{
	CURLcode code = (CURLcode)o->code;
	enum err_code ours = fetch_error_code(o->code);
	long errno_value = 0;

	(void)curl_easy_getinfo(o->easy, CURLINFO_OS_ERRNO, &errno_value);
	if (code == CURLE_COULDNT_CONNECT && errno_value != 0)
		return err_set(e, ours, "%s: connect: %s", o->host, strerror((int)errno_value));
	if (code == CURLE_COULDNT_RESOLVE_HOST)
		return err_set(e, ours, "%s: the name can't be resolved", o->host);
	/* libcurl's messages about TLS name hosts and certificates, nothing of the request. */
	if (ours == ERR_TLS && o->problem[0] != '\0')
		return err_set(e, ours, "%s: TLS: %s", o->host, o->problem);
	return err_set(e, ours, "%s: %s", o->host, curl_easy_strerror(code));
}

enum err_code
fetch_error_code(int code)
{
	static const struct {
		int curl;
		enum err_code ours;
	} codes[] = {
		{CURLE_OPERATION_TIMEDOUT, ERR_TIMEOUT},
		{CURLE_COULDNT_RESOLVE_HOST, ERR_CONNECT},
		{CURLE_COULDNT_RESOLVE_PROXY, ERR_CONNECT},
		{CURLE_COULDNT_CONNECT, ERR_CONNECT},
		{CURLE_PROXY, ERR_CONNECT},
		{CURLE_PARTIAL_FILE, ERR_CONNECT},
		{CURLE_GOT_NOTHING, ERR_CONNECT},
		{CURLE_SEND_ERROR, ERR_CONNECT},
		{CURLE_RECV_ERROR, ERR_CONNECT},
		{CURLE_SSL_CONNECT_ERROR, ERR_TLS},
		{CURLE_PEER_FAILED_VERIFICATION, ERR_TLS},
		{CURLE_SSL_CACERT_BADFILE, ERR_TLS},
		{CURLE_SSL_CERTPROBLEM, ERR_TLS},
		{CURLE_SSL_CIPHER, ERR_TLS},
		{CURLE_SSL_ISSUER_ERROR, ERR_TLS},
		{CURLE_SSL_ENGINE_INITFAILED, ERR_TLS},
		{CURLE_FILESIZE_EXCEEDED, ERR_LIMIT},
		{CURLE_OUT_OF_MEMORY, ERR_MEMORY},
	};

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (codes[i].curl == code)
			return codes[i].ours;
	return ERR_PROTOCOL;
}
