/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads objects from files, through `kubectl proxy`, which authenticates with the user's
 * kubeconfig, or in a pod from the API server with the pod's service account.
 */
#include "container/cluster/cluster_run.h"

#include <stdlib.h>

#include "base/clock.h"
#include "container/cluster/cluster_installation.h"
#include "container/cluster/cluster_read.h"
#include "container/cluster/cluster_workspaces.h"
#include "container/inject/input.h"

#define FILES_MAX     64u
#define EXIT_NOT_READ 3
#define KUBECTL_PROXY "http://127.0.0.1:8001"
#define ACCOUNT_DIR   "/var/run/secrets/kubernetes.io/serviceaccount"
#define HOST_BYTES    254

static const char usage[] =
	"usage: workspace-proxy cluster-check [--api URL [--account DIR] | -f FILE ...]\n"
	"                                     [--namespace NAME] [--offline] [--old-sidecars]\n"
	"\n"
	"Checks a cluster, and prints what prevents workspaces from getting their sidecars, or "
	"users\n"
	"from reaching them. Changes nothing.\n"
	"\n"
	"  --api URL         read through the API server at this origin. Without it and -f, in a\n"
	"                    pod its cluster's, elsewhere `kubectl proxy`, " KUBECTL_PROXY "\n"
	"  --account DIR     with the token and ca.crt in this directory. In a pod, that of its\n"
	"                    service account\n"
	"  -f FILE           read what `kubectl get ... -o json` printed; - is standard input\n"
	"  --namespace NAME  that of webhook and relay (" CLUSTER_NAMESPACE ")\n"
	"  --offline         don't connect to the relay or to workspaces\n"
	"  --old-sidecars    print nothing but pods whose sidecar is not the current one\n"
	"\n"
	"Exit codes: 0 nothing is wrong, 1 problems, 2 wrong usage, 3 the cluster can't be read.\n";

struct cluster_run_options {
	struct cluster_server server;
	char pod_url[sizeof("https://[]:65535") + HOST_BYTES]; /* url, in a pod */
	const char *files[FILES_MAX];
	size_t file_count;
	const char *namespace;
	bool is_offline;
	bool is_list;
};

/* Reads what the kubelet sets in a pod: the API server's address, and the service account unless
 * its mount is switched off. */
static void
choose_server(struct cluster_run_options *o)
{
	const char *host = getenv("KUBERNETES_SERVICE_HOST");
	const char *port = getenv("KUBERNETES_SERVICE_PORT");

	if (host == NULL || *host == '\0' || strlen(host) > HOST_BYTES || port == NULL ||
	    *port == '\0' || strlen(port) > 5) {
		o->server.url = KUBECTL_PROXY;
		return;
	}
	bool is_v6 = strchr(host, ':') != NULL;
	(void)snprintf(o->pod_url, sizeof(o->pod_url), "https://%s%s%s:%s", is_v6 ? "[" : "", host,
		       is_v6 ? "]" : "", port);
	o->server.url = o->pod_url;
	if (o->server.account_dir == NULL)
		o->server.account_dir = ACCOUNT_DIR;
}

static bool
parse_options(struct cluster_run_options *o, int argc, char **argv)
{
	*o = (struct cluster_run_options){.namespace = CLUSTER_NAMESPACE};
	for (int i = 1; i < argc; i++) {
		bool has_value = i + 1 < argc;
		if (strcmp(argv[i], "--api") == 0 && has_value)
			o->server.url = argv[++i];
		else if (strcmp(argv[i], "--account") == 0 && has_value)
			o->server.account_dir = argv[++i];
		else if (strcmp(argv[i], "-f") == 0 && has_value && o->file_count < FILES_MAX)
			o->files[o->file_count++] = argv[++i];
		else if (strcmp(argv[i], "--namespace") == 0 && has_value)
			o->namespace = argv[++i];
		else if (strcmp(argv[i], "--offline") == 0)
			o->is_offline = true;
		else if (strcmp(argv[i], "--old-sidecars") == 0)
			o->is_list = true;
		else
			return false;
	}
	if (o->file_count > 0)
		return o->server.url == NULL && o->server.account_dir == NULL;
	if (o->server.url == NULL)
		choose_server(o);
	return true;
}

/* Files without any secret are those of a user who has left them out. */
static bool
read_files(const struct cluster_run_options *options, struct cluster_objects *o, struct err *e)
{
	const struct cluster_object secrets = cluster_named("Secret", STR_NONE, STR_NONE);

	for (size_t i = 0; i < options->file_count; i++) {
		struct buf text;
		buf_init(&text, CLUSTER_TEXT_MAX_BYTES);
		bool ok = input_read(options->files[i], &text, e) &&
			  (cluster_objects_add(o, buf_view(&text), e) ||
			   err_wrap(e, "%.200s", options->files[i]));
		buf_fini(&text);
		if (!ok)
			return false;
	}
	return cluster_objects_next(o, "Secret", NULL) != NULL ||
	       cluster_objects_add_unread(o, &secrets, e);
}

static void
check_all(const struct cluster_run_options *options, struct cluster_reader *r,
	  const struct cluster_check *c)
{
	cluster_check_installation(c);
	cluster_check_workspaces(c);
	if (options->server.url != NULL)
		cluster_check_webhook_is_called(r, c->report);
	if (!options->is_offline)
		cluster_check_hosts(r, c);
	(void)printf("%zu problem%s, %zu note%s, %zu not checked\n", c->report->problems,
		     c->report->problems == 1 ? "" : "s", c->report->notes,
		     c->report->notes == 1 ? "" : "s", c->report->unchecked);
}

static int
run(const struct cluster_run_options *options, struct cluster_reader *r, struct cluster_objects *o)
{
	struct cluster_report report = {.out = stdout};
	struct err e = ERR_INIT;
	struct str namespace = str_from(options->namespace);
	const struct cluster_check c = {
		.objects = o, .report = &report, .namespace = namespace, .now_s = clock_wall_s()};
	bool ok = options->server.url != NULL ? cluster_read_all(r, namespace, o, &report, &e)
					      : read_files(options, o, &e);

	if (!ok) {
		(void)fprintf(stderr, "workspace-proxy: cluster-check: %s\n", e.text);
		return EXIT_NOT_READ;
	}
	if (options->is_list)
		cluster_list_old(&c);
	else
		check_all(options, r, &c);
	return report.problems > 0 ? 1 : 0;
}

int
cluster_run(int argc, char **argv)
{
	bool is_help = argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0);
	struct cluster_objects o = {.count = 0};
	struct err e = ERR_INIT;
	struct cluster_run_options options;

	if (is_help || !parse_options(&options, argc, argv)) {
		(void)fputs(usage, is_help ? stdout : stderr);
		return is_help ? 0 : 2;
	}
	struct cluster_reader *r = cluster_reader_new(&options.server, &e);
	if (r == NULL) {
		(void)fprintf(stderr, "workspace-proxy: cluster-check: %s\n", e.text);
		return EXIT_NOT_READ;
	}
	int code = run(&options, r, &o);
	cluster_reader_free(r);
	cluster_objects_fini(&o);
	return code;
}
