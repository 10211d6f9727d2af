/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP client on libcurl's multi interface: its sockets and its timer are events of the loop.
 *
 * HTTP/1.1 only. A request that is no GET or HEAD gets a new connection: on a kept one libcurl
 * would silently send it again when the server had closed that, and a refresh token must not be
 * sent twice. HTTPS_PROXY and NO_PROXY of the environment count, as operators expect. Everything
 * that libcurl allocates is wiped when freed, because it copies tokens and bodies.
 */
#include "base/fetch.h"

#include <curl/curl.h>
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fetch_private.h"
#include "base/log.h"

#define HEAD_MAX_BYTES	  65536u /* of all heads of an answer together */
#define IDLE_CONNECTIONS  4
#define IDLE_MAX_S	  60
#define CA_CACHE_S	  3600
#define RETRY_AFTER_MAX_S 86400

struct fetch {
	struct loop *loop;
	CURLM *multi;
	struct loop_timer timer; /* libcurl's */
	struct fetch_call *calls;
	struct fetch_socket *sockets;
	char *ca_file;
	uint64_t authorities_changed_ms; /* 0: never */
	char *user_agent;
	uint64_t connect_timeout_ms;
	uint64_t stall_timeout_ms;
	uint64_t total_timeout_ms;
	size_t body_max_bytes;
	bool is_calling; /* a done function runs */
	bool is_freed;	 /* by that function: goes away when it has returned */
};

/* One descriptor of libcurl's that the loop watches. */
struct fetch_socket {
	struct fetch *fetch;
	struct fetch_socket *next;
	struct fetch_socket **link;
	struct loop_io io;
	int fd;
};

struct fetch_call {
	struct fetch *fetch;
	struct fetch_call *next;
	struct fetch_call **link;
	CURL *easy;
	struct curl_slist *headers;
	struct loop_timer deadline; /* libcurl's own does not run while a call waits its turn */
	struct loop_timer stall;    /* libcurl's own averages over seconds */
	fetch_done_fn *done;
	void *arg;
	char *url;
	char *host;
	char *request_body;
	size_t request_body_len;
	struct buf body;
	size_t head_bytes;
	bool is_too_large;
	char problem[CURL_ERROR_SIZE];
};

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
fetch_library_init(struct err *e)
{
	return curl_global_init_mem(CURL_GLOBAL_DEFAULT, malloc, free_wiped, realloc_wiped, strdup,
				    calloc) == CURLE_OK ||
	       err_set(e, ERR_MEMORY, "the HTTP client can't be set up");
}

static void
free_string_wiped(char *text)
{
	if (text != NULL)
		secret_wipe(text, strlen(text));
	free(text);
}

static void
call_free(struct fetch_call *call)
{
	loop_timer_fini(&call->deadline);
	loop_timer_fini(&call->stall);
	if (call->link != NULL) {
		*call->link = call->next;
		if (call->next != NULL)
			call->next->link = call->link;
	}
	if (call->easy != NULL) {
		(void)curl_multi_remove_handle(call->fetch->multi, call->easy);
		curl_easy_cleanup(call->easy);
	}
	curl_slist_free_all(call->headers);
	free_string_wiped(call->url);
	curl_free(call->host);
	if (call->request_body != NULL)
		secret_wipe(call->request_body, call->request_body_len);
	free(call->request_body);
	buf_wipe_fini(&call->body);
	free(call);
}

static void
fetch_destroy(struct fetch *f)
{
	while (f->calls != NULL)
		call_free(f->calls);
	if (f->multi != NULL)
		(void)curl_multi_cleanup(f->multi);
	while (f->sockets != NULL) {
		struct fetch_socket *s = f->sockets;
		f->sockets = s->next;
		loop_io_fini(&s->io);
		free(s);
	}
	loop_timer_fini(&f->timer);
	free(f->ca_file);
	free(f->user_agent);
	free(f);
	curl_global_cleanup();
}

/* Waiting for a connection, or for the answer on one. */
static bool
explain_timeout(const struct fetch_call *call, struct err *e)
{
	curl_off_t ready_us = 0;

	(void)curl_easy_getinfo(call->easy, CURLINFO_PRETRANSFER_TIME_T, &ready_us);
	return err_set(e, ERR_TIMEOUT, "%s: %s in time", call->host,
		       ready_us > 0 ? "no complete answer" : "no connection");
}

static bool
explain_connect(const struct fetch_call *call, CURLcode code, struct err *e)
{
	long errno_value = 0;

	(void)curl_easy_getinfo(call->easy, CURLINFO_OS_ERRNO, &errno_value);
	if (code == CURLE_COULDNT_CONNECT && errno_value != 0)
		return err_set(e, ERR_CONNECT, "%s: connect: %s", call->host,
			       strerror((int)errno_value));
	if (code == CURLE_COULDNT_RESOLVE_HOST)
		return err_set(e, ERR_CONNECT, "%s: the name can't be resolved", call->host);
	if (code == CURLE_PARTIAL_FILE || code == CURLE_GOT_NOTHING || code == CURLE_RECV_ERROR ||
	    code == CURLE_SEND_ERROR)
		return err_set(e, ERR_CONNECT,
			       "%s: the connection was closed before the answer "
			       "was complete",
			       call->host);
	return err_set(e, ERR_CONNECT, "%s: %s", call->host, curl_easy_strerror(code));
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

static bool
explain(const struct fetch_call *call, CURLcode code, struct err *e)
{
	enum err_code ours = call->is_too_large ? ERR_LIMIT : fetch_error_code((int)code);

	if (ours == ERR_TIMEOUT)
		return explain_timeout(call, e);
	if (ours == ERR_CONNECT)
		return explain_connect(call, code, e);
	if (ours == ERR_LIMIT)
		return err_set(e, ours, "%s: the answer is too large", call->host);
	/* libcurl's messages about TLS name hosts and certificates, nothing of the request. */
	if (ours == ERR_TLS && call->problem[0] != '\0')
		return err_set(e, ours, "%s: TLS: %s", call->host, call->problem);
	return err_set(e, ours, "%s: %s", call->host, curl_easy_strerror(code));
}

static void
fill_response(const struct fetch_call *call, struct fetch_response *r)
{
	char *content_type = NULL;
	curl_off_t retry_after_s = 0;
	long status = 0;

	(void)curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
	(void)curl_easy_getinfo(call->easy, CURLINFO_CONTENT_TYPE, &content_type);
	(void)curl_easy_getinfo(call->easy, CURLINFO_RETRY_AFTER, &retry_after_s);
	if (retry_after_s < 0)
		retry_after_s = 0;
	if (retry_after_s > RETRY_AFTER_MAX_S)
		retry_after_s = RETRY_AFTER_MAX_S;
	*r = (struct fetch_response){
		.status = (unsigned)status,
		.body = buf_view(&call->body),
		.content_type = str_from(content_type),
		.retry_after_s = (uint32_t)retry_after_s,
	};
}

/* Calls done and frees the call. False when that freed the client as well. */
static bool
finish(struct fetch_call *call, CURLcode code)
{
	struct fetch *f = call->fetch;
	struct fetch_response response;
	struct err e = ERR_INIT;
	long request_bytes = 0;

	(void)curl_easy_getinfo(call->easy, CURLINFO_REQUEST_SIZE, &request_bytes);
	fill_response(call, &response);
	if (code != CURLE_OK)
		(void)explain(call, code, &e);
	else if (response.status < 100 || response.status > 599)
		(void)err_set(&e, ERR_PROTOCOL, "%s: unknown status", call->host);
	log_debug(NULL, "fetch done", log_cstr("host", call->host),
		  log_int("status", response.status), log_err(&e));

	*call->link = call->next;
	if (call->next != NULL)
		call->next->link = call->link;
	call->link = NULL;
	f->is_calling = true;
	call->done(e.code == ERR_NONE ? &response : NULL, &e, request_bytes > 0, call->arg);
	f->is_calling = false;
	call_free(call);
	if (!f->is_freed)
		return true;
	fetch_destroy(f);
	return false;
}

/* The client may be gone afterwards. */
static void
finish_completed(struct fetch *f)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(f->multi, &left)) != NULL) {
		struct fetch_call *call = NULL;
		CURLcode code = message->data.result;

		if (message->msg != CURLMSG_DONE)
			continue;
		(void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&call);
		if (!finish(call, code))
			return;
	}
}

static void
on_deadline(void *arg)
{
	(void)finish(arg, CURLE_OPERATION_TIMEDOUT);
}

static void
on_timer(void *arg)
{
	struct fetch *f = arg;
	int running;

	(void)curl_multi_socket_action(f->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	finish_completed(f);
}

static void
on_socket_ready(void *arg, unsigned ready)
{
	const struct fetch_socket *s = arg;
	struct fetch *f = s->fetch;
	int events = ((ready & LOOP_READ) != 0 ? CURL_CSELECT_IN : 0) |
		     ((ready & LOOP_WRITE) != 0 ? CURL_CSELECT_OUT : 0);
	int running;

	(void)curl_multi_socket_action(f->multi, s->fd, events, &running);
	finish_completed(f);
}

static void
socket_free(struct fetch_socket *s)
{
	*s->link = s->next;
	if (s->next != NULL)
		s->next->link = s->link;
	loop_io_fini(&s->io);
	free(s);
}

static struct fetch_socket *
socket_new(struct fetch *f, int fd)
{
	struct fetch_socket *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->fetch = f;
	s->fd = fd;
	loop_io_init(&s->io, f->loop, fd, on_socket_ready, s);
	s->next = f->sockets;
	s->link = &f->sockets;
	if (s->next != NULL)
		s->next->link = &s->next;
	f->sockets = s;
	(void)curl_multi_assign(f->multi, fd, s);
	return s;
}

static int
on_curl_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
	struct fetch_socket *s = socket_arg;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (s != NULL)
			socket_free(s);
		return 0;
	}
	if (s == NULL)
		s = socket_new(arg, fd);
	if (s == NULL)
		return -1;
	loop_io_want(&s->io, (what != CURL_POLL_OUT ? LOOP_READ : 0u) |
				     (what != CURL_POLL_IN ? LOOP_WRITE : 0u));
	return 0;
}

static int
on_curl_timer(CURLM *multi, long delay_ms, void *arg)
{
	struct fetch *f = arg;

	(void)multi;
	if (delay_ms < 0)
		loop_timer_stop(&f->timer);
	else
		loop_timer_start(&f->timer, (uint64_t)delay_ms);
	return 0;
}

/* libcurl's own sockets would be inherited by children. */
static curl_socket_t
on_curl_open(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	(void)arg;
	(void)purpose;
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static void
note_progress(struct fetch_call *call)
{
	loop_timer_start(&call->stall, call->fetch->stall_timeout_ms);
}

/* The connection stands, the request goes out. */
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

struct fetch *
fetch_new(struct loop *l, const struct fetch_options *options, struct err *e)
{
	if (options->ca_file != NULL && access(options->ca_file, R_OK) != 0) {
		err_set_errno(e, errno, "%s", options->ca_file);
		return NULL;
	}
	if (!fetch_library_init(e))
		return NULL;
	struct fetch *f = calloc(1, sizeof(*f));
	if (f == NULL) {
		curl_global_cleanup();
		err_set(e, ERR_MEMORY, "no memory for the HTTP client");
		return NULL;
	}
	f->loop = l;
	loop_timer_init(&f->timer, l, on_timer, f);
	f->connect_timeout_ms = options->connect_timeout_ms;
	f->stall_timeout_ms = options->stall_timeout_ms;
	f->total_timeout_ms = options->total_timeout_ms;
	f->body_max_bytes = options->body_max_bytes;
	f->multi = curl_multi_init();
	f->user_agent = strdup(options->user_agent == NULL ? "" : options->user_agent);
	f->ca_file = options->ca_file == NULL ? NULL : strdup(options->ca_file);
	if (f->multi == NULL || f->user_agent == NULL ||
	    (f->ca_file == NULL && options->ca_file != NULL)) {
		err_set(e, ERR_MEMORY, "no memory for the HTTP client");
		fetch_destroy(f);
		return NULL;
	}
	(void)curl_multi_setopt(f->multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket);
	(void)curl_multi_setopt(f->multi, CURLMOPT_SOCKETDATA, f);
	(void)curl_multi_setopt(f->multi, CURLMOPT_TIMERFUNCTION, on_curl_timer);
	(void)curl_multi_setopt(f->multi, CURLMOPT_TIMERDATA, f);
	(void)curl_multi_setopt(f->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
	(void)curl_multi_setopt(f->multi, CURLMOPT_MAXCONNECTS, (long)IDLE_CONNECTIONS);
	(void)curl_multi_setopt(f->multi, CURLMOPT_MAX_HOST_CONNECTIONS,
				(long)options->connections_max);
	return f;
}

void
fetch_free(struct fetch *f)
{
	if (f == NULL)
		return;
	while (f->calls != NULL)
		call_free(f->calls); /* NOLINT(clang-analyzer-unix.Malloc): it unlinks itself */
	if (f->is_calling)
		f->is_freed = true;
	else
		fetch_destroy(f);
}

/* One line of a head. Anything with a control character would become two. */
static bool
add_header(struct fetch_call *call, const char *name, struct str value, struct err *e)
{
	struct buf line;
	struct curl_slist *longer = NULL;

	for (size_t i = 0; i < value.len; i++)
		if ((unsigned char)value.data[i] < 0x20 || value.data[i] == 0x7f)
			return err_set(e, ERR_INPUT, "control character in a request header");
	buf_init(&line, HEAD_MAX_BYTES);
	buf_add_str(&line, str_from(name));
	buf_add_str(&line, value);
	buf_add_byte(&line, '\0');
	if (buf_is_ok(&line))
		longer = curl_slist_append(call->headers, line.data);
	buf_wipe_fini(&line);
	if (longer == NULL)
		return err_set(e, ERR_MEMORY, "no memory for a request");
	call->headers = longer;
	return true;
}

static bool
add_headers(struct fetch_call *call, const struct fetch_request *r, struct err *e)
{
	return add_header(call, "Expect:", STR_NONE, e) &&
	       (r->accept == NULL || add_header(call, "Accept: ", str_from(r->accept), e)) &&
	       (r->content_type == NULL ||
		add_header(call, "Content-Type: ", str_from(r->content_type), e)) &&
	       (r->bearer == NULL ||
		add_header(call, "Authorization: Bearer ", secret_view(r->bearer), e)) &&
	       (r->header == NULL || add_header(call, "", str_from(r->header), e));
}

/* Checks the address and keeps the host for messages. */
static bool
read_url(struct fetch_call *call, const char *url, struct err *e)
{
	CURLU *parsed = curl_url();
	char *scheme = NULL;
	bool ok = parsed != NULL &&
		  curl_url_set(parsed, CURLUPART_URL, url, CURLU_DISALLOW_USER) == CURLUE_OK &&
		  curl_url_get(parsed, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
		  (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0) &&
		  curl_url_get(parsed, CURLUPART_HOST, &call->host, 0) == CURLUE_OK;

	curl_free(scheme);
	curl_url_cleanup(parsed);
	call->url = strdup(url);
	if (!ok)
		return err_set(e, ERR_PROTOCOL, "the address is no http or https URL");
	if (call->url == NULL)
		return err_set(e, ERR_MEMORY, "no memory for a request");
	return true;
}

static bool
copy_body(struct fetch_call *call, struct str body)
{
	call->request_body = malloc(body.len + 1);
	if (call->request_body == NULL)
		return false;
	if (body.len > 0)
		memcpy(call->request_body, body.data, body.len);
	call->request_body_len = body.len;
	return true;
}

static bool
set_method(struct fetch_call *call, const struct fetch_request *r)
{
	CURL *easy = call->easy;

	if (strcmp(r->method, "GET") == 0)
		return curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L) == CURLE_OK;
	if (strcmp(r->method, "HEAD") == 0)
		return curl_easy_setopt(easy, CURLOPT_NOBODY, 1L) == CURLE_OK;
	return copy_body(call, r->body) && curl_easy_setopt(easy, CURLOPT_POST, 1L) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
				(curl_off_t)call->request_body_len) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_POSTFIELDS, call->request_body) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, r->method) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L) == CURLE_OK;
}

static bool
set_callbacks(struct fetch_call *call)
{
	CURL *easy = call->easy;

	return curl_easy_setopt(easy, CURLOPT_PRIVATE, call) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_curl_open) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_curl_connected) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_PREREQDATA, call) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_curl_head) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_HEADERDATA, call) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_curl_body) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_WRITEDATA, call) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->problem) == CURLE_OK;
}

/* libcurl keeps authorities for a time that each request says. One shorter than what has passed
 * since they changed leaves out what was kept before. */
static long
authorities_age_s(const struct fetch *f)
{
	uint64_t passed_s = (clock_monotonic_ms() - f->authorities_changed_ms) / 1000;

	if (f->authorities_changed_ms == 0 || passed_s >= CA_CACHE_S)
		return CA_CACHE_S;
	return passed_s == 0 ? 1 : (long)passed_s;
}

void
fetch_reload_authorities(struct fetch *f)
{
	f->authorities_changed_ms = clock_monotonic_ms();
}

/* What an unbounded or unverified transfer would need is off in libcurl by default or is here. */
static bool
set_limits(const struct fetch *f, CURL *easy)
{
	const struct {
		CURLoption option;
		long value;
	} numbers[] = {
		{CURLOPT_NOSIGNAL, 1},
		{CURLOPT_QUICK_EXIT, 1}, /* never waits for the thread that resolves a name */
		{CURLOPT_FOLLOWLOCATION, 0},
		{CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1},
		{CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2},
		{CURLOPT_SSL_VERIFYPEER, 1},
		{CURLOPT_SSL_VERIFYHOST, 2},
		{CURLOPT_CA_CACHE_TIMEOUT, authorities_age_s(f)},
		{CURLOPT_MAXAGE_CONN, IDLE_MAX_S},
		{CURLOPT_CONNECTTIMEOUT_MS, (long)f->connect_timeout_ms},
		{CURLOPT_UPLOAD_BUFFERSIZE, 16384},
	};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (curl_easy_setopt(easy, numbers[i].option, numbers[i].value) != CURLE_OK)
			return false;
	return curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)f->body_max_bytes) ==
		       CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_USERAGENT, f->user_agent) == CURLE_OK &&
	       /* With a directory of certificates libcurl would not cache them. */
	       curl_easy_setopt(easy, CURLOPT_CAPATH, NULL) == CURLE_OK &&
	       (f->ca_file == NULL ||
		curl_easy_setopt(easy, CURLOPT_CAINFO, f->ca_file) == CURLE_OK);
}

static bool
prepare(struct fetch_call *call, const struct fetch_request *r, struct err *e)
{
	if (!read_url(call, r->url, e) || !add_headers(call, r, e))
		return false;
	call->easy = curl_easy_init();
	if (call->easy == NULL || !set_limits(call->fetch, call->easy) || !set_callbacks(call) ||
	    !set_method(call, r) ||
	    curl_easy_setopt(call->easy, CURLOPT_URL, call->url) != CURLE_OK ||
	    curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, call->headers) != CURLE_OK)
		return err_set(e, ERR_MEMORY, "%s: the request can't be set up", call->host);
	if (curl_multi_add_handle(call->fetch->multi, call->easy) != CURLM_OK)
		return err_set(e, ERR_MEMORY, "%s: the request can't be started", call->host);
	return true;
}

struct fetch_call *
fetch_start(struct fetch *f, const struct fetch_request *request, fetch_done_fn *done, void *arg,
	    struct err *e)
{
	struct fetch_call *call = f->is_freed ? NULL : calloc(1, sizeof(*call));

	if (call == NULL) {
		err_set(e, ERR_MEMORY, "no memory for a request");
		return NULL;
	}
	call->fetch = f;
	call->done = done;
	call->arg = arg;
	buf_init(&call->body, f->body_max_bytes);
	loop_timer_init(&call->deadline, f->loop, on_deadline, call);
	loop_timer_init(&call->stall, f->loop, on_deadline, call);
	if (!prepare(call, request, e)) {
		call_free(call);
		return NULL;
	}
	loop_timer_start(&call->deadline, f->total_timeout_ms);
	call->next = f->calls;
	call->link = &f->calls;
	if (call->next != NULL)
		call->next->link = &call->next;
	f->calls = call;
	return call;
}

void
fetch_cancel(struct fetch_call *call)
{
	if (call != NULL)
		call_free(call);
}
