# SPDX-License-Identifier: Apache-2.0
"""Every rule of `make lint` fails where it is violated, in every room.

A copy of the tree gets one file per rule and room that violates the rule; then the checks run once over the
copy and have to name each of these files. All tests use the same copy: each puts back what it has changed.
"""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = ("base", "auth", "clone", "container", "ssh", "proxy")
TESTS = ("tests/unit", "tests/fuzz", "tests/bench")
HEAD = "/* SPDX-License-Identifier: Apache-2.0 */\n/*\n * Violates a rule.\n */\n"


def rooms(*folders):
    """Every folder with C code, found without the help of what is tested."""
    found = {path.parent for folder in folders for path in (ROOT / folder).rglob("*.[ch]")}
    assert len(found) >= len(folders)
    return sorted(str(path.relative_to(ROOT)) for path in found)


PRODUCT_ROOMS = rooms(*PRODUCT)
ALL_ROOMS = PRODUCT_ROOMS + rooms(*TESTS)
PRIVATE_HEADERS = sorted(str(p.relative_to(ROOT)) for f in PRODUCT for p in (ROOT / f).rglob("*_private.h"))


class Tree:
    """A copy of the tree, without what was built."""

    def __init__(self, path):
        self.path = path
        ignored = shutil.ignore_patterns(".git", "build*", "seeds", "__pycache__", ".cache", "*.o")
        shutil.copytree(ROOT, path, ignore=ignored)
        self.planted = []  # (file, what a check has to say about it)
        self.before = {}  # file -> its text before the test, or None

    def plant(self, name, text, *expected):
        """Writes a file; `expected` are patterns, each of which has to be found in one line that names it."""
        file = self.path / name
        self.before.setdefault(file, file.read_text() if file.exists() else None)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        self.planted += [(name, pattern) for pattern in expected]

    def change(self, name, old, new, *expected):
        text = (self.path / name).read_text()
        assert old in text, f"{name} has no {old!r} to violate a rule with"
        self.plant(name, text.replace(old, new, 1), *expected)

    def restore(self):
        """As it was before the test: without the planted files, their folders, and what was built."""
        for file, text in self.before.items():
            if text is not None:
                file.write_text(text)
                continue
            file.unlink()
            if not any(file.parent.iterdir()):
                file.parent.rmdir()
        shutil.rmtree(self.path / "build", ignore_errors=True)
        self.planted, self.before = [], {}

    def run(self, *command):
        env = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS", "BUILD"))}
        return subprocess.run(command, cwd=self.path, env=env, capture_output=True, text=True, timeout=600)

    def lint(self, script):
        return self.run("/usr/bin/python3", "-B", f"tests/lint/{script}.py")

    def expect_failure(self, ran, planted=None):
        """The run failed, and said what is wrong with each of the planted files."""
        lines = (ran.stdout + ran.stderr).splitlines()
        assert ran.returncode != 0, "\n".join(lines[-20:])
        for name, pattern in planted or self.planted:
            assert any(name in line and re.search(pattern, line) for line in lines), f"{name}: no {pattern!r}"


def memory_folder():
    """For many small files, which ext4 creates and deletes slowly; None: programs can't be executed in memory here."""
    is_usable = os.access("/dev/shm", os.W_OK) and not os.statvfs("/dev/shm").f_flag & os.ST_NOEXEC
    return "/dev/shm" if is_usable else None


@pytest.fixture(scope="module")
def copy():
    with tempfile.TemporaryDirectory(prefix="lint-", dir=memory_folder()) as folder:
        yield Tree(Path(folder) / "tree")


@pytest.fixture
def tree(copy):
    yield copy
    copy.restore()


def test_layers(tree):
    for room in PRODUCT_ROOMS:
        folder = room.split("/")[0]
        foreign = {"base": "proxy/proxy.h", "proxy": "auth/session/session.h"}.get(folder, "proxy/proxy.h")
        private = next(h for h in PRIVATE_HEADERS if Path(h).parent not in (Path(room), *Path(room).parents))
        libraries = "curl/curl openssl/ssl openssl/evp jansson event2/event evhtp git2 yaml zlib".split()
        lines = [f'#include "{foreign}"', '#include "err.h"', f'#include "{private}"']
        lines += [f"#include <{library}.h>" for library in libraries]
        expected = [f"{foreign}: {folder} may not know", "err.h: is not a path", f"{private}: (is private|.* may not)"]
        expected += [f"{library}.h: belongs behind" for library in libraries]
        tree.plant(f"{room}/planted.c", "\n".join(lines) + "\n", *expected)
        tree.plant(f"{room}/planted_asset.c", '#include "elsewhere/page.css.inc"\n', "of another folder")
    tree.expect_failure(tree.lint("layers"))


@pytest.mark.parametrize("header", PRIVATE_HEADERS)
def test_private_headers_are_included_in_their_room_only(tree, header):
    room = Path(header).parent
    inside = [r for r in PRODUCT_ROOMS if Path(r).is_relative_to(room)]
    outside = [r for r in PRODUCT_ROOMS if r.split("/")[0] == room.parts[0] and r not in inside]
    for folder in outside:
        tree.plant(f"{folder}/planted.h", f'#include "{header}"\n', f"is private to {room}/")
    for folder in inside:
        tree.plant(f"{folder}/permitted.h", f'#include "{header}"\n')
    ran = tree.lint("layers")
    assert "permitted.h" not in ran.stdout
    if outside:
        tree.expect_failure(ran)


CIRCLE_SCRIPT = Path("tests/lint/circles.py").resolve()


@pytest.mark.parametrize("listed", [(), ("auth/one", "base/two"), ("base/two", "auth/three")])
def test_circles(tmp_path, listed):
    """one and two call each other, three calls one: the first two are a circle."""
    calls = {"auth/one": "two", "base/two": "one", "auth/three": "one"}
    (tmp_path / "docs").mkdir()
    row = f"| {', '.join(f'`{name}`' for name in listed)} | a reason |\n" if listed else ""
    text = f"### Circular dependencies that remain\n\n| files | reason |\n|---|---|\n{row}\n## Next\n"
    (tmp_path / "docs/architecture.md").write_text(text)
    for name, other in calls.items():
        source, built = tmp_path / f"{name}.c", tmp_path / "build" / f"{name}.o"
        for path in (source, built):
            path.parent.mkdir(parents=True, exist_ok=True)
        source.write_text(f"void {other}(void); void {source.stem}(void) {{ {other}(); }}\n")
        subprocess.run(["gcc", "-c", "-o", built, source], check=True)
    ran = subprocess.run([CIRCLE_SCRIPT, "build"], cwd=tmp_path, capture_output=True, text=True)
    assert (ran.returncode == 0) == (set(listed) == {"auth/one", "base/two"}), ran.stdout
    if ran.returncode:
        assert "auth/one, base/two: they call each other" in ran.stdout
        assert "auth/one takes from base/two: two" in ran.stdout
        assert ("auth/three, base/two: no such circle" in ran.stdout) == bool(listed)


def test_style(tree):
    function = "int\nplanted(void)\n{\n" + "\treturn 0;\n" * 80 + "}\n"
    for room in ALL_ROOMS:
        tree.plant(f"{room}/planted_head.c", "int x;\n", "does not start with the licence")
        long_comment = HEAD.replace(" * Violates a rule.\n", " * Violates a rule.\n" * 15)
        tree.plant(f"{room}/planted_comment.c", long_comment, "opening comment has 15 lines")
        pointer = HEAD.replace(" * Violates a rule.\n", " * See planted.h.\n")
        tree.plant(f"{room}/planted_pointer.c", pointer, "refers to another file")
        order = HEAD + '#include "base/err.h"\n#include <stdio.h>\n'
        tree.plant(f"{room}/planted_order.c", order, "includes: own header")
        tree.plant(f"{room}/planted_name.h", HEAD + "/* How: x/gone.h. */\n", "planted_name.h:5: there is no x/gone.h")
        tree.plant(f"{room}/planted_word.h", HEAD + "/* FIX" + "ME: later */\n", "finish it")
        tree.plant(f"{room}/planted_long.c", HEAD + "int x;\n" * 500, "50[0-9] lines, at most")
        tree.plant(f"{room}/planted_function.c", HEAD + function, "planted has 8[0-9] lines, at most")
    for room in PRODUCT_ROOMS:
        calls = "sprintf strcpy strcat strtok gets atoi alloca system popen".split()
        text = HEAD + "".join(f"int x = {call}(y);\n" for call in calls)
        tree.plant(f"{room}/planted_call.c", text, *(f"{call} is not used here" for call in calls))
        tree.plant(f"{room}/planted_file.c", HEAD + "int x;\n" * 497, "501 lines, at most 500")
        text = HEAD + "int x;\n" * 137
        tree.plant(f"{room}/planted_header.h", text, "141 lines, at most", "its guard is not [A-Z0-9_]*PLANTED_HEADER_H")
    for folder in ("e2e", "support", "lint"):
        tree.plant(f"tests/{folder}/planted_long.py", "x = 1\n" * 501, "501 lines, at most 500")
    for folder in (*ALL_ROOMS, "tests/e2e", "docs", "tools"):
        tree.plant(f"{folder}/core", "\x7fELF\0", "is not text")
        tree.plant(f"{folder}/trace", "x" * 100_001, "100001 bytes, at most")
    tree.expect_failure(tree.lint("style"))


def test_declarations(tree):
    for number, room in enumerate(PRODUCT_ROOMS):
        tree.plant(
            f"{room}/planted_{number}.h",
            f"struct planted_{number}_tag {{\n\tint x;\n}};\nbool elsewhere_{number}(int x, void (*f)(void));\n"
            f"bool dead_{number}(void);\n",
            f"tag planted_{number}_tag is defined in",
            f"elsewhere_{number}: belongs in the header of {room}/other_{number}.c",
            f"dead_{number}: nothing defines it",
        )
        tree.plant(
            f"{room}/other_{number}.c",
            f"enum planted_{number}_tag {{ A }};\nint foreign_{number}(int x);\n\n"
            f"bool\nelsewhere_{number}(int x, void (*f)(void))\n{{\n\treturn x;\n}}\n",
            f"tag planted_{number}_tag is defined in",
            f"foreign_{number}: belongs in a header",
        )
    for room in ALL_ROOMS:
        tree.plant(
            f"{room}/torn.h",
            "int x; /* begins here\n\t* and goes on */\n",
            "goes on in the next line",
        )
        tree.plant(f"{room}/broken.h", "void f(\n\tint x); /* why */\nint\n\t*y; /* why */\n", ":2: .* breaks", ":4: .* breaks")
    tree.expect_failure(tree.lint("declarations"))


def test_log_fields(tree):
    for number, room in enumerate(PRODUCT_ROOMS):
        text = f'log_int("planted_{"x" * number}", 1);\nlog_str("Planted-Name", x);\nlog_int(name, 1);\nlog_text_field(x);\n'
        tree.plant(f"{room}/planted.c", text, "Planted-Name", "name is no lower_snake_case", "without a literal name")
    ran = tree.lint("log_fields")
    tree.expect_failure(ran)
    missing = re.findall(r"does not list the log field planted_(x*)$", ran.stdout, re.M)
    assert len(missing) == len(PRODUCT_ROOMS)
    tree.change("docs/operations.md", "| `attempt` |", "| `never_logged` |", "lists never_logged", "list the log field attempt")
    tree.expect_failure(tree.lint("log_fields"))


def test_bench_scripts(tree):
    """They are imported as they are run: those that begin with #! find their modules themselves."""
    tree.plant("tests/bench/planted_module.py", "import no_such_module\n", "No module named 'no_such_module'")
    tree.plant("tests/bench/planted_name.py", "from proxy import no_such_name\n", "cannot import name 'no_such_name'")
    tree.plant("tests/bench/planted_use.py", "import os\nimport proxy as p\n\ndef f():\n    return p.no_such_use(os.sep)\n", ":5: proxy has no")
    tree.plant("tests/bench/planted_path.py", "#!/usr/bin/python3\nimport proxy\n", "No module named 'proxy'")
    tree.plant("tests/bench/planted_end.py", "import sys\nsys.exit(2)\n", "SystemExit: 2")
    tree.plant("tests/bench/planted_text.py", "def\n", "SyntaxError")
    ran = tree.lint("bench_scripts")
    tree.expect_failure(ran)
    assert "planted_use.py:1" not in ran.stdout and "6 failed" in ran.stdout, "the others did not"


def test_documents(tree):
    documents = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
    assert len(documents) > 10
    for path in documents:
        name = str(path.relative_to(ROOT))
        text = path.read_text() + (
            "\n[link](nowhere.md) [section](#planted-section) `proxy/no/such_module` `tests/e2e/test_none.py` `WORKSPACE_PROXY_NO_SUCH` `make nothing`\n"
        )
        expected = ("file: nowhere.md", "section: #planted", "file: proxy/no", "file: tests/e2e/test_n", "setting: NO_SUCH")
        expected += ("target: nothing",)
        tree.plant(name, text, *expected)
    tree.change("docs/from-oauth2-proxy.md", "| `OAUTH2_PROXY_", "| `OAUTH2_PROXY_NO", "OAUTH2_PROXY_NO[A-Z_]*: ")
    tree.plant("base/planted/planted.c", HEAD)
    tree.planted.append(("docs/architecture.md", "no row for the folder base/planted/"))
    tree.expect_failure(tree.lint("documents"))


def test_monitoring(tree):
    folder = "container/kubernetes/monitoring"
    metric = "workspace_proxy_gitlab_requests_total"
    wrong = f'{metric}{{outcome="no_such_value"}} + sum by (no_such_label) ({metric}) + workspace_proxy_no_such_metric'
    rule = f"\n      - alert: Planted\n        expr: {wrong}\n        for: 1m\n      - alert: Empty\n        expr: 1 > 0\n"
    alerts = (ROOT / folder / "alerts.yaml").read_text()
    tree.plant(f"{folder}/alerts.yaml", alerts + rule)
    tree.change(f"{folder}/dashboard.json", metric, "workspace_proxy_not_there_total")
    told = ["alert Planted: .* no outcome=no_such_value", "alert Planted: no such label", "alert Planted: no such metric"]
    told += ["alert Planted: docs/operations.md does not", "alert Empty: asks for nothing", "dashboard.*not_there_total"]
    tree.expect_failure(tree.lint("monitoring"), [("", pattern) for pattern in told])


def test_manifests(tree):
    rendered = "container/kubernetes/rendered"
    cases = [
        # A file with a wrong shape is not examined any further, hence two files.
        ("ingress", "readOnlyRootFilesystem: true", "readOnlyRootFilesystems: true", "no such field"),
        ("ingress", "kind: Service\n", "kind: Sandwich\n", "unknown kind"),
        ("gateway", "runAsNonRoot: true", "runAsNonRoot: false", "runAsNonRoot is not set"),
        ("gateway", "WORKSPACE_PROXY_", "WORKSPACE_PROXY_NO", "no such setting"),
        ("gateway", "failurePolicy: Fail", "failurePolicy: Ignore", "failurePolicy is 'Ignore'"),
    ]
    for name, old, new, _ in cases:
        tree.change(f"{rendered}/{name}.yaml", old, new)
    policy = "container/kubernetes/policy/validatingadmissionpolicy.yaml"
    tree.change(policy, "resources: [pods/ephemeralcontainers]", "resources: [pods/status]")
    tree.change(policy, "? object.spec.volumes :", "? [object.spec.nodeName] :")
    tree.change(policy, '"has(object.spec.volumes)', '"has(object.spec.nodeName)')
    expected = [(f"{name}: ", expected) for name, _, _, expected in cases]
    told = ("does not review UPDATE of pods/ephemeralcontainers", "does not look at volumes")
    tree.expect_failure(tree.lint("manifests"), expected + [("workspace-proxy-secrets: ", pattern) for pattern in told])


# What make hands to compilers and checkers is found by the Makefile: it has to find every room. `make -n` tells; then
# only the planted files are checked.


def commands(tree, *targets):
    return tree.run("make", "-n", *targets).stdout.replace("\\\n", " ")


def test_format(tree):
    for room in ALL_ROOMS:
        for name in ("planted.c", "planted.h"):
            tree.plant(f"{room}/{name}", "int   x ;\n", "clang-format-violations")
    names = [name for name, _ in tree.planted]
    assert set(names) <= set(commands(tree, "lint-format").split())
    sources, headers = ([n for n in names if n.endswith(end)] for end in (".c", ".h"))
    tree.expect_failure(tree.run("make", "lint-format", f"C_FILES={' '.join(sources)}", f"H_FILES={' '.join(headers)}"))


def test_headers_stand_alone(tree):
    for room in PRODUCT_ROOMS:
        for name in ("planted", "second"):
            tree.plant(f"{room}/{name}.h", "size_t planted(void);\n", "unknown type name")
        tree.plant(f"{room}/second.c", f'#include <stddef.h>\n#include "{room}/second.h"\n')
    names = [name for name, _ in tree.planted]
    assert set(names) <= set(commands(tree, "lint-headers").split())
    tree.expect_failure(tree.run("make", "-k", "lint-headers", f"H_FILES={' '.join(names)}"))
    # What is included first does not compile.
    tree.plant("base/first.h", "size_t planted(void);\n")
    tree.plant("base/first.c", '#include "base/first.h"\n')
    tree.expect_failure(tree.run("make", "build/base/first.o"), [("base/first.h", "unknown type name")])


def test_the_client_needs_posix_alone(tree):
    cases = [
        ("#include <sys/epoll.h>\n", "sys/epoll.h"),
        ("#include <sys/socket.h>\nint planted(int fd);\nint\nplanted(int fd)\n{\n\treturn accept4(fd, 0, 0, 0);\n}\n", "accept4"),
        ("int sched_yield(void);\nint planted(void);\nint\nplanted(void)\n{\n\treturn sched_yield();\n}\n", "sched_yield"),
        ("#include <sys/socket.h>\nint planted(void);\nint\nplanted(void)\n{\n\treturn SOCK_CLOEXEC;\n}\n", "SOCK_CLOEXEC"),
    ]
    lint = ("make", "lint-posix", "CONNECT_SOURCES=ssh/client/planted.c")
    for text, expected in cases:
        tree.plant("ssh/client/planted.c", HEAD + text)
        tree.expect_failure(tree.run(*lint), [("ssh/client/planted.c", expected)])
    tree.plant("ssh/client/planted.c", HEAD + "#ifdef __linux__\n#include <sys/epoll.h>\n#endif\nint planted(void);\n")
    ran = tree.run(*lint)
    assert ran.returncode == 0, ran.stdout
    assert "ssh/client/planted.c" in commands(tree, "lint-posix").split()


def test_analyzers_see_every_file(tree):
    for room in ALL_ROOMS:
        tree.plant(f"{room}/planted.c", HEAD)
    printed = commands(tree, "lint-tidy", "lint-cppcheck")
    (cppcheck,) = [line for line in printed.splitlines() if "cppcheck -q" in line]
    tidied = "\n".join(line for line in printed.splitlines() if "clang-tidy --quiet" in line)
    for room in ALL_ROOMS:
        assert re.search(rf"[' ]{room}/planted\.c[' ]", tidied)
    for room in PRODUCT_ROOMS:
        assert f" {room}/planted.c" in cppcheck


# Name, body, what clang-tidy says. The last three are found in product code alone.
FAULTS = [
    ("leak", "\tchar *p = malloc(4);\n\n\tif (x > 0 && p != NULL)\n\t\tp[0] = 1;\n\treturn x;", "leak"),
    ("freed_twice", "\tchar *p = malloc(4);\n\n\tfree(p);\n\tif (x > 0)\n\t\tfree(p);\n\treturn x;", "free released"),
    ("dead_store", "\tint u = x;\n\n\tu = 2;\n\tu = x + 1;\n\treturn u;", "never read"),
    ("null", "\tint *p = x > 0 ? &x : NULL;\n\n\treturn x < 5 ? *p : 0;", "null pointer"),
    ("unset", "\tint u;\n\n\tif (x > 0)\n\t\tu = 1;\n\treturn u;", "ndefined or garbage value"),
    ("freed_in_call", "\tchar *p = malloc(4);\n\n\tif (p == NULL)\n\t\treturn 0;\n\trelease(p, x);\n\treturn p[0];", "after it is freed"),
]
CALLED = "static void\nrelease(char *p, int x)\n{\n" + "\tif (x == 7)\n\t\tp[0] = 7;\n" * 3 + "\tfree(p);\n}\n\n"
LIST_LEFT_OPEN = """#include <stdarg.h>
int left_open(int first, ...);

int
left_open(int first, ...)
{
	va_list args;

	va_start(args, first);
	return va_arg(args, int);
}
"""


def test_analyzers_fail(tree):
    functions = "".join(f"int {name}(int x);\n\nint\n{name}(int x)\n{{\n{body}\n}}\n\n" for name, body, _ in FAULTS)
    text = HEAD + "#include <stddef.h>\n#include <stdlib.h>\n\n" + CALLED + functions
    for folder in ("base", "tests/unit/base"):
        found = [told for _, _, told in (FAULTS if folder == "base" else FAULTS[:-3])]
        for name in ("planted", "second"):
            tree.plant(f"{folder}/{name}.c", text, *(f"{told}.*clang-analyzer-" for told in found))
            tree.plant(f"{folder}/{name}_list.c", HEAD + LIST_LEFT_OPEN, "va_list .* is leaked.*clang-analyzer-")
    names = sorted({name for name, _ in tree.planted})
    ran = tree.run("make", "-k", "lint-tidy", f"C_FILES={' '.join(names)}", *(f"-obuild/{name[:-2]}.o" for name in names))
    tree.expect_failure(ran)
    ran = tree.run("make", "lint-cppcheck", "SOURCES=base/planted.c", "ASSETS=")
    tree.expect_failure(ran, [("base/planted.c", expected) for expected in ("memleak", "doubleFree", "uninitvar")])


def test_the_compiler_finds_null_pointers_in_tests(tree):
    """Where the analyzer does not."""
    (null,) = [body for name, body, _ in FAULTS if name == "null"]
    name = "tests/unit/base/planted"
    tree.plant(f"{name}.c", f"{HEAD}#include <stddef.h>\n\nint null(int x);\n\nint\nnull(int x)\n{{\n{null}\n}}\n", "null-dereference")
    tree.expect_failure(tree.run("make", f"build/{name}.o"))


def test_generated_documents(tree):
    """A program whose tables differ from the documents: another setting, another metric."""
    program = tree.path / "build/workspace-proxy"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\ncat "docs/$2.md"\ntest "$2" != "$CHANGED" || echo changed\n')
    program.chmod(0o755)
    lint = ("make", "lint-docs", "-o", "build/workspace-proxy")
    assert tree.run(*lint).returncode == 0
    for name in ("configuration", "metrics"):
        ran = tree.run("env", f"CHANGED={name}", *lint)
        tree.expect_failure(ran, [(f"docs/{name}.md", "out of date")])
