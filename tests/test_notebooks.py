"""Each notebook runs from the first cell to the last, and is kept without its outputs."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

import computenet

ROOT = Path(computenet.__file__).parent.parent
nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed")
pytest.importorskip("nbclient", reason="nbclient is not installed")
pytest.importorskip("ipykernel", reason="ipykernel is not installed")

NOTEBOOKS = ("planner", "operator", "researcher")


def pages() -> ModuleType:
    spec = importlib.util.spec_from_file_location("pages", ROOT / "sitebuild" / "pages.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_there_is_one_for_each_user() -> None:
    assert {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")} == set(NOTEBOOKS)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_is_kept_clean(name: str) -> None:
    kept = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
    nbformat.validate(kept)
    for cell in kept.cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_runs(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    module = pages()
    done = module.run_notebook(ROOT / "notebooks" / f"{name}.ipynb")
    code = [cell for cell in done.cells if cell.cell_type == "code"]
    shown = [cell for cell in code if cell.outputs]
    assert len(shown) > len(code) // 2
    assert not [
        output.text
        for cell in code
        for output in cell.outputs
        if output.output_type == "stream" and output.name == "stderr"
    ]
    page = module.notebook_page(done, f"{name}.ipynb", plotly="../assets/plotly.min.js")
    assert page.startswith("# The ")
    assert "Plotly.newPlot" in page
    assert "Outputs are left out" not in page
