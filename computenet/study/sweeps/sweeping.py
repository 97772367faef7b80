"""A study from its file to its tables."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

import computenet
from computenet.arguments import checked
from computenet.errors import InputError, Problem, RunError, nearest
from computenet.results.storage import write_text
from computenet.study.intervals import CONFIDENCE
from computenet.study.sweeps.analysis import Analysis, analyse
from computenet.study.sweeps.dataset import Dataset
from computenet.study.sweeps.directory import opened
from computenet.study.sweeps.local import run_here, run_local
from computenet.study.sweeps.on_ray import require_ray, run_on_ray
from computenet.study.sweeps.outcomes import Outcomes
from computenet.study.sweeps.preparing import Prepared, prepare
from computenet.study.sweeps.spec import load_study
from computenet.study.sweeps.tasks import Record, Task

__all__ = ["StudyOutcome", "StudySource", "check_engine", "prepare_study", "run_study", "sweep"]

ENGINES = ("local", "ray")
StudySource = str | Path | Mapping[str, Any]
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class StudyOutcome:
    """A study that has been run.

    Attributes
    ----------
    prepared
        What was run.
    engine
        Where.
    runs
        A row a run: axes, status, and every figure of its summary by dotted path.
    analysis
        What follows from the rows: points, distributions and sensitivities.
    directory
        Where all is written; ``None`` if nowhere.
    """

    prepared: Prepared
    engine: str
    runs: pd.DataFrame
    analysis: Analysis
    directory: Path | None

    @property
    def points(self) -> pd.DataFrame:
        """Mean and interval of every outcome at every point, and its difference from one."""
        return self.analysis.points

    @property
    def sensitivity(self) -> pd.DataFrame:
        """How much of every outcome comes from every axis."""
        return self.analysis.sensitivity

    @property
    def distributions(self) -> pd.DataFrame:
        """Mean, deviation and quantiles of every outcome over points."""
        return self.analysis.distributions

    @property
    def failed(self) -> int:
        """Runs without figures."""
        return int((self.runs["status"] != "done").sum())

    def as_dict(self) -> dict[str, Any]:
        """Return what ``sweep --json`` prints."""
        return {
            "runs": len(self.runs),
            "failed": self.failed,
            "engine": self.engine,
            "dataset": None if self.directory is None else str(self.directory / "runs.parquet"),
        }

    def report(self, path: str | Path, lang: str = "en") -> Path:
        """Write the page of the study."""
        from computenet.report.study_page import render_study

        target = Path(path)
        write_text(target, render_study(self.page(), "zh" if lang == "zh" else "en"))
        return target

    def page(self) -> dict[str, Any]:
        """Return what the page of the study is made of."""
        return {
            "computenet": computenet.__version__,
            "confidence": CONFIDENCE,
            "spec": self.prepared.study.spec.model_dump(mode="json"),
            "seeds": list(self.prepared.seeds),
            "runs": self.runs,
            "points": self.points,
            "sensitivity": self.sensitivity,
            "distributions": self.distributions,
            "front": self.analysis.front,
        }


@checked("nothing was run")
def sweep(
    study: StudySource,
    *,
    engine: str = "local",
    address: str | None = None,
    workers: int | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    resume: bool = False,
    overrides: Mapping[str, object] | None = None,
    progress: Progress | None = None,
    lang: str = "en",
) -> StudyOutcome:
    """Run a study: one scenario at many points of its axes.

    Parameters
    ----------
    study
        A built-in name, a YAML file, or a mapping of a study's fields.
    engine
        ``local`` processes, or a ``ray`` cluster; the tables are the same bit for bit.
    address
        Of the Ray cluster; a cluster of this machine alone where none is given.
    workers
        Runs at a time; one a core. With 0 everything runs in this process, which then ends with a
        run that takes all memory.
    out
        Directory of the data set; nothing is kept without one.
    overwrite
        Replace an earlier study there.
    resume
        Go on with it: runs that are done stay.
    overrides
        Fields of the study by dotted path, e.g. ``{"design.n": 20}``.
    progress
        Called after every run with the number done and of those that failed.
    lang
        Of the page.

    Raises
    ------
    InputError
        The study cannot be run, with every problem found before anything is.
    RunError
        The study stopped; what was done is kept in `out`, and the message says what is missing.
    """
    check_engine(engine, address, workers)
    prepared = prepare_study(study, overrides)
    return run_study(
        prepared, engine=engine, address=address, workers=workers, out=out, overwrite=overwrite,
        resume=resume, progress=progress, lang=lang,
    )  # fmt: skip


def prepare_study(
    study: StudySource, overrides: Mapping[str, object] | None = None
) -> Prepared:  # fmt: skip
    """Read a study and check all of it; see `sweep`."""
    return prepare(load_study(study, overrides))


def run_study(
    prepared: Prepared,
    *,
    engine: str = "local",
    address: str | None = None,
    workers: int | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    resume: bool = False,
    progress: Progress | None = None,
    lang: str = "en",
) -> StudyOutcome:
    """Run a study that has been made ready; see `sweep`."""
    check_engine(engine, address, workers)
    with contextlib.ExitStack() as stack:
        kept = None if out is None else Path(out)
        if kept is None:
            directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        else:
            directory = kept
        named = Outcomes(prepared)
        if not resume:
            named.try_out()
        facts = _facts(prepared, engine)

        def begin(data: Dataset) -> None:
            data.mark(**facts)
            data.describe(prepared)
            write_text(directory / "study.yaml", _yaml(prepared))

        data = stack.enter_context(
            opened(directory, prepared.work.key, begin, overwrite=overwrite, resume=resume)
        )
        known = data.records()
        records = {run: record for run, record in known.items() if record.status != "lost"}
        missing = [task for task in prepared.tasks if task.run not in records]
        where = _engine(engine, address, workers)
        try:
            _collect(prepared, missing, records, data, where, named, progress)
            table = data.complete(prepared, records)
            outcome = StudyOutcome(prepared, engine, table, analyse(prepared, table), kept)
            if kept is not None:
                outcome.analysis.write(kept)
                outcome.report(kept / "report.html", lang)
            data.mark(**{**facts, "state": "complete", "failed": outcome.failed})
        except RunError as error:
            with contextlib.suppress(RunError):  # The same once more, on a full disk.
                data.flush()
            raise type(error)(f"{error}\n{_left(prepared, records, data, kept)}") from error
    return outcome


def check_engine(engine: str, address: str | None, workers: int | None) -> None:
    """Check where the runs of a study run, as `sweep` does; raises `InputError`."""
    from computenet.simulation import most_workers

    problems = []
    if engine not in ENGINES:
        problems.append(
            Problem(
                "--engine", engine, "is no engine", ", ".join(ENGINES), nearest(engine, ENGINES)
            )
        )
    if address is not None and engine != "ray":
        problems.append(Problem("--address", address, "is used with --engine ray only"))
    least = 0 if engine == "local" else 1
    most = most_workers(engine)
    if workers is not None and not least <= workers <= most:
        allowed = f"1 to {most}" if least else f"0 = in this process, or 1 to {most}"
        problems.append(Problem("--workers", workers, "is out of range", allowed))
    if problems:
        raise InputError(problems, "nothing was run")
    if engine == "ray":
        require_ray()


Engine = Callable[[Prepared, Sequence[Task]], Generator[Record, None, None]]


def _engine(engine: str, address: str | None, workers: int | None) -> Engine:
    if engine == "ray":
        return lambda prepared, tasks: run_on_ray(
            prepared.work, tasks, address=address, workers=workers
        )
    if workers == 0:
        return lambda prepared, tasks: run_here(prepared.work, tasks)
    return lambda prepared, tasks: run_local(prepared.work, tasks, workers or cores())


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _collect(
    prepared: Prepared,
    tasks: Sequence[Task],
    records: dict[int, Record],
    data: Dataset,
    engine: Engine,
    named: Outcomes,
    progress: Progress | None,
) -> None:
    """Run tasks and keep their records; whatever stops them, what is done is on disk."""
    for record in records.values():
        named.check(record)
    failed = sum(record.status != "done" for record in records.values())
    if progress is not None:
        progress(len(records), failed)
    if not tasks:
        return
    source = engine(prepared, tasks)
    try:
        with contextlib.closing(source):
            for record in source:
                records[record.run] = record
                data.add(record)
                named.check(record)
                failed += record.status != "done"
                if progress is not None:
                    progress(len(records), failed)
    finally:
        data.flush()


def _left(
    prepared: Prepared, records: Mapping[int, Record], data: Dataset, kept: Path | None
) -> str:
    """Say what a study that stopped has and what it lacks."""
    total = len(prepared.tasks)
    if kept is None:
        return f"{len(records):,} of {total:,} runs were done; without --out nothing is kept"
    there = records.keys() - data.unwritten
    missing = [task.run for task in prepared.tasks if task.run not in there]
    if not missing:
        return f"all {total:,} runs are kept in {kept}: --resume writes what follows from them"
    shown = ", ".join(map(str, missing[:10])) + (", …" if len(missing) > 10 else "")
    return (
        f"{len(there):,} of {total:,} runs are kept in {kept}; "
        f"{len(missing):,} are missing ({shown}): --resume goes on with them"
    )


def _facts(prepared: Prepared, engine: str) -> dict[str, Any]:
    return {
        "computenet": computenet.__version__,
        "name": prepared.study.spec.name,
        "hash": prepared.work.key,
        "runs": len(prepared.tasks),
        "points": len(prepared.points),
        "seeds": list(prepared.seeds),
        "engine": engine,
        "state": "running",
    }


def _yaml(prepared: Prepared) -> str:
    """Return the study as YAML, to be run again from anywhere."""
    spec = prepared.study.spec.model_dump(mode="json", exclude_none=True)
    spec["seeds"] = list(prepared.seeds)
    source = prepared.study.source
    if isinstance(source, str) and os.path.isfile(source):
        spec["scenario"] = str(Path(source).resolve())
    text: str = yaml.safe_dump(spec, allow_unicode=True, sort_keys=False, width=100)
    return text
