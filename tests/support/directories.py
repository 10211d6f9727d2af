# SPDX-License-Identifier: Apache-2.0
"""A directory for each test, deleted once the test has passed: most of what it wrote never reaches a disk."""

import itertools
import re
import shutil

import pytest

_numbers = itertools.count()


@pytest.fixture
def tmp_path(request, tmp_path_factory):
    """As pytest's, whose search for the next free number takes longer with each test."""
    stem = re.sub(r"\W", "_", request.node.name)[:30]
    return tmp_path_factory.mktemp(f"{stem}-{next(_numbers)}", numbered=False)


def note(item, report):
    """Deletes it after the last report of a test, if all of them are good."""
    item.has_failed = getattr(item, "has_failed", False) or report.failed
    if report.when == "teardown" and not item.has_failed and "tmp_path" in item.funcargs:
        shutil.rmtree(item.funcargs["tmp_path"], ignore_errors=True)
