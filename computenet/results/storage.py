"""The run directory on disk: written beside its name, then renamed into place."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from computenet.errors import InputError, Problem, RunError
from computenet.results.audit import Audit
from computenet.results.reservation import RUN_MARK, Reservation, reserved
from computenet.results.run import TABLES, Results
from computenet.results.streamed import StreamedTable

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "complete_directory",
    "load_run",
    "require_run",
    "save_run",
    "write_run",
    "write_text",
    "write_texts",
]

#: A directory is a run when it holds this file, which is written last.
MARK = RUN_MARK
#: Tables of a run that is read back stay on disk if they have more rows.
KEPT_ROWS = 10_000_000
#: Columns by which tables that were streamed are put in order when they are read.
ORDERS = {"jobs": "job_id"}


@contextmanager
def complete_directory(
    directory: Path, *, overwrite: bool = False, mark: str = MARK
) -> Iterator[Path]:
    """Give a temporary directory that becomes `directory` when the block succeeds.

    On any error, the interrupt key included, the temporary directory is removed and `directory`
    is left as it was. A name that this process holds (`reserve`) is used, and is free then.

    Raises
    ------
    InputError
        There cannot be a directory of that name, or it may not be replaced.
    RunError
        The disk is full or not writable; or the name was taken meanwhile, and what was written is
        kept beside it.
    """
    held = reserved(directory) or Reservation(
        directory, overwrite=overwrite, mark=mark, title="nothing was written"
    )
    try:
        yield held.place
        held.publish()
    except OSError as error:
        # Libraries put words of their own around the system's.
        reason = os.strerror(error.errno) if error.errno else error
        raise RunError(f"cannot write {directory}: {reason}") from error
    finally:
        held.release()


def write_text(path: Path, text: str | bytes) -> None:
    """Write `text`, perhaps encoded already, to `path` whole or not at all."""
    write_texts({path: text})


def write_texts(texts: Mapping[Path, str | bytes]) -> None:
    """Write texts to paths: each whole or not at all, and none before there is room for all.

    Raises
    ------
    RunError
        A path is a directory, or the disk is full or not writable.
    """
    for path in texts:
        if os.path.isdir(path):
            raise RunError(f"cannot write {path}: it is a directory")
    parts = {path: path.with_name(f".{path.name}.part") for path in texts}
    try:
        for path, part in parts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            text = texts[path]
            if isinstance(text, bytes):
                part.write_bytes(text)
            else:
                part.write_text(text, encoding="utf-8")
        for path, part in parts.items():
            os.replace(part, path)
    except OSError as error:
        for part in parts.values():
            # What hinders the writing may hinder this too.
            with suppress(OSError):
                part.unlink(missing_ok=True)
        raise RunError(f"cannot write {path}: {error.strerror or error}") from error


def save_run(
    results: Results,
    directory: Path,
    *,
    overwrite: bool = False,
    report_html: str | None = None,
) -> Path:
    """Write a run directory, with its report where one is given, and return its path.

    Raises
    ------
    InputError
        `directory` exists already.
    RunError
        The disk is full or not writable; nothing is left behind.
    """
    with complete_directory(directory, overwrite=overwrite) as part:
        write_run(results, part, report_html)
    return directory


def write_run(results: Results, folder: Path, report_html: str | None = None) -> None:
    """Write the files of a run into a directory that is there."""
    from computenet.scenario import dump_scenario

    (folder / "scenario.yaml").write_text(dump_scenario(results.scenario), encoding="utf-8")
    for name in TABLES:
        path = folder / f"{name}.parquet"
        if name in results.streamed:
            results.streamed[name].place(path)
        else:
            _write_table(results.tables[name], path)
    if report_html is not None:
        (folder / "report.html").write_text(report_html, encoding="utf-8")
    _write_json(folder / "manifest.json", results.manifest)
    _write_json(folder / MARK, results.summary)


def require_run(directory: str | Path) -> Path:
    """Return the path of a run directory.

    Raises
    ------
    InputError
        It is none, or files of it are missing.
    """
    root = Path(directory)
    wanted = ["scenario.yaml", "manifest.json", MARK, *(f"{name}.parquet" for name in TABLES)]
    if not os.path.isdir(root):
        what = "is a file, not a directory" if os.path.exists(root) else "is no directory"
        raise InputError([Problem(str(root), None, what, "a run directory")], "run cannot be read")
    missing = [name for name in wanted if not os.path.isfile(root / name)]
    if len(missing) == len(wanted):
        raise InputError(
            [Problem(str(root), None, "holds no run", "what simulate --out writes")],
            "run cannot be read",
        )
    if missing:
        raise InputError(
            [Problem(str(root / name), None, "is missing") for name in missing],
            f"{root} is not a run directory",
        )
    return root


def load_run(directory: str | Path) -> Results:
    """Read a run directory back.

    Raises
    ------
    InputError
        The directory is not a run, or a file of it is missing or damaged.
    """
    from computenet.scenario import load_scenario

    root = require_run(directory)
    try:
        summary = json.loads((root / MARK).read_text(encoding="utf-8"))
        manifest = json.loads((root / "manifest.json").read_text(encoding="utf-8"))
        tables, streamed = {}, {}
        for name in TABLES:
            table = StreamedTable(
                root / f"{name}.parquet",
                ORDERS.get(name) if name in manifest.get("streamed", ()) else None,
            )
            if name in ORDERS and table.rows > KEPT_ROWS:
                streamed[name] = table
            else:
                tables[name] = table.read()
        audit = Audit(**summary["audit"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            [Problem(str(root), None, f"a file is damaged: {error}")], "run cannot be read"
        ) from error
    return Results(
        load_scenario(root / "scenario.yaml"), summary, manifest, tables, audit, streamed
    )


def _write_table(table: pd.DataFrame, path: Path) -> None:
    table.to_parquet(path, index=False, compression="zstd")


def _write_json(path: Path, value: dict[str, Any]) -> None:
    path.write_text(
        json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False) + "\n", encoding="utf-8"
    )
