/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Front door of container/: the commands that add the sidecar to Kubernetes objects, their
 * settings, and the checks of those settings.
 */
#ifndef CONTAINER_CONTAINER_H
#define CONTAINER_CONTAINER_H

#include "container/cluster/cluster_run.h"
#include "container/container_settings.h"
#include "container/inject/inject_run.h"
#include "container/inject/value/name_pattern.h"
#include "container/inject/value/namespace_pattern.h"
#include "container/inject/value/quantity.h"
#include "container/inject/value/tolerance.h"
#include "container/webhook/certs_run.h"
#include "container/webhook/service_certificate.h"
#include "container/webhook/webhook.h"

#endif
