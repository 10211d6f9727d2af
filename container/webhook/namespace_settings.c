/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request after the other, on a persistent connection. A namespace's settings, or the error,
 * are cached for some seconds. Names and sizes are bounded, so that no tenant can fill the cache:
 * the least recently used entry is replaced.
 */
#include "container/webhook/namespace_settings.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/dns_name.h"
#include "base/list.h"
#include "base/log/log.h"
#include "container/webhook/cluster_api.h"

#define ENTRIES_MAX    256u
#define DATA_MAX_BYTES 16384u
#define NAME_BYTES     64
#define PATH_BYTES     512
#define KEPT_MS	       5000u
#define FAILED_MS      1000u
/* The API server waits for our answer for five seconds. */
#define TIMEOUT_MS 2000u

enum entry_state {
	ENTRY_ASKED, /* or queued */
	ENTRY_KNOWN,
	ENTRY_FAILED,
};

struct namespace_wait {
	void (*on_known)(void *arg);
	void *arg;
	LIST_ENTRY(namespace_wait) entry;
};

struct known_space {
	char name[NAME_BYTES];
	enum entry_state state;
	struct buf data;
	struct err error;
	uint64_t until_ms; /* when it is read again */
	uint64_t used_ms;
	LIST_HEAD(, namespace_wait) waits;
	TAILQ_ENTRY(known_space) queued; /* while ENTRY_ASKED */
	LIST_ENTRY(known_space) entry;
};

struct namespace_settings {
	const char *config_map;
	struct cluster_api *api;
	uint64_t *reads;
	struct known_space *current; /* the request in progress */
	TAILQ_HEAD(, known_space) queue;
	LIST_HEAD(, known_space) entries;
	size_t count;
	struct loop_defer next;
};

static struct known_space *
find(const struct namespace_settings *n, struct str name)
{
	struct known_space *found;

	LIST_FOREACH (found, &n->entries, entry)
		if (str_equal(str_from(found->name), name))
			return found;
	return NULL;
}

static void
free_entry(struct namespace_settings *n, struct known_space *x)
{
	err_assert(LIST_EMPTY(&x->waits));
	LIST_REMOVE(x, entry);
	n->count--;
	buf_fini(&x->data);
	free(x);
}

/* Makes room for an entry. False: all entries are being read. */
static bool
make_room(struct namespace_settings *n)
{
	struct known_space *oldest = NULL;
	struct known_space *x;

	if (n->count < ENTRIES_MAX)
		return true;
	LIST_FOREACH (x, &n->entries, entry)
		if (x->state != ENTRY_ASKED && (oldest == NULL || x->used_ms < oldest->used_ms))
			oldest = x;
	if (oldest != NULL)
		free_entry(n, oldest);
	return oldest != NULL;
}

static struct known_space *
new_entry(struct namespace_settings *n, struct str name)
{
	struct known_space *x = make_room(n) ? calloc(1, sizeof(*x)) : NULL;

	if (x == NULL)
		return NULL;
	(void)snprintf(x->name, NAME_BYTES, "%.*s", STR_FMT(name));
	x->state = ENTRY_FAILED;
	buf_init(&x->data, DATA_MAX_BYTES);
	LIST_INIT(&x->waits);
	LIST_INSERT_HEAD(&n->entries, x, entry);
	n->count++;
	return x;
}

/* Answers of the API server */

static void
set_failed(struct namespace_settings *n, struct known_space *x, const struct err *e)
{
	x->state = ENTRY_FAILED;
	x->error = *e;
	x->until_ms = clock_monotonic_ms() + FAILED_MS;
	n->reads[NAMESPACE_FAILED]++;
	log_warn(NULL, "namespace settings can't be read", log_cstr("namespace", x->name),
		 log_err(e));
}

static bool
copy_data(struct known_space *x, const struct json_node *object, struct err *e)
{
	struct json_member m = {.place = NULL};
	struct json_writer w;

	buf_clear(&x->data);
	if (json_find(object, "binaryData") != NULL)
		return err_set(e, ERR_CONFIG, "has binaryData");
	json_write_begin_object(&w, &x->data);
	while (json_next_member(json_find(object, "data"), &m)) {
		struct str value;
		char key[128];
		if (m.key.len >= sizeof(key))
			return err_set(e, ERR_CONFIG, "%.60s…: unknown setting", m.key.data);
		(void)snprintf(key, sizeof(key), "%.*s", STR_FMT(m.key));
		if (!json_get_str(m.value, "", &value, e))
			return false;
		json_write_str(&w, key, value);
	}
	return json_write_end_object(&w) ||
	       err_set(e, ERR_LIMIT, "is larger than %u bytes", DATA_MAX_BYTES);
}

static void
take_answer(struct namespace_settings *n, struct known_space *x,
	    const struct cluster_answer *answer)
{
	struct err e = *answer->e;
	bool is_none = answer->outcome == CLUSTER_FAILED && e.code == ERR_NOT_FOUND;

	if (is_none)
		buf_clear(&x->data);
	else if (answer->outcome == CLUSTER_CONFLICT || answer->outcome == CLUSTER_EXISTS)
		err_set(&e, ERR_PROTOCOL, "the API server reports a conflict");
	if (!is_none && (answer->outcome != CLUSTER_DONE || !copy_data(x, answer->object, &e))) {
		set_failed(n, x, &e);
		return;
	}
	x->state = ENTRY_KNOWN;
	x->until_ms = clock_monotonic_ms() + KEPT_MS;
	n->reads[is_none ? NAMESPACE_NONE : NAMESPACE_FOUND]++;
}

/* Notifies those who wait. They may ask again, also for other names, so the entry may be freed. */
static void
tell(struct known_space *x)
{
	LIST_HEAD(, namespace_wait) told = LIST_HEAD_INITIALIZER(told);
	struct namespace_wait *wait;

	LIST_MOVE_ALL(&told, &x->waits, entry);
	while ((wait = LIST_FIRST(&told)) != NULL) {
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): what was freed has left the list */
		const struct namespace_wait copy = *wait;
		LIST_REMOVE(wait, entry);
		free(wait);
		copy.on_known(copy.arg);
	}
}

static void
on_answer(const struct cluster_answer *answer, void *arg)
{
	struct namespace_settings *n = arg;
	struct known_space *x = n->current;

	n->current = NULL;
	take_answer(n, x, answer);
	loop_defer_call(&n->next);
	tell(x);
}

/* Requests */

static void
on_next(void *arg)
{
	struct namespace_settings *n = arg;
	struct err e = ERR_INIT;
	char path[PATH_BYTES];
	struct known_space *x = TAILQ_FIRST(&n->queue);

	if (n->current != NULL || x == NULL)
		return;
	TAILQ_REMOVE(&n->queue, x, queued);
	(void)snprintf(path, sizeof(path), "/api/v1/namespaces/%s/configmaps/%s", x->name,
		       n->config_map);
	const struct cluster_request request = {
		.path = path, .method = CLUSTER_READ, .timeout_ms = TIMEOUT_MS};
	if (cluster_api_start(n->api, &request, on_answer, n, &e) != NULL) {
		n->current = x;
		return;
	}
	set_failed(n, x, &e);
	loop_defer_call(&n->next);
	tell(x);
}

static void
enqueue(struct namespace_settings *n, struct known_space *x)
{
	if (x->state == ENTRY_ASKED)
		return;
	x->state = ENTRY_ASKED;
	TAILQ_INSERT_TAIL(&n->queue, x, queued);
	loop_defer_call(&n->next);
}

struct namespace_wait *
namespace_settings_ask(struct namespace_settings *n, struct str name, void (*on_known)(void *arg),
		       void *arg)
{
	struct namespace_wait *wait;
	struct known_space *x;

	if (!dns_is_label(name, DNS_CANONICAL))
		return NULL;
	x = find(n, name);
	if (x == NULL)
		x = new_entry(n, name);
	if (x == NULL)
		return NULL;
	x->used_ms = clock_monotonic_ms();
	if (x->state != ENTRY_ASKED && x->used_ms < x->until_ms)
		return NULL;
	wait = calloc(1, sizeof(*wait));
	if (wait == NULL)
		return NULL;
	wait->on_known = on_known;
	wait->arg = arg;
	LIST_INSERT_HEAD(&x->waits, wait, entry);
	enqueue(n, x);
	return wait;
}

void
namespace_settings_cancel(struct namespace_wait *wait)
{
	LIST_REMOVE(wait, entry);
	free(wait);
}

bool
namespace_settings_get(const struct namespace_settings *n, struct str name, struct str *data,
		       struct err *e)
{
	const struct known_space *x = find(n, name);

	if (x == NULL)
		return err_set(e, ERR_LIMIT, "too many namespaces are asked for at once");
	if (x->state == ENTRY_ASKED)
		return err_set(e, ERR_TIMEOUT, "the API server did not respond in time");
	if (x->state != ENTRY_KNOWN) {
		*e = x->error;
		return x->error.code == ERR_NONE ? err_set(e, ERR_MEMORY, "out of memory") : false;
	}
	*data = buf_view(&x->data);
	return true;
}

/* Creating and freeing */

struct namespace_settings *
namespace_settings_new(struct loop *l, const struct container_settings *settings, uint64_t *reads,
		       struct err *e)
{
	struct namespace_settings *n = err_alloc(e, sizeof(*n), "out of memory");

	if (n == NULL)
		return NULL;
	n->config_map = settings->namespace_config_map;
	n->reads = reads;
	TAILQ_INIT(&n->queue);
	LIST_INIT(&n->entries);
	loop_defer_init(&n->next, l, on_next, n);
	n->api = cluster_api_new(l, settings, 1, e);
	if (n->api != NULL)
		return n;
	namespace_settings_free(n);
	return NULL;
}

void
namespace_settings_free(struct namespace_settings *n)
{
	if (n == NULL)
		return;
	cluster_api_free(n->api);
	loop_defer_fini(&n->next);
	while (!LIST_EMPTY(&n->entries))
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): as above */
		free_entry(n, LIST_FIRST(&n->entries));
	free(n);
}
