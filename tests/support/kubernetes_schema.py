# SPDX-License-Identifier: Apache-2.0
"""Holds objects to Kubernetes' schemas, more strictly than an API server does: unknown fields, wrong types
and missing required fields are named.

The schemas are the models of Debian's python3-kubernetes, which are generated from Kubernetes' OpenAPI
description; no npm and no downloads. They are of Kubernetes 1.22; NEWER lists what we use of later ones.
"""

import functools
import importlib
import os
import re
import sys


@functools.cache
def _models():
    """Imported when they are needed, as that takes long: all workers of pytest import the tests that use them.

    The package imports a websocket module, by which it does not mean ours.
    """
    ours, path = sys.modules.pop("websocket", None), list(sys.path)
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [p for p in path if os.path.abspath(p) != here]
    try:
        return importlib.import_module("kubernetes.client")
    finally:
        sys.path[:] = path
        sys.modules.pop("websocket", None)
        if ours:
            sys.modules["websocket"] = ours


KINDS = {
    "Pod": "V1Pod",
    "Deployment": "V1Deployment",
    "StatefulSet": "V1StatefulSet",
    "DaemonSet": "V1DaemonSet",
    "ReplicaSet": "V1ReplicaSet",
    "Job": "V1Job",
    "CronJob": "V1CronJob",
    "Service": "V1Service",
    "ConfigMap": "V1ConfigMap",
    "NetworkPolicy": "V1NetworkPolicy",
    "MutatingWebhookConfiguration": "V1MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration": "V1ValidatingWebhookConfiguration",
}
NEWER = {("V1Container", "restartPolicy"): "str"}  # of init containers, since 1.28
PLAIN = {"str": str, "int": int, "bool": bool, "datetime": str}


def problems(document):
    """What is wrong with it, as a list of sentences."""
    kind = document.get("kind")
    if kind not in KINDS:
        return [f"no schema for the kind {kind}"]
    return list(_model(KINDS[kind], document, kind))


def _value(type_name, value, path):
    listed = re.fullmatch(r"list\[(.*)\]", type_name)
    mapped = re.fullmatch(r"dict\(str, (.*)\)", type_name)
    if listed:
        if not isinstance(value, list):
            yield f"{path}: is no list"
            return
        for index, item in enumerate(value):
            yield from _value(listed[1], item, f"{path}[{index}]")
    elif mapped:
        if not isinstance(value, dict):
            yield f"{path}: is no map"
            return
        for key, item in value.items():
            yield from _value(mapped[1], item, f"{path}.{key}")
    elif type_name in PLAIN:
        if not isinstance(value, PLAIN[type_name]) or (type_name == "int" and isinstance(value, bool)):
            yield f"{path}: {value!r} is no {type_name}"
    elif type_name == "object":
        if not isinstance(value, (str, int)) or isinstance(value, bool):
            yield f"{path}: {value!r} is neither a string nor a number"
    else:
        yield from _model(type_name, value, path)


def _model(name, value, path):
    model = getattr(_models(), name)
    if not isinstance(value, dict):
        yield f"{path}: is no {name}"
        return
    fields = {json: model.openapi_types[python] for python, json in model.attribute_map.items()}
    fields.update({field: type_name for (owner, field), type_name in NEWER.items() if owner == name})
    for key, item in value.items():
        if key not in fields:
            yield f"{path}.{key}: unknown field of {name}"
        else:
            yield from _value(fields[key], item, f"{path}.{key}")
    known = {python: value[json] for python, json in model.attribute_map.items() if json in value}
    try:
        model(**known)
    except ValueError as e:  # a required field is missing, or a value out of range
        yield f"{path}: {e}"
