"""Imports go one way: each part may import only the parts below it."""

from __future__ import annotations

import ast
from pathlib import Path

import computenet

ROOT = Path(computenet.__file__).parent

#: What each part may import, besides itself. A name not listed here may not exist.
ALLOWED: dict[str, set[str]] = {
    "errors": set(),
    "arguments": {"errors"},
    "wording": set(),
    "validation": {"wording", "errors"},
    "streams": set(),
    "units": set(),
    "kernels": set(),
    "energy": {"kernels", "units"},
    "network": {"kernels", "units"},
    "scenario": {"validation", "units", "errors"},
    "serving": {"units", "errors"},
    "engines": {"kernels", "serving", "units", "errors"},
    "workload": {"kernels", "scenario", "streams", "units", "errors"},
    "sharding": {"kernels", "workload", "streams", "units", "errors"},
    "compiled": {"scenario", "energy", "units", "errors"},
    "compilation": {
        "compiled", "scenario", "energy", "network", "serving", "engines", "kernels", "streams",
        "units", "errors",
    },
    "optimization": {"compiled", "energy", "network", "kernels", "streams", "units", "errors"},
    "policies": {
        "optimization", "compiled", "energy", "network", "kernels", "validation", "units",
        "errors",
    },
    "results": {"scenario", "compiled", "units", "errors", "report", "interop"},
    "simulation": {
        "policies", "kernels", "energy", "network", "workload", "compiled", "compilation",
        "results", "scenario", "serving", "engines", "sharding", "streams", "units", "errors",
    },
    "report": {"results", "scenario", "units", "errors"},
    "study": {
        "arguments", "simulation", "optimization", "policies", "results", "report", "scenario",
        "workload", "compilation", "compiled", "energy", "network", "engines", "streams", "units",
        "errors",
    },
    "interop": {
        "results", "scenario", "compilation", "compiled", "network", "units", "errors",
    },
    "cli": {
        "study", "interop", "results", "report", "scenario", "simulation", "workload", "errors",
        "units",
    },
}  # fmt: skip

#: Imports inside a function that close a loop for the user's convenience, one by one.
DEFERRED = {("results", "report"), ("results", "interop")}


def imported_parts(path: Path) -> set[tuple[str, bool]]:
    """Return (part of computenet, imported at the top level) for every import of a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    top = {id(node) for node in tree.body}
    found: set[tuple[str, bool]] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            module = node.module or ""
            names = [f"{module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] == "computenet" and len(parts) > 1:
                found.add((parts[1], id(node) in top))
    return found


def test_imports_go_down_only() -> None:
    wrong = []
    for path in sorted(ROOT.rglob("*.py")):
        relative = path.relative_to(ROOT)
        part = relative.parts[0].removesuffix(".py")
        if part in ("__init__", "__main__"):
            continue
        assert part in ALLOWED, f"{relative}: unknown part {part}"
        for other, at_top in imported_parts(path):
            if other in {part, "__version__"}:
                continue
            if other not in ALLOWED[part] or (at_top and (part, other) in DEFERRED):
                wrong.append(f"{relative} imports computenet.{other}")
    assert not wrong, "\n".join(wrong)


def test_kernels_know_no_simpy() -> None:
    for part in ("kernels", "policies", "energy", "network"):
        for path in (ROOT / part).rglob("*.py"):
            assert "import simpy" not in path.read_text(encoding="utf-8"), path
