/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parses the review, injects into or checks its object, and writes the response. Problems that the
 * object's author can fix are all listed in the denial, which kubectl shows.
 */
#include "container/webhook/review.h"

#include "base/crypto/crypto.h"
#include "base/dns_name.h"
#include "container/inject/uninject.h"
#include "container/inject/value/namespace_pattern.h"
#include "container/webhook/patch.h"

#define REVIEW_VERSION	  "admission.k8s.io/v1"
#define PATCH_MAX_BYTES	  ((size_t)2 * 1024 * 1024)
#define MESSAGE_MAX_BYTES 8192u
#define WARNING_MAX_BYTES 200u /* the API server cuts longer ones */

struct review {
	const struct container_settings *settings;
	const struct review_namespace *namespace; /* or NULL */
	struct doc doc;
	struct buf *out;
	const struct node *request;
	struct node *object;
	struct inject_report report;
	struct review_secret *secret;
	struct buf patch;   /* may be empty */
	struct buf message; /* why the request is denied; empty: it is allowed */
};

static bool
set_malformed(struct err *e, const char *what)
{
	return err_set(e, ERR_INPUT, "AdmissionReview: %s", what);
}

/* Sets the object's kind as the API server reports it, because the object itself may lack it. */
static bool
set_kind(struct review *r, struct err *e)
{
	struct str group = node_text_at(r->request, "kind.group");
	struct str version = node_text_at(r->request, "kind.version");
	struct str kind = node_text_at(r->request, "kind.kind");
	struct str own_version = node_text_at(r->object, "apiVersion");
	struct str own_kind = node_text_at(r->object, "kind");
	const char *whole = arena_printf(&r->doc.arena, "%.*s%s%.*s", STR_FMT(group),
					 group.len > 0 ? "/" : "", STR_FMT(version));

	if (whole == NULL)
		return err_set(e, ERR_MEMORY, "out of memory");
	if (kind.len == 0)
		return (own_kind.len > 0 && own_version.len > 0) ||
		       set_malformed(e, "request.kind is missing");
	if ((own_kind.len > 0 && !str_equal(own_kind, kind)) ||
	    (own_version.len > 0 && !str_equal(own_version, str_from(whole))))
		return set_malformed(e, "request.kind is not the object's");
	node_set_str(&r->doc, r->object, "apiVersion", str_from(whole));
	node_set_str(&r->doc, r->object, "kind", kind);
	return true;
}

static bool
read_request(struct review *r, struct str body, struct err *e)
{
	const struct node *root = node_read_json(&r->doc, body, REVIEW_MAX_BYTES, e);

	if (root == NULL)
		return false;
	if (!str_equal(node_text_at(root, "kind"), STR("AdmissionReview")) ||
	    !str_equal(node_text_at(root, "apiVersion"), STR(REVIEW_VERSION)))
		return set_malformed(e, "unexpected kind or apiVersion: expected " REVIEW_VERSION);
	r->request = node_get(root, "request");
	struct str uid = node_text_at(r->request, "uid");
	if (uid.len == 0 || uid.len > REVIEW_UID_MAX_BYTES)
		return set_malformed(e, "request.uid is missing");
	if (node_text_at(r->request, "operation").len == 0)
		return set_malformed(e, "request.operation is missing");
	r->object = node_get(r->request, "object");
	if (r->object != NULL && r->object->kind != NODE_MAP && r->object->kind != NODE_NULL)
		return set_malformed(e, "request.object is not an object");
	return !node_is(r->object, NODE_MAP) || set_kind(r, e);
}

static bool
is_operation(const struct review *r, const char *operation)
{
	return str_equal(node_text_at(r->request, "operation"), str_from(operation));
}

static bool
is_subresource(const struct review *r, const char *name)
{
	return str_equal(node_text_at(r->request, "subResource"), str_from(name));
}

/* Whether to review the request: creations and updates, but not deletions or subresources such as
 * status. */
static bool
is_reviewed(const struct review *r, enum review_kind kind)
{
	bool is_whole = is_subresource(r, "");
	bool is_part = is_subresource(r, "ephemeralcontainers") || is_subresource(r, "resize");

	return node_is(r->object, NODE_MAP) &&
	       (is_operation(r, "CREATE") || is_operation(r, "UPDATE")) &&
	       (is_whole || (kind == REVIEW_VALIDATE && is_part));
}

static bool
is_pod(const struct node *object)
{
	return str_equal(node_text_at(object, "kind"), STR("Pod"));
}

static void
deny(struct review *r, const char *text)
{
	if (r->message.len > 0)
		buf_add_str(&r->message, STR("; "));
	else
		buf_add_str(&r->message, STR("workspace-proxy: "));
	buf_add_str(&r->message, str_from(text));
}

static void
deny_problems(struct review *r)
{
	for (size_t i = 0; i < r->report.problems.count && i < INJECT_NOTES_MAX; i++)
		deny(r, r->report.problems.items[i]);
}

/* Labels pods and services of a namespace with injection, and applies its settings to pods. */
static bool
join_namespace(struct review *r, struct err *e)
{
	const struct node *data = NULL;

	inject_label(&r->doc, r->object);
	if (!is_pod(r->object) || !inject_is_labelled(r->object))
		return true;
	if (r->namespace->e->code != ERR_NONE) {
		deny(r, "the settings of the namespace can't be read");
		deny(r, r->namespace->e->text);
		return true;
	}
	if (r->namespace->data.len > 0)
		data = node_read_json(&r->doc, r->namespace->data, REVIEW_MAX_BYTES, e);
	if (r->namespace->data.len > 0 && data == NULL)
		return false;
	inject_apply_defaults(&r->doc, r->object, data, &r->report);
	deny_problems(r);
	return true;
}

static bool
copy_name(char to[WORKSPACE_SECRET_TEXT_BYTES], struct str name)
{
	bool fits = name.len < WORKSPACE_SECRET_TEXT_BYTES && dns_is_name(name, DNS_CANONICAL);

	if (fits)
		memcpy(to, name.data, name.len);
	to[fits ? name.len : 0] = '\0';
	return fits;
}

/* Determines the secret of a pod if the webhook creates secrets in its namespace, which the API
 * server reports. */
static void
order_secret(struct review *r)
{
	struct workspace_secret_request *request = &r->secret->request;
	struct str namespace = node_text_at(r->request, "namespace");
	struct str uid = node_text_at(r->request, "uid");

	if (r->settings->secrets != CONTAINER_SECRETS_CREATE || r->report.secret.len == 0 ||
	    node_is_true(node_get(r->request, "dryRun")) ||
	    !namespace_pattern_matches(r->settings->secrets_namespace, namespace))
		return;
	if (!copy_name(request->namespace, namespace) ||
	    !copy_name(request->name, r->report.secret) ||
	    !copy_name(request->host, r->report.host)) {
		deny(r, "the names of workspace and secret are too long");
		return;
	}
	memcpy(r->secret->uid, uid.data, uid.len);
	r->secret->uid[uid.len] = '\0';
	r->secret->is_needed = true;
}

/* Injects only at creation: the containers of an existing pod can't be changed. */
static bool
mutate_object(struct review *r, struct err *e)
{
	if (is_pod(r->object) && !is_operation(r, "CREATE"))
		return true;
	const struct node *before = node_copy(&r->doc, r->object);
	if (r->namespace != NULL && !join_namespace(r, e))
		return false;
	if (r->message.len > 0)
		return true;
	bool is_ours = inject_object(r->settings, &r->doc, r->object, &r->report);
	if (r->doc.failed)
		return err_set(e, ERR_LIMIT, "AdmissionReview: too large");
	deny_problems(r);
	if (r->namespace != NULL && r->message.len > 0 && is_pod(r->object))
		deny(r, "the namespace has injection enabled: label pods that are not workspaces "
			"with " INJECT_LABEL "=false");
	if (is_ours && is_pod(r->object) && r->report.problems.count == 0)
		order_secret(r);
	if (!is_ours || r->report.problems.count > 0 || node_equal(before, r->object))
		return true;
	if (!is_pod(r->object))
		uninject_record(&r->doc, before, r->object);
	return patch_write(before, r->object, &r->patch) ||
	       err_set(e, ERR_LIMIT, "AdmissionReview: the patch is too large");
}

/* Checks that the pod already is what injection would make of it. */
static bool
validate_whole(struct review *r, struct err *e)
{
	const struct node *before = node_copy(&r->doc, r->object);
	bool is_ours = inject_object(r->settings, &r->doc, r->object, &r->report);

	if (r->doc.failed)
		return err_set(e, ERR_LIMIT, "AdmissionReview: too large");
	deny_problems(r);
	if (r->namespace != NULL && !is_ours &&
	    node_get(node_find(r->object, "metadata.labels"), INJECT_LABEL) == NULL)
		deny(r, "the namespace has injection enabled, but the pod has no "
			"label " INJECT_LABEL "; the mutating webhook adds it");
	if (is_ours && r->report.problems.count == 0 && !node_equal(before, r->object))
		deny(r, "label " INJECT_LABEL ": the pod does not have the sidecar; the mutating "
			"webhook adds it when a pod is created");
	return true;
}

/*
 * Images, resources, labels and annotations of an existing pod can change. While our containers
 * stay the same, current settings don't matter: pods of an earlier configuration keep running, and
 * controllers can finish with them.
 */
static bool
validate_update(struct review *r, const struct node *old, struct err *e)
{
	if (!inject_label_is_kept(old, r->object)) {
		deny(r, "label " INJECT_LABEL ": can't be removed from a running pod or changed");
		return true;
	}
	return inject_sidecar_is_unchanged(old, r->object) || validate_whole(r, e);
}

static bool
validate_ephemeral(struct review *r, struct err *e)
{
	if (!inject_is_labelled(r->object))
		return true;
	inject_check_ephemeral(r->settings, &r->doc, r->object, &r->report);
	if (r->doc.failed)
		return err_set(e, ERR_LIMIT, "AdmissionReview: too large");
	deny_problems(r);
	return true;
}

static bool
validate_object(struct review *r, struct err *e)
{
	const struct node *old = node_get(r->request, "oldObject");

	if (!is_pod(r->object))
		return true;
	if (is_subresource(r, "ephemeralcontainers"))
		return validate_ephemeral(r, e);
	if (is_operation(r, "UPDATE") && inject_is_labelled(old))
		return validate_update(r, old, e);
	return validate_whole(r, e);
}

static void
write_warnings(const struct review *r, struct json_writer *w)
{
	if (r->report.warnings.count == 0)
		return;
	json_write_array(w, "warnings");
	for (size_t i = 0; i < r->report.warnings.count && i < INJECT_NOTES_MAX; i++)
		json_write_str(w, NULL,
			       str_take(str_from(r->report.warnings.items[i]), WARNING_MAX_BYTES));
	json_write_close(w, ']');
}

static bool
write_patch(const struct review *r, struct json_writer *w)
{
	struct buf text;

	buf_init(&text, PATCH_MAX_BYTES / 3 * 4 + 4);
	bool ok = crypto_base64_encode(&text, buf_view(&r->patch));
	json_write_str(w, "patchType", STR("JSONPatch"));
	json_write_str(w, "patch", buf_view(&text));
	buf_fini(&text);
	return ok;
}

static void
write_denial(struct json_writer *w, int code, const char *reason, struct str message)
{
	json_write_object(w, "status");
	json_write_int(w, "code", code);
	json_write_str(w, "reason", str_from(reason));
	json_write_str(w, "message", message);
	json_write_close(w, '}');
}

static void
begin_response(struct json_writer *w, struct buf *out, struct str uid, bool is_allowed)
{
	json_write_begin_object(w, out);
	json_write_str(w, "apiVersion", STR(REVIEW_VERSION));
	json_write_str(w, "kind", STR("AdmissionReview"));
	json_write_object(w, "response");
	json_write_str(w, "uid", uid);
	json_write_bool(w, "allowed", is_allowed);
}

static bool
end_response(struct json_writer *w)
{
	json_write_close(w, '}');
	return json_write_end_object(w);
}

static bool
write_response(const struct review *r, struct err *e)
{
	struct json_writer w;
	bool ok = true;

	begin_response(&w, r->out, node_text_at(r->request, "uid"), r->message.len == 0);
	if (r->message.len > 0)
		write_denial(&w, 422, "Invalid", buf_view(&r->message));
	else if (r->patch.len > 0)
		ok = write_patch(r, &w);
	write_warnings(r, &w);
	return (end_response(&w) && ok) ||
	       err_set(e, ERR_LIMIT, "AdmissionReview: the answer is too large");
}

bool
review_refuse(const struct review_secret *secret, const struct err *why, struct buf *out)
{
	const struct workspace_secret_request *request = &secret->request;
	struct json_writer w;
	struct buf message;

	buf_init(&message, MESSAGE_MAX_BYTES);
	buf_addf(&message, "workspace-proxy: secret %s/%s can't be created (INJECT_SECRETS): %s",
		 request->namespace, request->name, why->text);
	begin_response(&w, out, str_from(secret->uid), false);
	write_denial(&w, 500, "InternalError", buf_view(&message));
	buf_fini(&message);
	return end_response(&w);
}

static bool
answer_review(struct review *r, enum review_kind kind, struct str body, struct err *e)
{
	if (!read_request(r, body, e))
		return false;
	if (is_reviewed(r, kind) &&
	    !(kind == REVIEW_MUTATE ? mutate_object(r, e) : validate_object(r, e)))
		return false;
	return write_response(r, e);
}

bool
review_namespace(struct str body, struct buf *name)
{
	struct err e = ERR_INIT;
	struct doc d;

	doc_init(&d);
	const struct node *root = node_read_json(&d, body, REVIEW_MAX_BYTES, &e);
	bool ok = buf_add_str(name, node_text_at(root, "request.namespace")) && name->len > 0;
	doc_fini(&d);
	return ok;
}

enum review_outcome
review_answer(const struct review_question *question, struct buf *out, struct review_secret *secret,
	      struct err *e)
{
	struct review r = {.settings = question->settings,
			   .namespace = question->namespace,
			   .out = out,
			   .secret = secret};
	enum review_outcome outcome = REVIEW_ALLOWED;

	secret->is_needed = false;
	doc_init(&r.doc);
	buf_init(&r.patch, PATCH_MAX_BYTES);
	buf_init(&r.message, MESSAGE_MAX_BYTES);
	if (!answer_review(&r, question->kind, question->body, e))
		outcome = REVIEW_MALFORMED;
	else if (r.message.len > 0)
		outcome = REVIEW_DENIED;
	else if (r.patch.len > 0)
		outcome = REVIEW_PATCHED;
	buf_fini(&r.message);
	buf_fini(&r.patch);
	doc_fini(&r.doc);
	return outcome;
}
