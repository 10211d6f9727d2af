/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connects the rules (proxy/http/content_coding), the codecs (base/compress) and the stream of the
 * response.
 */
#include "proxy/exchange/response/response_coding.h"

#include "base/compress.h"
#include "proxy/exchange/exchange_private.h"
#include "proxy/http/content_coding.h"

static void
send_output(struct str data, void *arg)
{
	exchange_send_body(arg, data);
}

static bool
log_failure(struct exchange *x, const struct err *e)
{
	log_warn(&x->log, "response can't be compressed", log_err(e));
	return false;
}

/* Returns NULL if too many compressors are running, or without memory. */
static struct compressor *
take_compressor(struct proxy *p, enum content_coding coding)
{
	struct compressor *c = NULL;

	if (p->compressors_count < RESPONSE_CODING_MAX)
		c = compressor_new(coding == CONTENT_CODING_ZSTD ? COMPRESS_ZSTD : COMPRESS_GZIP);
	if (c == NULL)
		p->metrics.compressions_skipped++;
	else
		p->compressors_count++;
	return c;
}

void
response_coding_limit_reads(struct exchange *x)
{
	bool may_compress = x->compressor != NULL ||
			    (x->proxy->settings->compress && x->state == EXCHANGE_FORWARD);
	size_t coding_max = may_compress ? RESPONSE_CODING_READ_MAX : LOOP_SCRATCH_BYTES;
	size_t stream_max = x->stream->read_max > 0 ? x->stream->read_max : LOOP_SCRATCH_BYTES;

	upstream_limit_reads(x->upstream, coding_max < stream_max ? coding_max : stream_max);
}

/* Edits the head, and takes a compressor where the response is compressed and has a body. */
static void
choose_coding(struct exchange *x, struct response_head *head)
{
	const struct settings *settings = x->proxy->settings;

	if (!content_coding_is_eligible(&x->request, head, str_from(settings->compress_types)))
		return;
	content_coding_add_vary(&head->headers);
	enum content_coding coding = content_coding_choose(&x->request.headers);
	if (coding == CONTENT_CODING_IDENTITY)
		return;
	if (head->body != BODY_NONE) {
		x->compressor = take_compressor(x->proxy, coding);
		if (x->compressor == NULL)
			return;
	}
	if (!content_coding_apply(head, coding, &x->arena)) {
		response_coding_stop(x);
		return;
	}
	x->proxy->metrics.compressions += x->compressor != NULL;
}

void
response_coding_start(struct exchange *x, struct response_head *head)
{
	if (!x->proxy->settings->compress)
		return;
	content_coding_revalidate(&x->request, head, &x->arena);
	choose_coding(x, head);
	response_coding_limit_reads(x);
}

bool
response_coding_send(struct exchange *x, struct str data)
{
	struct err e = ERR_INIT;

	x->proxy->metrics.compressed_bytes += data.len;
	return compressor_write(x->compressor, data, send_output, x, &e) || log_failure(x, &e);
}

bool
response_coding_flush(struct exchange *x)
{
	if (x->compressor == NULL)
		return true;
	struct err e = ERR_INIT;
	return compressor_flush(x->compressor, send_output, x, &e) || log_failure(x, &e);
}

bool
response_coding_end(struct exchange *x)
{
	if (x->compressor == NULL)
		return true;
	struct err e = ERR_INIT;
	bool ok = compressor_finish(x->compressor, send_output, x, &e) || log_failure(x, &e);
	response_coding_stop(x);
	return ok;
}

void
response_coding_stop(struct exchange *x)
{
	if (x->compressor == NULL)
		return;
	compressor_free(x->compressor);
	x->compressor = NULL;
	x->proxy->compressors_count--;
}
