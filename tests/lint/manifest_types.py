# SPDX-License-Identifier: Apache-2.0
"""Types of Kubernetes objects: the fields of their classes, and what is wrong with an object by these."""

import re

from kubernetes import client

KINDS = {
    ("apps/v1", "Deployment"): "V1Deployment",
    ("batch/v1", "Job"): "V1Job",
    ("v1", "Namespace"): "V1Namespace",
    ("v1", "PersistentVolumeClaim"): "V1PersistentVolumeClaim",
    ("v1", "Secret"): "V1Secret",
    ("v1", "ConfigMap"): "V1ConfigMap",
    ("v1", "Service"): "V1Service",
    ("v1", "ServiceAccount"): "V1ServiceAccount",
    ("rbac.authorization.k8s.io/v1", "Role"): "V1Role",
    ("rbac.authorization.k8s.io/v1", "RoleBinding"): "V1RoleBinding",
    ("rbac.authorization.k8s.io/v1", "ClusterRole"): "V1ClusterRole",
    ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"): "V1ClusterRoleBinding",
    ("policy/v1", "PodDisruptionBudget"): "V1PodDisruptionBudget",
    ("autoscaling/v2", "HorizontalPodAutoscaler"): "V2beta2HorizontalPodAutoscaler",
    ("networking.k8s.io/v1", "NetworkPolicy"): "V1NetworkPolicy",
    ("networking.k8s.io/v1", "Ingress"): "V1Ingress",
    ("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration"): "V1MutatingWebhookConfiguration",
    ("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration"): "V1ValidatingWebhookConfiguration",
}
# What these models are too old for.
NEWER = {
    "V1PodDisruptionBudgetSpec": {"unhealthyPodEvictionPolicy": "str"},
    "V1MutatingWebhook": {"matchConditions": "list[Expression]"},
    "V1ValidatingWebhook": {"matchConditions": "list[Expression]"},
}

# Of kinds that others define, what is used of them here. A class's fields and their types; ! has to be there.
OTHERS = {
    ("gateway.networking.k8s.io/v1", "Gateway"): "Gateway",
    ("gateway.networking.k8s.io/v1", "HTTPRoute"): "HTTPRoute",
    ("gateway.networking.k8s.io/v1", "BackendTLSPolicy"): "BackendTLSPolicy",
    ("cert-manager.io/v1", "ClusterIssuer"): "ClusterIssuer",
    ("cert-manager.io/v1", "Certificate"): "Certificate",
    ("monitoring.coreos.com/v1", "PodMonitor"): "PodMonitor",
    ("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy"): "AdmissionPolicy",
    ("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicyBinding"): "AdmissionPolicyBinding",
}
OBJECT = {"apiVersion!": "str", "kind!": "str", "metadata!": "V1ObjectMeta"}
CLASSES = {
    "Gateway": {**OBJECT, "spec!": "GatewaySpec"},
    "GatewaySpec": {"gatewayClassName!": "str", "listeners!": "list[Listener]"},
    "Listener": {
        "name!": "str",
        "protocol!": "str",
        "port!": "int",
        "hostname": "str",
        "tls": "ListenerTls",
        "allowedRoutes": "AllowedRoutes",
    },
    "ListenerTls": {"mode": "str", "certificateRefs!": "list[Reference]"},
    "Reference": {"group": "str", "kind": "str", "name!": "str", "namespace": "str"},
    "AllowedRoutes": {"namespaces": "RouteNamespaces"},
    "RouteNamespaces": {"from": "str", "selector": "V1LabelSelector"},
    "HTTPRoute": {**OBJECT, "spec!": "HTTPRouteSpec"},
    "HTTPRouteSpec": {"parentRefs!": "list[Parent]", "hostnames": "list[str]", "rules!": "list[HTTPRouteRule]"},
    "Parent": {"name!": "str", "namespace": "str", "sectionName": "str"},
    "HTTPRouteRule": {"backendRefs": "list[Backend]", "filters": "list[Filter]", "timeouts": "Timeouts"},
    "Backend": {"name!": "str", "port!": "int"},
    "Filter": {"type!": "str", "requestRedirect": "Redirect"},
    "Redirect": {"scheme": "str", "statusCode": "int"},
    "Timeouts": {"request": "str", "backendRequest": "str"},
    "BackendTLSPolicy": {**OBJECT, "spec!": "BackendTLSPolicySpec"},
    "BackendTLSPolicySpec": {"targetRefs!": "list[Reference]", "validation!": "BackendTLSValidation"},
    "BackendTLSValidation": {
        "hostname!": "str",
        "wellKnownCACertificates": "str",
        "caCertificateRefs": "list[Reference]",
    },
    "ClusterIssuer": {**OBJECT, "spec!": "IssuerSpec"},
    "IssuerSpec": {"selfSigned": "object", "ca": "IssuerCa"},
    "IssuerCa": {"secretName!": "str"},
    "Certificate": {**OBJECT, "spec!": "CertificateSpec"},
    "CertificateSpec": {
        "secretName!": "str",
        "issuerRef!": "Reference",
        "privateKey!": "CertificateKey",
        "dnsNames": "list[str]",
        "commonName": "str",
        "isCA": "bool",
        "duration": "str",
        "renewBefore": "str",
        "usages": "list[str]",
    },
    "CertificateKey": {"algorithm!": "str", "size!": "int", "rotationPolicy": "str"},
    "PodMonitor": {**OBJECT, "spec!": "PodMonitorSpec"},
    "PodMonitorSpec": {
        "namespaceSelector": "AnyNamespace",
        "selector!": "V1LabelSelector",
        "podMetricsEndpoints!": "list[Endpoint]",
    },
    "AnyNamespace": {"any": "bool"},
    "Endpoint": {"port!": "str", "path": "str", "scheme": "str", "tlsConfig": "MonitorTls"},
    "MonitorTls": {"serverName": "str", "ca": "MonitorCa"},
    "MonitorCa": {"secret": "V1SecretKeySelector"},
    "Expression": {"name!": "str", "expression!": "str"},
    "AdmissionPolicy": {**OBJECT, "spec!": "AdmissionPolicySpec"},
    "AdmissionPolicySpec": {
        "failurePolicy": "str",
        "matchConstraints!": "MatchResources",
        "matchConditions": "list[Expression]",
        "variables": "list[Expression]",
        "validations!": "list[Validation]",
    },
    "MatchResources": {"namespaceSelector": "V1LabelSelector", "resourceRules!": "list[V1RuleWithOperations]"},
    "Validation": {"expression!": "str", "message": "str"},
    "AdmissionPolicyBinding": {**OBJECT, "spec!": "AdmissionPolicyBindingSpec"},
    "AdmissionPolicyBindingSpec": {"policyName!": "str", "validationActions!": "list[str]"},
}
PLAIN = {"str": str, "int": int, "bool": bool, "float": (int, float)}


def fields_of(name):
    """Field -> type, and the fields that have to be there."""
    if name in CLASSES:
        fields = CLASSES[name]
        return (
            {field.rstrip("!"): kind for field, kind in fields.items()},
            {field.rstrip("!") for field in fields if field.endswith("!")},
        )
    model = getattr(client, name)
    fields = {model.attribute_map[field]: kind for field, kind in model.openapi_types.items()}
    return {**fields, **NEWER.get(name, {})}, required_of(model)


def required_of(model):
    """Setters of generated models refuse None for what is required; that is all they say about it."""
    found = set()
    for field in model.openapi_types:
        probe = model(local_vars_configuration=Lenient())
        probe.local_vars_configuration = Strict()
        try:
            setattr(probe, field, None)
        except ValueError:
            found.add(model.attribute_map[field])
    return found


class Lenient:
    client_side_validation = False


class Strict:
    client_side_validation = True


def check_value(value, kind, path):
    """Yields what is wrong with a value of this type."""
    if match := re.fullmatch(r"list\[(.*)\]", kind):
        if not isinstance(value, list):
            yield f"{path}: is no list"
            return
        for index, item in enumerate(value):
            yield from check_value(item, match[1], f"{path}[{index}]")
    elif match := re.fullmatch(r"dict\(str, (.*)\)", kind):
        if not isinstance(value, dict):
            yield f"{path}: is no map"
            return
        for key, item in value.items():
            yield from check_value(item, match[1], f"{path}.{key}")
    elif kind in PLAIN:
        is_bool = isinstance(value, bool)
        if not isinstance(value, PLAIN[kind]) or (is_bool and kind != "bool"):
            yield f"{path}: is no {kind}: {value!r}"
    elif kind not in ("object", "datetime"):
        yield from check_fields(value, kind, path)


def check_fields(value, kind, path):
    if not isinstance(value, dict):
        yield f"{path}: is no map"
        return
    fields, required = fields_of(kind)
    for name in sorted(required - set(value)):
        yield f"{path}.{name}: is missing"
    for name, item in value.items():
        if name in fields:
            yield from check_value(item, fields[name], f"{path}.{name}")
        else:
            yield f"{path}.{name}: there is no such field"


def describe(document):
    metadata = document.get("metadata", {})
    return f"{document.get('kind')}/{metadata.get('namespace', '')}/{metadata.get('name')}"


def check_types(document):
    key = document.get("apiVersion"), document.get("kind")
    kind = KINDS.get(key) or OTHERS.get(key)
    if kind is None:
        yield f"{describe(document)}: unknown kind {key}"
    else:
        yield from check_value(document, kind, describe(document))
