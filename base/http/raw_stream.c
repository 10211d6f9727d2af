/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcurl connects (CURLOPT_CONNECT_ONLY) and encrypts; the caller speaks.
 */
#include "base/http/raw_stream.h"

#include <curl/curl.h>
#include <stdlib.h>

#include "base/http/fetch_library.h"

struct raw_stream {
	CURL *easy;
	curl_socket_t fd;
	char problem[CURL_ERROR_SIZE];
};

static bool
set_options(struct raw_stream *s, const char *origin, const char *ca_file,
	    uint64_t connect_timeout_ms)
{
	const struct {
		CURLoption option;
		long value;
	} numbers[] = {
		{CURLOPT_NOSIGNAL, 1},
		{CURLOPT_CONNECT_ONLY, 1},
		{CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1},
		{CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2},
		{CURLOPT_SSL_VERIFYPEER, 1},
		{CURLOPT_SSL_VERIFYHOST, 2},
		{CURLOPT_TCP_NODELAY, 1},
		{CURLOPT_TCP_KEEPALIVE, 1},
		{CURLOPT_CONNECTTIMEOUT_MS, (long)connect_timeout_ms},
	};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (curl_easy_setopt(s->easy, numbers[i].option, numbers[i].value) != CURLE_OK)
			return false;
	return curl_easy_setopt(s->easy, CURLOPT_URL, origin) == CURLE_OK &&
	       curl_easy_setopt(s->easy, CURLOPT_PROTOCOLS_STR, "https") == CURLE_OK &&
	       curl_easy_setopt(s->easy, CURLOPT_ERRORBUFFER, s->problem) == CURLE_OK &&
	       (ca_file == NULL || curl_easy_setopt(s->easy, CURLOPT_CAINFO, ca_file) == CURLE_OK);
}

static bool
explain(const struct raw_stream *s, CURLcode code, const char *origin, struct err *e)
{
	struct fetch_outcome outcome = {.easy = s->easy, .code = (int)code, .problem = s->problem};
	char *host = NULL;
	unsigned port;
	bool is_proxy_error = false;

	if (fetch_read_url(origin, &host, &port)) {
		outcome.host = host;
		is_proxy_error = fetch_is_proxy_error(&outcome, e);
	}
	curl_free(host);
	if (is_proxy_error)
		return false;
	return err_set(e, fetch_error_code((int)code), "%s: %s", origin,
		       s->problem[0] != '\0' ? s->problem : curl_easy_strerror(code));
}

struct raw_stream *
raw_stream_connect(const char *origin, const char *ca_file, uint64_t connect_timeout_ms,
		   struct err *e)
{
	struct raw_stream *s;
	CURLcode code;

	if (!fetch_library_init(e))
		return NULL;
	s = calloc(1, sizeof(*s));
	if (s != NULL)
		s->easy = curl_easy_init();
	if (s == NULL || s->easy == NULL || !set_options(s, origin, ca_file, connect_timeout_ms)) {
		err_set(e, ERR_MEMORY, "no memory for a connection");
		goto fail;
	}
	code = curl_easy_perform(s->easy);
	if (code == CURLE_OK)
		code = curl_easy_getinfo(s->easy, CURLINFO_ACTIVESOCKET, &s->fd);
	if (code == CURLE_OK)
		return s;
	(void)explain(s, code, origin, e);
fail:
	if (s == NULL)
		curl_global_cleanup();
	raw_stream_free(s);
	return NULL;
}

void
raw_stream_free(struct raw_stream *s)
{
	if (s == NULL)
		return;
	curl_easy_cleanup(s->easy);
	free(s);
	curl_global_cleanup();
}

int
raw_stream_fd(const struct raw_stream *s)
{
	return s->fd;
}

static enum raw_stream_result
result_of(const struct raw_stream *s, CURLcode code, struct err *e)
{
	if (code == CURLE_OK)
		return RAW_STREAM_DONE;
	if (code == CURLE_AGAIN)
		return RAW_STREAM_AGAIN;
	err_set(e, ERR_CONNECT, "the connection broke: %s",
		s->problem[0] != '\0' ? s->problem : curl_easy_strerror(code));
	return RAW_STREAM_FAILED;
}

enum raw_stream_result
raw_stream_receive(struct raw_stream *s, char *data, size_t size, size_t *len, struct err *e)
{
	CURLcode code = curl_easy_recv(s->easy, data, size, len);

	if (code == CURLE_OK && *len == 0)
		return RAW_STREAM_END;
	return result_of(s, code, e);
}

enum raw_stream_result
raw_stream_send(struct raw_stream *s, struct str data, size_t *len, struct err *e)
{
	return result_of(s, curl_easy_send(s->easy, data.data, data.len, len), e);
}
