/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One easy handle on a separate multi handle, driven while the caller waits. When the buffer is
 * full, the transfer is paused, so TCP slows down the sender.
 */
#include "base/http/fetch_stream.h"

#include <curl/curl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/http/fetch_library.h"

#define BUFFER_BYTES   (1024u * 1024u)
#define RECEIVE_BYTES  (256l * 1024l)
#define HEAD_MAX_BYTES 65536u

struct fetch_stream {
	struct fetch_stream_options options;
	CURLM *multi;
	CURL *easy;
	struct curl_slist *headers;
	char *host; /* for messages */
	unsigned port;
	bool uses_proxy;
	const struct cidr_set *refused; /* addresses that the request may not connect to */
	bool is_refused;		/* an address of the host is among them */
	char *location;			/* of the last response */
	char *buffer;
	size_t start, end; /* received bytes that the caller has not read */
	size_t head_bytes;
	uint64_t moved_at_ms; /* when bytes last arrived or the caller began to wait */
	uint64_t deadline_ms; /* 0: none */
	CURLcode code;	      /* once is_done */
	bool is_added;
	bool is_connected;
	bool has_head;
	bool is_paused;
	bool is_done;
	char problem[CURL_ERROR_SIZE];
};

static bool
explain_code(const struct fetch_stream *s, struct err *e)
{
	enum err_code ours = fetch_error_code((int)s->code);
	const struct fetch_outcome outcome = {
		.easy = s->easy,
		.code = (int)s->code,
		.problem = s->problem,
		.host = s->host,
		.uses_proxy = s->uses_proxy,
	};

	if (s->is_refused && !s->is_connected)
		return err_set(e, ERR_DENIED, "%s: it has a local or reserved address", s->host);
	if (s->head_bytes > HEAD_MAX_BYTES)
		return err_set(e, ERR_LIMIT, "%s: the answer's head is too large", s->host);
	if (fetch_is_proxy_error(&outcome, e))
		return false;
	if (ours == ERR_TIMEOUT)
		return err_set(e, ERR_CONNECT, "%s: no connection in time", s->host);
	/* Report a lost connection as such, whether the socket or TLS failed. */
	if (s->is_connected && (ours == ERR_CONNECT || ours == ERR_TLS))
		return err_set(e, ERR_CONNECT,
			       "%s: the connection was closed before the response was complete",
			       s->host);
	return fetch_explain(&outcome, e);
}

static bool
is_refused(const struct fetch_stream *s, const struct sockaddr *address, socklen_t len)
{
	struct address a = {.len = 0};

	if (s->refused == NULL || len > sizeof(a.sa))
		return false;
	memcpy(&a.sa, address, len);
	a.len = len;
	return cidr_contains(s->refused, &a);
}

static curl_socket_t
on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct fetch_stream *s = arg;

	(void)purpose;
	s->uses_proxy = fetch_is_other_port(&address->addr, address->addrlen, s->port);
	if (!s->uses_proxy && is_refused(s, &address->addr, address->addrlen)) {
		s->is_refused = true;
		return CURL_SOCKET_BAD;
	}
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static int
on_connected(void *arg, char *peer_ip, char *local_ip, int peer_port, int local_port)
{
	struct fetch_stream *s = arg;

	(void)local_ip;
	(void)local_port;
	/* libcurl may reuse a connection of an earlier request, for which on_open does not run. */
	if (s->refused != NULL && (unsigned)peer_port == s->port &&
	    cidr_contains_text(s->refused, str_from(peer_ip))) {
		s->is_refused = true;
		return CURL_PREREQFUNC_ABORT;
	}
	s->is_connected = true;
	s->moved_at_ms = clock_monotonic_ms();
	return CURL_PREREQFUNC_OK;
}

static size_t
on_head(char *data, size_t size, size_t count, void *arg)
{
	struct fetch_stream *s = arg;
	size_t len = size * count;
	long status = 0;

	s->moved_at_ms = clock_monotonic_ms();
	s->head_bytes += len;
	if (s->head_bytes > HEAD_MAX_BYTES)
		return 0;
	(void)curl_easy_getinfo(s->easy, CURLINFO_RESPONSE_CODE, &status);
	if (len <= 2 && (data[0] == '\r' || data[0] == '\n') && status >= 200)
		s->has_head = true;
	return len;
}

static size_t
on_body(char *data, size_t size, size_t count, void *arg)
{
	struct fetch_stream *s = arg;
	size_t len = size * count;

	s->moved_at_ms = clock_monotonic_ms();
	if (s->start == s->end)
		s->start = s->end = 0;
	if (len > BUFFER_BYTES - s->end) {
		s->is_paused = true;
		return CURL_WRITEFUNC_PAUSE;
	}
	memcpy(s->buffer + s->end, data, len);
	s->end += len;
	return len;
}

static void
stop(struct fetch_stream *s)
{
	if (s->is_added)
		(void)curl_multi_remove_handle(s->multi, s->easy);
	s->is_added = false;
	if (s->easy != NULL)
		curl_easy_reset(s->easy);
	curl_slist_free_all(s->headers);
	s->headers = NULL;
	curl_free(s->host);
	s->host = NULL;
	curl_free(s->location);
	s->location = NULL;
	s->start = s->end = s->head_bytes = 0;
	s->is_connected = s->has_head = s->is_paused = s->is_done = s->is_refused = false;
	s->problem[0] = '\0';
}

struct fetch_stream *
fetch_stream_new(const struct fetch_stream_options *options, struct err *e)
{
	struct fetch_stream *s;

	if (!fetch_library_init(options->ca_file, e))
		return NULL;
	s = calloc(1, sizeof(*s));
	if (s == NULL) {
		curl_global_cleanup();
		err_set(e, ERR_MEMORY, "out of memory for the HTTP client");
		return NULL;
	}
	s->options = *options;
	s->multi = curl_multi_init();
	s->easy = curl_easy_init();
	s->buffer = malloc(BUFFER_BYTES);
	if (s->multi == NULL || s->easy == NULL || s->buffer == NULL) {
		fetch_stream_free(s);
		err_set(e, ERR_MEMORY, "out of memory for the HTTP client");
		return NULL;
	}
	return s;
}

void
fetch_stream_free(struct fetch_stream *s)
{
	if (s == NULL)
		return;
	stop(s);
	if (s->easy != NULL)
		curl_easy_cleanup(s->easy);
	if (s->multi != NULL)
		(void)curl_multi_cleanup(s->multi);
	free(s->buffer);
	free(s);
	curl_global_cleanup();
}

static bool
add_header(struct fetch_stream *s, const char *name, const char *value)
{
	return fetch_add_header(&s->headers, name, str_from(value), NULL);
}

static bool
set_callbacks(struct fetch_stream *s)
{
	CURL *easy = s->easy;

	return curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, s) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_connected) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_PREREQDATA, s) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_head) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_HEADERDATA, s) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_WRITEDATA, s) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, s->problem) == CURLE_OK;
}

static bool
set_options(struct fetch_stream *s)
{
	static const struct fetch_number numbers[] = {
		{CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_2TLS},
		{CURLOPT_HTTPAUTH, CURLAUTH_BASIC},
		{CURLOPT_SUPPRESS_CONNECT_HEADERS, 1},
		{CURLOPT_BUFFERSIZE, RECEIVE_BYTES},
	};
	const struct fetch_stream_options *o = &s->options;

	return fetch_set_options(s->easy, o->ca_file, o->user_agent, o->connect_timeout_ms) &&
	       fetch_set_numbers(s->easy, numbers, sizeof(numbers) / sizeof(numbers[0]));
}

static bool
set_credentials(struct fetch_stream *s, const struct fetch_stream_request *r)
{
	CURL *easy = s->easy;

	if (r->bearer != NULL &&
	    (curl_easy_setopt(easy, CURLOPT_HTTPAUTH, CURLAUTH_BEARER) != CURLE_OK ||
	     curl_easy_setopt(easy, CURLOPT_XOAUTH2_BEARER, secret_view(r->bearer).data) !=
		     CURLE_OK))
		return false;
	return (r->authorization == NULL || add_header(s, "Authorization: ", r->authorization)) &&
	       (r->user == NULL || (curl_easy_setopt(easy, CURLOPT_USERNAME, r->user) == CURLE_OK &&
				    curl_easy_setopt(easy, CURLOPT_PASSWORD,
						     secret_view(r->password).data) == CURLE_OK));
}

static bool
set_method(struct fetch_stream *s, const struct fetch_stream_request *r)
{
	CURL *easy = s->easy;

	/* Some servers and proxies compress responses although the request does not ask for it. */
	if (!add_header(s, "Expect:", "") || !add_header(s, "Accept-Encoding:", "") ||
	    curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "gzip") != CURLE_OK ||
	    (r->accept != NULL && !add_header(s, "Accept: ", r->accept)) ||
	    (r->git_protocol != NULL && !add_header(s, "Git-Protocol: ", r->git_protocol)))
		return false;
	if (r->content_type == NULL)
		return curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L) == CURLE_OK;
	return add_header(s, "Content-Type: ", r->content_type) &&
	       curl_easy_setopt(easy, CURLOPT_POST, 1L) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.len) ==
		       CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_POSTFIELDS,
				r->body.data == NULL ? "" : r->body.data) == CURLE_OK;
}

static bool
set_range(struct fetch_stream *s, const struct fetch_stream_request *r)
{
	char range[32];

	if (r->range_from == 0)
		return true;
	snprintf(range, sizeof(range), "%llu-", (unsigned long long)r->range_from);
	return curl_easy_setopt(s->easy, CURLOPT_RANGE, range) == CURLE_OK;
}

static bool
start(struct fetch_stream *s, const struct fetch_stream_request *r, struct err *e)
{
	stop(s);
	if (!fetch_read_url(r->url, &s->host, &s->port))
		return err_set(e, ERR_PROTOCOL, "the address is not an http or https URL");
	if (!set_options(s) || !set_callbacks(s) || !set_credentials(s, r) || !set_method(s, r) ||
	    !set_range(s, r) || curl_easy_setopt(s->easy, CURLOPT_URL, r->url) != CURLE_OK ||
	    curl_easy_setopt(s->easy, CURLOPT_HTTPHEADER, s->headers) != CURLE_OK ||
	    curl_multi_add_handle(s->multi, s->easy) != CURLM_OK)
		return err_set(e, ERR_MEMORY, "%s: the request can't be set up", s->host);
	s->is_added = true;
	s->refused = r->refused;
	s->deadline_ms = r->total_timeout_ms == 0 ? 0 : clock_monotonic_ms() + r->total_timeout_ms;
	return true;
}

static void
perform(struct fetch_stream *s)
{
	CURLMsg *message;
	int running = 0;
	int left = 0;

	(void)curl_multi_perform(s->multi, &running);
	while ((message = curl_multi_info_read(s->multi, &left)) != NULL) {
		if (message->msg != CURLMSG_DONE)
			continue;
		s->is_done = true;
		s->code = message->data.result;
	}
}

/* Sets how long to wait for the next bytes, at most a second. libcurl itself limits the time to
 * connect. ERR_TIMEOUT: a timeout has passed. */
static bool
time_left(const struct fetch_stream *s, int *left_ms, struct err *e)
{
	uint64_t now = clock_monotonic_ms();
	uint64_t end = s->moved_at_ms + s->options.stall_timeout_ms;

	if (!s->is_connected)
		end = UINT64_MAX;
	if (s->deadline_ms != 0 && s->deadline_ms <= now)
		return err_set(e, ERR_TIMEOUT, "%s: no complete answer in time", s->host);
	if (end <= now)
		return err_set(e, ERR_TIMEOUT, "no data from %s for %llu ms", s->host,
			       (unsigned long long)s->options.stall_timeout_ms);
	if (s->deadline_ms != 0 && s->deadline_ms < end)
		end = s->deadline_ms;
	*left_ms = end - now > 1000 ? 1000 : (int)(end - now);
	return true;
}

/* Runs the transfer until the response head is complete and, with wants_byte, a byte of the body is
 * there or the body has ended. */
static bool
wait_for(struct fetch_stream *s, bool wants_byte, struct err *e)
{
	struct curl_waitfd cancel = {.fd = s->options.cancel_fd, .events = CURL_WAIT_POLLIN};
	bool can_cancel = cancel.fd >= 0;
	int left_ms = 0;

	s->moved_at_ms = clock_monotonic_ms();
	for (;;) {
		perform(s);
		if (s->is_done && s->code != CURLE_OK && s->start == s->end)
			return explain_code(s, e);
		if (s->is_done || (s->has_head && (!wants_byte || s->start < s->end)))
			return true;
		if (!time_left(s, &left_ms, e))
			return false;
		cancel.revents = 0;
		(void)curl_multi_poll(s->multi, &cancel, can_cancel ? 1 : 0, left_ms, NULL);
		if (can_cancel && cancel.revents != 0)
			return err_set(e, ERR_CANCELLED, "stopped");
	}
}

/* Reads the absolute URL of a redirect. libcurl's own CURLINFO_REDIRECT_URL is set only at the end
 * of the transfer. */
static void
read_location(struct fetch_stream *s, const char *url)
{
	struct curl_header *header = NULL;
	CURLU *parsed;

	if (curl_easy_header(s->easy, "Location", 0, CURLH_HEADER, -1, &header) != CURLHE_OK)
		return;
	parsed = curl_url();
	if (parsed != NULL && curl_url_set(parsed, CURLUPART_URL, url, 0) == CURLUE_OK &&
	    curl_url_set(parsed, CURLUPART_URL, header->value, 0) == CURLUE_OK)
		(void)curl_url_get(parsed, CURLUPART_URL, &s->location, 0);
	curl_url_cleanup(parsed);
}

bool
fetch_stream_open(struct fetch_stream *s, const struct fetch_stream_request *request,
		  struct fetch_stream_head *head, struct err *e)
{
	char *content_type = NULL;
	struct str type;
	long status = 0;

	if (!start(s, request, e) || !wait_for(s, false, e))
		return false;
	(void)curl_easy_getinfo(s->easy, CURLINFO_RESPONSE_CODE, &status);
	(void)curl_easy_getinfo(s->easy, CURLINFO_CONTENT_TYPE, &content_type);
	type = str_from(content_type);
	read_location(s, request->url);
	if (status < 100 || status > 599)
		return err_set(e, ERR_PROTOCOL, "%s: unknown status", s->host);
	*head = (struct fetch_stream_head){
		.status = (unsigned)status,
		.content_type = str_trim(str_take(type, str_find_byte(type, ';'))),
		.location = str_from(s->location),
		.retry_after_ms = fetch_retry_after_s(s->easy) * UINT64_C(1000),
	};
	return true;
}

bool
fetch_stream_read(struct fetch_stream *s, void *data, size_t size, size_t *len, struct err *e)
{
	if (s->start == s->end && s->is_paused) {
		s->is_paused = false;
		(void)curl_easy_pause(s->easy, CURLPAUSE_CONT);
	}
	if (s->start == s->end && !wait_for(s, true, e))
		return false;
	*len = s->end - s->start < size ? s->end - s->start : size;
	memcpy(data, s->buffer + s->start, *len);
	s->start += *len;
	return true;
}
