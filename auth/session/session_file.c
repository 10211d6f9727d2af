/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file is a head of eight bytes and AES-256-GCM of a digest of the authorization settings
 * followed by the sessions' records. The associated data names head, workspace, GitLab and
 * application. Sealing a full store takes some milliseconds, a usual one none worth naming; writing
 * is statefile's business, which does not hold up the loop.
 */
#include "auth/session/session_file.h"

#include <inttypes.h>
#include <stdlib.h>

#include "auth/session/session_record.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/process/statefile.h"

#define FILE_NAME	 "sessions"
#define FILE_MAX	 (4u * 1024 * 1024) /* nine times what SESSIONS_MAX usual ones take */
#define FILE_VERSION	 1
#define HEAD_BYTES	 8u
#define SPACING_MS	 200u	/* between two writes */
#define FAILED_MS	 10000u /* between two tries while writing fails */
#define USE_MS		 60000u /* how far the stored time of last use may be behind */
#define PATIENCE_MS	 2000u	/* of a session that waits to be stored */
#define WARNING_MS	 600000u
#define ASSOCIATED_BYTES 8192u

static const char head_start[HEAD_BYTES - 1] = {'W', 'P', 'S', 'E', 'S', 'S', '\n'};

struct session_file {
	struct session_store *store;
	struct statefile *file;
	struct auth_keys keys; /* derived */
	struct buf associated;
	uint8_t policy[CRYPTO_SHA256_BYTES];
	struct loop_timer write_timer;
	struct loop_timer use_timer;
	struct loop_timer patience_timer;
	bool is_dirty;
	bool is_failing;
	uint64_t written_ms;
	uint64_t warned_ms;
};

/* Sealing and opening */

/* On failure keys is empty. */
static bool
derive_keys(const struct session_file *f, const struct auth_keys *masters, struct auth_keys *keys,
	    struct err *e)
{
	uint8_t derived[CRYPTO_KEY_BYTES];

	keys->count = 0;
	for (size_t i = 0; i < masters->count; i++) {
		bool ok = crypto_hkdf_sha256(
			secret_view(masters->keys[i]), f->store->cookies->origin,
			STR("workspace-proxy session file 1"), derived, sizeof(derived), e);
		keys->keys[i] = ok ? secret_new(derived, sizeof(derived)) : NULL;
		secret_wipe(derived, sizeof(derived));
		if (keys->keys[i] == NULL) {
			auth_keys_fini(keys);
			return ok ? err_set(e, ERR_MEMORY, "key") : false;
		}
		keys->count++;
	}
	return true;
}

/* None of the parts holds a line end, which makes the joined text unambiguous. */
static bool
describe(struct session_file *f, struct err *e)
{
	const struct auth_settings *s = f->store->settings;
	struct buf policy;

	buf_init(&f->associated, ASSOCIATED_BYTES);
	buf_add(&f->associated, head_start, sizeof(head_start));
	buf_add_byte(&f->associated, FILE_VERSION);
	buf_addf(&f->associated, "%.*s\n%" PRIu64 "\n%.*s:%u%.*s\n%s",
		 STR_FMT(f->store->cookies->origin), s->workspace_id, STR_FMT(s->gitlab_url.host),
		 s->gitlab_url.port, STR_FMT(s->gitlab_url.path), s->client_id);
	buf_init(&policy, ASSOCIATED_BYTES);
	buf_addf(&policy, "%u\n%" PRIu64 "\n%s\n%" PRIu64 "\n%" PRIu64, s->modes, s->workspace_id,
		 s->project == NULL ? "" : s->project, s->project_access_level, s->owner_id);
	crypto_sha256(buf_view(&policy), f->policy);
	bool ok = buf_is_ok(&f->associated) && buf_is_ok(&policy);
	buf_fini(&policy);
	return ok || err_set(e, ERR_LIMIT, "settings are too long");
}

static size_t
plain_size(const struct session_store *st)
{
	size_t size = CRYPTO_SHA256_BYTES;

	for (size_t i = 0; i < SESSION_BUCKETS; i++) {
		for (const struct auth_session *s = st->buckets[i]; s != NULL;
		     s = s->next_in_bucket)
			size += s->is_borrowed ? 0 : session_record_size(s);
	}
	return size;
}

/* Sessions that do not fit are left out: they end with the process. */
static bool
write_plain(struct session_file *f, struct buf *plain)
{
	size_t left_out = 0;

	buf_add(plain, f->policy, sizeof(f->policy));
	for (size_t i = 0; i < SESSION_BUCKETS; i++) {
		struct auth_session *s;

		for (s = f->store->buckets[i]; s != NULL; s = s->next_in_bucket) {
			s->stored_used_ms = session_used_ms(s);
			if (s->is_borrowed)
				continue;
			if (plain->len + session_record_size(s) > plain->max)
				left_out++;
			else
				(void)session_record_write(s, plain);
		}
	}
	if (left_out > 0)
		log_warn(NULL, "sessions do not fit into the file",
			 log_int("sessions", (int64_t)left_out));
	return buf_is_ok(plain);
}

static bool
build_image(struct session_file *f, struct buf *image, struct err *e)
{
	size_t size = plain_size(f->store);
	struct buf plain;
	bool ok;

	buf_init(&plain, FILE_MAX - HEAD_BYTES - CRYPTO_SEAL_OVERHEAD);
	buf_init(image, FILE_MAX);
	buf_add(image, f->associated.data, HEAD_BYTES);
	ok = (size > plain.max || buf_reserve(&plain, size)) && write_plain(f, &plain);
	if (!ok)
		err_set(e, ERR_MEMORY, "no memory for the sessions");
	ok = ok &&
	     crypto_seal(f->keys.keys[0], buf_view(&plain), buf_view(&f->associated), image, e);
	buf_wipe_fini(&plain);
	if (!ok)
		buf_fini(image);
	return ok;
}

static bool
open_image(const struct session_file *f, struct str image, struct buf *plain, struct err *e)
{
	struct str head = str_take(image, HEAD_BYTES);

	if (!str_starts_with(head, (struct str){head_start, sizeof(head_start)}) ||
	    head.len != HEAD_BYTES)
		return err_set(e, ERR_PROTOCOL, "it is no file of sessions");
	if (head.data[HEAD_BYTES - 1] != FILE_VERSION)
		return err_set(e, ERR_PROTOCOL, "it is of another version of this program");
	for (size_t i = 0; i < f->keys.count; i++) {
		if (crypto_open(f->keys.keys[i], str_skip(image, HEAD_BYTES),
				buf_view(&f->associated), plain, NULL))
			return true;
		buf_clear(plain);
	}
	return err_set(e, ERR_CRYPTO,
		       "it is damaged, or of another workspace, application or cookie secret");
}

/* Storing */

static void release(struct session_file *f, enum session_saving least);

/* Also called while something is stored: then what follows comes after it. */
static void
schedule(struct session_file *f)
{
	uint64_t spacing_ms = f->is_failing ? FAILED_MS : SPACING_MS;
	uint64_t passed_ms = clock_monotonic_ms() - f->written_ms;

	if (!f->is_dirty || statefile_is_busy(f->file) || loop_timer_is_running(&f->write_timer))
		return;
	loop_timer_start(&f->write_timer, passed_ms < spacing_ms ? spacing_ms - passed_ms : 0);
}

static void
note_failure(struct session_file *f, const struct err *e)
{
	uint64_t now_ms = clock_monotonic_ms();

	f->is_dirty = true;
	f->written_ms = now_ms;
	if (f->is_failing && now_ms - f->warned_ms < WARNING_MS)
		return;
	f->is_failing = true;
	f->warned_ms = now_ms;
	log_warn(NULL, "sessions can't be stored; they go on in memory", log_err(e));
}

static bool
begin_write(struct session_file *f)
{
	struct err e = ERR_INIT;
	struct buf image;

	loop_timer_stop(&f->write_timer);
	if (!build_image(f, &image, &e)) {
		note_failure(f, &e);
		schedule(f);
		return false;
	}
	f->is_dirty = false;
	for (size_t i = 0; i < SESSION_BUCKETS; i++) {
		for (struct auth_session *s = f->store->buckets[i]; s != NULL;
		     s = s->next_in_bucket) {
			if (s->saving == SESSION_WAITS)
				s->saving = SESSION_IN_WRITING;
		}
	}
	statefile_replace(f->file, &image);
	return true;
}

static bool
has_waiting(const struct session_file *f)
{
	for (size_t i = 0; i < SESSION_BUCKETS; i++) {
		for (const struct auth_session *s = f->store->buckets[i]; s != NULL;
		     s = s->next_in_bucket) {
			if (s->saving == SESSION_WAITS)
				return true;
		}
	}
	return false;
}

static void
on_stored(const struct err *e, void *arg)
{
	struct session_file *f = arg;

	if (e != NULL) {
		note_failure(f, e);
	} else {
		f->written_ms = clock_monotonic_ms();
		if (f->is_failing)
			log_info(NULL, "sessions are stored again");
		f->is_failing = false;
	}
	release(f, SESSION_IN_WRITING);
	if (!has_waiting(f))
		schedule(f);
	else if (f->is_failing || !begin_write(f))
		release(f, SESSION_WAITS);
}

static void
on_write_timer(void *arg)
{
	(void)begin_write(arg);
}

static struct auth_session *
find_saving(const struct session_file *f, enum session_saving least)
{
	for (size_t i = 0; i < SESSION_BUCKETS; i++) {
		for (struct auth_session *s = f->store->buckets[i]; s != NULL;
		     s = s->next_in_bucket) {
			if (s->saving >= least)
				return s;
		}
	}
	return NULL;
}

/* Whoever goes on may end sessions, so each is looked up anew. */
static void
release(struct session_file *f, enum session_saving least)
{
	struct auth_session *s;

	while ((s = find_saving(f, least)) != NULL) {
		s->saving = SESSION_NOT_WAITING;
		session_recheck_resume(s);
	}
}

static void
on_patience_timer(void *arg)
{
	struct session_file *f = arg;

	if (find_saving(f, SESSION_WAITS) == NULL)
		return;
	log_warn(NULL, "storing sessions takes long; going on without");
	release(f, SESSION_WAITS);
}

static void
on_use_timer(void *arg)
{
	struct session_file *f = arg;

	for (size_t i = 0; i < SESSION_BUCKETS; i++) {
		for (const struct auth_session *s = f->store->buckets[i]; s != NULL;
		     s = s->next_in_bucket)
			f->is_dirty = f->is_dirty || s->stored_used_ms != session_used_ms(s);
	}
	schedule(f);
	loop_timer_start(&f->use_timer, USE_MS);
}

void
session_file_touch(struct session_file *f)
{
	if (f == NULL)
		return;
	f->is_dirty = true;
	schedule(f);
}

bool
session_file_await(struct session_file *f, struct auth_session *s)
{
	if (f == NULL)
		return false;
	f->is_dirty = true;
	if (f->is_failing) {
		schedule(f);
		return false;
	}
	s->saving = SESSION_WAITS;
	if (!statefile_is_busy(f->file) && !begin_write(f)) {
		s->saving = SESSION_NOT_WAITING;
		return false;
	}
	if (!loop_timer_is_running(&f->patience_timer))
		loop_timer_start(&f->patience_timer, PATIENCE_MS);
	return true;
}

/* Reading */

static bool
restore_all(struct session_file *f, struct str plain, struct err *e)
{
	struct str policy = str_take(plain, sizeof(f->policy));
	bool same_policy = str_equal(policy, (struct str){(char *)f->policy, sizeof(f->policy)});

	for (plain = str_skip(plain, sizeof(f->policy)); plain.len > 0;) {
		struct session_record record;
		bool ok = session_record_read(&plain, &record, e);

		/* What GitLab said to other questions is no answer to ours. */
		if (!same_policy)
			record.answered_ms = 0;
		ok = ok && session_restore(f->store, &record, e);
		gitlab_tokens_fini(&record.tokens);
		if (!ok)
			return false;
	}
	return true;
}

static void
set_aside(const struct session_file *f, const struct err *why)
{
	char name[STATEFILE_NAME_MAX + 40] = "";
	struct err e = ERR_INIT;

	if (!statefile_set_aside(f->file, name, sizeof(name), &e))
		log_warn(NULL, "file of sessions can't be set aside", log_err(&e));
	log_warn(NULL, "file of sessions set aside; users sign in again", log_cstr("file", name),
		 log_err(why));
}

static void
restore(struct session_file *f)
{
	struct err e = ERR_INIT;
	struct buf image;
	struct buf plain;

	buf_init(&image, FILE_MAX + 2 * 65536u);
	buf_init(&plain, FILE_MAX);
	bool ok = statefile_read(f->file, &image, &e);
	if (ok)
		ok = open_image(f, buf_view(&image), &plain, &e) &&
		     restore_all(f, buf_view(&plain), &e);
	if (ok)
		log_info(NULL, "sessions restored",
			 log_int("sessions", (int64_t)session_store_count(f->store)));
	else if (e.code != ERR_NOT_FOUND)
		set_aside(f, &e);
	buf_wipe_fini(&plain);
	buf_wipe_fini(&image);
}

static void
free_all(struct session_file *f)
{
	auth_keys_fini(&f->keys);
	buf_fini(&f->associated);
	free(f);
}

struct session_file *
session_file_open(struct session_store *st, struct err *e)
{
	struct session_file *f = calloc(1, sizeof(*f));
	const struct statefile_options options = {
		.directory = st->settings->state_dir,
		.name = FILE_NAME,
		.done = on_stored,
		.arg = f,
	};

	if (f == NULL) {
		err_set(e, ERR_MEMORY, "file of sessions");
		return NULL;
	}
	f->store = st;
	if (derive_keys(f, &st->settings->cookie_keys, &f->keys, e) && describe(f, e))
		f->file = statefile_open(st->loop, &options, e);
	if (f->file == NULL) {
		err_wrap(e, "state directory");
		free_all(f);
		return NULL;
	}
	loop_timer_init(&f->write_timer, st->loop, on_write_timer, f);
	loop_timer_init(&f->use_timer, st->loop, on_use_timer, f);
	loop_timer_init(&f->patience_timer, st->loop, on_patience_timer, f);
	restore(f);
	loop_timer_start(&f->use_timer, USE_MS);
	return f;
}

void
session_file_close(struct session_file *f)
{
	struct err e = ERR_INIT;
	struct buf image;

	if (f == NULL)
		return;
	loop_timer_fini(&f->write_timer);
	loop_timer_fini(&f->use_timer);
	loop_timer_fini(&f->patience_timer);
	bool ok = build_image(f, &image, &e);
	statefile_close(f->file, ok ? &image : NULL);
	free_all(f);
}

bool
session_file_replace_keys(struct session_file *f, const struct auth_keys *keys, struct err *e)
{
	struct auth_keys derived;

	if (!derive_keys(f, keys, &derived, e))
		return false;
	auth_keys_fini(&f->keys);
	f->keys = derived;
	session_file_touch(f);
	return true;
}
