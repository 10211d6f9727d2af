# SPDX-License-Identifier: Apache-2.0
"""Cloning over HTTP/2 from a real server of it: whole, and by the same rules as over HTTP/1.1."""

import hashlib

import pytest
from clone import assert_failed, by_hand, git, settings_for
from clone_fixtures import target
from http2 import Front


@pytest.fixture
def plain_gitlab(make_gitlab):
    """Behind the server, so without TLS of its own."""
    return make_gitlab(tls=False)


@pytest.fixture
def make_front(plain_gitlab, certificates, tmp_path):
    fronts = []

    def make(**options):
        directory = tmp_path / "nginx"
        directory.mkdir()
        fronts.append(Front(directory, plain_gitlab, certificates, **options))
        return fronts[0]

    yield make
    for front in fronts:
        front.stop()


@pytest.fixture
def front(make_front):
    return make_front()


def settings_through(front, gitlab, project, target, certificates):
    settings = settings_for(gitlab, project, target)
    return {
        **settings,
        "CLONE_URL": f"{front.url}/{project.path}.git",
        "GITLAB_URL": front.url,
        "GITLAB_CA_FILE": certificates.ca,
        "CLONE_TOKEN": gitlab.add_token(gitlab.sasha, "read_repository").access,
    }


@pytest.fixture
def settings(front, plain_gitlab, target, certificates):
    return settings_through(front, plain_gitlab, plain_gitlab.project, target, certificates)


def noise(size):
    """Text that compresses to half of its size at best, the same at every run."""
    return hashlib.shake_256(b"noise").hexdigest(size // 2)


@pytest.mark.parametrize("http2, protocol", [(True, "HTTP/2.0"), (False, "HTTP/1.1")])
def test_speaks_what_the_server_offers(make_front, plain_gitlab, target, certificates, http2, protocol):
    """More than our buffer holds: the transfer pauses, and goes on."""
    front = make_front(http2=http2)
    files = {"large.bin": noise(8 * 1024 * 1024), "README.md": "hello\n"}
    project = plain_gitlab.add_project("group/large", plain_gitlab.sasha, files=files)
    result = by_hand(settings_through(front, plain_gitlab, project, target, certificates))
    assert result.returncode == 0, result.stderr
    assert git(target, "fsck", "--full", "--strict") == "" and git(target, "status", "--porcelain") == ""
    assert (target / "large.bin").read_text() == files["large.bin"]
    requests = front.requests()
    assert {request[0] for request in requests} == {protocol}
    # The token goes where it is asked for, and the pack comes by the same connection's second request.
    assert [request[1:] for request in requests] == [
        (401, "GET", "/group/large.git/info/refs"),
        (200, "GET", "/group/large.git/info/refs"),
        (200, "POST", "/group/large.git/git-upload-pack"),
    ]


@pytest.mark.parametrize("endpoint", ["git-info-refs", "git-upload-pack"])
def test_silence(settings, target, plain_gitlab, front, endpoint):
    plain_gitlab.faults.add(endpoint, stall_after=700 if endpoint == "git-upload-pack" else 40)
    assert_failed(by_hand({**settings, "CLONE_STALL_TIMEOUT": "300ms"}), "stalled", target)


def test_answer_breaks_off(plain_gitlab, target, front, certificates):
    """The server resets the stream and keeps the connection."""
    project = plain_gitlab.add_project("group/larger", plain_gitlab.sasha, files={"large.bin": noise(600_000)})
    plain_gitlab.faults.add("git-upload-pack", cut_after=30_000)
    settings = settings_through(front, plain_gitlab, project, target, certificates)
    assert_failed(by_hand(settings), "unreachable", target)
    assert {request[0] for request in front.requests()} == {"HTTP/2.0"}


def test_stream_that_was_reset_is_tried_again(plain_gitlab, target, front, certificates):
    project = plain_gitlab.add_project("group/larger", plain_gitlab.sasha, files={"large.bin": noise(600_000)})
    plain_gitlab.faults.add("git-upload-pack", cut_after=30_000, times=1)
    settings = settings_through(front, plain_gitlab, project, target, certificates)
    result = by_hand({**settings, "CLONE_RETRIES": "1"})
    assert result.returncode == 0, result.stderr
    assert git(target, "fsck", "--full", "--strict") == ""


@pytest.mark.parametrize("status, problem", [(403, "no_access"), (404, "not_found"), (503, "unreachable")])
def test_status(settings, target, plain_gitlab, status, problem):
    plain_gitlab.faults.add("git-upload-pack", status=status)
    assert_failed(by_hand(settings), problem, target)


def test_redirect_elsewhere_gets_nothing(settings, target, plain_gitlab, make_gitlab):
    other = make_gitlab()
    location = f"{other.url}/group/demo.git/info/refs?service=git-upload-pack"
    plain_gitlab.faults.add("git-info-refs", status=302, headers={"Location": location}, body="")
    assert_failed(by_hand(settings), "refused", target)
    assert not other.requests.all()


def test_redirect_on_the_same_origin(settings, target, plain_gitlab, front):
    location = f"{front.url}/group/demo.git/info/refs?service=git-upload-pack"
    plain_gitlab.faults.add("git-info-refs", status=301, times=1, headers={"Location": location}, body="")
    result = by_hand({**settings, "CLONE_URL": front.url + "/group/old-name.git"})
    assert result.returncode == 0, result.stderr
    assert {request[0] for request in front.requests()} == {"HTTP/2.0"}
