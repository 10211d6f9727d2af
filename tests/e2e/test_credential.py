# SPDX-License-Identifier: Apache-2.0
"""Git in the workspace with the signed-in user's token: real git through the helper, and whoever
else comes to the socket."""

import concurrent.futures
import os
import pathlib
import pty
import shlex
import shutil
import subprocess
import tempfile
import time
import urllib.parse

import pytest
from clone import by_hand, settings_for
from credential import TIMEOUT_S, Workspace, connect, contains, helper, parsed, read_all
from proxy import StartFailed, binary, is_sanitized, run, wait_until
from readable import readable


@pytest.fixture(autouse=True)
def state_dir():
    """Short, because a socket's path is, and a trial for everybody who quotes. First of all fixtures, so that it
    outlives the proxies."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="ws '#;\" \\"))
    yield path
    shutil.rmtree(path)


@pytest.fixture
def workspace(tmp_path, certificates):
    return Workspace(tmp_path, certificates)


@pytest.fixture
def target(tmp_path):
    return tmp_path / "it's a #1 \"project\"" / "demo"


@pytest.fixture
def sidecar(make_proxy, gitlab, upstream, state_dir, target):
    """With a state directory and a repository to clone; nobody is signed in."""
    return make_proxy(
        gitlab, upstream, STATE_DIR=state_dir, CLONE_URL=gitlab.git_url(gitlab.project), CLONE_DIR=target
    )


@pytest.fixture
def path(state_dir):
    return state_dir / "credential.sock"


def sign_in(proxy, client):
    assert client.login(proxy.origin + "/", "sasha", "sasha-password").status in (200, 503)
    proxy.secrets += [c.value for c in client.cookies_of(proxy.name)]


@pytest.fixture
def cloned(sidecar, client):
    """... and sasha signed in, so that it was cloned."""
    sign_in(sidecar, client)
    sidecar.wait_for_log(message="clone: phase", phase="done")
    return sidecar


def request_for(gitlab):
    return f"protocol=https\nhost={urllib.parse.urlsplit(gitlab.url).netloc}\n\n"


def token_of(gitlab):
    """The one that GitLab gave last."""
    return gitlab.state.tokens[-1].access


# Through git


def test_fetch_and_push_through_expiries(make_proxy, gitlab, upstream, client, workspace, state_dir, target):
    """Tokens live for five seconds; one dies in between, and git never asks."""
    gitlab.settings.token_lifetime_s = 5
    proxy = make_proxy(
        gitlab, upstream, STATE_DIR=state_dir, CLONE_URL=gitlab.git_url(gitlab.project), CLONE_DIR=target
    )
    sign_in(proxy, client)
    proxy.wait_for_log(message="clone: phase", phase="done")
    for number in range(2):
        workspace.commit(target, f"file-{number}")
        workspace.git_ok(target, "push", "-q", "origin", "HEAD")
        workspace.git_ok(target, "fetch", "-q")
        assert workspace.git_ok(target, "rev-parse", "HEAD") == workspace.git_ok(target, "rev-parse", "@{u}")
        if number == 0:
            token = gitlab.state.tokens[-1]
            wait_until(lambda t=token: t.expired, what="the token's end")
    assert gitlab.requests.count(endpoint="token", grant_type="authorization_code") == 1
    # one at the first use, one in the next lifetime: push and fetch share a token
    assert gitlab.requests.refreshes == 2
    assert workspace.asked.read_text() == ""


def test_a_transfer_is_not_disturbed(make_proxy, gitlab, upstream, client, workspace, state_dir, target):
    """Tokens are always in their last five minutes, when they are renewed for whoever comes; but not while
    one fetch has asked for its token and has yet to send it a second time."""
    gitlab.settings.token_lifetime_s = 240
    proxy = make_proxy(
        gitlab, upstream, STATE_DIR=state_dir, CLONE_URL=gitlab.git_url(gitlab.project), CLONE_DIR=target
    )
    sign_in(proxy, client)
    proxy.wait_for_log(message="clone: phase", phase="done")
    asked = gitlab.requests.count(endpoint="git-info-refs")
    sent = gitlab.requests.count(endpoint="git-upload-pack")
    gitlab.faults.add("git-info-refs", skip=1, times=1, delay_answer_s=TIMEOUT_S)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        fetch = pool.submit(workspace.git, target, "fetch", "-q")
        try:
            # The first comes without a token, the second with it.
            gitlab.requests.wait(asked + 2, endpoint="git-info-refs")
            renewals = gitlab.requests.refreshes
            token = token_of(gitlab)
            for _ in range(3):
                workspace.git_ok(target, "ls-remote", "-q", "origin")
                assert client.fetch(proxy.origin + "/").status == 200
        finally:
            gitlab.faults.released.set()
        done = fetch.result()
    assert done.returncode == 0, done.stdout
    assert gitlab.requests.count(endpoint="git-upload-pack") > sent + 3
    assert gitlab.requests.refreshes == renewals and token_of(gitlab) == token


def test_no_secret_is_left_behind(cloned, gitlab, workspace, state_dir, target):
    workspace.commit(target, "file")
    output = workspace.git_ok(target, "push", "origin", "HEAD", GIT_TRACE="1", GIT_TRACE_SETUP="1")
    output += workspace.git_ok(target, "fetch", GIT_TRACE="1")
    secrets = gitlab.secrets()
    assert any(secret == token_of(gitlab) for secret in secrets)
    assert not [secret for secret in secrets if secret in output]
    for directory in (target, state_dir, workspace.home):
        assert contains(directory, secrets) == []


def test_what_the_clone_configures(cloned, gitlab, workspace, target, path):
    origin = gitlab.url
    values = workspace.git_ok(target, "config", "--local", "--get-all", f"credential.{origin}.helper")
    quoted = str(path).replace("'", "'\\''")
    assert values == f"\n!'{binary()}' credential --socket '{quoted}'\n"
    names = workspace.git_ok(target, "config", "--local", "--name-only", "--list").splitlines()
    assert [n for n in names if n.startswith("credential")] == [f"credential.{origin}.helper"] * 2
    # The person's own helper still serves all other hosts.
    workspace.git(target, "ls-remote", "https://localhost:9/other.git")
    assert workspace.asked.read_text() == ""
    fill = ["git", "-C", str(target), "credential", "fill"]
    for host in (origin.removeprefix("https://"), "example.com"):
        subprocess.run(
            fill,
            input=f"protocol=https\nhost={host}\n\n",
            env={**workspace.environment, "GIT_TERMINAL_PROMPT": "0"},
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
        )
    assert workspace.asked.read_text() == "host=example.com\n"


def test_helper_setting(make_proxy, gitlab, upstream, client, workspace, state_dir, tmp_path):
    for number, value in enumerate(("/opt/a b/helper --x \"y\"", "off")):
        target = tmp_path / str(number)
        proxy = make_proxy(
            gitlab,
            upstream,
            CREDENTIAL_SOCKET=state_dir / f"{number}.sock",
            CREDENTIAL_HELPER=value,
            CLONE_URL=gitlab.git_url(gitlab.project),
            CLONE_DIR=target,
        )
        client.cookies.clear()
        sign_in(proxy, client)
        proxy.wait_for_log(message="clone: phase", phase="done")
        values = workspace.git(target, "config", "--get-all", f"credential.{gitlab.url}.helper").stdout
        assert values == ("" if value == "off" else f"\n{value}\n")
        assert "password=" in helper("get", request_for(gitlab), state_dir / f"{number}.sock").stdout


def test_clone_by_hand(gitlab, workspace, certificates, tmp_path):
    """As an init container, which shares the sidecar's settings."""
    token = gitlab.add_token(gitlab.sasha, "read_repository").access
    for number, more in enumerate(({"STATE_DIR": "/state"}, {"CREDENTIAL_HELPER": "workspace"}, {})):
        target = tmp_path / str(number)
        settings = settings_for(gitlab, gitlab.project, target, certificates.ca, CLONE_TOKEN=token, **more)
        assert by_hand(settings).returncode == 0
        values = workspace.git(target, "config", "--get-all", f"credential.{gitlab.url}.helper").stdout
        command = f"!'{binary()}' credential --socket '/state/credential.sock'"
        assert values == ("", f"\n{command}\n", "\nworkspace\n")[(number + 1) % 3]


def test_a_token_that_gitlab_no_longer_takes(cloned, gitlab, workspace, target):
    """git is refused once and says so with `erase`; the next command has a new token."""
    gitlab.expire_tokens("sasha")
    assert "Authentication failed" in workspace.git(target, "fetch").stdout
    refreshes = gitlab.requests.refreshes
    workspace.git_ok(target, "fetch")
    assert gitlab.requests.refreshes == refreshes + 1


def test_tokens_revoked_at_gitlab(cloned, gitlab, workspace, target):
    """Neither token counts any more: the person has to sign in again, and is told where."""
    gitlab.revoke_tokens("sasha")
    assert "Authentication failed" in workspace.git(target, "fetch").stdout
    output = workspace.git(target, "fetch").stdout
    assert f"open {cloned.origin} in a browser" in output and "told us to quit" in output


def test_nobody_is_signed_in(sidecar, gitlab, workspace, path, tmp_path):
    """On a terminal, where git could prompt: it ends at once and says what to do."""
    workspace.git_ok(tmp_path, "init", "-q", "here")
    here = tmp_path / "here"
    command = f"!{binary()} credential --socket {shlex.quote(str(path))}"
    workspace.git_ok(here, "config", "credential.helper", command)
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvpe("git", ["git", "-C", str(here), "ls-remote", gitlab.git_url(gitlab.project)], workspace.environment)
    output = b""
    try:
        while readable([terminal], TIMEOUT_S) and (block := os.read(terminal, 4096)):
            output += block
    except OSError:  # the terminal is gone with its last process
        pass
    os.close(terminal)  # ends a git that asks after all
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 128
    text = output.decode()
    assert f"nobody is signed in to this workspace: open {sidecar.origin} in a browser" in text
    assert "Username" not in text


# The helper


def test_what_the_helper_says(cloned, gitlab, path):
    result = helper("get", request_for(gitlab), path)
    said = parsed(result.stdout)
    assert said["username"] == "oauth2" and said["password"] == token_of(gitlab)
    assert 7100 < int(said["password_expiry_utc"]) - time.time() <= 7200
    assert set(said) == {"username", "password", "password_expiry_utc"}
    assert result.stderr == "" and result.returncode == 0
    # Without anything else in the environment, by either way to name the socket.
    for name, value in (("CREDENTIAL_SOCKET", path), ("STATE_DIR", path.parent)):
        again = parsed(helper("get", request_for(gitlab), environment={name: value}).stdout)
        assert again["password"] == said["password"]
    for operation in ("store", "approve"):
        silent = helper(operation, request_for(gitlab) + result.stdout, path)
        assert (silent.stdout, silent.stderr, silent.returncode) == ("", "", 0)
    assert parsed(helper("get", request_for(gitlab), path).stdout)["password"] == said["password"]
    assert helper("--nonsense").returncode == 2
    assert helper("get", request_for(gitlab)).returncode == 1


def test_other_hosts_get_nothing(cloned, gitlab, path):
    host = urllib.parse.urlsplit(gitlab.url).netloc
    others = [
        f"protocol=http\nhost={host}\n\n",
        "protocol=https\nhost=localhost\n\n",
        "protocol=https\nhost=gitlab.com\n\n",
        f"protocol=https\nhost={host}.example.com\n\n",
        f"protocol=https\nhost=example.com@{host}\n\n",
        f"url=https://{host}@example.com/\n\n",
        "\n",
        "",
    ]
    for text in others:
        result = helper("get", text, path)
        assert (result.stdout, result.stderr, result.returncode) == ("", "", 0), text
    assert "password=" in helper("get", f"url={gitlab.git_url(gitlab.project)}\n\n", path).stdout


def test_sign_out_and_withdrawn_access(cloned, gitlab, client, path):
    assert "password=" in helper("get", request_for(gitlab), path).stdout
    page = client.open(cloned.origin + "/oauth2/sign_out")
    client.submit(page, page.form())
    for _ in range(2):
        result = helper("get", request_for(gitlab), path)
        assert result.stdout == "quit=1\n\n" and cloned.origin in result.stderr and result.returncode == 0
    # Nobody who may not enter gets a token either.
    client.cookies.clear()
    client.login(cloned.origin + "/", "robin", "robin-password")
    assert helper("get", request_for(gitlab), path).stdout == "quit=1\n\n"


def test_access_that_is_withdrawn(make_proxy, gitlab, upstream, client, state_dir, path):
    proxy = make_proxy(
        gitlab, upstream, STATE_DIR=state_dir, AUTHORIZATION_INTERVAL="100ms", AUTHORIZATION_GRACE="0s"
    )
    sign_in(proxy, client)
    assert "password=" in helper("get", request_for(gitlab), path).stdout
    gitlab.workspace.owner = gitlab.alex
    wait_until(
        lambda: helper("get", request_for(gitlab), path).stdout == "quit=1\n\n", what="git to be refused"
    )


def test_gitlab_is_down(make_proxy, gitlab, upstream, client, state_dir, path):
    """A token that works is given for as long as sessions stand; one that ended is not."""
    gitlab.settings.token_lifetime_s = 8
    proxy = make_proxy(gitlab, upstream, STATE_DIR=state_dir)
    sign_in(proxy, client)
    gitlab.faults.add("token", status=503)
    assert "password=" in helper("get", request_for(gitlab), path).stdout
    wait_until(
        lambda: helper("get", request_for(gitlab), path).stdout == "quit=1\n\n", what="the token's end"
    )
    assert "try again" in helper("get", request_for(gitlab), path).stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")
def test_user_ids(make_proxy, gitlab, upstream, client, state_dir):
    """The kernel says who asks; the file's mode keeps most out before that."""
    state_dir.chmod(0o755)
    own, other = state_dir / "own", state_dir / "other"
    public = pathlib.Path(tempfile.mkdtemp(dir=state_dir))
    public.chmod(0o755)
    shutil.copy(binary(), public / "workspace-proxy")

    def ask_as(uid, path):
        wrapper = ["setpriv", f"--reuid={uid}", "--regid=54321", "--clear-groups"]
        program = [*wrapper, str(public / "workspace-proxy"), "credential", "--socket", str(path), "get"]
        return subprocess.run(program, input=request_for(gitlab), capture_output=True, text=True, timeout=TIMEOUT_S)

    for path, settings in ((own, {}), (other, {"CREDENTIAL_UID": 54321})):
        proxy = make_proxy(gitlab, upstream, CREDENTIAL_SOCKET=path, **settings)
        client.cookies.clear()
        sign_in(proxy, client)
    assert oct(own.stat().st_mode & 0o777) == "0o600"
    assert "password=" in ask_as(0, own).stdout
    assert "password=" in ask_as(54321, other).stdout
    for uid, path in ((54321, own), (0, other), (54322, other)):
        result = ask_as(uid, path)
        assert result.stdout == "" and "may not request" in result.stderr and result.returncode == 1
    assert proxy.log_entries(message="credential request of another user id refused")[0]["uid"] in (0, 54322)


INSTALLED = ["docker-credential-workspace", "git-credential-workspace", "s", "workspace-run", "workspace-ssh"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may change the root directory")
@pytest.mark.skipif(is_sanitized(), reason="sanitizers need shared libraries")
def test_in_a_container_without_anything(make_proxy, gitlab, upstream, client, tmp_path):
    """As in an IDE's image: the helper that `install` put beside the socket, and nothing else."""
    root = pathlib.Path(tempfile.mkdtemp(prefix="ws-"))
    proxy = make_proxy(gitlab, upstream, CREDENTIAL_SOCKET=root / "s")
    sign_in(proxy, client)
    for _ in range(2):
        assert run(["install", str(root)]).returncode == 0
    assert sorted(os.listdir(root)) == INSTALLED
    result = subprocess.run(
        ["/usr/sbin/chroot", str(root), "/git-credential-workspace", "--socket", "/s", "get"],
        input=request_for(gitlab),
        env={},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    assert parsed(result.stdout)["password"] == token_of(gitlab) and result.stderr == ""
    (root / "git-credential-workspace").unlink()
    (root / "git-credential-workspace").mkdir()
    result = run(["install", str(root)])
    assert result.returncode == 1 and "git-credential-workspace" in result.stderr
    assert sorted(os.listdir(root)) == INSTALLED
    assert run(["install"]).returncode == 2
    proxy.stop()
    shutil.rmtree(root)


# The socket


def test_the_sidecar_ends_and_comes_back(cloned, gitlab, workspace, target, path):
    first = parsed(helper("get", request_for(gitlab), path).stdout)["password"]
    cloned.kill()
    assert path.exists(), "nobody was left to remove it"
    output = workspace.git(target, "fetch").stdout
    assert "sidecar can't be reached" in output and "told us to quit" in output
    cloned.start_again()
    workspace.git_ok(target, "fetch")
    assert parsed(helper("get", request_for(gitlab), path).stdout)["password"] == first
    assert cloned.stop() == 0 and not path.exists()
    cloned.start_again()
    path.unlink()
    assert helper("get", request_for(gitlab), path).stdout == "quit=1\n\n"
    wait_until(path.exists, what="a new socket")
    assert "password=" in helper("get", request_for(gitlab), path).stdout
    assert oct(path.stat().st_mode & 0o777) == "0o600"


def test_two_sidecars_do_not_share_a_socket(cloned, make_proxy, gitlab, upstream, path):
    with pytest.raises(StartFailed, match="in use by another process"):
        make_proxy(gitlab, upstream, CREDENTIAL_SOCKET=path)
    assert "password=" in helper("get", request_for(gitlab), path).stdout
    path_of_a_file = path.parent / "file"
    path_of_a_file.write_text("mine")
    with pytest.raises(StartFailed, match="exists and is not a socket"):
        make_proxy(gitlab, upstream, CREDENTIAL_SOCKET=path_of_a_file)
    assert path_of_a_file.read_text() == "mine"


def test_a_thousand_at_once(make_proxy, gitlab, upstream, client, state_dir, path):
    """A token that lives for 200 s is renewed before it is given: once."""
    gitlab.settings.token_lifetime_s = 200
    proxy = make_proxy(gitlab, upstream, STATE_DIR=state_dir)
    sign_in(proxy, client)
    gitlab.faults.add("token", delay_answer_s=0.3, times=1)
    asking = [connect(path) for _ in range(1000)]
    for s in asking:
        s.sendall(b"operation=get\n" + request_for(gitlab).encode())
    answers = {read_all(s) for s in asking}
    assert gitlab.requests.refreshes == 1
    assert {parsed(answer)["password"] for answer in answers} == {token_of(gitlab)}
    assert all(answer.startswith("status=given\n") for answer in answers)


def test_garbage_on_the_socket(cloned, gitlab, path):
    good = b"operation=get\n" + request_for(gitlab).encode()
    for garbage in (b"\0" * 4096 + b"\n\n", b"GET / HTTP/1.1\r\n\r\n", b"x\n\n", b"=\n\n", os.urandom(8192) + b"\n\n"):
        s = connect(path)
        s.sendall(garbage)
        assert read_all(s) in ("", "status=nothing\n\n")
    endless = connect(path)
    with pytest.raises(OSError):
        for _ in range(100):
            endless.sendall(b"a=" + b"b" * 4000 + b"\n")
    for _ in range(100):
        connect(path).close()
    byte_by_byte = connect(path)
    for byte in good:
        byte_by_byte.sendall(bytes([byte]))
    assert "password=" in read_all(byte_by_byte)
    # All places taken by somebody who says nothing: freed by their deadline.
    idle = [connect(path) for _ in range(64)]
    started = time.monotonic()
    assert "password=" in helper("get", request_for(gitlab), path).stdout
    assert time.monotonic() - started < 30
    assert [read_all(s) for s in idle] == [""] * 64
    # Gone before the answer.
    for _ in range(50):
        s = connect(path)
        s.sendall(good)
        s.close()
    assert "password=" in helper("get", request_for(gitlab), path).stdout


def test_erase_in_a_loop(cloned, gitlab, path):
    """GitLab is asked for one new token, whatever the workspace does."""
    for _ in range(20):
        said = parsed(helper("get", request_for(gitlab), path).stdout)
        helper("erase", request_for(gitlab)[:-1] + f"username=oauth2\npassword={said.get('password', 'none')}\n\n", path)
    assert gitlab.requests.refreshes == 1
