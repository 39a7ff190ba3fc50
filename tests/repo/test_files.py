"""Rules about files that no other tool holds: length, first lines, what must not be named."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

from tools.layout import ROOT, pyproject, sources

LONG_LINES = 600
FIRST_LINE = 100
# Each is spelled in pieces, so that this file does not name what it forbids.
FORBIDDEN = {
    "a path of some machine": re.compile(r"(?<![\w.])/(?:work|root)" + r"/|(?<![\w.])/home/" + r"[a-z]"),
    "a registry's host": re.compile(
        "|".join(
            [r"py" + r"pi\.org", "python" + "hosted", "maven" + r"\.org|repo1?\.ma" + "ven", "npm" + r"js\."]
        )
    ),
    "an unfinished place": re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME)\b|# *X" + r"XX\b"),
}


def tracked() -> list[Path]:
    """The text files of the repository: what git knows, or everything outside hidden folders."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    else:
        paths = [
            path
            for path in ROOT.rglob("*")
            if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
        ]
    return [path for path in paths if path.is_file() and not path.is_symlink()]


def texts() -> dict[str, str]:
    """Every tracked file that is text, by its path from the root."""
    found = {}
    for path in tracked():
        try:
            found[path.relative_to(ROOT).as_posix()] = path.read_text()
        except UnicodeDecodeError:
            continue
    return found


TEXTS = texts()


def test_the_repository_is_read_at_all() -> None:
    assert {"pyproject.toml", "connectkit/errors.py", "docs/style.md"} <= set(TEXTS)


@pytest.mark.parametrize("what", sorted(FORBIDDEN))
def test_nothing_names(what: str) -> None:
    found = [
        f"{name}:{number}"
        for name, text in TEXTS.items()
        for number, line in enumerate(text.splitlines(), 1)
        if FORBIDDEN[what].search(line)
    ]
    assert found == []


def test_a_long_file_says_why() -> None:
    """Over 600 lines, the module's docstring says why it is one piece."""
    unexplained = [
        module
        for module, path in sources()
        if len(path.read_text().splitlines()) > LONG_LINES
        and "one piece" not in (ast.get_docstring(ast.parse(path.read_text())) or "")
    ]
    assert unexplained == []


def test_first_docstring_lines_are_short() -> None:
    """What a public module, class or function promises fits one line."""
    long = []
    for module, path in sources():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                first = (ast.get_docstring(node) or "").partition("\n")[0]
                if len(first) > FIRST_LINE and not getattr(node, "name", "").startswith("_"):
                    long.append(f"{module}:{getattr(node, 'lineno', 1)}")
    assert long == []


def test_docs_have_no_dead_links() -> None:
    dead = []
    for name, text in TEXTS.items():
        if not name.endswith(".md"):
            continue
        for target in re.findall(r"(?<!`)\[[^\]`]*\]\(([^)\s]+)\)", text):
            if re.match(r"[a-z]+:", target):
                continue
            path, _, anchor = target.partition("#")
            file = (ROOT / name).parent / path if path else ROOT / name
            inside = file.exists() and file.resolve().is_relative_to(ROOT)
            if not inside or (anchor and anchor not in _anchors(file.read_text())):
                dead.append(f"{name} -> {target}")
    assert dead == []


def test_lock_pins_every_tool_with_hashes_and_no_address() -> None:
    lock = TEXTS["requirements-dev.lock"]
    assert "://" not in lock
    pinned = {line.partition("==")[0] for line in lock.splitlines() if re.match(r"[a-z0-9-]+==", line)}
    hashed = re.findall(r"^([a-z0-9-]+)==\S+.*\\\n    --hash=sha256:[0-9a-f]{64}", lock, re.MULTILINE)
    assert set(hashed) == pinned
    extras = pyproject()["project"]["optional-dependencies"]
    required = {re.split(r"[^\w-]", dep)[0] for deps in extras.values() for dep in deps}
    wanted = {name.lower().replace("_", "-") for name in required}
    assert wanted - {"kafka-connectkit"} <= pinned


def test_ci_runs_what_contributors_run() -> None:
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    assert subprocess.run(["bash", "-n", script], check=False).returncode == 0
    text = TEXTS[".ci/run"]
    assert "make check" in text
    assert "make test" in text
    assert "CONNECTKIT_REQUIRE_KAFKA=1" in text


def test_make_explains_every_command_and_has_no_doubled_rule() -> None:
    done = subprocess.run(
        ["make", "--dry-run", "help"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    makefile = TEXTS["Makefile"]
    targets = re.findall(r"^([a-z]+):", makefile, re.MULTILINE)
    assert sorted(targets) == sorted(set(targets))
    assert {"run", "test", "check", "bench", "faults", "docs", "dev", "clean", "help"} <= set(targets)
    assert re.findall(r"^([a-z]+):.* ## \S", makefile, re.MULTILINE) == targets


def _anchors(markdown: str) -> set[str]:
    """The anchors that GitHub gives headings."""
    heads = re.findall(r"^#+\s+(.+)$", markdown, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}
