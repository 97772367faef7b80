"""The code in the README runs, and the table reference matches the tables."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

import computenet as cn

ROOT = Path(cn.__file__).parent.parent


def blocks(name: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / name).read_text(encoding="utf-8"), re.S)


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
