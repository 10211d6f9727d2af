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
