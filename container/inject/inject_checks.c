/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reports what the sidecar could not protect: ways around it, and ways to its secrets. The checks
 * change nothing.
 */
#include "container/inject/inject_private.h"
#include "container/inject/value/mount_path.h"

/* Our process is not dumpable, but a process that can kill it can win the race when it restarts. */
#define PROCESS_HINT                                                                               \
	"other containers could reach the sidecar's process and the files of its secrets"

/* For lists whose entries are compared with each other. */
#define LIST_MAX 1000u

/* Such containers can read other pods' volumes and memory on the node. */
#define NODE_HINT "the container could read the sidecar's secrets through the node"

/* Reports SELinux types without confinement, such as spc_t, of a container or, with an empty name,
 * of the pod. The baseline Pod Security Standard allows those below. */
static void
check_selinux(struct inject *c, const struct node *owner, struct str container)
{
	static const char *const types[] = {"", "container_t", "container_init_t",
					    "container_kvm_t", "container_engine_t"};
	struct str type = node_text_at(owner, "securityContext.seLinuxOptions.type");

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (str_equal(type, str_from(types[i])))
			return;
	inject_problem(c, "%s%.*s%sseLinuxOptions: type %.*s is not confined",
		       container.len > 0 ? "container " : "", STR_FMT(container),
		       container.len > 0 ? ": " : "", STR_FMT(str_take(type, 63)));
}

void
inject_check_spec(struct inject *c)
{
	struct str restart = node_text_at(c->spec, "restartPolicy");

	if (node_is_true(node_get(c->spec, "hostNetwork")))
		inject_problem(c, "hostNetwork: everything on the node could reach the IDE's "
				  "loopback port");
	if (node_is_true(node_get(c->spec, "hostPID")))
		inject_problem(c, "hostPID: " PROCESS_HINT);
	if (node_is_true(node_get(c->spec, "shareProcessNamespace")))
		inject_problem(c, "shareProcessNamespace: " PROCESS_HINT);
	check_selinux(c, c->spec, STR_NONE);
	if (c->is_job && c->settings->sidecar == CONTAINER_CLASSIC)
		inject_problem(c, "a job never completes with a classic sidecar: the operator must "
				  "set INJECT_SIDECAR=native");
	else if (c->settings->sidecar == CONTAINER_CLASSIC && restart.len > 0 &&
		 !str_equal(restart, STR("Always")))
		inject_warn(c,
			    "restartPolicy: with a classic sidecar the pod keeps running after its "
			    "other containers have exited");
}

static bool
is_upstream_port(const struct inject *c, const struct node *port)
{
	uint64_t number = 0;

	return node_is(port, NODE_INT) && port->integer > 0 &&
	       str_to_u64(c->params.upstream_port, 1, UINT16_MAX, &number) &&
	       (uint64_t)port->integer == number;
}

static void
check_ports(struct inject *c, const struct node *container)
{
	for (const struct node *p = node_first(node_get(container, "ports")); p != NULL;
	     p = node_next(p)) {
		const struct node *number = node_get(p, "containerPort");
		struct str name = node_text_at(p, "name");
		if (node_is(number, NODE_INT) && (number->integer == INJECT_HTTPS_NUMBER ||
						  number->integer == INJECT_ADMIN_NUMBER))
			inject_problem(c, "container %.*s: port %d is reserved for the sidecar",
				       STR_FMT(inject_name_of(container)), (int)number->integer);
		if (str_starts_with(name, STR("wsp-")))
			inject_problem(c,
				       "container %.*s: port names beginning with wsp- are "
				       "reserved for the sidecar",
				       STR_FMT(inject_name_of(container)));
		if (node_get(p, "hostPort") != NULL && is_upstream_port(c, number))
			inject_problem(c, "container %.*s: hostPort would bypass the sidecar",
				       STR_FMT(inject_name_of(container)));
	}
}

/* Whether the IDE's container may mount this volume of ours, once: for git, SSH or its log. */
static bool
is_for_ide(const struct inject *c, const struct node *container, struct str volume)
{
	return container == c->ide && (str_equal(volume, STR(INJECT_VOLUME_GIT)) ||
				       str_equal(volume, STR(INJECT_VOLUME_SSH)) ||
				       str_equal(volume, STR(INJECT_VOLUME_LOG)));
}

static bool
is_short(struct inject *c, const struct node *parent, const char *key, struct str container)
{
	const struct node *list = node_get(parent, key);

	if (list == NULL || list->count <= LIST_MAX)
		return true;
	inject_problem(c, "%s%.*s%s%s: more than %u entries", container.len > 0 ? "container " : "",
		       STR_FMT(container), container.len > 0 ? ": " : "", key, LIST_MAX);
	return false;
}

static bool
check_container_sizes(struct inject *c, const char *list)
{
	bool ok = is_short(c, c->spec, list, STR_NONE);

	for (const struct node *n = ok ? node_first(node_get(c->spec, list)) : NULL; n != NULL;
	     n = node_next(n)) {
		ok = is_short(c, n, "env", inject_name_of(n)) && ok;
		ok = is_short(c, n, "envFrom", inject_name_of(n)) && ok;
		ok = is_short(c, n, "volumeMounts", inject_name_of(n)) && ok;
	}
	return ok;
}

bool
inject_check_sizes(struct inject *c)
{
	return is_short(c, c->spec, "volumes", STR_NONE) &&
	       check_container_sizes(c, "initContainers") && check_container_sizes(c, "containers");
}

static size_t
count_mounts(const struct node *mounts, const struct node *end, struct str volume)
{
	size_t count = 0;

	for (const struct node *m = node_first(mounts); m != end; m = node_next(m))
		count += str_equal(node_text_at(m, "name"), volume);
	return count;
}

static void
check_mounts(struct inject *c, const struct node *container, const struct node *ours)
{
	const struct node *mounts = node_get(container, "volumeMounts");

	for (const struct node *m = node_first(mounts); m != NULL; m = node_next(m)) {
		struct str volume = node_text_at(m, "name");
		bool is_allowed = is_for_ide(c, container, volume);
		if (is_allowed && count_mounts(mounts, m, volume) > 0)
			inject_problem(c, "container %.*s: mounts volume %.*s twice",
				       STR_FMT(inject_name_of(container)), STR_FMT(volume));
		if (!is_allowed && node_named(ours, volume) != NULL)
			inject_problem(
				c,
				"container %.*s: mounts volume %.*s, which belongs to the sidecar",
				STR_FMT(inject_name_of(container)), STR_FMT(volume));
	}
}

/* Reports entries of the list whose value at path is the name of the secret. */
static void
check_uses(struct inject *c, const struct node *container, const char *list, const char *path,
	   struct str secret)
{
	for (const struct node *n = node_first(node_get(container, list)); n != NULL;
	     n = node_next(n))
		if (str_equal(node_text_at(n, path), secret))
			inject_problem(
				c,
				"container %.*s: reads secret %.*s, which belongs to the sidecar",
				STR_FMT(inject_name_of(container)), STR_FMT(secret));
}

/* Variables can come from a file in a volume that the container does not mount. */
static void
check_file_variables(struct inject *c, const struct node *container, const struct node *ours)
{
	for (const struct node *n = node_first(node_get(container, "env")); n != NULL;
	     n = node_next(n)) {
		struct str volume = node_text_at(n, "valueFrom.fileKeyRef.volumeName");
		if (node_named(ours, volume) != NULL)
			inject_problem(
				c,
				"container %.*s: reads volume %.*s, which belongs to the sidecar",
				STR_FMT(inject_name_of(container)), STR_FMT(volume));
	}
}

/* Reports uses of our volumes, and of the secrets in them. */
static void
check_secrets(struct inject *c, const struct node *container, const struct node *ours)
{
	check_mounts(c, container, ours);
	check_file_variables(c, container, ours);
	for (const struct node *v = node_first(ours); v != NULL; v = node_next(v)) {
		struct str secret = node_text_at(v, "secret.secretName");
		if (secret.len == 0)
			continue;
		check_uses(c, container, "env", "valueFrom.secretKeyRef.name", secret);
		check_uses(c, container, "envFrom", "secretRef.name", secret);
	}
}

bool
inject_is_own_container(const struct inject *c, struct str name)
{
	return str_equal(name, STR(INJECT_NAME)) ||
	       (inject_has_git(c) && str_equal(name, STR(INJECT_GIT_CONTAINER)));
}

/* Reports a capability that leads to the node, or to the network that all containers of the pod
 * share. Container runtimes ignore the case of names. */
static void
check_capability(struct inject *c, struct str container, struct str name)
{
	static const char *const of_node[] = {"ALL",	    "BPF",	  "DAC_READ_SEARCH",
					      "PERFMON",    "SYS_ADMIN",  "SYS_BOOT",
					      "SYS_MODULE", "SYS_PTRACE", "SYS_RAWIO"};

	name = str_skip(name, str_starts_with_nocase(name, STR("CAP_")) ? 4 : 0);
	for (size_t i = 0; i < sizeof(of_node) / sizeof(of_node[0]); i++)
		if (str_equal_nocase(name, str_from(of_node[i])))
			inject_problem(c, "container %.*s: capability %s: " NODE_HINT,
				       STR_FMT(container), of_node[i]);
	if (str_equal_nocase(name, STR("NET_ADMIN")) &&
	    (c->settings->allowed & CONTAINER_ALLOW_NET_ADMIN) == 0)
		inject_problem(c,
			       "container %.*s: capability NET_ADMIN: it could redirect the "
			       "sidecar's port; the operator can allow it for service meshes "
			       "(INJECT_ALLOW)",
			       STR_FMT(container));
}

static void
check_privileges(struct inject *c, const struct node *container)
{
	const struct node *added = node_find(container, "securityContext.capabilities.add");

	check_selinux(c, container, inject_name_of(container));
	if (node_is_true(node_find(container, "securityContext.privileged")))
		inject_problem(c, "container %.*s: privileged: " NODE_HINT,
			       STR_FMT(inject_name_of(container)));
	for (const struct node *n = node_first(added); n != NULL; n = node_next(n))
		check_capability(c, inject_name_of(container), node_text(n));
}

static void
check_containers(struct inject *c, const struct node *list, const struct node *volumes)
{
	for (const struct node *n = node_first(list); n != NULL; n = node_next(n)) {
		if (inject_is_own_container(c, inject_name_of(n)))
			continue;
		check_ports(c, n);
		check_privileges(c, n);
		check_secrets(c, n, volumes);
	}
}

/* Whether a volume contains the secret, also as one source of several. */
static bool
holds_secret(const struct node *volume, struct str secret)
{
	const struct node *sources = node_find(volume, "projected.sources");

	if (str_equal(node_text_at(volume, "secret.secretName"), secret))
		return true;
	for (const struct node *s = node_first(sources); s != NULL; s = node_next(s))
		if (str_equal(node_text_at(s, "secret.name"), secret))
			return true;
	return false;
}

/* Reports directories of the node that contain volumes, secrets of the control plane, disks or
 * sockets of container runtimes, also those of k3s, RKE2, k0s and MicroK8s, or are above them. */
static void
check_host_path(struct inject *c, const struct node *volume)
{
	static const char *const places[] = {"/dev",
					     "/etc/cni",
					     "/etc/cron.d",
					     "/etc/kubernetes",
					     "/etc/nri",
					     "/etc/rancher",
					     "/etc/systemd",
					     "/opt/cni",
					     "/opt/nri",
					     "/proc",
					     "/root",
					     "/run",
					     "/sys",
					     "/usr/libexec/kubernetes",
					     "/var/lib/containerd",
					     "/var/lib/containers",
					     "/var/lib/docker",
					     "/var/lib/etcd",
					     "/var/lib/k0s",
					     "/var/lib/kubelet",
					     "/var/lib/minikube",
					     "/var/lib/rancher",
					     "/var/run",
					     "/var/snap"};
	struct str path = node_text_at(volume, "hostPath.path");

	if (node_get(volume, "hostPath") == NULL)
		return;
	while (path.len > 0 && path.data[path.len - 1] == '/')
		path.len--;
	bool is_critical = path.len == 0 || !mount_path_is_valid(path);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		is_critical = is_critical || mount_path_is_within(path, str_from(places[i])) ||
			      mount_path_is_within(str_from(places[i]), path);
	if (is_critical)
		inject_problem(c,
			       "volume %.*s: hostPath: its containers could read the sidecar's "
			       "secrets on the node",
			       STR_FMT(inject_name_of(volume)));
}

/* Reports other volumes of the pod that contain our secrets. */
static void
check_volumes(struct inject *c, const struct node *ours)
{
	for (const struct node *v = node_first(node_get(c->spec, "volumes")); v != NULL;
	     v = node_next(v)) {
		if (node_named(ours, node_text_at(v, "name")) != NULL)
			continue;
		check_host_path(c, v);
		for (const struct node *o = node_first(ours); o != NULL; o = node_next(o)) {
			struct str secret = node_text_at(o, "secret.secretName");
			if (secret.len > 0 && holds_secret(v, secret))
				inject_problem(c,
					       "volume %.*s: contains secret %.*s, which belongs "
					       "to the sidecar",
					       STR_FMT(inject_name_of(v)), STR_FMT(secret));
		}
	}
}

void
inject_check_pod(struct inject *c, const struct node *ours)
{
	check_volumes(c, ours);
	check_containers(c, node_get(c->spec, "containers"), ours);
	check_containers(c, node_get(c->spec, "initContainers"), ours);
}

bool
inject_is_our_volume(struct str volume)
{
	static const char *const names[] = {
		INJECT_VOLUME_STATE, INJECT_VOLUME_SECRET, INJECT_VOLUME_TLS, INJECT_VOLUME_CA,
		INJECT_VOLUME_GIT,   INJECT_VOLUME_SSH,	   INJECT_VOLUME_LOG};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (str_equal(volume, str_from(names[i])))
			return true;
	return false;
}

/* Returns our volumes as the pod has them: current settings may differ from those at its
 * creation. */
static const struct node *
find_our_volumes(struct inject *c)
{
	struct node *ours = node_new(c->doc, NODE_LIST);

	for (const struct node *v = node_first(node_get(c->spec, "volumes")); v != NULL;
	     v = node_next(v))
		if (inject_is_our_volume(node_text_at(v, "name")))
			node_append(ours, node_copy(c->doc, v));
	return ours;
}

/* Returns the sidecar's own user id; negative: it runs with the IDE's. */
static int64_t
own_user_of(const struct inject *c)
{
	const struct node *sidecar =
		node_named(node_get(c->spec, "initContainers"), STR(INJECT_NAME));

	if (sidecar == NULL)
		sidecar = node_named(node_get(c->spec, "containers"), STR(INJECT_NAME));
	int64_t user = node_int_at(sidecar, "securityContext.runAsUser");
	return user == INJECT_USER_ID ? user : -1;
}

static void
check_ephemeral_user(struct inject *c, const struct node *container)
{
	int64_t user = own_user_of(c);

	if (user >= 0 && node_int_at(container, "securityContext.runAsUser") == user)
		inject_problem(c,
			       "container %.*s: runs as user id %d, which is the sidecar's: use "
			       "another one",
			       STR_FMT(inject_name_of(container)), (int)user);
}

void
inject_check_ephemeral(const struct container_settings *settings, struct doc *d, struct node *pod,
		       struct inject_report *report)
{
	struct inject c = {
		.settings = settings, .doc = d, .report = report, .spec = node_get(pod, "spec")};
	const struct node *ours = find_our_volumes(&c);

	for (const struct node *n = node_first(node_get(c.spec, "ephemeralContainers")); n != NULL;
	     n = node_next(n)) {
		struct str target = node_text_at(n, "targetContainerName");
		check_privileges(&c, n);
		check_secrets(&c, n, ours);
		check_ephemeral_user(&c, n);
		if (str_equal(target, STR(INJECT_NAME)) ||
		    str_equal(target, STR(INJECT_GIT_CONTAINER)))
			inject_problem(&c, "container %.*s: targetContainerName: " PROCESS_HINT,
				       STR_FMT(inject_name_of(n)));
	}
}
