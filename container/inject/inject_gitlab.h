/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pods and services that GitLab's agent creates for a workspace (remote development). The agent
 * writes the same labels and annotations on all objects of all workspaces, so the values of one
 * workspace are derived from GitLab's own annotations:
 *
 *   workspaces.gitlab.com/id: "993"
 *   workspaces.gitlab.com/host-template: "{{.port}}-<name>.<zone>"
 *
 * Our annotations win where they say otherwise.
 */
#ifndef CONTAINER_INJECT_INJECT_GITLAB_H
#define CONTAINER_INJECT_INJECT_GITLAB_H

#include "container/inject/inject_private.h"

#define INJECT_GITLAB_PORT     60001 /* the editor's port in all workspaces */
#define INJECT_GITLAB_TEMPLATE "workspaces.gitlab.com/host-template"

/* Sets is_gitlab, and sets parameters of a pod that our annotations do not set. */
void inject_gitlab_complete(struct inject *c, bool is_service);

/* Returns the annotation that determines the pod's external URL. */
const char *inject_gitlab_url_annotation(const struct inject *c);

/* Returns the container with the editor; NULL: there is none, or the pod is not GitLab's. */
struct node *inject_gitlab_container(const struct inject *c, struct node *containers);

/* Returns the port of a service that leads to the editor, or NULL. */
struct node *inject_gitlab_service_port(const struct inject *c, struct node *ports);

#endif
