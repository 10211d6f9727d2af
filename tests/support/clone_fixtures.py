# SPDX-License-Identifier: Apache-2.0
"""What tests of one clone share: sasha's project, where it is cloned to, and with which token.

Imported by name, as fixtures are: from clone_fixtures import settings, target, token.
"""

import signal

import pytest
from clone import settings_for


@pytest.fixture
def target(tmp_path):
    return tmp_path / "work" / "demo"


@pytest.fixture
def workers():
    """Ends what a failing test left running."""
    started = []
    yield started
    for worker in started:
        if worker.status is None:
            try:
                worker.signal(signal.SIGKILL)
            except ProcessLookupError:
                pass
            worker.finish()


@pytest.fixture
def token(gitlab):
    return gitlab.add_token(gitlab.sasha, "read_repository").access


@pytest.fixture
def settings(gitlab, certificates, target):
    return settings_for(gitlab, gitlab.project, target, certificates.ca)


@pytest.fixture
def large(gitlab, certificates, target):
    project = gitlab.add_project("group/large", gitlab.sasha, files=2500)
    return settings_for(gitlab, project, target, certificates.ca)
