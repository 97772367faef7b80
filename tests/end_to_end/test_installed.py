"""An installed wheel and an editable install both find the built-in data."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import computenet

ROOT = Path(computenet.__file__).parent.parent

CODE = (
    "import computenet, computenet.scenario.catalogue as c;"
    "print(computenet.__file__); print(c.data_root());"
    "print(sorted(c.scenario_files())); print(len(computenet.load('china-2025').topology.sites))"
)


def test_editable_install_reads_the_checkout() -> None:
    if not (ROOT / "topologies").is_dir():
        pytest.skip("not a source checkout")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", CODE],
        capture_output=True,
        text=True,
        cwd="/",
        check=True,
    )
    lines = done.stdout.splitlines()
    assert lines[1] == str(ROOT)
    assert lines[2] == "['china-2025', 'china-2025-cities', 'four-hubs', 'two-hubs']"


def test_wheel_stands_alone(tmp_path: Path) -> None:
    if not (ROOT / "pyproject.toml").is_file():
        pytest.skip("not a source checkout")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path, ROOT],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    (wheel,) = tmp_path.glob("*.whl")
    target = tmp_path / "site"
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index",
         "--disable-pip-version-check", "--target", target, wheel],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, cwd=tmp_path, check=True,
        env={"PYTHONPATH": str(target), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    lines = done.stdout.splitlines()
    assert lines[0].startswith(str(target))
    assert lines[1] == str(target / "computenet" / "_data")
    assert lines[2] == "['china-2025', 'china-2025-cities', 'four-hubs', 'two-hubs']"
    assert lines[3] == "10"
    assert (target / "bin" / "computenet").is_file()
