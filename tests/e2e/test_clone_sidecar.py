# SPDX-License-Identifier: Apache-2.0
"""The sidecar and its clone worker as processes: what the worker holds, who outlives whom."""

import contextlib
import os
import signal

import metrics
import pytest
from clone import git
from clone_fixtures import target
from lfs import add_files
from proxy import wait_until
from raw_client import RawClient


@pytest.fixture
def policy(request):
    """The scheduling policy of what the test starts."""
    before = os.sched_getscheduler(0)
    os.sched_setscheduler(0, request.param, os.sched_param(0))
    yield request.param
    os.sched_setscheduler(0, before, os.sched_param(0))


def worker_of(proxy):
    with open(f"/proc/{proxy.process.pid}/task/{proxy.process.pid}/children") as file:
        return [int(pid) for pid in file.read().split()]


@pytest.fixture
def begun(make_proxy, gitlab, upstream, target):
    """A sidecar that has begun a clone with CLONE_TOKEN, which will stall: the proxy, with .token and .worker."""
    project = gitlab.add_project("group/large", gitlab.sasha, files=2000)
    gitlab.faults.add("git-upload-pack", stall_after=300000, times=1)
    token = gitlab.add_token(gitlab.sasha, "read_repository").access
    proxy = make_proxy(gitlab, upstream, CLONE_URL=gitlab.git_url(project), CLONE_DIR=target, CLONE_TOKEN=token)
    proxy.token = token
    proxy.secrets.append(token)
    (proxy.worker,) = wait_until(lambda: worker_of(proxy), what="the clone worker")
    return proxy


@pytest.fixture
def cloning(begun):
    """The same in the middle of the clone."""
    begun.wait_for_log(message="clone: phase", phase="receiving")
    return begun


def is_gone(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def stat_of_threads(pid):
    """The fields of proc(5) from the state on."""
    for thread in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(FileNotFoundError), open(f"/proc/{pid}/task/{thread}/stat") as file:
            yield file.read().rpartition(")")[2].split()


def leftovers(path):
    return [name for name in os.listdir(path) if "workspace-proxy-clone" in name] if path.exists() else []


def test_clones_at_start_with_a_token(make_proxy, gitlab, upstream, target):
    token = gitlab.add_token(gitlab.sasha, "read_repository").access
    proxy = make_proxy(gitlab, upstream, CLONE_URL=gitlab.git_url(gitlab.project), CLONE_DIR=target, CLONE_TOKEN=token)
    proxy.secrets.append(token)
    proxy.wait_for_log(message="clone: phase", phase="done")
    assert git(target, "status", "--porcelain") == ""
    assert leftovers(target.parent) == []


def test_lfs_files_are_counted(make_proxy, gitlab, upstream, target):
    add_files(gitlab.project, {"a.bin": b"a" * 1000, "b.bin": b"b" * 2000})
    gitlab.faults.add("lfs-object", bytes_per_s=10_000)
    token = gitlab.add_token(gitlab.sasha, "read_repository").access
    proxy = make_proxy(gitlab, upstream, CLONE_URL=gitlab.git_url(gitlab.project), CLONE_DIR=target, CLONE_TOKEN=token)
    proxy.secrets.append(token)
    proxy.wait_for_log(message="clone: phase", phase="lfs")
    proxy.wait_for_log(message="clone: phase", phase="done")
    with RawClient(proxy.address("admin")) as raw:
        raw.request("GET", "/metrics", host="admin")
        figures = metrics.parse(raw.read_response().text)
    for name, value in (("objects", 2), ("objects_done", 2), ("bytes", 3000), ("received_bytes", 3000)):
        assert figures.get(f"workspace_proxy_clone_lfs_{name}") == value
    assert git(target, "-c", "filter.lfs.process=false", "status", "--porcelain") == ""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may look into a process that is not dumpable")
def test_worker_holds_what_it_needs(cloning):
    folder = f"/proc/{cloning.worker}"
    for name in ("environ", "cmdline"):
        with open(f"{folder}/{name}", "rb") as file:
            content = file.read()
        assert cloning.token.encode() not in content and b"SECRET" not in content
        assert name != "environ" or b"WORKSPACE_PROXY_CLONE_MEMORY=268435456\0" in content
    # null, null, the log, no token any more, the progress; what else is open is the worker's own
    links = {int(fd): os.readlink(f"{folder}/fd/{fd}") for fd in os.listdir(f"{folder}/fd")}
    assert links[0] == links[1] == "/dev/null" and 3 not in links or not links[3].startswith("pipe:")
    assert links[4].startswith("pipe:")
    with open(f"{folder}/net/tcp") as tcp, open(f"{folder}/net/tcp6") as tcp6:
        connections = {f"socket:[{line.split()[9]}]" for line in [*tcp, *tcp6]}
    assert len([link for link in links.values() if link in connections]) == 1
    for fields in stat_of_threads(cloning.worker):
        assert int(fields[2]) == cloning.worker  # process group


@pytest.mark.parametrize("policy", [os.SCHED_OTHER, os.SCHED_BATCH], indirect=True)
def test_priority_of_the_worker(policy, begun):
    """Beside busy processes, a worker with a lowered priority may never get as far as to receive."""
    lowered = (10, os.SCHED_IDLE)
    kept = (os.getpriority(os.PRIO_PROCESS, 0), policy)
    expected = lowered if policy == os.SCHED_OTHER else kept
    if policy != os.SCHED_OTHER:
        begun.wait_for_log(message="clone: phase", phase="receiving")

    def priorities():
        return {(int(fields[16]), int(fields[38])) for fields in stat_of_threads(begun.worker)}

    wait_until(lambda: priorities() == {expected}, what=f"all threads to have priority {expected}")


def test_retry_after_the_worker_died(cloning, target):
    os.kill(cloning.worker, signal.SIGKILL)
    entry = cloning.wait_for_log(message="clone: failed")
    assert entry["problem"] == "internal" and entry["can_retry"]
    assert cloning.log_entries(message="clone: worker was killed")[0]["signal"] == "KILL"
    assert not target.exists()


def test_ending_the_sidecar_ends_the_clone(cloning, target):
    assert cloning.stop() == 0
    assert is_gone(cloning.worker)
    assert not target.parent.exists()


def test_worker_ends_with_a_sidecar_that_was_killed(cloning, target):
    worker = cloning.worker
    os.kill(cloning.process.pid, signal.SIGKILL)
    cloning.process.wait()
    cloning.exit_code = -signal.SIGKILL
    wait_until(lambda: is_gone(worker), what="the worker's end")
    assert not target.parent.exists()


@pytest.mark.parametrize("kind, words", [("repository", "a repository other than"), ("files", "contains files but no repository")])
def test_the_ide_opens_despite_an_existing_target(make_proxy, gitlab, upstream, target, client, kind, words):
    """What others put there is left alone, said, and the IDE opens when a person asks for it."""
    target.mkdir(parents=True)
    if kind == "repository":
        git(target, "init", "-q")
        git(target, "remote", "add", "origin", "https://elsewhere.example/a/b.git")
    (target / "mine.txt").write_text("mine")
    proxy = make_proxy(gitlab, upstream, CLONE_URL=gitlab.git_url(gitlab.project), CLONE_DIR=target)
    client.login(proxy.origin + "/", "sasha", "sasha-password")
    proxy.wait_for_log(message="clone: failed")
    page = client.navigate(proxy.origin + "/")
    assert page.status == 503 and words in page.text and 'value="continue"' in page.text
    client.fetch(proxy.origin + "/oauth2/workspace", "POST", {"Origin": proxy.origin, "Content-Type": "application/x-www-form-urlencoded"}, b"action=continue")
    assert client.navigate(proxy.origin + "/").status == 200
    assert (target / "mine.txt").read_text() == "mine"
