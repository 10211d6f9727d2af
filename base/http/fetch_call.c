/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request with libcurl: its options and limits, its response, and its error messages, which
 * contain only the host of the request.
 *
 * HTTP/1.1 only. Requests other than GET and HEAD use a new connection: on a reused one that the
 * server has closed, libcurl would silently send them again, and a refresh token must not be sent
 * twice. HTTPS_PROXY and NO_PROXY of the environment are used, as operators expect.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/http/fetch_library.h"
#include "base/http/fetch_private.h"

#define HEAD_MAX_BYTES 65536u /* of all response heads of a request together */
#define IDLE_MAX_S     60
#define CA_CACHE_S     3600

/* Opens sockets close-on-exec: children would inherit those that libcurl opens itself. */
static curl_socket_t
on_curl_open(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct fetch_call *call = arg;

	(void)purpose;
	call->uses_proxy = fetch_is_other_port(&address->addr, address->addrlen, call->port);
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static void
note_progress(struct fetch_call *call)
{
	loop_timer_start(&call->stall, call->stall_timeout_ms);
}

/* libcurl has connected and is about to send the request. */
static int
on_curl_connected(void *arg, char *peer_ip, char *local_ip, int peer_port, int local_port)
{
	(void)peer_ip;
	(void)local_ip;
	(void)peer_port;
	(void)local_port;
	note_progress(arg);
	return CURL_PREREQFUNC_OK;
}

static size_t
on_curl_head(char *data, size_t size, size_t count, void *arg)
{
	struct fetch_call *call = arg;

	(void)data;
	note_progress(call);
	call->head_bytes += size * count;
	call->is_too_large = call->head_bytes > HEAD_MAX_BYTES;
	return call->is_too_large ? 0 : size * count;
}

static size_t
on_curl_body(char *data, size_t size, size_t count, void *arg)
{
	struct fetch_call *call = arg;

	note_progress(call);
	if (buf_add(&call->body, data, size * count))
		return size * count;
	call->is_too_large = true;
	return 0;
}

static bool
add_headers(struct fetch_call *call, const struct fetch_request *r, struct err *e)
{
	struct curl_slist **to = &call->headers;

	return fetch_add_header(to, "Expect:", STR_NONE, e) &&
	       (r->accept == NULL || fetch_add_header(to, "Accept: ", str_from(r->accept), e)) &&
	       (r->content_type == NULL ||
		fetch_add_header(to, "Content-Type: ", str_from(r->content_type), e)) &&
	       (r->bearer == NULL ||
		fetch_add_header(to, "Authorization: Bearer ", secret_view(r->bearer), e)) &&
	       (r->header == NULL || fetch_add_header(to, "", str_from(r->header), e));
}

static bool
set_method(struct fetch_call *call, const struct fetch_request *r)
{
	CURL *easy = call->easy;

	if (strcmp(r->method, "GET") == 0)
		return curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L) == CURLE_OK;
	if (strcmp(r->method, "HEAD") == 0)
		return curl_easy_setopt(easy, CURLOPT_NOBODY, 1L) == CURLE_OK;
	/* libcurl copies the body, and wipes the copy with the handle: see fetch_library_init. */
	return curl_easy_setopt(easy, CURLOPT_POST, 1L) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.len) ==
		       CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS,
				r->body.len == 0 ? "" : r->body.data) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, r->method) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L) == CURLE_OK;
}

static bool
set_callbacks(struct fetch_call *call)
{
	CURL *easy = call->easy;

	return curl_easy_setopt(easy, CURLOPT_PRIVATE, call) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_curl_open) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, call) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_curl_connected) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_PREREQDATA, call) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_curl_head) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_HEADERDATA, call) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_curl_body) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_WRITEDATA, call) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->problem) == CURLE_OK;
}

/* Returns the maximum age of libcurl's cached authorities for a request. An age below the time
 * since the file changed makes libcurl read it again. */
static long
authorities_age_s(const struct fetch *f)
{
	uint64_t passed_s = (clock_monotonic_ms() - f->authorities_changed_ms) / 1000;

	if (f->authorities_changed_ms == 0 || passed_s >= CA_CACHE_S)
		return CA_CACHE_S;
	return passed_s == 0 ? 1 : (long)passed_s;
}

static bool
set_limits(const struct fetch *f, CURL *easy)
{
	const struct fetch_number numbers[] = {
		{CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1},
		{CURLOPT_CA_CACHE_TIMEOUT, authorities_age_s(f)},
		{CURLOPT_MAXAGE_CONN, IDLE_MAX_S},
		{CURLOPT_UPLOAD_BUFFERSIZE, 16384},
	};

	return fetch_set_options(easy, f->ca_file, f->user_agent, f->connect_timeout_ms) &&
	       fetch_set_numbers(easy, numbers, sizeof(numbers) / sizeof(numbers[0])) &&
	       curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)f->body_max_bytes) ==
		       CURLE_OK &&
	       /* With a directory of certificates libcurl would not cache them. */
	       curl_easy_setopt(easy, CURLOPT_CAPATH, NULL) == CURLE_OK;
}

bool
fetch_call_prepare(struct fetch_call *call, const struct fetch_request *r, struct err *e)
{
	if (!fetch_read_url(r->url, &call->host, &call->port))
		return err_set(e, ERR_PROTOCOL, "the address is not an http or https URL");
	if (!add_headers(call, r, e))
		return false;
	call->easy = curl_easy_init();
	if (call->easy == NULL || !set_limits(call->fetch, call->easy) || !set_callbacks(call) ||
	    !set_method(call, r) || curl_easy_setopt(call->easy, CURLOPT_URL, r->url) != CURLE_OK ||
	    curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, call->headers) != CURLE_OK)
		return err_set(e, ERR_MEMORY, "%s: the request can't be set up", call->host);
	return true;
}

void
fetch_call_fini(struct fetch_call *call)
{
	if (call->easy != NULL)
		curl_easy_cleanup(call->easy);
	curl_slist_free_all(call->headers);
	curl_free(call->host);
	buf_wipe_fini(&call->body);
}

static bool
explain_timeout(const struct fetch_call *call, struct err *e)
{
	curl_off_t ready_us = 0;

	(void)curl_easy_getinfo(call->easy, CURLINFO_PRETRANSFER_TIME_T, &ready_us);
	return err_set(e, ERR_TIMEOUT, "%s: %s in time", call->host,
		       ready_us > 0 ? "no complete answer" : "no connection");
}

static bool
is_closed_early(CURLcode code)
{
	return code == CURLE_PARTIAL_FILE || code == CURLE_GOT_NOTHING ||
	       code == CURLE_RECV_ERROR || code == CURLE_SEND_ERROR;
}

bool
fetch_call_explain(const struct fetch_call *call, CURLcode code, struct err *e)
{
	const struct fetch_outcome outcome = {
		.easy = call->easy,
		.code = (int)code,
		.problem = call->problem,
		.host = call->host,
		.uses_proxy = call->uses_proxy,
	};
	enum err_code ours = call->is_too_large ? ERR_LIMIT : fetch_error_code((int)code);

	if (fetch_is_proxy_error(&outcome, e))
		return true;
	if (ours == ERR_TIMEOUT)
		return explain_timeout(call, e);
	if (ours == ERR_LIMIT)
		return err_set(e, ours, "%s: the answer is too large", call->host);
	if (is_closed_early(code))
		return err_set(e, ours,
			       "%s: the connection was closed before the answer was complete",
			       call->host);
	return fetch_explain(&outcome, e);
}

void
fetch_call_response(const struct fetch_call *call, struct fetch_response *r)
{
	char *content_type = NULL;
	long status = 0;

	(void)curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
	(void)curl_easy_getinfo(call->easy, CURLINFO_CONTENT_TYPE, &content_type);
	*r = (struct fetch_response){
		.status = (unsigned)status,
		.body = buf_view(&call->body),
		.content_type = str_from(content_type),
		.retry_after_s = fetch_retry_after_s(call->easy),
	};
}
