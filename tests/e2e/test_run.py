# SPDX-License-Identifier: Apache-2.0
"""`workspace-proxy run`, also as workspace-run: output, log file, rotation, signals, ends."""

import os
import re
import signal
import subprocess
import sys

import pytest
from proxy import binary, is_sanitized, wait_until

HELPER = os.path.join(os.path.dirname(binary()), "workspace-run")
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


@pytest.fixture(params=["run", "workspace-run"])
def program(request):
    return [binary(), "run"] if request.param == "run" else [HELPER]


def run(program, log, *command, **options):
    arguments = [*program, "--log", str(log), "--", *command]
    return subprocess.run(arguments, capture_output=True, text=True, timeout=60, **options)


def logged(log):
    lines = log.read_text().splitlines()
    assert all(re.match(TIME + " ", line) for line in lines), lines
    return [line[25:] for line in lines]


def test_output_goes_both_ways(program, tmp_path):
    log = tmp_path / "ide.log"
    done = run(program, log, "sh", "-c", "echo out; sleep 0.2; echo err >&2; exit 3")
    assert (done.stdout, done.stderr, done.returncode) == ("out\n", "err\n", 3)
    assert logged(log) == ["out", "err", "ERROR workspace-proxy run: sh exited with code 3"]
    assert run(program, log, "true").returncode == 0
    assert logged(log)[-1] == "INFO workspace-proxy run: true exited with code 0"


def test_lines_of_two_streams_are_not_mixed(program, tmp_path):
    log = tmp_path / "ide.log"
    script = "printf 'half '; sleep 0.3; echo err >&2; sleep 0.3; printf 'a line\\nlast'"
    assert run(program, log, "sh", "-c", script).returncode == 0
    assert logged(log) == ["half ", "err", "a line", "last", "INFO workspace-proxy run: sh exited with code 0"]


def test_lines_with_a_time_keep_it(program, tmp_path):
    log = tmp_path / "ide.log"
    run(program, log, "printf", "2026-01-31T12:00:00Z a\\n[2026-01-31 12:00:00.000] b\\nc\\n")
    lines = log.read_text().splitlines()
    assert lines[:2] == ["2026-01-31T12:00:00Z a", "[2026-01-31 12:00:00.000] b"]
    assert re.fullmatch(TIME + " c", lines[2])


def test_a_command_that_is_not_there(program, tmp_path):
    log = tmp_path / "ide.log"
    done = run(program, log, "/nowhere/ide")
    assert done.returncode == 127 and "/nowhere/ide: No such file" in done.stderr
    assert "No such file" in logged(log)[0] and "exited with code 127" in logged(log)[1]
    (tmp_path / "ide").write_text("")
    assert run(program, log, str(tmp_path / "ide")).returncode == 126


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1])
def test_signals_are_passed_on(program, tmp_path, number):
    log = tmp_path / "ide.log"
    script = f"trap 'echo caught; exit 7' {number.value}; echo ready; while :; do sleep 0.05; done"
    heeding = ["env", "--default-signal"]  # also where whoever runs the tests ignores SIGHUP
    command = [*heeding, *program, "--log", str(log), "--", "sh", "-c", script]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(number)
    assert process.wait(60) == 7 and process.stdout.read() == b"caught\n"
    process.stdout.close()


def test_a_command_that_is_killed(program, tmp_path):
    log = tmp_path / "ide.log"
    done = run(program, log, "sh", "-c", "kill -9 $$")
    assert done.returncode == 128 + 9
    assert logged(log) == ["ERROR workspace-proxy run: sh was killed by signal 9 (SIGKILL)"]


def test_rotation(program, tmp_path):
    """22 MB of lines: two files that hold the newest lines, whole, and never much more than 10 MiB."""
    log, older = tmp_path / "ide.log", tmp_path / "ide.log.1"
    script = "i = 0\nwhile i < 100000:\n print(i, 'x' * 200)\n i += 1"
    done = run(program, log, sys.executable, "-c", script, env={**os.environ, "PYTHONUNBUFFERED": ""})
    assert done.returncode == 0 and done.stdout.count("\n") == 100000
    lines = logged(older) + logged(log)[:-1]
    numbers = [int(line.split()[0]) for line in lines]
    assert numbers == list(range(100000 - len(numbers), 100000))
    assert 10 << 20 <= older.stat().st_size < (10 << 20) + 1000 and log.stat().st_size < 10 << 20


def test_rotation_of_a_line_without_end(program, tmp_path):
    """35 MB without a newline, as of a progress bar: two files of not much more than 10 MiB."""
    log, older = tmp_path / "ide.log", tmp_path / "ide.log.1"
    done = run(program, log, "sh", "-c", "head -c 35000000 /dev/zero | tr '\\0' x; echo end")
    assert done.returncode == 0 and len(done.stdout) == 35000004
    assert 10 << 20 <= older.stat().st_size < (10 << 20) + 100000 and log.stat().st_size < 10 << 20
    assert logged(older)[0].startswith("xxx") and logged(log)[0].endswith("xxxend")


@pytest.mark.parametrize("kind", ["link", "fifo", "directory", "missing"])
def test_a_log_that_can_not_be_written(program, tmp_path, kind):
    log = tmp_path / "ide.log"
    target = tmp_path / "target"
    if kind == "link":
        target.write_text("")
        log.symlink_to(target)
    elif kind == "fifo":
        os.mkfifo(log)
    elif kind == "directory":
        log.mkdir()
    else:
        log = tmp_path / "missing" / "ide.log"
    done = run(program, log, "sh", "-c", "echo out; exit 3")
    assert done.stdout == "out\n" and done.returncode == 3 and "no log" in done.stderr
    assert kind != "link" or target.read_text() == ""


def test_a_reader_that_is_gone(program, tmp_path):
    log = tmp_path / "ide.log"
    script = "for i in 1 2 3; do echo $i; sleep 0.1; done"
    process = subprocess.Popen([*program, "--log", str(log), "--", "sh", "-c", script], stdout=subprocess.PIPE)
    process.stdout.close()
    assert process.wait(60) == 0 and logged(log)[:3] == ["1", "2", "3"]


def test_what_is_left_behind_does_not_hold_it(program, tmp_path):
    log = tmp_path / "ide.log"
    with open(tmp_path / "out", "w") as out:
        arguments = [*program, "--log", str(log), "--", "sh", "-c", "sleep 300 & echo $!"]
        assert subprocess.run(arguments, stdout=out, stderr=out, timeout=60).returncode == 0
    os.kill(int((tmp_path / "out").read_text()), signal.SIGKILL)


@pytest.mark.skipif(os.geteuid() != 0 or is_sanitized(), reason="needs a PID namespace")
def test_as_process_1(program, tmp_path):
    log = tmp_path / "ide.log"
    script = "(sleep 0.1 & ) ; (sh -c 'sleep 0.2; exit 5' & ); sleep 0.6; ps -o stat= | grep -c Z; exit 4"
    command = ["unshare", "--pid", "--fork", "--mount-proc", *program, "--log", str(log), "--", "sh", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if "unshare" in done.stderr:
        pytest.skip(done.stderr)
    assert done.returncode == 4 and done.stdout == "0\n", done


def test_usage(program):
    for arguments in ([], ["--"], ["--log"], ["--log", "x"], ["--help"], [""]):
        done = subprocess.run([*program, *arguments], capture_output=True, text=True, timeout=60)
        assert done.returncode == 2 and "usage" in done.stderr


@pytest.mark.skipif(is_sanitized(), reason="sanitizers need shared libraries")
def test_it_needs_no_libraries():
    done = subprocess.run(["ldd", HELPER], capture_output=True, text=True)
    assert "not a dynamic executable" in done.stderr + done.stdout or "statically linked" in done.stdout
    assert os.path.getsize(HELPER) < 400_000


def test_users_see_how_it_ended(make_proxy, gitlab, client, tmp_path):
    logs = tmp_path / "workspace-logs"
    logs.mkdir()
    proxy = make_proxy(gitlab, LOG_FILES=f"{logs}/*.log", EXPLAIN_AFTER="0s")
    client.login(proxy.origin + "/", "sasha", "sasha-password")
    proxy.secrets += [c.value for c in client.cookies_of(proxy.name)]
    run([HELPER], logs / "ide.log", "sh", "-c", "echo no license >&2; exit 9")

    def reason():
        return client.fetch(proxy.origin + "/oauth2/workspace").json()["ide"].get("reason")

    wait_until(lambda: (reason() or {}).get("code") == "exited", what="the reason")
    assert reason()["message"] == "The IDE exited with code 9."
