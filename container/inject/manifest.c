/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads a stream document by document. Network policies are added at the end, when all namespaces
 * are known.
 */
#include "container/inject/manifest.h"

#include "container/inject/inject_private.h"
#include "container/inject/uninject.h"
#include "container/webhook/patch.h"
#include "container/yaml/yaml.h"

#define NAMESPACES_MAX	256u
#define BYTE_ORDER_MARK "\xef\xbb\xbf"

struct namespace
{
	struct str name;
	bool has_workload;
	bool has_policy;
};

struct manifest_stream {
	const struct manifest *manifest;
	struct buf *out;
	struct err *e;
	struct doc names; /* owns the names of namespaces */
	struct namespace namespaces[NAMESPACES_MAX];
	size_t namespace_count;
	size_t documents;
	bool is_after_change; /* the last document was rewritten: it may lack a separator */
};

/* Makes the NetworkPolicy that admits only connections to the sidecar's HTTPS port into labelled
 * pods. An empty namespace means the current one. */
static struct node *
new_policy(struct doc *d, struct str namespace)
{
	struct node *policy = node_new(d, NODE_MAP);

	node_set_str(d, policy, "apiVersion", STR("networking.k8s.io/v1"));
	node_set_str(d, policy, "kind", STR("NetworkPolicy"));
	struct node *metadata = node_set_map(d, policy, "metadata");
	node_set_str(d, metadata, "name", STR(INJECT_NAME));
	if (namespace.len > 0)
		node_set_str(d, metadata, "namespace", namespace);
	node_set_str(d, node_set_map(d, metadata, "annotations"), INJECT_PREFIX "status",
		     STR("injected"));
	struct node *spec = node_set_map(d, policy, "spec");
	struct node *selector = node_set_map(d, spec, "podSelector");
	node_set_str(d, node_set_map(d, selector, "matchLabels"), INJECT_LABEL, STR("true"));
	node_append(node_set_list(d, spec, "policyTypes"), node_new_str(d, STR("Ingress")));
	struct node *rule = node_append_map(d, node_set_list(d, spec, "ingress"));
	struct node *port = node_append_map(d, node_set_list(d, rule, "ports"));
	node_set_str(d, port, "protocol", STR("TCP"));
	node_set_int(d, port, "port", INJECT_HTTPS_NUMBER);
	return policy;
}

static bool
is_policy(const struct node *object, struct str namespace)
{
	return str_equal(node_text_at(object, "kind"), STR("NetworkPolicy")) &&
	       str_equal(node_text_at(object, "metadata.name"), STR(INJECT_NAME)) &&
	       str_equal(node_text_at(object, "metadata.namespace"), namespace);
}

/* Whether injection has added it to a manifest. */
static bool
is_added_policy(const struct node *object)
{
	const struct node *annotations = node_find(object, "metadata.annotations");

	return is_policy(object, node_text_at(object, "metadata.namespace")) &&
	       str_equal(node_text(node_get(annotations, INJECT_PREFIX "status")), STR("injected"));
}

static void
send_note(const struct manifest_stream *s, enum manifest_note note, const char *object,
	  const char *text)
{
	s->manifest->on_note(note, object, text, s->manifest->arg);
}

static struct namespace *
find_namespace(struct manifest_stream *s, const struct node *object)
{
	struct str name = node_text_at(object, "metadata.namespace");

	for (size_t i = 0; i < s->namespace_count; i++)
		if (str_equal(s->namespaces[i].name, name))
			return &s->namespaces[i];
	if (s->namespace_count == NAMESPACES_MAX) {
		err_set(s->e, ERR_LIMIT, "more than %u namespaces", NAMESPACES_MAX);
		return NULL;
	}
	struct namespace *n = &s->namespaces[s->namespace_count++];
	*n = (struct namespace){.name = node_new_str(&s->names, name)->text};
	return n;
}

static bool
note_namespace(struct manifest_stream *s, const struct node *object, bool is_ours)
{
	struct str own = node_text_at(object, "metadata.namespace");
	bool has_policy = is_policy(object, own);

	if (!has_policy && !(is_ours && inject_is_workload(object)))
		return true;
	struct namespace *n = find_namespace(s, object);
	if (n == NULL)
		return false;
	n->has_policy = n->has_policy || has_policy;
	n->has_workload = n->has_workload || !has_policy;
	return true;
}

static void
report_notes(const struct manifest_stream *s, const char *object,
	     const struct inject_report *report)
{
	for (size_t i = 0; i < report->problems.count && i < INJECT_NOTES_MAX; i++)
		send_note(s, MANIFEST_PROBLEM, object, report->problems.items[i]);
	for (size_t i = 0; i < report->warnings.count && i < INJECT_NOTES_MAX; i++)
		send_note(s, MANIFEST_WARNING, object, report->warnings.items[i]);
}

static bool
change_object(struct manifest_stream *s, struct doc *d, struct node *object, bool *has_changed)
{
	struct inject_report report;
	struct node *before = node_copy(d, object);
	bool is_reverse = s->manifest->is_reverse;
	bool is_ours = is_reverse ? uninject_object(d, object, &report)
				  : inject_object(s->manifest->settings, d, object, &report);
	if (is_ours && !is_reverse && report.problems.count == 0)
		uninject_record(d, before, object);
	const char *name = inject_report_subject(d, object);

	if (d->failed)
		return err_set(s->e, ERR_LIMIT, "%s: too large", name);
	report_notes(s, name, &report);
	if (is_ours && report.problems.count == 0) {
		bool differs = !node_equal(before, object);
		send_note(s, differs ? MANIFEST_CHANGED : MANIFEST_UNCHANGED, name,
			  differs ? "changed" : "unchanged");
		*has_changed = *has_changed || differs;
	}
	return note_namespace(s, object, is_ours);
}

static bool
is_list(const struct node *root)
{
	return str_equal(node_text_at(root, "kind"), STR("List")) &&
	       node_is(node_get(root, "items"), NODE_LIST);
}

/* Whether to remove the object: a network policy that injection added. */
static bool
is_to_be_removed(const struct manifest_stream *s, const struct node *object)
{
	return s->manifest->is_reverse && is_added_policy(object);
}

static bool
change_root(struct manifest_stream *s, struct doc *d, struct node *root, bool *has_changed)
{
	struct node *items = node_get(root, "items");
	struct node *next;

	if (!is_list(root))
		return change_object(s, d, root, has_changed);
	for (struct node *item = node_first(items); item != NULL; item = next) {
		next = node_next(item);
		if (is_to_be_removed(s, item)) {
			node_unlink(items, item);
			*has_changed = true;
		} else if (!change_object(s, d, item, has_changed)) {
			return false;
		}
	}
	return true;
}

static bool
needs_policy(const struct manifest_stream *s, size_t i)
{
	const struct namespace *n = &s->namespaces[i];

	return s->manifest->adds_network_policy && n->has_workload && !n->has_policy;
}

/* Creates the NetworkPolicy that a namespace needs, or returns NULL. */
static struct node *
missing_policy(struct manifest_stream *s, struct doc *d, size_t i)
{
	if (!needs_policy(s, i))
		return NULL;
	struct node *policy = new_policy(d, s->namespaces[i].name);
	send_note(s, MANIFEST_CHANGED, inject_report_subject(d, policy), "added");
	return policy;
}

static bool
write_json(struct manifest_stream *s, const struct node *root)
{
	struct json_writer w;

	json_write_begin(&w, s->out);
	node_write_json(&w, NULL, root);
	return (json_write_end(&w) && buf_add_byte(s->out, '\n')) ||
	       err_set(s->e, ERR_LIMIT, "the result is too large");
}

/* A JSON document can hold several objects only as a list. */
static struct node *
make_list(struct doc *d, struct node *root)
{
	if (is_list(root))
		return root;
	struct node *list = node_new(d, NODE_MAP);
	node_set_str(d, list, "apiVersion", STR("v1"));
	node_set_str(d, list, "kind", STR("List"));
	struct node *items = node_set_list(d, list, "items");
	if (!d->failed)
		node_append(items, root);
	return list;
}

/* Undoes make_list. Lists of others have metadata. */
static struct node *
unmake_list(const struct manifest_stream *s, struct node *root, bool has_changed)
{
	const struct node *items = node_get(root, "items");
	bool is_made = s->manifest->is_reverse && has_changed && is_list(root) &&
		       root->count == 3 && items->count == 1;

	return is_made ? node_first(items) : root;
}

static bool
inject_json(struct manifest_stream *s, struct doc *d, struct str text)
{
	struct node *root = node_read_json(d, text, MANIFEST_MAX_BYTES, s->e);
	bool has_changed = false;

	if (root == NULL || !change_root(s, d, root, &has_changed))
		return false;
	for (size_t i = 0; i < s->namespace_count; i++) {
		struct node *policy = missing_policy(s, d, i);
		if (policy == NULL)
			continue;
		root = make_list(d, root);
		if (!d->failed)
			node_append(node_get(root, "items"), policy);
		has_changed = true;
	}
	if (d->failed)
		return err_set(s->e, ERR_LIMIT, "the document is too large");
	if (has_changed)
		return write_json(s, unmake_list(s, root, has_changed));
	return buf_add_str(s->out, text) || err_set(s->e, ERR_LIMIT, "the result is too large");
}

/* Copies a document. After one that we wrote it may need a separator in front. */
static void
write_source(struct manifest_stream *s, struct str source)
{
	if (s->is_after_change && source.len > 0 && !str_starts_with(source, STR("---")))
		buf_add_str(s->out, source.data[0] == '%' ? STR("...\n") : STR("---\n"));
	buf_add_str(s->out, source);
	s->is_after_change = false;
}

static bool
write_document(struct manifest_stream *s, const struct node *root)
{
	if (s->out->len > 0 && s->out->data[s->out->len - 1] != '\n')
		buf_add_byte(s->out, '\n');
	s->is_after_change = true;
	return yaml_write(root, s->out) || err_set(s->e, ERR_LIMIT, "the result is too large");
}

static bool
lacks_policy(const struct manifest_stream *s)
{
	for (size_t i = 0; i < s->namespace_count; i++)
		if (needs_policy(s, i))
			return true;
	return false;
}

static bool
inject_document(struct manifest_stream *s, struct yaml_reader *r, struct doc *d, bool *is_end)
{
	bool has_changed = false;
	struct node *root;
	struct str source;

	if (!yaml_read_document(r, d, &root, &source, s->e))
		return false;
	*is_end = root == NULL;
	if (*is_end)
		return true;
	s->documents++;
	if (is_to_be_removed(s, root))
		return true;
	if (!change_root(s, d, root, &has_changed))
		return err_wrap(s->e, "document %zu", s->documents);
	/* A line break appended to a text without one could become part of its last value. */
	bool lacks_break = source.len > 0 && source.data[source.len - 1] != '\n' && lacks_policy(s);
	if ((has_changed || lacks_break) && d->binary_line != 0)
		return err_set(s->e, ERR_INPUT, "line %u: !!binary in a document to be changed",
			       d->binary_line);
	if (has_changed || lacks_break)
		return write_document(s, root);
	write_source(s, source);
	return true;
}

static bool
write_policies(struct manifest_stream *s)
{
	for (size_t i = 0; i < s->namespace_count; i++) {
		struct doc d;
		doc_init(&d);
		const struct node *policy = missing_policy(s, &d, i);
		bool ok = policy == NULL || write_document(s, policy);
		doc_fini(&d);
		if (!ok)
			return false;
	}
	return true;
}

static bool
inject_yaml(struct manifest_stream *s, struct str text)
{
	struct yaml_reader *r = yaml_reader_new(text);
	bool is_end = false;
	bool ok = r != NULL || err_set(s->e, ERR_MEMORY, "out of memory");

	while (ok && !is_end) {
		struct doc d;
		doc_init(&d);
		ok = inject_document(s, r, &d, &is_end);
		doc_fini(&d);
	}
	yaml_reader_free(r);
	return ok && write_policies(s) &&
	       (buf_is_ok(s->out) || err_set(s->e, ERR_LIMIT, "the result is too large"));
}

/* Recognizes JSON by the same rule as kubectl. */
static bool
is_json(struct str text)
{
	size_t at = 0;

	while (at < text.len && strchr(" \t\r\n", text.data[at]) != NULL && text.data[at] != '\0')
		at++;
	return at < text.len && text.data[at] == '{';
}

static bool
read_single_object(struct doc *d, struct str text, struct node **root, struct err *e)
{
	struct yaml_reader *r;
	struct node *more = NULL;
	struct str source;

	if (is_json(text)) {
		*root = node_read_json(d, text, MANIFEST_MAX_BYTES, e);
		return *root != NULL;
	}
	r = yaml_reader_new(text);
	bool ok =
		(r != NULL || err_set(e, ERR_MEMORY, "out of memory")) &&
		yaml_read_document(r, d, root, &source, e) &&
		(*root != NULL || err_set(e, ERR_INPUT, "the input contains no object")) &&
		yaml_read_document(r, d, &more, &source, e) &&
		(more == NULL ||
		 err_set(e, ERR_INPUT, "--patch takes one object, but the input contains several"));
	yaml_reader_free(r);
	return ok;
}

static bool
inject_patch(struct manifest_stream *s, struct doc *d, struct str text)
{
	bool has_changed = false;
	struct node *root = NULL;

	if (!read_single_object(d, text, &root, s->e))
		return false;
	struct node *before = node_copy(d, root);
	if (is_list(root))
		return err_set(s->e, ERR_INPUT,
			       "--patch takes one object, but the input is a list");
	if (!change_object(s, d, root, &has_changed))
		return false;
	return (patch_write(before, root, s->out) && buf_add_byte(s->out, '\n')) ||
	       err_set(s->e, ERR_LIMIT, "the patch is too large");
}

bool
manifest_inject(const struct manifest *m, struct str text, struct buf *out, struct err *e)
{
	struct manifest_stream s = {.manifest = m, .out = out, .e = e};
	struct doc d;
	bool ok;

	doc_init(&s.names);
	doc_init(&d);
	if (str_starts_with(text, STR(BYTE_ORDER_MARK))) {
		text = str_skip(text, sizeof(BYTE_ORDER_MARK) - 1);
		if (!m->is_patch)
			buf_add_str(out, STR(BYTE_ORDER_MARK));
	}
	if (m->is_patch)
		ok = inject_patch(&s, &d, text);
	else
		ok = is_json(text) ? inject_json(&s, &d, text) : inject_yaml(&s, text);
	doc_fini(&d);
	doc_fini(&s.names);
	return ok;
}
