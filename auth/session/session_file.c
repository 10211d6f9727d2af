/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file is a sealed image (auth/cookie/sealed_image.h) of a digest of the authorization settings
 * followed by the sessions' records. Sealing a full store takes some milliseconds;
 * base/process/statefile writes without blocking the loop.
 */
#include "auth/session/session_file.h"

#include <inttypes.h>
#include <stdlib.h>

#include "auth/cookie/cookie.h"
#include "auth/cookie/sealed_image.h"
#include "auth/session/session_guest.h"
#include "auth/session/session_lifetime.h"
#include "auth/session/session_private.h"
#include "auth/session/session_record.h"
#include "auth/session/session_table.h"
#include "base/clock.h"
#include "base/crypto/crypto.h"
#include "base/process/statefile.h"

#define FILE_NAME "sessions"
/* Nine times the size of SESSIONS_MAX usual sessions. */
#define FILE_MAX	  (4u * 1024 * 1024)
#define SPACING_MS	  200u	  /* minimum interval of writes */
#define FAILED_SPACING_MS 10000u  /* minimum interval while writing fails */
#define USE_INTERVAL_MS	  60000u  /* maximum age of the stored time of last use */
#define STORE_TIMEOUT_MS  2000u	  /* how long a session waits to be stored */
#define WARNING_MS	  600000u /* minimum interval of warnings */
#define POLICY_BYTES	  32768u

static const struct sealed_image_kind kind = {
	.head = "WPSESS\n",
	.version = 1,
	.key_info = "workspace-proxy session file 1",
	.wrong_kind = "not a session file",
	.max_bytes = FILE_MAX,
};

struct session_file {
	struct session_store *store;
	struct session_file_events events;
	struct statefile *file;
	struct sealed_image image;
	uint8_t policy[CRYPTO_SHA256_BYTES];
	struct loop_timer write_timer;
	struct loop_timer use_timer;
	struct loop_timer store_timeout;
	bool is_dirty;
	bool is_failing;
	uint64_t written_ms;
	uint64_t warned_ms;
};

/* Sealing and opening */

static bool
digest_policy(struct session_file *f, struct err *e)
{
	const struct auth_settings *s = f->store->settings;
	struct buf policy;

	buf_init(&policy, POLICY_BYTES);
	buf_addf(&policy, "%u\n%" PRIu64 "\n%s\n%" PRIu64 "\n%" PRIu64, s->modes, s->workspace_id,
		 s->project == NULL ? "" : s->project, s->project_access_level, s->owner_id);
	if ((s->modes & AUTH_MODE_GROUP) != 0)
		buf_addf(&policy, "\ngroup %s\n%" PRIu64, s->group, s->group_access_level);
	if ((s->modes & AUTH_MODE_USERS) != 0)
		buf_addf(&policy, "\nusers %s", s->users);
	crypto_sha256(buf_view(&policy), f->policy);
	bool ok = buf_is_ok(&policy);
	buf_fini(&policy);
	return ok || err_set(e, ERR_LIMIT, "settings are too long");
}

static size_t
plain_size(const struct session_store *st)
{
	size_t size = CRYPTO_SHA256_BYTES;
	const struct auth_session *s = NULL;

	while ((s = session_table_next(&st->table, s)) != NULL)
		size += session_is_stored(s) ? session_record_size(s) : 0;
	return size;
}

/* Leaves out sessions that do not fit; they end with the process. */
static bool
write_plain(struct session_file *f, struct buf *plain)
{
	size_t left_out = 0;
	struct auth_session *s = NULL;

	buf_add(plain, f->policy, sizeof(f->policy));
	while ((s = session_table_next(&f->store->table, s)) != NULL) {
		s->stored_used_ms = session_used_ms(s);
		if (!session_is_stored(s))
			continue;
		if (plain->len + session_record_size(s) > plain->max)
			left_out++;
		else
			(void)session_record_write(s, plain);
	}
	if (left_out > 0)
		log_warn(NULL, "session file is full; some sessions will not survive a restart",
			 log_int("sessions", (int64_t)left_out));
	return buf_is_ok(plain);
}

static bool
build_image(struct session_file *f, struct buf *image, struct err *e)
{
	size_t size = plain_size(f->store);
	struct buf plain;
	bool ok;

	buf_init(&plain, sealed_image_plain_max(&kind));
	ok = (size > plain.max || buf_reserve(&plain, size)) && write_plain(f, &plain);
	if (ok)
		ok = sealed_image_seal(&f->image, buf_view(&plain), image, e);
	else
		err_set(e, ERR_MEMORY, "session file");
	buf_wipe_fini(&plain);
	return ok;
}

/* Storing */

/* Does nothing while a write is in progress: on_stored schedules the next one. */
static void
schedule(struct session_file *f)
{
	uint64_t spacing_ms = f->is_failing ? FAILED_SPACING_MS : SPACING_MS;
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
	log_warn(NULL, "sessions can't be stored; they stay in memory only", log_err(e));
}

static struct auth_session *
find_in_state(const struct session_file *f, enum session_tokens_state state)
{
	struct auth_session *s = session_table_next(&f->store->table, NULL);

	while (s != NULL && s->tokens.state != state)
		s = session_table_next(&f->store->table, s);
	return s;
}

static bool
begin_write(struct session_file *f)
{
	struct auth_session *s;
	struct err e = ERR_INIT;
	struct buf image;

	loop_timer_stop(&f->write_timer);
	if (!build_image(f, &image, &e)) {
		note_failure(f, &e);
		schedule(f);
		return false;
	}
	f->is_dirty = false;
	while ((s = find_in_state(f, SESSION_TOKENS_UNSAVED)) != NULL)
		session_tokens_set_state(&s->tokens, SESSION_TOKENS_SAVING);
	statefile_replace(f->file, &image);
	return true;
}

/* Starts over for each session, because resuming may end others. */
static void
resume_all(struct session_file *f, enum session_tokens_state state)
{
	struct auth_session *s;

	while ((s = find_in_state(f, state)) != NULL) {
		session_tokens_set_state(&s->tokens, SESSION_TOKENS_READY);
		f->events.stored(s);
	}
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
	resume_all(f, SESSION_TOKENS_SAVING);
	if (find_in_state(f, SESSION_TOKENS_UNSAVED) == NULL)
		schedule(f);
	else if (f->is_failing || !begin_write(f))
		resume_all(f, SESSION_TOKENS_UNSAVED);
}

static void
on_write_timer(void *arg)
{
	(void)begin_write(arg);
}

static void
on_store_timeout(void *arg)
{
	struct session_file *f = arg;

	if (find_in_state(f, SESSION_TOKENS_UNSAVED) == NULL &&
	    find_in_state(f, SESSION_TOKENS_SAVING) == NULL)
		return;
	log_warn(NULL, "timeout storing sessions; using refreshed tokens that are not stored yet");
	resume_all(f, SESSION_TOKENS_SAVING);
	resume_all(f, SESSION_TOKENS_UNSAVED);
}

static void
on_use_timer(void *arg)
{
	struct session_file *f = arg;
	const struct auth_session *s = NULL;

	while (!f->is_dirty && (s = session_table_next(&f->store->table, s)) != NULL)
		f->is_dirty = s->stored_used_ms != session_used_ms(s);
	schedule(f);
	loop_timer_start(&f->use_timer, USE_INTERVAL_MS);
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
	session_tokens_set_state(&s->tokens, SESSION_TOKENS_UNSAVED);
	if (!statefile_is_busy(f->file) && !begin_write(f)) {
		session_tokens_set_state(&s->tokens, SESSION_TOKENS_READY);
		return false;
	}
	if (!loop_timer_is_running(&f->store_timeout))
		loop_timer_start(&f->store_timeout, STORE_TIMEOUT_MS);
	return true;
}

/* Reading */

static bool
restore_all(struct session_file *f, struct str plain, struct err *e)
{
	struct str policy = str_take(plain, sizeof(f->policy));
	bool same_policy = str_equal(policy, STR_BYTES(f->policy));

	for (plain = str_skip(plain, sizeof(f->policy)); plain.len > 0;) {
		struct session_record record;
		bool ok = session_record_read(&plain, &record, e);

		/* The settings had other modes, which GitLab has not confirmed. */
		if (!same_policy)
			record.allowed_ms = 0;
		ok = ok && f->events.restore(f->store, &record, e);
		gitlab_tokens_fini(&record.tokens);
		if (!ok)
			return false;
	}
	return true;
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
		ok = sealed_image_open(&f->image, buf_view(&image), &plain, &e) &&
		     restore_all(f, buf_view(&plain), &e);
	if (ok)
		log_info(NULL, "sessions restored",
			 log_int("sessions", (int64_t)f->store->table.count));
	else if (e.code != ERR_NOT_FOUND)
		sealed_image_set_aside(f->file,
				       "session file set aside; users have to sign in again", &e);
	buf_wipe_fini(&plain);
	buf_wipe_fini(&image);
}

static void
free_all(struct session_file *f)
{
	sealed_image_fini(&f->image);
	free(f);
}

struct session_file *
session_file_open(struct session_store *st, const struct session_file_events *events, struct err *e)
{
	struct session_file *f = err_alloc(e, sizeof(*f), "session file");
	const struct statefile_options options = {
		.directory = st->settings->state_dir,
		.name = FILE_NAME,
		.done = on_stored,
		.arg = f,
	};

	if (f == NULL)
		return NULL;
	f->store = st;
	f->events = *events;
	if (sealed_image_init(&f->image, &kind, st->settings, st->cookies->origin, e) &&
	    digest_policy(f, e))
		f->file = statefile_open(st->loop, &options, e);
	if (f->file == NULL) {
		err_wrap(e, "state directory");
		free_all(f);
		return NULL;
	}
	loop_timer_init(&f->write_timer, st->loop, on_write_timer, f);
	loop_timer_init(&f->use_timer, st->loop, on_use_timer, f);
	loop_timer_init(&f->store_timeout, st->loop, on_store_timeout, f);
	restore(f);
	loop_timer_start(&f->use_timer, USE_INTERVAL_MS);
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
	loop_timer_fini(&f->store_timeout);
	bool ok = build_image(f, &image, &e);
	if (!ok)
		log_warn(NULL, "state not stored", log_cstr("file", FILE_NAME), log_err(&e));
	statefile_close(f->file, ok ? &image : NULL);
	free_all(f);
}

bool
session_file_replace_keys(struct session_file *f, const struct auth_keys *keys, struct err *e)
{
	if (!sealed_image_replace_keys(&f->image, keys, e))
		return false;
	session_file_touch(f);
	return true;
}
