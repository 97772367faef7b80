"""Pages and figures of what was written earlier: runs, comparisons, benchmarks, plans, studies."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from computenet.errors import InputError, Problem
from computenet.results import load_run
from computenet.results.storage import MARK as RUN
from computenet.results.storage import write_text
from computenet.study.comparison import MARK as COMPARISON
from computenet.study.comparison import load_comparison
from computenet.study.planning.outcome import MARK as PLAN
from computenet.study.sweeps.dataset import MARK as STUDY
from computenet.study.sweeps.saved import load_study_page

__all__ = ["Page", "page_of"]

BENCH = "bench.json"


@dataclass(frozen=True, slots=True)
class Page:
    """The report of what a directory holds.

    Attributes
    ----------
    path
        Where it belongs.
    render
        Makes the HTML.
    lang
        ``en`` or ``zh``.
    """

    path: Path
    render: Callable[[], str] = field(repr=False)
    lang: Literal["en", "zh"]

    def save(self, path: str | Path | None = None) -> Path:
        """Write the page, where it belongs if `path` is ``None``."""
        out = self.path if path is None else Path(path)
        write_text(out, self.render())
        return out

    def save_figures(
        self, directory: str | Path, *, formats: Sequence[str] = ("png", "svg", "csv")
    ) -> list[Path]:
        """Write every figure of the page to ``KEY.png``, ``KEY.svg`` and ``KEY.csv``.

        Raises
        ------
        RunError
            Images are wanted, and there is no kaleido or no Chrome or Chromium.
        """
        from computenet.report.export import figures_of, write_figures

        figures = figures_of(self.render)
        return write_figures(figures, directory, formats=formats, lang=self.lang)


def page_of(directory: str | Path, lang: Literal["en", "zh"] = "en") -> Page:
    """Return the report of a directory: of a run, comparison, benchmark, plan or study.

    Raises
    ------
    InputError
        It is none of them, a file of it is missing or damaged, or the study is not complete.
    """
    root = Path(directory)
    if os.path.isfile(root / PLAN):
        from computenet.report.plan_page import render_plan
        from computenet.study.planning.saved import load_plan_view

        plan = load_plan_view(root)
        return Page(root / "report.html", lambda: render_plan(plan, lang), lang)
    if os.path.isfile(root / STUDY):
        from computenet.report.study_page import render_study

        study = load_study_page(root)
        return Page(root / "report.html", lambda: render_study(study, lang), lang)
    if os.path.isfile(root / COMPARISON):
        from computenet.report.comparison_page import render_comparison

        comparison = load_comparison(root)
        return Page(root / "comparison.html", lambda: render_comparison(comparison, lang), lang)
    if os.path.isfile(root / BENCH):
        from computenet.report.bench_page import render_bench

        try:
            details = json.loads((root / BENCH).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            problem = Problem(str(root / BENCH), None, f"is damaged: {error}")
            raise InputError([problem], "benchmark cannot be read") from error
        return Page(root / "bench.html", lambda: render_bench(details, lang), lang)
    from computenet.report import render_report

    if not os.path.isfile(root / RUN):
        marks = f"{RUN}, {COMPARISON}, {BENCH}, {PLAN} or {STUDY}"
        raise InputError(
            [Problem(str(root), None, "holds no run, comparison, benchmark, plan or study",
                     f"a directory with {marks}")],
            "no report can be made",
        )  # fmt: skip
    results = load_run(root)
    return Page(root / "report.html", lambda: render_report(results, lang), lang)
