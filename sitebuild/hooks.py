"""What the documentation adds to mkdocs: reference pages, notebooks, the language of a page."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files
from pages import notebook_page, run_notebook
from reference import PAGES

ROOT = Path(__file__).parent.parent
PLOTLY = "assets/plotly.min.js"


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that are made rather than kept."""
    for path, page in PAGES.items():
        files.append(File.generated(config, path, content=page()))
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        files.append(
            File.generated(config, f"notebooks/{path.stem}.md", content=_page_of(path, config))
        )
        files.append(File.generated(config, f"notebooks/{path.name}", abs_src_path=str(path)))
    return files


def _page_of(path: Path, config: Any) -> str:
    import nbformat

    ran = config.extra["execute_notebooks"]
    notebook = run_notebook(path) if ran else nbformat.read(path, as_version=4)
    return notebook_page(notebook, path.name, plotly=f"../{PLOTLY}")


def on_post_page(output: str, page: Any, config: Any) -> str:
    """Say in which language a page is, for fonts, hyphens and screen readers."""
    if page.file.src_uri.startswith("zh/"):
        return output.replace('<html lang="en"', '<html lang="zh-CN"', 1)
    return output


def on_post_build(config: Any) -> None:
    """Put the drawing library beside the pages that draw with it."""
    if config.extra["execute_notebooks"]:
        import plotly

        source = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
        shutil.copyfile(source, Path(config.site_dir) / PLOTLY)
