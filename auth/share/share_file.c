/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shares as JSON in a sealed image (auth/cookie/sealed_image.h). A write that fails is tried again.
 */
#include "auth/share/share_file.h"

#include <stdlib.h>

#include "auth/cookie/sealed_image.h"
#include "base/json.h"
#include "base/log/log.h"
#include "base/process/statefile.h"

#define FILE_NAME  "shares"
#define FILE_MAX   (128u * 1024) /* enough for AUTH_SHARES_MAX shares of maximum size */
#define RETRY_MS   10000u
#define JSON_DEPTH 8u

static const struct sealed_image_kind kind = {
	.head = "WPSHAR\n",
	.version = 1,
	.key_info = "workspace-proxy share file 1",
	.wrong_kind = "not a file of shares",
	.max_bytes = FILE_MAX,
};

struct share_file {
	struct statefile *file;
	struct sealed_image image;
	const struct port_share_list *all; /* to be stored; NULL: nothing to store */
	struct loop_timer retry;
	bool is_failing;
	bool is_used; /* false: no file is created, because there were never shares */
};

static void
write_share(struct json_writer *w, const struct port_share *p)
{
	json_write_object(w, NULL);
	json_write_int(w, "port", p->terms.port);
	json_write_str(w, "audience", str_from(auth_audience_name(p->terms.audience)));
	json_write_str(w, "of", str_from(p->terms.members));
	json_write_int(w, "until_ms", p->terms.until_ms);
	json_write_int(w, "by_id", (int64_t)p->by_id);
	json_write_str(w, "by", str_from(p->shared_by));
	json_write_close(w, '}');
}

static bool
build_image(const struct share_file *f, const struct port_share_list *all, struct buf *image,
	    struct err *e)
{
	const struct port_share *p;
	struct json_writer w;
	struct buf plain;
	bool ok;

	buf_init(&plain, sealed_image_plain_max(&kind));
	json_write_begin_object(&w, &plain);
	json_write_array(&w, "shares");
	LIST_FOREACH (p, all, entry)
		write_share(&w, p);
	json_write_close(&w, ']');
	ok = json_write_end_object(&w);
	if (ok)
		ok = sealed_image_seal(&f->image, buf_view(&plain), image, e);
	else
		err_set(e, ERR_MEMORY, "shares");
	buf_fini(&plain);
	return ok;
}

static void
note_failure(struct share_file *f, const struct err *e)
{
	if (!f->is_failing)
		log_warn(NULL, "port shares can't be stored; they stay in memory only", log_err(e));
	f->is_failing = true;
	loop_timer_start(&f->retry, RETRY_MS);
}

/* Does nothing while a write is in progress: on_stored continues. */
static void
store(struct share_file *f)
{
	struct err e = ERR_INIT;
	struct buf image;

	if (f->all == NULL || statefile_is_busy(f->file))
		return;
	loop_timer_stop(&f->retry);
	if (!build_image(f, f->all, &image, &e)) {
		note_failure(f, &e);
		return;
	}
	statefile_replace(f->file, &image);
	f->all = NULL;
}

static void
on_stored(const struct err *e, void *arg)
{
	struct share_file *f = arg;

	if (e == NULL && f->is_failing)
		log_info(NULL, "port shares are stored again");
	f->is_failing = e != NULL && f->is_failing;
	if (e != NULL)
		note_failure(f, e);
	else
		store(f);
}

static void
on_retry(void *arg)
{
	store(arg);
}

void
share_file_store(struct share_file *f, const struct port_share_list *all)
{
	if (f == NULL)
		return;
	f->is_used = true;
	f->all = all;
	store(f);
}

/* Reading */

static bool
read_text(const struct json_node *node, const char *key, char *out, size_t size)
{
	struct str text;

	if (!json_get_str(node, key, &text, NULL) || text.len >= size)
		return false;
	memcpy(out, text.data, text.len);
	out[text.len] = '\0';
	return true;
}

static bool
read_share(const struct json_node *node, struct share_file_entry *out)
{
	struct str audience;
	int64_t port;
	int64_t by_id;

	*out = (struct share_file_entry){.by_id = 0};
	if (!json_get_int(node, "port", &port, NULL) || port < 1 || port > UINT16_MAX ||
	    !json_get_int(node, "by_id", &by_id, NULL) || by_id < 0 ||
	    !json_get_int(node, "until_ms", &out->terms.until_ms, NULL) ||
	    !json_get_str(node, "audience", &audience, NULL))
		return false;
	out->terms.port = (uint16_t)port;
	out->by_id = (uint64_t)by_id;
	return auth_audience_parse(audience, &out->terms.audience) &&
	       read_text(node, "of", out->terms.members, sizeof(out->terms.members)) &&
	       read_text(node, "by", out->shared_by, sizeof(out->shared_by));
}

/* restore may be NULL: then only checks that all shares are well-formed. */
static bool
read_shares(const struct json_node *shares, share_file_restore_fn *restore, void *arg,
	    struct err *e)
{
	struct share_file_entry stored;

	for (size_t i = 0; i < json_array_len(shares); i++) {
		if (!read_share(json_array_at(shares, i), &stored))
			return err_set(e, ERR_PROTOCOL, "malformed share");
		if (restore != NULL)
			restore(&stored, arg);
	}
	return true;
}

/* Restores all shares, or none if one is malformed. */
static bool
restore_all(struct str plain, share_file_restore_fn *restore, void *arg, struct err *e)
{
	struct json_doc *doc = json_doc_parse_within(plain, FILE_MAX, JSON_DEPTH, e);
	const struct json_node *shares =
		doc == NULL ? NULL : json_find(json_doc_root(doc), "shares");
	bool ok = doc != NULL && read_shares(shares, NULL, NULL, e) &&
		  read_shares(shares, restore, arg, e);

	json_doc_free(doc);
	return ok;
}

static void
read_all(struct share_file *f, share_file_restore_fn *restore, void *arg)
{
	struct err e = ERR_INIT;
	struct buf image;
	struct buf plain;

	buf_init(&image, FILE_MAX + 2 * 65536u);
	buf_init(&plain, FILE_MAX);
	bool ok = statefile_read(f->file, &image, &e);
	f->is_used = ok;
	if (ok)
		ok = sealed_image_open(&f->image, buf_view(&image), &plain, &e) &&
		     restore_all(buf_view(&plain), restore, arg, &e);
	if (!ok && e.code != ERR_NOT_FOUND)
		sealed_image_set_aside(f->file,
				       "share file set aside; ports have to be shared again", &e);
	buf_fini(&plain);
	buf_fini(&image);
}

struct share_file *
share_file_open(const struct port_shares_options *options, share_file_restore_fn *restore,
		void *arg, struct err *e)
{
	struct share_file *f = err_alloc(e, sizeof(*f), "file of shares");
	const struct statefile_options o = {
		.directory = options->settings->state_dir,
		.name = FILE_NAME,
		.done = on_stored,
		.arg = f,
	};

	if (f == NULL)
		return NULL;
	if (sealed_image_init(&f->image, &kind, options->settings, options->origin, e))
		f->file = statefile_open(options->loop, &o, e);
	if (f->file == NULL) {
		err_wrap(e, "state directory");
		sealed_image_fini(&f->image);
		free(f);
		return NULL;
	}
	loop_timer_init(&f->retry, options->loop, on_retry, f);
	read_all(f, restore, arg);
	return f;
}

void
share_file_close(struct share_file *f, const struct port_share_list *all)
{
	struct err e = ERR_INIT;
	struct buf image;

	if (f == NULL)
		return;
	loop_timer_fini(&f->retry);
	bool ok = f->is_used && build_image(f, all, &image, &e);
	if (f->is_used && !ok)
		log_warn(NULL, "state not stored", log_cstr("file", FILE_NAME), log_err(&e));
	statefile_close(f->file, ok ? &image : NULL);
	sealed_image_fini(&f->image);
	free(f);
}

bool
share_file_replace_keys(struct share_file *f, const struct port_share_list *all,
			const struct auth_keys *keys, struct err *e)
{
	if (f == NULL)
		return true;
	if (!sealed_image_replace_keys(&f->image, keys, e))
		return false;
	if (f->is_used)
		share_file_store(f, all);
	return true;
}
