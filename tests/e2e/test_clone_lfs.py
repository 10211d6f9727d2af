# SPDX-License-Identifier: Apache-2.0
"""Git LFS files: fetched as git-lfs does, within limits, from where they may come, and said when they are missing."""

import contextlib
import os
import pty
import random
import subprocess

import pytest
from clone import CODES, TIMEOUT_S, Worker, by_hand, git, leftovers, settings_for
from clone_fixtures import target, workers
from lfs import ATTRIBUTES, Storage, add_files, commit, oid_of, pointer_to, real_clone, real_git, work_tree
from proxy import Proxy, binary, environment_for

MISSING = '"git lfs pull" fetches them'
LARGE = random.Random(1).randbytes(3_000_000)
CONTENTS = {"large.bin": LARGE, "a/b/small.bin": b"small", "a/same.bin": LARGE}


@pytest.fixture
def project(gitlab):
    add_files(gitlab.project, CONTENTS)
    return gitlab.project


@pytest.fixture
def token(gitlab):
    return gitlab.add_token(gitlab.sasha, "read_repository").access


@pytest.fixture
def settings(gitlab, project, certificates, target, token):
    return settings_for(gitlab, project, target, certificates.ca, CLONE_TOKEN=token)


@pytest.fixture
def storage(project, certificates):
    server = Storage(project.lfs, certificates)
    yield server
    server.stop()


def objects_of(directory):
    root = os.path.join(directory, ".git/lfs/objects")
    return sorted(name for _, _, names in os.walk(root) for name in names)


def assert_fetched(result, target, contents=CONTENTS):
    assert result.returncode == 0 and MISSING not in result.stderr, result.stderr
    for path, content in contents.items():
        assert (target / path).read_bytes() == content


def assert_pointers(result, target, why, contents=CONTENTS):
    assert result.returncode == 0, result.stderr
    assert MISSING in result.stderr and "LFS files remain pointers" in result.stderr and why in result.stderr, result.stderr
    for path, content in contents.items():
        assert (target / path).read_text() == pointer_to(content)


def test_as_git_lfs_leaves_them(settings, target, tmp_path, token, certificates, gitlab, project):
    assert_fetched(by_hand(settings), target)
    real_clone(gitlab.git_url(project), tmp_path / "real", token, certificates.ca)
    assert work_tree(target) == work_tree(tmp_path / "real")
    assert objects_of(target) == objects_of(tmp_path / "real") == sorted([oid_of(LARGE), oid_of(b"small")])
    assert os.listdir(target / ".git/lfs") == ["objects"]
    for name in ("clean", "smudge", "process", "required"):
        assert real_git(target, "config", "--local", f"filter.lfs.{name}")
    # With git-lfs, without it and after a fresh comparison of all files.
    assert real_git(target, "status", "--porcelain") == ""
    assert git(target, "-c", "filter.lfs.process=false", "status", "--porcelain") == ""
    (target / "large.bin").touch()
    assert real_git(target, "status", "--porcelain") == ""
    assert real_git(target, "lfs", "fsck") == "Git LFS fsck OK"
    marks = {line.split()[1] for line in real_git(target, "lfs", "ls-files").splitlines()}
    assert marks == {"*"}
    real_git(target, "checkout", "-q", "HEAD~1")
    real_git(target, "checkout", "-q", "main")  # from the objects that are here
    assert (target / "large.bin").read_bytes() == LARGE


def test_one_batch_and_each_object_once(settings, target, gitlab):
    assert_fetched(by_hand(settings), target)
    assert [sorted(batch) for batch in gitlab.lfs_batches] == [sorted({oid_of(content) for content in CONTENTS.values()})]
    assert gitlab.requests.count(endpoint="lfs-object") == 2


def test_more_than_one_batch(settings, target, gitlab, project):
    contents = {f"many/{i}.bin": b"content %d" % i for i in range(250)}
    add_files(project, contents)
    assert_fetched(by_hand(settings), target, contents)
    assert [len(batch) for batch in gitlab.lfs_batches] == [100, 100, 52]


def test_the_search_reports_progress(settings, token):
    """Otherwise a large tree would look like a stall."""
    worker = Worker({**settings, "CLONE_TOKEN": None}, token)
    worker.wait_for(lambda line: line["phase"] == "done")
    assert worker.finish() == 0
    lines = [line for line in worker.lines if line and line["phase"] == "lfs"]
    searching = [line for line in lines if line["lfs"]["objects_total"] == 0]
    assert lines[0] in searching and lines[0]["files_total"] > lines[0]["files_done"] >= 1
    assert {line["message"] for line in searching} == {"Looking for LFS files."}
    assert {line["message"] for line in lines[len(searching) :]} == {"Fetching 2 LFS files."}
    assert worker.last["files_done"] == worker.last["files_total"] > 0
    percents = [line["percent"] for line in worker.lines if line]
    assert percents == sorted(percents)


def test_bar_on_a_terminal(settings):
    """Where `workspace-proxy clone` is run by hand."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen([binary(), "clone"], env=environment_for(settings), stderr=theirs)
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # EIO at its end
        while piece := os.read(ours, 65536):
            shown += piece
    os.close(ours)
    assert process.wait(TIMEOUT_S) == 0, shown
    lines = shown.decode().split("\r")
    assert any(line.startswith("lfs ") and " files searched" in line for line in lines), lines
    assert any(line.startswith("lfs ") and " of 2 files" in line for line in lines), lines


def test_public_without_a_token(settings, target, project):
    project.visibility = "public"
    assert_fetched(by_hand({**settings, "CLONE_TOKEN": None}), target)


def test_turned_off(settings, target, gitlab):
    assert_pointers(by_hand({**settings, "CLONE_LFS": "off"}), target, "CLONE_LFS is off")
    assert gitlab.lfs_batches == [] and not (target / ".git/lfs").exists()


def test_attributes_decide(settings, target, project):
    """A pointer without the attribute is a file; a file with it that is no pointer as well."""
    plain = {"plain.txt": pointer_to(LARGE), "not.bin": "no pointer\n", "sub/.gitattributes": "*.bin -filter\n", "sub/x.bin": pointer_to(LARGE)}
    commit(project, plain)
    assert_fetched(by_hand(settings), target)
    for path, text in plain.items():
        assert (target / path).read_text() == text


def test_empty_files(settings, target, project):
    commit(project, {"empty.bin": pointer_to(b""), "none.bin": ""})
    project.lfs[oid_of(b"")] = b""
    assert_fetched(by_hand(settings), target, {**CONTENTS, "empty.bin": b"", "none.bin": b""})


FILTERS = {
    "exclude a folder": "fetchexclude = a",
    "exclude names": "fetchexclude = *.none, small.bin",
    "exclude all": "fetchexclude = *",
    "exclude a path": "fetchexclude = /a/*.bin",
    "include a folder": "fetchinclude = a/b/",
    "include and exclude": "fetchinclude = **/*.bin\n\tfetchexclude = a/b",
    "include nothing that is here": "fetchinclude = b",
}


@pytest.mark.parametrize("text", FILTERS.values(), ids=FILTERS)
def test_files_that_the_repository_leaves_out(settings, target, tmp_path, token, certificates, gitlab, project, text):
    """As git-lfs; they are not missing."""
    commit(project, {".lfsconfig": f"[lfs]\n\t{text}\n"})
    result = by_hand(settings)
    assert result.returncode == 0 and MISSING not in result.stderr, result.stderr
    real_clone(gitlab.git_url(project), tmp_path / "real", token, certificates.ca)
    assert work_tree(target) == work_tree(tmp_path / "real")
    assert real_git(target, "status", "--porcelain") == ""


def test_patterns_that_take_too_long(settings, target, gitlab, project):
    """64 KiB of patterns for a path of two thousand folders."""
    patterns = ",".join("**/a/**/*a*b" for _ in range(4000))
    add_files(project, {"/".join(["a"] * 1900) + "/x.bin": b"deep"})
    commit(project, {".lfsconfig": f"[lfs]\n\tfetchexclude = {patterns}\n"})
    try:
        assert_pointers(by_hand(settings), target, "the patterns of .lfsconfig take too long", {})
    finally:
        subprocess.run(["rm", "-rf", target], check=True)  # too deep for pytest to remove
    assert gitlab.requests.count(endpoint="lfs-batch") == 0


def test_attributes_without_pointers(settings, target, gitlab):
    project = gitlab.add_project("group/none", gitlab.sasha)
    commit(project, {".gitattributes": ATTRIBUTES})
    result = by_hand({**settings, "CLONE_URL": gitlab.git_url(project)})
    assert result.returncode == 0 and MISSING not in result.stderr


# Limits


def test_larger_than_the_limit(settings, target, gitlab):
    """Both copies of the large file count."""
    assert_pointers(by_hand({**settings, "CLONE_BYTES_MAX": "5MiB"}), target, "more than CLONE_BYTES_MAX (5242880) leaves")
    assert gitlab.lfs_batches == []
    assert leftovers(target.parent.parent) == []


def test_pointers_that_overflow_the_sum(settings, target, gitlab, project):
    for i in range(3):
        commit(project, {f"x{i}.bin": pointer_to(b"%d" % i, size=(1 << 63) - 1)})
    assert_pointers(by_hand(settings), target, "they have 18446744073709551615 bytes")


@pytest.mark.parametrize("served", [LARGE + b"more", LARGE[:-1], LARGE[:-1] + b"x"], ids=["longer", "shorter", "other"])
def test_other_content_than_the_pointer_says(settings, target, project, served):
    """Never more than the pointer's size is written, and nothing wrong is kept."""
    project.lfs[oid_of(LARGE)] = served
    result = by_hand(settings)
    assert result.returncode == 0 and MISSING in result.stderr
    assert (target / "large.bin").read_text() == pointer_to(LARGE)
    assert (target / "a/b/small.bin").read_bytes() == b"small"  # the others are fetched
    assert oid_of(LARGE) not in objects_of(target)


def test_an_object_that_is_missing(settings, target, project):
    del project.lfs[oid_of(LARGE)]
    result = by_hand(settings)
    assert result.returncode == 0 and MISSING in result.stderr
    assert "Object does not exist on the server" in result.stderr and oid_of(LARGE) in result.stderr
    assert (target / "a/b/small.bin").read_bytes() == b"small"


# Where they may come from


def test_object_storage_by_address(settings, target, gitlab, storage):
    """GitLab names it: direct_download. It gets no credentials."""
    gitlab.settings.lfs_storage = storage.url
    assert_fetched(by_hand(settings), target)
    assert len(storage.requests) == 2
    assert all("Authorization" not in headers and "signed" in path for path, headers in storage.requests)


def test_object_storage_by_redirect(settings, target, gitlab, storage):
    gitlab.settings.lfs_storage = storage.url
    gitlab.settings.lfs_redirects = True
    assert_fetched(by_hand(settings), target)
    assert len(storage.requests) == 2
    assert all("Authorization" not in headers for _, headers in storage.requests)


def test_fields_of_an_action_do_not_go_elsewhere(settings, target, gitlab, storage):
    gitlab.settings.lfs_storage = storage.url
    gitlab.settings.lfs_action = {"header": {"Authorization": "Basic c2VjcmV0", "X-Evil": "yes"}}
    assert_fetched(by_hand(settings), target)
    assert all(not {"Authorization", "X-Evil"} & set(headers) for _, headers in storage.requests)


def test_storage_without_tls(settings, target, gitlab, project):
    server = Storage(project.lfs)
    gitlab.settings.lfs_storage = server.url
    result = by_hand(settings)
    server.stop()
    assert_pointers(result, target, "is not https", {"large.bin": LARGE})
    assert server.requests == []


@pytest.mark.parametrize("href", ["file:///etc/passwd", "gopher://localhost/x", "https://user@localhost/x", "nonsense"])
def test_addresses_of_other_kinds(settings, target, gitlab, href):
    gitlab.settings.lfs_action = {"href": href}
    result = by_hand(settings)
    assert result.returncode == 0 and MISSING in result.stderr
    assert (target / "large.bin").read_text() == pointer_to(LARGE)


def test_what_the_repository_configures(settings, target, project, storage):
    """None of it is read: lfs.url, a proxy, a transfer agent of its own."""
    text = f"[lfs]\n\turl = {storage.url}\n\tcustomtransfer.x.path = /bin/false\n\tstandalonetransferagent = x\n[http]\n\tproxy = {storage.url}\n"
    commit(project, {".lfsconfig": text})
    assert_fetched(by_hand(settings), target)
    assert storage.requests == []


def test_gitlab_by_its_public_address(make_gitlab, target):
    """The pod may reach GitLab at another address than the one that GitLab gives browsers."""
    gitlab = make_gitlab(tls=False)
    add_files(gitlab.project, CONTENTS)
    gitlab.settings.lfs_public_url = "https://gitlab.invalid"
    token = gitlab.add_token(gitlab.sasha, "read_repository").access
    settings = settings_for(gitlab, gitlab.project, target, CLONE_TOKEN=token, GITLAB_URL="https://gitlab.invalid", GITLAB_API_URL=gitlab.url)
    assert_fetched(by_hand(settings), target)


@pytest.fixture
def other(make_gitlab, target):
    """A repository of CLONE_ORIGINS whose server chooses where downloads go."""
    server = make_gitlab(tls=False)
    server.project.visibility = "public"
    add_files(server.project, CONTENTS)
    return server


def settings_of_other(gitlab, other, target, certificates, **more):
    return settings_for(gitlab, other.project, target, certificates.ca, CLONE_URL=other.git_url(other.project), CLONE_ORIGINS=other.url, **more)


def test_other_origins_are_asked_for_nothing(gitlab, other, target, certificates, token):
    result = by_hand(settings_of_other(gitlab, other, target, certificates, CLONE_TOKEN=token))
    assert_pointers(result, target, "neither GitLab nor in CLONE_LFS_ORIGINS")
    assert other.lfs_batches == []


def test_other_origins_that_are_configured(gitlab, other, target, certificates, token):
    result = by_hand(settings_of_other(gitlab, other, target, certificates, CLONE_TOKEN=token, CLONE_LFS_ORIGINS=other.url))
    assert_fetched(result, target)
    assert all(entry.authorization == "none" for entry in other.requests.all())


def test_other_origins_name_only_configured_ones(gitlab, other, target, certificates):
    server = Storage(other.project.lfs)
    other.settings.lfs_storage = server.url
    settings = settings_of_other(gitlab, other, target, certificates, CLONE_LFS_ORIGINS=other.url)
    assert_pointers(by_hand(settings), target, "is not in CLONE_LFS_ORIGINS", {"large.bin": LARGE})
    other.settings.lfs_redirects = True
    assert_pointers(by_hand({**settings, "CLONE_DIR": target / "2"}), target / "2", "is not in CLONE_LFS_ORIGINS", {"large.bin": LARGE})
    assert server.requests == []
    server.stop()


# Failures that pass


def test_broken_downloads_are_continued(settings, target, gitlab):
    gitlab.faults.add("lfs-object", times=2, cut_after=1_000_000)
    result = by_hand({**settings, "CLONE_RETRIES": "3"})
    assert_fetched(result, target)
    assert "LFS files not fetched, retrying" in result.stderr
    assert [entry.status for entry in gitlab.requests.all(endpoint="lfs-object")].count(206) == 1


def test_busy_servers_are_asked_again(settings, target, gitlab):
    gitlab.faults.add("lfs-batch", times=1, status=503)
    gitlab.faults.add("lfs-object", times=1, status=500)
    assert_fetched(by_hand({**settings, "CLONE_RETRIES": "3"}), target)


def test_expired_addresses_are_renewed(settings, target, gitlab, storage):
    gitlab.settings.lfs_storage = storage.url
    storage.statuses = [403]
    assert_fetched(by_hand({**settings, "CLONE_RETRIES": "3"}), target)
    assert len(gitlab.lfs_batches) == 2


def test_final_refusals(settings, target, gitlab):
    """GitLab's words are in the log."""
    body = '{"message": "Git LFS is not enabled on this GitLab server, contact your admin.", "documentation_url": "x"}'
    gitlab.faults.add("lfs-batch", status=501, body=body)
    result = by_hand({**settings, "CLONE_RETRIES": "3"})
    assert_pointers(result, target, "Git LFS is not enabled on this GitLab server, contact your admin.")
    assert gitlab.requests.count(endpoint="lfs-batch") == 1


@pytest.mark.parametrize("answer", [{"invalid_json": True}, {"body": "[]"}, {"huge_bytes": 2_000_000}, {"body": '{"transfer": "ssh", "objects": []}'}, {"body": '{"objects": [{"oid": 7}]}'}])
def test_answers_that_are_none(settings, target, gitlab, answer):
    gitlab.faults.add("lfs-batch", **answer)
    assert_pointers(by_hand({**settings, "CLONE_RETRIES": "3"}), target, "")


def test_stalled_downloads(settings, target, gitlab):
    gitlab.faults.add("lfs-object", stall_after=1_000_000)
    result = by_hand({**settings, "CLONE_STALL_TIMEOUT": "500ms"})
    assert result.returncode == 0 and MISSING in result.stderr and "no data from" in result.stderr
    gitlab.faults.released.set()


def test_batch_answers_that_drip(settings, target, gitlab, token, workers):
    """A byte now and then is no stall; the answer as a whole has to be there in time, before the sidecar ends the clone."""
    gitlab.faults.add("lfs-batch", bytes_per_s=100, body=" " * 2000)
    worker = Worker({**settings, "CLONE_TOKEN": None, "CLONE_STALL_TIMEOUT": "1s"}, token)
    workers.append(worker)
    assert worker.finish() == 0, worker.log
    assert "no complete answer in time" in worker.log and worker.last["phase"] == "done"
    gitlab.faults.released.set()


def test_progress(settings, target, gitlab, token, workers):
    gitlab.faults.add("lfs-object", bytes_per_s=2_000_000)
    worker = Worker({**settings, "CLONE_TOKEN": None}, token)
    workers.append(worker)
    assert worker.finish() == 0, worker.log
    assert worker.phases == ["connecting", "receiving", "resolving", "lfs", "checkout", "done"]
    seen = [line for line in worker.lines if line and line["phase"] == "lfs" and line["lfs"]["objects_total"] > 0]
    total = len(LARGE) + len(b"small")
    assert all(line["lfs"]["objects_total"] == 2 and line["lfs"]["bytes_total"] == total for line in seen)
    amounts = [line["lfs"]["bytes_done"] for line in seen]
    assert amounts == sorted(amounts) and any(0 < amount < len(LARGE) for amount in amounts)
    assert any(line["bytes_per_s"] > 0 for line in seen)
    assert worker.last["lfs"] == {"objects_done": 2, "objects_total": 2, "bytes_done": total, "bytes_total": total}
    assert [line["percent"] for line in worker.lines if line] == sorted(line["percent"] for line in worker.lines if line)


def test_stopped_on_the_way(settings, target, gitlab, token, workers):
    gitlab.faults.add("lfs-object", bytes_per_s=100_000)
    worker = Worker({**settings, "CLONE_TOKEN": None}, token)
    workers.append(worker)
    worker.wait_for(lambda line: line["phase"] == "lfs" and line["lfs"]["bytes_done"] > 0)
    worker.signal(15)
    assert worker.finish() == CODES["internal"], worker.log
    assert not target.exists() and leftovers(target.parent.parent) == []
