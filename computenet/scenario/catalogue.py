"""Built-in topologies, workloads and scenarios, in a source checkout or in an installed wheel.

``topologies/NAME/topology.yaml`` is a topology, ``topologies/NAME/scenario.yaml`` the scenario of
the same name, ``topologies/layouts/NAME.yaml`` a layout, ``topologies/planning/NAME.yaml`` planning
data, ``topologies/studies/NAME.yaml`` a study of many runs, ``workloads/NAME.yaml`` a workload, and
``benchmarks/suites/NAME.yaml`` a suite of scheduler benchmarks.
"""

from __future__ import annotations

from pathlib import Path

import computenet
from computenet.scenario.yaml_text import read_yaml

__all__ = [
    "data_root",
    "layout_files",
    "list_layouts",
    "list_plannings",
    "list_scenarios",
    "list_shocks",
    "list_studies",
    "list_suites",
    "list_topologies",
    "list_workloads",
    "planning_files",
    "scenario_files",
    "shock_files",
    "study_files",
    "suite_files",
    "topology_files",
    "workload_files",
]


def data_root() -> Path:
    """Return the folder that holds ``topologies``, ``workloads`` and ``benchmarks``."""
    package = Path(computenet.__file__).parent
    installed = package / "_data"
    return installed if installed.is_dir() else package.parent


def topology_files() -> dict[str, Path]:
    """Return built-in topologies by name."""
    return {
        path.parent.name: path
        for path in sorted((data_root() / "topologies").glob("*/topology.yaml"))
    }


def layout_files() -> dict[str, Path]:
    """Return built-in layouts by name."""
    return {
        path.stem: path for path in sorted((data_root() / "topologies" / "layouts").glob("*.yaml"))
    }


def scenario_files() -> dict[str, Path]:
    """Return built-in scenarios by name."""
    return {
        path.parent.name: path
        for path in sorted((data_root() / "topologies").glob("*/scenario.yaml"))
    }


def shock_files() -> dict[str, Path]:
    """Return built-in shocks by name."""
    return {
        path.stem: path for path in sorted((data_root() / "topologies" / "shocks").glob("*.yaml"))
    }


def planning_files() -> dict[str, Path]:
    """Return built-in planning data by name."""
    return {
        path.stem: path for path in sorted((data_root() / "topologies" / "planning").glob("*.yaml"))
    }


def study_files() -> dict[str, Path]:
    """Return built-in studies by name."""
    return {
        path.stem: path for path in sorted((data_root() / "topologies" / "studies").glob("*.yaml"))
    }


def workload_files() -> dict[str, Path]:
    """Return built-in workloads by name."""
    return {path.stem: path for path in sorted((data_root() / "workloads").glob("*.yaml"))}


def suite_files() -> dict[str, Path]:
    """Return built-in suites of scheduler benchmarks by name."""
    folder = data_root() / "benchmarks" / "suites"
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def _titles(files: dict[str, Path]) -> dict[str, str]:
    titles: dict[str, str] = {}
    for name, path in files.items():
        content = read_yaml(path)
        title = content.get("title") if isinstance(content, dict) else None
        titles[name] = str(title["en"]) if isinstance(title, dict) and "en" in title else name
    return titles


def list_topologies() -> dict[str, str]:
    """Return the English titles of the built-in topologies by name."""
    return _titles(topology_files())


def list_layouts() -> dict[str, str]:
    """Return the English titles of the built-in layouts by name."""
    return _titles(layout_files())


def list_shocks() -> dict[str, str]:
    """Return the English titles of the built-in shocks by name."""
    return _titles(shock_files())


def list_plannings() -> dict[str, str]:
    """Return the English titles of the built-in planning data by name."""
    return _titles(planning_files())


def list_studies() -> dict[str, str]:
    """Return the English titles of the built-in studies by name."""
    return _titles(study_files())


def list_suites() -> dict[str, str]:
    """Return the English titles of the built-in suites by name."""
    return _titles(suite_files())


def list_workloads() -> dict[str, str]:
    """Return the English titles of the built-in workloads by name."""
    return _titles(workload_files())


def list_scenarios() -> dict[str, str]:
    """Return the English titles of the built-in scenarios by name."""
    return _titles(scenario_files())
