/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads manifests, adds the sidecar and prints the result. If any object has a problem, only the
 * problems are printed.
 */
#include "container/inject/inject_run.h"

#include <stdio.h>

#include "container/inject/input.h"
#include "container/inject/manifest.h"

#define EXIT_WOULD_CHANGE 3

static const char usage[] =
	"usage: workspace-proxy inject [-f FILE] [--patch | --check] [--no-network-policy]\n"
	"\n"
	"Reads Kubernetes manifests, YAML or JSON, and prints them with the sidecar in the pods "
	"and\n"
	"services that are labelled " INJECT_LABEL "=true.\n"
	"\n"
	"  -f FILE              read FILE instead of standard input\n"
	"  --patch              print the JSON Patch (RFC 6902) of a single object instead\n"
	"  --check              print problems and what would change; exit code 0: nothing to\n"
	"                       change, 3: something would change, 1: problems\n"
	"  --no-network-policy  don't add the NetworkPolicy that admits only the sidecar's port\n";

struct inject_options {
	const char *file; /* NULL: standard input */
	bool is_patch;
	bool is_check;
	bool has_no_policy;
	size_t problems;
	size_t changes;
};

static bool
parse_options(struct inject_options *r, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "-f") == 0 && i + 1 < argc)
			r->file = argv[++i];
		else if (strcmp(argv[i], "--patch") == 0)
			r->is_patch = true;
		else if (strcmp(argv[i], "--check") == 0)
			r->is_check = true;
		else if (strcmp(argv[i], "--no-network-policy") == 0)
			r->has_no_policy = true;
		else
			return false;
	}
	return !(r->is_patch && r->is_check);
}

bool
inject_run_is_usage(int argc, char **argv, int *code)
{
	struct inject_options r = {.file = NULL};
	bool is_help = argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0);

	*code = is_help ? 0 : 2;
	if (is_help || !parse_options(&r, argc, argv)) {
		(void)fputs(usage, is_help ? stdout : stderr);
		return true;
	}
	return false;
}

static void
on_note(enum manifest_note note, const char *object, const char *text, void *arg)
{
	struct inject_options *r = arg;
	FILE *out = r->is_check ? stdout : stderr;

	r->problems += note == MANIFEST_PROBLEM;
	r->changes += note == MANIFEST_CHANGED;
	switch (note) {
	case MANIFEST_PROBLEM:
		(void)fprintf(out, "%s: %s\n", object, text);
		break;
	case MANIFEST_WARNING:
		(void)fprintf(out, "%s: warning: %s\n", object, text);
		break;
	case MANIFEST_CHANGED:
	case MANIFEST_UNCHANGED:
		if (r->is_check)
			(void)fprintf(out, "%s: %s\n", object, text);
		break;
	}
}

static bool
print_result(struct str text, struct err *e)
{
	if ((text.len == 0 || fwrite(text.data, text.len, 1, stdout) == 1) && fflush(stdout) == 0)
		return true;
	return err_set(e, ERR_SYSTEM, "the result could not be written");
}

static int
exit_code(const struct inject_options *r, const char *command, bool ok, const struct err *e)
{
	if (!ok)
		(void)fprintf(stderr, "workspace-proxy: %s: %s\n", command, e->text);
	if (!ok || r->problems > 0)
		return 1;
	return r->is_check && r->changes > 0 ? EXIT_WOULD_CHANGE : 0;
}

static int
run_filter(struct inject_options *r, const struct manifest *m)
{
	struct err e = ERR_INIT;
	struct buf in;
	struct buf out;

	buf_init(&in, MANIFEST_MAX_BYTES);
	buf_init(&out, MANIFEST_OUT_BYTES);
	bool ok = input_read(r->file, &in, &e) && manifest_inject(m, buf_view(&in), &out, &e);
	if (ok && r->problems == 0 && !r->is_check)
		ok = print_result(buf_view(&out), &e);
	buf_fini(&in);
	buf_fini(&out);
	return exit_code(r, m->is_reverse ? "uninject" : "inject", ok, &e);
}

int
inject_run(const struct container_settings *settings, int argc, char **argv)
{
	struct inject_options r = {.file = NULL};

	if (!parse_options(&r, argc, argv))
		return 2;
	const struct manifest m = {
		.settings = settings,
		.adds_network_policy = !r.has_no_policy,
		.is_patch = r.is_patch,
		.on_note = on_note,
		.arg = &r,
	};
	return run_filter(&r, &m);
}

static const char reverse_usage[] =
	"usage: workspace-proxy uninject [-f FILE]\n"
	"\n"
	"Reads Kubernetes manifests that `workspace-proxy inject` has written, and prints them as "
	"they\n"
	"were before. Labels and annotations that ask for the sidecar stay.\n"
	"\n"
	"  -f FILE  read FILE instead of standard input\n";

int
uninject_run(int argc, char **argv)
{
	bool is_help = argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0);
	bool has_file = argc == 3 && strcmp(argv[1], "-f") == 0;
	struct inject_options r = {.file = has_file ? argv[2] : NULL};
	const struct manifest m = {.is_reverse = true, .on_note = on_note, .arg = &r};

	if (argc == 1 || has_file)
		return run_filter(&r, &m);
	(void)fputs(reverse_usage, is_help ? stdout : stderr);
	return is_help ? 0 : 2;
}
