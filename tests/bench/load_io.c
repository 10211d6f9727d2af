/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plain and TLS sockets. Certificates are not verified: the servers are ours, and the client's cost
 * is not measured.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/load_io.h"

/* The order in which Chromium and Firefox offer them; some servers leave the choice to the client.
 */
#define BROWSERS_CIPHERSUITES                                                                      \
	"TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"

/* Records are gathered in memory, so that what is written in one go leaves in one go. */
struct io {
	int fd;
	SSL *ssl;
	char *out;
	size_t out_len;
	size_t out_size;
	size_t out_sent; /* bytes of out_len that have left */
};

static struct io_options options;
static SSL_CTX *context;
static BIO_METHOD *gather;
static SSL_SESSION *last_session;
static char dropped[262144];

static int
on_new_session(SSL *ssl, SSL_SESSION *session)
{
	(void)ssl;
	SSL_SESSION_free(last_session);
	last_session = session;
	return 1;
}

static int
on_gather(BIO *bio, const char *data, size_t len, size_t *written)
{
	struct io *io = BIO_get_data(bio);

	if (len > io->out_size - io->out_len) {
		size_t size = 2 * (io->out_len + len);
		char *out = realloc(io->out, size);
		if (out == NULL)
			return 0;
		io->out = out;
		io->out_size = size;
	}
	memcpy(io->out + io->out_len, data, len);
	io->out_len += len;
	*written = len;
	return 1;
}

static long
on_gather_ctrl(BIO *bio, int command, long number, void *pointer)
{
	(void)bio;
	(void)number;
	(void)pointer;
	return command == BIO_CTRL_FLUSH;
}

static bool
set_up_gathering(void)
{
	gather = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "gather");
	return gather != NULL && BIO_meth_set_write_ex(gather, on_gather) == 1 &&
	       BIO_meth_set_ctrl(gather, on_gather_ctrl) == 1;
}

bool
io_setup(const struct io_options *given)
{
	options = *given;
	if (options.name == NULL)
		return true;
	context = SSL_CTX_new(TLS_client_method());
	if (context == NULL || !set_up_gathering() ||
	    SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) != 1 ||
	    SSL_CTX_set_ciphersuites(context, BROWSERS_CIPHERSUITES) != 1) {
		ERR_print_errors_fp(stderr);
		return false;
	}
	SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_read_ahead(context, 1);
	SSL_CTX_set_default_read_buffer_len(context, 65536);
	if (options.resumes) {
		SSL_CTX_set_session_cache_mode(context,
					       SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
		SSL_CTX_sess_set_new_cb(context, on_new_session);
	}
	return true;
}

static bool
start_tls(struct io *io)
{
	static const unsigned char protocols[] = "\x08http/1.1";

	io->ssl = SSL_new(context);
	BIO *out = BIO_new(gather);
	BIO *in = BIO_new_socket(io->fd, BIO_NOCLOSE);
	if (io->ssl == NULL || out == NULL || in == NULL) {
		BIO_free(out);
		BIO_free(in);
		return false;
	}
	BIO_set_data(out, io);
	BIO_set_init(out, 1);
	SSL_set_bio(io->ssl, in, out);
	if (SSL_set_tlsext_host_name(io->ssl, options.name) != 1 ||
	    SSL_set_alpn_protos(io->ssl, protocols, sizeof(protocols) - 1) != 0)
		return false;
	if (options.resumes && last_session != NULL && SSL_set_session(io->ssl, last_session) != 1)
		return false;
	SSL_set_connect_state(io->ssl);
	return true;
}

struct io *
io_open(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_port = htons(options.port),
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct io *io = calloc(1, sizeof(*io));
	int one = 1;

	if (io == NULL)
		return NULL;
	io->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (io->fd < 0 ||
	    connect(io->fd, (const struct sockaddr *)&address, sizeof(address)) != 0 ||
	    fcntl(io->fd, F_SETFL, O_NONBLOCK) != 0 ||
	    setsockopt(io->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) != 0 ||
	    (options.name != NULL && !start_tls(io))) {
		perror("connect");
		io_close(io);
		return NULL;
	}
	return io;
}

static ssize_t
result_of_plain(ssize_t n)
{
	if (n > 0)
		return n;
	return n < 0 && errno == EAGAIN ? IO_AGAIN : IO_END;
}

/* Above 0 when all has left. */
static ssize_t
flush(struct io *io)
{
	while (io->out_sent < io->out_len) {
		ssize_t n = result_of_plain(send(io->fd, io->out + io->out_sent,
						 io->out_len - io->out_sent, MSG_NOSIGNAL));
		if (n <= 0)
			return n;
		io->out_sent += (size_t)n;
	}
	io->out_len = io->out_sent = 0;
	return 1;
}

void
io_close(struct io *io)
{
	if (io == NULL)
		return;
	if (io->ssl != NULL) {
		(void)SSL_shutdown(io->ssl);
		(void)flush(io);
	}
	ERR_clear_error();
	SSL_free(io->ssl);
	if (io->fd >= 0)
		close(io->fd);
	free(io->out);
	free(io);
}

int
io_descriptor(const struct io *io)
{
	return io->fd;
}

bool
io_was_resumed(const struct io *io)
{
	return io->ssl != NULL && SSL_session_reused(io->ssl) == 1;
}

static ssize_t
result_of_tls(struct io *io, int returned, size_t done)
{
	if (returned == 1)
		return (ssize_t)done;
	int error = SSL_get_error(io->ssl, returned);
	if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
		return IO_AGAIN;
	ERR_clear_error();
	return IO_END;
}

ssize_t
io_read(struct io *io, char *data, size_t size)
{
	size_t done = 0;

	if (io->ssl == NULL)
		return result_of_plain(recv(io->fd, data, size, 0));
	(void)flush(io);
	int returned = SSL_read_ex(io->ssl, data, size, &done);
	ssize_t result = result_of_tls(io, returned, done);
	(void)flush(io);
	return result;
}

ssize_t
io_write(struct io *io, const char *data, size_t len)
{
	size_t done = 0;

	if (io->ssl == NULL)
		return result_of_plain(send(io->fd, data, len, MSG_NOSIGNAL));
	ssize_t left = flush(io);
	if (left <= 0)
		return left;
	int returned = SSL_write_ex(io->ssl, data, len, &done);
	ssize_t result = result_of_tls(io, returned, done);
	(void)flush(io);
	return result;
}

ssize_t
io_drop(struct io *io, size_t max)
{
	size_t size = max < sizeof(dropped) ? max : sizeof(dropped);

	if (io->ssl == NULL)
		return result_of_plain(recv(io->fd, dropped, size, MSG_TRUNC));
	return io_read(io, dropped, size);
}
