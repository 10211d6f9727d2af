# SPDX-License-Identifier: Apache-2.0
"""What a clone's worker has of the network when it writes files: nothing, once no more is fetched."""

import re

import intruder
import pytest
from clone import Worker, binary, by_hand, settings_for
from clone_fixtures import settings, target, token, workers
from lfs import add_files
from proxy import is_sanitized
from test_clone_submodules import add, head

pytestmark = pytest.mark.skipif(is_sanitized(), reason="a sanitizer wants to be the first library")
ATTEMPTS = ("tcp", "tcp6", "udp", "unix", "netlink", "connect", "bind", "sendto", "sendmsg")
NOTHING = {**dict.fromkeys(ATTEMPTS, "EPERM"), "sockets": "done"}


@pytest.fixture
def intruded(tmp_path):
    """A command with an intruder who acts when a file is opened whose name begins so."""
    built = intruder.library(tmp_path)
    return lambda program, at="intrude": intruder.command(built, program, INTRUDER_AT=at)


def outcomes(log):
    """{file: {attempt: outcome}}"""
    found = {}
    for name, attempt, outcome in re.findall(r"intruder: (\S+) (\w+) (\w+)$", log, re.M):
        found.setdefault(name, {})[attempt] = outcome
    return found


def test_files(gitlab, certificates, target, token, intruded):
    """Those of LFS as well, which are fetched before."""
    add_files(gitlab.project, {"large.bin": b"large"}, intrude_main="x")
    settings = settings_for(gitlab, gitlab.project, target, certificates.ca, CLONE_TOKEN=token)
    result = by_hand(settings, wrapper=intruded([]))
    assert result.returncode == 0, result.stderr
    assert outcomes(result.stderr) == {"intrude_main": NOTHING}
    assert (target / "large.bin").read_bytes() == b"large"


def test_without_the_filter_there_is_one(gitlab, certificates, target, token, intruded):
    """So that the tests here can fail."""
    add_files(gitlab.project, {}, intrude_main="x")
    settings = settings_for(gitlab, gitlab.project, target, certificates.ca, CLONE_TOKEN=token, SECCOMP="off")
    result = by_hand(settings, wrapper=intruded([]))
    assert result.returncode == 0, result.stderr
    assert outcomes(result.stderr)["intrude_main"]["tcp"] == "done"
    assert outcomes(result.stderr)["intrude_main"]["sockets"] == "done", "connections are closed in any case"


def test_submodules(gitlab, certificates, target, token, intruded):
    """Files of one are written while the next are still to be fetched, by a process that can't connect."""
    projects = [gitlab.add_project(f"group/{name}", gitlab.sasha, files={f"intrude_{name}": "x"}) for name in ("one", "inner", "two")]
    one, inner, two = projects
    add(two.repository, [("inner", "inner", "../inner.git", head(inner))])
    add(gitlab.project.repository, [("one", "one", "../one.git", head(one)), ("two", "two", "../two.git", head(two))])
    settings = settings_for(gitlab, gitlab.project, target, certificates.ca, CLONE_TOKEN=token, CLONE_SUBMODULES="3")
    result = by_hand(settings, wrapper=intruded([]))
    assert result.returncode == 0 and "not cloned" not in result.stderr, result.stderr
    found = outcomes(result.stderr)
    assert found == dict.fromkeys(("intrude_one", "intrude_inner", "intrude_two"), NOTHING)
    assert {(target / path).read_text() for path in ("one/intrude_one", "two/intrude_two", "two/inner/intrude_inner")} == {"x"}


def test_files_before_the_history(gitlab, certificates, target, token, intruded, workers):
    """Written first, while the history is still to be fetched."""
    project = gitlab.add_project("group/deep", gitlab.sasha, files={"intrude_main": "x"}, commits=4)
    settings = settings_for(gitlab, project, target, certificates.ca, CLONE_DEPTH="1", CLONE_UNSHALLOW="on")
    worker = Worker(settings, token, command=intruded([binary()]))
    workers.append(worker)
    assert worker.finish() == 0, worker.log
    assert worker.last["history"]["state"] == "complete", worker.log
    assert outcomes(worker.log) == {"intrude_main": NOTHING}


def test_the_history_that_comes_later(gitlab, certificates, target, token, intruded, workers):
    project = gitlab.add_project("group/deep", gitlab.sasha, files={"intrude_main": "x"}, commits=4)
    settings = settings_for(gitlab, project, target, certificates.ca, CLONE_DEPTH="1", CLONE_UNSHALLOW="on")
    worker = Worker(settings, token, command=intruded([binary()], at="lock"))
    workers.append(worker)
    assert worker.finish() == 0, worker.log
    assert worker.last["history"]["state"] == "complete", worker.log
    assert outcomes(worker.log)["lock"] == NOTHING
