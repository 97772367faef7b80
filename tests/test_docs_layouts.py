"""The guides to layouts and to other tools run as they stand."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

import computenet as cn
from computenet.cli.main import app

DOCS = Path(cn.__file__).parent.parent / "docs"


def blocks(name: str) -> list[tuple[str, str]]:
    text = (DOCS / name).read_text(encoding="utf-8")
    return re.findall(r"```(python|console|yaml|csv)\n(.*?)```", text, re.S)


@pytest.mark.parametrize(("name", "count"), [("layouts.md", 6), ("interop.md", 10)])
def test_every_block_runs(
    name: str, count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("h5netcdf")
    monkeypatch.chdir(tmp_path)
    found = blocks(name)
    for kind, text in found:
        if kind == "yaml":
            Path("more-west.yaml").write_text(text, encoding="utf-8")
        elif kind == "csv":
            Path("sites.csv").write_text(text, encoding="utf-8")
    ran = 0
    for kind, text in found:
        if kind == "console":
            for line in text.splitlines():
                words = shlex.split(line)
                assert words[0] == "computenet"
                done = CliRunner().invoke(app, words[1:])
                assert done.exit_code == 0, f"{line}: {done.exception}"
                ran += 1
        elif kind == "python":
            exec(compile(text.replace('"two-hubs", layouts', 'cn.load("two-hubs", days=0.02), '
                                      "layouts"), name, "exec"), {})  # fmt: skip
            ran += 1
    assert ran >= count
