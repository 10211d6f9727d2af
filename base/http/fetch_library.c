/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcurl itself, for both HTTP clients: its memory, which is wiped when freed because it copies
 * tokens and bodies, and its error codes in ours.
 */
#include "base/http/fetch_library.h"

#include <curl/curl.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "base/str.h"

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

/* libcurl names the host that it could not connect to: the proxy's, where there is one. */
static bool
names_other_host(const char *problem, const char *host)
{
	struct str rest = str_from(problem);
	struct str intro = STR("Failed to connect to ");
	struct str name;

	if (!str_starts_with(rest, intro))
		return false;
	rest = str_skip(rest, intro.len);
	name = str_take(rest, str_find_byte(rest, ' '));
	return !str_equal_nocase(name, str_from(host));
}

static const char *
explain_status(long status)
{
	return status == 407 ? " (it wants a user and password)" : "";
}

bool
fetch_is_proxy_error(void *easy, int code, const char *problem, const char *host, struct err *e)
{
	long status = 0;
	long errno_value = 0;

	(void)curl_easy_getinfo(easy, CURLINFO_HTTP_CONNECTCODE, &status);
	(void)curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &errno_value);
	if (code == CURLE_COULDNT_RESOLVE_PROXY)
		(void)err_set(e, ERR_CONNECT, "outgoing proxy: its name can't be resolved");
	else if (code != CURLE_OK && status >= 300)
		(void)err_set(e, ERR_CONNECT, "outgoing proxy: %s refused with status %ld%s", host,
			      status, explain_status(status));
	else if (code == CURLE_COULDNT_CONNECT && names_other_host(problem, host))
		(void)err_set(e, ERR_CONNECT, "outgoing proxy: connect: %s",
			      errno_value == 0 ? curl_easy_strerror((CURLcode)code)
					       : strerror((int)errno_value));
	else
		return false;
	return true;
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
