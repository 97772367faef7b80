"""The code in the README runs, and the table reference matches the tables."""

from __future__ import annotations

import re
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
