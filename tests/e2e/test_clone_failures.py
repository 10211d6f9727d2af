# SPDX-License-Identifier: Apache-2.0
"""How clones fail, each with the problem that it names: servers, tokens, redirects, hostile trees."""

import gzip
import socket

import pytest
from clone import CODES, assert_failed, by_hand, git, settings_for
from clone_fixtures import settings, target, token


def test_wrong_token_is_sent_once(settings, target, gitlab):
    assert_failed(by_hand({**settings, "CLONE_TOKEN": "wrong"}), "token", target)
    assert gitlab.requests.count(authorization="basic") == 1


def test_no_token(settings, target):
    assert_failed(by_hand(settings), "token", target)


def test_token_without_the_scope(settings, target, gitlab):
    settings["CLONE_TOKEN"] = gitlab.add_token(gitlab.sasha, "read_user").access
    assert_failed(by_hand(settings), "no_access", target)


def test_hidden_project(settings, target, gitlab):
    settings["CLONE_TOKEN"] = gitlab.add_token(gitlab.robin, "api").access
    assert_failed(by_hand(settings), "not_found", target)


def test_missing_ref_is_known_before_anything_is_received(settings, target, token, gitlab):
    assert_failed(by_hand({**settings, "CLONE_TOKEN": token, "CLONE_REF": "gone"}), "ref", target)
    assert gitlab.requests.count(endpoint="git-upload-pack") == 0


def test_unknown_authority(settings, target, token):
    assert_failed(by_hand({**settings, "GITLAB_CA_FILE": None, "CLONE_TOKEN": token}), "tls", target)


def test_certificate_for_another_name(make_gitlab, certificates, target):
    cert, key = certificates.issue("other", names="DNS:other.localhost")
    gitlab = make_gitlab(tls_cert=cert, tls_key=key)
    settings = settings_for(gitlab, gitlab.project, target, certificates.ca)
    settings["CLONE_TOKEN"] = gitlab.add_token(gitlab.sasha, "api").access
    assert_failed(by_hand(settings), "tls", target)
    assert not gitlab.requests.all()


def test_https_by_address(make_gitlab, certificates, target):
    """A certificate may name an IP address; one that does not is not for it."""
    gitlab = make_gitlab(name="127.0.0.1")
    settings = settings_for(gitlab, gitlab.project, target, certificates.ca)
    settings["CLONE_TOKEN"] = gitlab.add_token(gitlab.sasha, "api").access
    assert by_hand(settings).returncode == 0
    cert, key = certificates.issue("name-only", names="DNS:localhost")
    gitlab = make_gitlab(name="127.0.0.1", tls_cert=cert, tls_key=key)
    settings = settings_for(gitlab, gitlab.project, target.parent / "other", certificates.ca)
    settings["CLONE_TOKEN"] = gitlab.add_token(gitlab.sasha, "api").access
    result = by_hand(settings)
    assert result.returncode == CODES["tls"], result.stderr
    assert not gitlab.requests.all()


@pytest.mark.parametrize("status", [500, 502, 503, 429])
def test_server_errors(settings, target, token, gitlab, status):
    gitlab.faults.add("git", status=status)
    assert_failed(by_hand({**settings, "CLONE_TOKEN": token}), "unreachable", target)


def test_nobody_listens(settings, target, token):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        settings["GITLAB_URL"] = f"https://localhost:{s.getsockname()[1]}"
        settings["CLONE_URL"] = settings["GITLAB_URL"] + "/group/demo.git"
        assert_failed(by_hand({**settings, "CLONE_TOKEN": token}), "unreachable", target)


@pytest.mark.parametrize("endpoint", ["git-info-refs", "git-upload-pack"])
def test_silence(settings, target, token, gitlab, endpoint):
    gitlab.faults.add(endpoint, stall_after=700 if endpoint == "git-upload-pack" else 40, times=1)
    result = by_hand({**settings, "CLONE_TOKEN": token, "CLONE_STALL_TIMEOUT": "300ms"})
    assert_failed(result, "stalled", target)


@pytest.mark.parametrize("tls", [True, False])
def test_answer_breaks_off(make_gitlab, certificates, target, tls):
    gitlab = make_gitlab(tls=tls)
    project = gitlab.add_project("group/larger", gitlab.sasha, files=200)
    gitlab.faults.add("git-upload-pack", cut_after=30000)
    settings = settings_for(gitlab, project, target, certificates.ca)
    settings["CLONE_TOKEN"] = gitlab.add_token(gitlab.sasha, "api").access
    assert_failed(by_hand(settings), "unreachable", target)


@pytest.mark.parametrize("endpoint", ["git-info-refs", "git-upload-pack"])
@pytest.mark.parametrize("tls", [True, False])
def test_redirect_to_another_port_gets_nothing(make_gitlab, certificates, target, tls, endpoint):
    gitlab, other = make_gitlab(tls=tls), make_gitlab(tls=tls)
    location = f"{other.url}/group/demo.git/info/refs?service=git-upload-pack"
    skip = 1 if endpoint == "git-info-refs" else 0
    gitlab.faults.add(endpoint, status=302, skip=skip, headers={"Location": location}, body="")
    settings = settings_for(gitlab, gitlab.project, target, certificates.ca)
    settings["CLONE_TOKEN"] = gitlab.add_token(gitlab.sasha, "api").access
    assert_failed(by_hand(settings), "refused", target)
    assert gitlab.requests.all() and not other.requests.all()


@pytest.mark.parametrize("absolute", [True, False])
def test_redirect_of_a_renamed_project(settings, target, token, gitlab, absolute):
    """GitLab answers for an old path with the new one, on the same origin."""
    location = "/group/demo.git/info/refs?service=git-upload-pack"
    location = gitlab.url + location if absolute else location
    gitlab.faults.add("git-info-refs", status=301, times=1, headers={"Location": location}, body="")
    settings["CLONE_URL"] = gitlab.url + "/group/old-name.git"
    result = by_hand({**settings, "CLONE_TOKEN": token})
    assert result.returncode == 0, result.stderr
    assert git(target, "status", "--porcelain") == ""


@pytest.mark.parametrize("location", ["/users/sign_in", "", "/group/demo.git/info/refs?service=git-receive-pack"])
def test_redirect_to_no_repository(settings, target, token, gitlab, location):
    gitlab.faults.add("git-info-refs", status=302, headers={"Location": location}, body="")
    assert_failed(by_hand({**settings, "CLONE_TOKEN": token}), "refused", target)


def test_redirects_without_end(settings, target, token, gitlab):
    location = "/group/demo.git/info/refs?service=git-upload-pack"
    gitlab.faults.add("git-info-refs", status=302, headers={"Location": location}, body="")
    assert_failed(by_hand({**settings, "CLONE_TOKEN": token}), "refused", target)
    assert gitlab.requests.count(endpoint="git-info-refs") == 4


def test_redirect_to_another_host_gets_nothing(settings, target, token, gitlab, make_gitlab):
    other = make_gitlab(tls=False)
    location = f"{other.url}/group/demo.git/info/refs?service=git-upload-pack"
    gitlab.faults.add("git-info-refs", status=302, headers={"Location": location}, body="")
    assert_failed(by_hand({**settings, "CLONE_TOKEN": token}), "refused", target)
    assert not other.requests.all()


def test_tree_that_writes_into_git(settings, gitlab, token, target):
    bare = gitlab.project.repository
    blob = git(bare, "hash-object", "-w", "--stdin", stdin="#!/bin/sh\necho hook\n")
    hooks = git(bare, "mktree", stdin=f"100755 blob {blob}\tpost-checkout\n")
    inner = git(bare, "mktree", stdin=f"040000 tree {hooks}\thooks\n")
    tree = git(bare, "mktree", stdin=f"040000 tree {inner}\t.GIT\n")
    evil = git(bare, "mktree", "--missing", stdin=f"040000 tree {inner}\t.git\n040000 tree {tree}\tsub\n")
    commit = git(bare, "commit-tree", evil, "-m", "Evil")
    git(bare, "update-ref", "refs/heads/main", commit)
    result = by_hand({**settings, "CLONE_TOKEN": token})
    assert result.returncode != 0
    assert not target.exists()


def nest(bare, tree, name, times, width=1):
    """A tree that holds `tree` `width` times, that `width` times, and so on."""
    for _ in range(times):
        tree = git(bare, "mktree", stdin="".join(f"040000 tree {tree}\t{name}{i}\n" for i in range(width)))
    return tree


@pytest.mark.parametrize("shape", ["wide", "deep"])
def test_tree_without_end(settings, gitlab, token, target, shape):
    bare = gitlab.project.repository
    blob = git(bare, "hash-object", "-w", "--stdin", stdin="bomb")
    leaf = git(bare, "mktree", stdin=f"100644 blob {blob}\tfile\n")
    tree = nest(bare, leaf, "d", 10, 10) if shape == "wide" else nest(bare, leaf, "d" * 200, 30)
    git(bare, "update-ref", "refs/heads/main", git(bare, "commit-tree", tree, "-m", "Bomb"))
    assert_failed(by_hand({**settings, "CLONE_TOKEN": token}), "refused", target)


TERMS = "You must accept the Terms of Service in order to perform this action. Please access GitLab from a web browser to accept these terms."


def packet(payload):
    return b"%04x" % (len(payload) + 4) + payload


SERVICE = packet(b"# service=git-upload-pack\n") + b"0000"
LISTING = "application/x-git-upload-pack-advertisement"
RESULT = "application/x-git-upload-pack-result"


def assert_words(result, target, words):
    """In the message for users, quoted, and in the log; asked once."""
    assert_failed(result, "no_access", target)
    assert f'"{words}"' in result.stderr.splitlines()[-1] and result.stderr.count(words) >= 2, result.stderr
    assert "retrying" not in result.stderr


@pytest.mark.parametrize("endpoint", ["git-info-refs", "git-upload-pack"])
def test_words_of_a_refusal(settings, target, token, gitlab, endpoint):
    gitlab.faults.add(endpoint, status=403, body=TERMS + "\n", content_type="text/plain; charset=utf-8")
    assert_words(by_hand({**settings, "CLONE_TOKEN": token, "CLONE_RETRIES": "3"}), target, TERMS)
    assert gitlab.requests.count(endpoint=endpoint, status=403) == 1


@pytest.mark.parametrize("body", [packet(b"ERR Not for you.\n"), SERVICE + packet(b"ERR Not for you.")])
def test_words_in_place_of_refs(settings, target, token, gitlab, body):
    gitlab.faults.add("git-info-refs", body=body, content_type=LISTING)
    assert_words(by_hand({**settings, "CLONE_TOKEN": token, "CLONE_RETRIES": "3"}), target, "Not for you.")


@pytest.mark.parametrize(
    "body",
    [packet(b"ERR Not for you.\n"), packet(b"NAK\n") + packet(b"\x03Not for you.\n") + b"0000", packet(b"NAK\n") + packet(b"\x02Wait.\n") + packet(b"\x03Not for you.\n")],
    ids=["error", "sideband", "progress"],
)
@pytest.mark.parametrize("depth", ["0", "1"])
def test_words_in_place_of_a_pack(settings, target, token, gitlab, body, depth):
    shallow = {"0": b"", "1": b"0000"}[depth]
    gitlab.faults.add("git-upload-pack", body=shallow + body, content_type=RESULT)
    assert_words(by_hand({**settings, "CLONE_TOKEN": token, "CLONE_RETRIES": "3", "CLONE_DEPTH": depth}), target, "Not for you.")


@pytest.mark.parametrize("only", [packet(b"\x01"), packet(b"\x02Counting.\n")], ids=["keep-alive", "progress"])
def test_progress_messages_without_data(settings, target, token, gitlab, only):
    """Its packets arrive all the time, and none has data."""
    gitlab.faults.add("git-upload-pack", body=packet(b"NAK\n") + only * 4000, bytes_per_s=1000, content_type=RESULT)
    result = by_hand({**settings, "CLONE_TOKEN": token, "CLONE_STALL_TIMEOUT": "150ms", "CLONE_RETRIES": "0"})
    assert_failed(result, "refused", target)
    assert "messages, but no data" in result.stderr, result.stderr


def test_words_are_text(settings, target, token, gitlab):
    """Bounded, on one line, without control characters and what turns the reading direction."""
    body = b"\x1b[31mA\xc2\x9bB\r\n\r\nC \xff\xe2\x80\xaeD\n" + b"x" * 5000
    gitlab.faults.add("git-info-refs", status=403, body=body, content_type="text/plain")
    result = by_hand({**settings, "CLONE_TOKEN": token})
    assert_failed(result, "no_access", target)
    assert '"[31mA B C \ufffd Dxx' in result.stderr.replace("D x", "Dx"), result.stderr
    assert "\x1b" not in result.stderr and "\u202e" not in result.stderr and len(result.stderr) < 3000


def test_html_is_not_shown_as_a_refusal(settings, target, token, gitlab):
    gitlab.faults.add("git-info-refs", status=403, body="<html>x</html>", content_type="text/html")
    result = by_hand({**settings, "CLONE_TOKEN": token})
    assert_failed(result, "no_access", target)
    assert "html" not in result.stderr


def test_words_of_a_server_in_trouble(settings, target, token, gitlab):
    text = "The git server, Gitaly, is not available at this time."
    gitlab.faults.add("git-info-refs", status=503, body=text, content_type="text/plain; charset=utf-8")
    result = by_hand({**settings, "CLONE_TOKEN": token})
    assert_failed(result, "unreachable", target)
    assert f'"{text}"' in result.stderr


def gitlab_with(monkeypatch, gitlab, change):
    """Changes git's answers before they are sent."""
    handle = gitlab._git.handle

    def changed(request):
        answer = handle(request)
        return change(answer) if answer.status == 200 else answer

    monkeypatch.setattr(gitlab._git, "handle", changed)


def test_parameters_of_content_types(settings, target, token, gitlab, monkeypatch):
    def change(answer):
        answer.headers = [(name, value + "; charset=utf-8" if name == "Content-Type" else value) for name, value in answer.headers]
        return answer

    gitlab_with(monkeypatch, gitlab, change)
    result = by_hand({**settings, "CLONE_TOKEN": token})
    assert result.returncode == 0, result.stderr


def test_gzip_that_nobody_asked_for(settings, target, token, gitlab, monkeypatch):
    def change(answer):
        answer.body = gzip.compress(b"".join(answer.body))
        answer.headers.append(("Content-Encoding", "gzip"))
        return answer

    gitlab_with(monkeypatch, gitlab, change)
    result = by_hand({**settings, "CLONE_TOKEN": token})
    assert result.returncode == 0, result.stderr
    assert git(target, "status", "--porcelain") == ""


def test_words_in_place_of_shallow_commits(settings, target, token, gitlab):
    gitlab.faults.add("git-upload-pack", body=packet(b"ERR Not for you.\n"), content_type=RESULT)
    assert_words(by_hand({**settings, "CLONE_TOKEN": token, "CLONE_RETRIES": "3", "CLONE_DEPTH": "1"}), target, "Not for you.")
