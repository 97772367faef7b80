"""What the documentation shows is run, and what it lists is what there is.

In Markdown, ``python`` blocks of a page run one after the other in one name space, ``console``
blocks run their lines that begin with ``$``, and a block with a ``title`` is a file that they
find. What a ``console`` block prints is held against what is shown: words must be the same,
numbers within a tenth; a line of three dots stands for any lines.
"""

from __future__ import annotations

import io
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

import computenet as cn
from computenet import study
from computenet.cli.main import app, run

ROOT = Path(cn.__file__).parent.parent
PAGES = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md"))
#: Pages whose blocks have a test of their own, on smaller examples.
APART = {"docs/bench.md", "docs/interop.md", "docs/layouts.md", "docs/studies.md"}
NUMBER = r"[-+]?\d[\d,]*(?:\.\d+)?"


def fences(name: str) -> Iterator[tuple[str, str, str]]:
    """Yield (language, title, text) of every block of a page."""
    text = (ROOT / name).read_text(encoding="utf-8")
    for fence in re.finditer(r"^```(\w*)[ ]?([^\n]*)\n(.*?)^```$", text, re.S | re.M):
        title = re.search(r'title="([^"]*)"', fence[2])
        yield fence[1], title[1] if title else "", fence[3]


def blocks(name: str) -> list[str]:
    return [text for language, _, text in fences(name) if language == "python"]


def runnable(name: str) -> bool:
    return any(language in ("python", "console") for language, _, _ in fences(name))


@pytest.mark.parametrize("name", [page for page in PAGES if runnable(page) and page not in APART])
def test_blocks_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("COLUMNS", "100")
    (tmp_path / "workloads").symlink_to(ROOT / "workloads")
    space: dict[str, Any] = {"__name__": "__main__"}
    before = set(sys.modules)
    for language, title, text in fences(name):
        if title:
            (tmp_path / title).write_text(text, encoding="utf-8")
        elif language == "python":
            with redirect_stdout(io.StringIO()):
                exec(compile(text, name, "exec"), space)
        elif language == "console":
            session(text, name)
    for module in set(sys.modules) - before:
        if (tmp_path / f"{module}.py").is_file():
            del sys.modules[module]


def session(text: str, where: str) -> None:
    """Run the commands of a console block, and hold what they print against what is shown."""
    for part in re.split(r"^\$ ", text, flags=re.M)[1:]:
        line, _, shown = part.partition("\n")
        status, printed = command(line)
        assert (status != 0) == shown.startswith("error:"), f"{where}: {line}\n{printed}"
        problem = differs(shown, printed)
        assert problem is None, f"{where}: {line}\n{problem}\nprinted:\n{printed}"


def command(line: str) -> tuple[int, str]:
    words = shlex.split(line)
    if words[0] != "computenet":
        done = subprocess.run(line, shell=True, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr
    out = io.StringIO()
    kept, sys.argv = sys.argv, words
    try:
        with redirect_stdout(out), redirect_stderr(out):
            run()
        status = 0
    except SystemExit as end:
        status = int(end.code or 0)
    finally:
        sys.argv = kept
    return status, out.getvalue()


def differs(shown: str, printed: str) -> str | None:
    """Return how what is printed differs from what is shown, ``None`` where it does not."""
    pieces = []
    for line in shown.splitlines():
        if line.strip() == "...":
            pieces.append(r"(?:[^\n]*\n)*?")
            continue
        words = re.split(f"({NUMBER})", " ".join(line.split()))
        plain = [
            f"({NUMBER})" if index % 2 else re.escape(word).replace(r"\ ", r"[ ]+")
            for index, word in enumerate(words)
        ]
        pieces.append(r"[ ]*" + "".join(plain) + r"[ ]*\n")
    lines = [line for line in printed.splitlines() if line.strip()]
    found = re.fullmatch("".join(pieces), "".join(f"{line}\n" for line in lines))
    if found is None:
        return "the words are others"
    told = [
        word for line in shown.splitlines() if line.strip() != "..."
        for word in re.findall(NUMBER, " ".join(line.split()))
    ]  # fmt: skip
    for old, new in zip(told, found.groups(), strict=True):
        a, b = (float(word.replace(",", "")) for word in (old, new))
        if abs(a - b) > max(0.1 * abs(a), 1e-9):
            return f"{old} is shown, {new} is printed"
    return None


def shown_commands() -> list[tuple[str, str]]:
    """Return (page, command) of every command in a block that is not run."""
    found = []
    for name in ("README.md", "README.zh-CN.md", *PAGES):
        for language, _, text in fences(name):
            if language in ("", "sh"):
                lines = text.replace("\\\n", " ").splitlines()
                found += [(name, line) for line in lines if line.startswith("computenet ")]
    return found


@pytest.mark.parametrize(("name", "line"), shown_commands())
def test_commands_that_are_only_shown_exist(name: str, line: str) -> None:
    words = shlex.split(line, comments=True)[1:]
    for stop in ("|", ">", "<"):
        words = words[: words.index(stop)] if stop in words else words
    if not {"SCENARIO", "…"}.isdisjoint(words) or "FILE…" in words:
        pytest.skip("a pattern, not a command")
    group: Any = typer.main.get_command(app)
    while hasattr(group, "commands"):
        assert words[0] in group.commands, f"{name}: {line}"
        group = group.commands[words.pop(0)]
    group.make_context("computenet", words)


@pytest.mark.parametrize("name", PAGES)
def test_yaml_can_be_read(name: str) -> None:
    for language, _, text in fences(name):
        if language == "yaml":
            assert yaml.safe_load(text), name


def test_shown_output_is_compared() -> None:
    assert differs("a 10 b\n...\nend 2,000\n", "a 10.5 b\nmore\nless\nend 1,950\n") is None
    assert differs("a 10\n", "a 12\n") == "10 is shown, 12 is printed"
    assert differs("a 10\n", "b 10\n") == "the words are others"
    assert differs("a\n", "a\nb\n") == "the words are others"


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_readme_code_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = blocks(name)
    assert found
    for block in found:
        # The same calls on the small example, so that the test stays short.
        small = block.replace('"china-2025", days=7', '"two-hubs", days=0.1')
        assert small != block
        exec(compile(small, name, "exec"), {})
    assert (tmp_path / "run" / "summary.json").is_file()


def test_every_column_is_documented() -> None:
    text = (ROOT / "docs" / "reference" / "tables.md").read_text(encoding="utf-8")
    results = cn.simulate(cn.load("two-hubs", days=0.05))
    for name, table in results.tables.items():
        section = re.search(rf"## {name}\n(.*?)(?=\n## |\Z)", text, re.S)
        assert section, name
        documented = re.findall(r"^\| `(\w+)`", section.group(1), re.M)
        assert documented == list(table.columns), name


def leaves(node: Any, path: str = "") -> Iterator[str]:
    """Yield the dotted path of every figure; ``[]`` stands for the items of a list."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from leaves(value, f"{path}.{key}" if path else key)
    elif isinstance(node, list):
        rows = [row for row in node if isinstance(row, dict)]
        for row in rows:
            yield from leaves(row, f"{path}[]")
        if not rows:
            yield f"{path}[]"
    else:
        yield path


def test_every_figure_of_the_summary_is_documented() -> None:
    text = (ROOT / "docs" / "reference" / "summary.md").read_text(encoding="utf-8")
    documented = []
    for path in re.findall(r"^\| `([^`]+)` \|", text, re.M):
        forms = [""]
        for part in re.split(r"(\{[^}]*\})", path):
            several = part[1:-1].replace(" ", "").split(",") if part.startswith("{") else [part]
            forms = [form + one for form in forms for one in several]
        documented += forms
    patterns = {
        path: re.compile(re.sub(r"\b[A-Z]+\b", "[^.]+", re.escape(path))) for path in documented
    }
    plain = cn.load("two-hubs", days=0.05, policy="matching")
    moves = [{"name": "m", "region": "RE", "site": "west", "size_tb": 0.1, "by": "best-effort"}]
    shed = [{"kind": "grid-event", "site": "west", "at_h": 0.5, "duration_h": 0.2, "shed_mw": 0.01}]
    rich = cn.load(
        "two-hubs",
        days=0.05,
        overrides={"energy.model": "full", "events": shed, "network.bulk_moves": moves},
    )
    paths = {
        path
        for results in (study.with_bound(cn.simulate(plain)), cn.simulate(rich))
        for path in leaves(results.summary)
    }
    named = {path for path in paths for form in patterns.values() if form.fullmatch(path)}
    # Items of these lists are told in words.
    inner = {path for path in paths if path.startswith(("grid_events[].", "network.bulk_moves[]."))}
    assert paths - named - inner == set()
    assert [p for p, form in patterns.items() if not any(map(form.fullmatch, paths))] == []


def test_the_guide_to_benchmarks_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    policy, use = blocks("docs/bench.md")
    text = (ROOT / "docs" / "bench.md").read_text(encoding="utf-8")
    (suite,) = re.findall(r"```yaml\n(.*?)```", text, re.S)
    # The same on the small example, so that the test stays short.
    small = suite.replace("four-hubs", "two-hubs").replace("days: 1", "days: 0.1")
    small = small.replace("link: north-west, at_h: 9", "link: east-west, at_h: 1")
    (tmp_path / "mine.yaml").write_text(small, encoding="utf-8")
    (tmp_path / "my_policy.py").write_text(policy, encoding="utf-8")
    joined = cn.bench("mine.yaml", policy_files=["my_policy.py"], seeds=1)
    assert list(joined.suites["mine"].policies) == ["nearest", "matching", "CleanAndNear"]
    code = use.replace('"diurnal"', '"mine.yaml"').replace("workers=2", "workers=1, seeds=1")
    assert code.count("mine.yaml") == code.count("workers=1") == 1
    exec(compile(code, "docs/bench.md", "exec"), {"__name__": "__main__"})
    assert (tmp_path / "bench" / "bench.html").is_file()
    monkeypatch.delitem(sys.modules, "my_policy")


def test_the_guide_to_studies_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (code,) = blocks("docs/studies.md")
    text = (ROOT / "docs" / "studies.md").read_text(encoding="utf-8")
    (study,) = re.findall(r"```yaml\n(.*?)```", text, re.S)
    # The same with fewer and shorter runs, in this process, so that the test stays short.
    small = study.replace("n: 40", "n: 8").replace("days: 1}", "days: 0.05}")
    (tmp_path / "mine.yaml").write_text(small, encoding="utf-8")
    assert code.count("workers=2") == 1
    code = code.replace("workers=2", "workers=0")
    exec(compile(code, "docs/studies.md", "exec"), {"__name__": "__main__"})
    assert "哪个假设最重要" in (tmp_path / "zh.html").read_text(encoding="utf-8")
