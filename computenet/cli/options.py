"""Options that several commands share, and what is made of them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from computenet.errors import InputError, Problem, RunError, without_repeats

if TYPE_CHECKING:
    from computenet.scenario import Scenario

ScenarioArg = Annotated[
    str,
    typer.Argument(
        metavar="SCENARIO", help="Built-in name (computenet list scenarios) or YAML file."
    ),
]
DaysOpt = Annotated[
    float | None, typer.Option(help="Length of the run in days; the scenario's own by default.")
]
SeedOpt = Annotated[
    int | None,
    typer.Option(help="Seed of every random stream; the scenario's own by default."),
]
SetOpt = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="PATH=VALUE",
        help="Change a field by its dotted path, e.g. days=7; may be repeated.",
    ),
]
BoundOpt = Annotated[
    bool,
    typer.Option("--bound", help="Also compute the least cost, carbon and waiting possible."),
]
RunOutOpt = Annotated[
    Path | None, typer.Option("--out", help="Directory to write: tables, summary and page.")
]
OverwriteOpt = Annotated[
    bool, typer.Option("--overwrite", help="Replace an earlier result in the directory of --out.")
]
JsonOpt = Annotated[bool, typer.Option("--json", help="Print the summary as JSON, nothing else.")]
LangOpt = Annotated[str | None, typer.Option(help="Language of the page: en (default) or zh.")]
FormatOpt = Annotated[
    str,
    typer.Option(
        "--format", help="Format by name (computenet list traces), or auto = told by the content."
    ),
]
TraceArg = Annotated[
    Path,
    typer.Argument(metavar="TRACE", help="Trace file; computenet list traces names the formats."),
]
TargetArg = Annotated[
    Path,
    typer.Argument(metavar="TARGET", help="File to write: .parquet, .csv(.gz) or .swf(.gz)."),
]
LenientOpt = Annotated[
    bool, typer.Option("--lenient", help="Leave out lines that cannot be read, and count them.")
]
WorkersOpt = Annotated[
    int,
    typer.Option("--workers", help="Share the run among so many workers; results do not change."),
]
EngineOpt = Annotated[
    str, typer.Option("--engine", help="What workers are: local (processes), threads or ray.")
]
AddressOpt = Annotated[
    str | None,
    typer.Option("--address", help="Ray cluster, HOST:PORT; by default one is started here."),
]
ReplaceOpt = Annotated[bool, typer.Option("--overwrite", help="Replace an existing file.")]


class Faults:
    """Gathers the problems of several checks, so that all can be told at once."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self._titles: set[str] = set()

    @contextmanager
    def gathered(self) -> Iterator[None]:
        """Take the problems of an `InputError` raised within, and go on."""
        try:
            yield
        except InputError as error:
            self.problems += error.problems
            self._titles.add(error.title)

    def check(self, right: bool, path: str, value: object, message: str, allowed: str) -> None:
        """Note a problem unless something is right."""
        if not right:
            self.add([Problem(path, value, message, allowed)])

    def add(self, problems: list[Problem]) -> None:
        """Note problems."""
        self.problems += problems
        self._titles |= {""} if problems else set()

    def language(self, lang: str | None) -> str:
        """Return the language of ``--lang``; one that there is not is noted."""
        with self.gathered():
            return language(lang)
        return "en"

    def refuse(self, title: str, *, own: bool = False) -> None:
        """Raise `InputError` if there were problems.

        Parameters
        ----------
        own
            Keep the title of the problems where all have the same one.
        """
        if self.problems:
            same = next(iter(self._titles)) if own and len(self._titles) == 1 else ""
            raise InputError(without_repeats(self.problems), same or title)


def overrides(pairs: list[str] | None) -> dict[str, object]:
    """Return values by dotted path.

    Raises
    ------
    InputError
        With every pair that is none.
    """
    out, problems = _parsed(pairs)
    if problems:
        raise InputError(problems)
    return out


def _parsed(pairs: list[str] | None) -> tuple[dict[str, object], list[Problem]]:
    """Return values by dotted path, and what is wrong with the other pairs."""
    import yaml

    from computenet.scenario.yaml_text import parse_value

    out: dict[str, object] = {}
    problems: list[Problem] = []
    for pair in pairs or []:
        path, equals, text = pair.partition("=")
        if not equals or not path:
            problems.append(Problem("--set", pair, "is not PATH=VALUE", allowed="days=7"))
            continue
        try:
            out[path] = parse_value(text)
        except (yaml.YAMLError, ValueError, OverflowError, RecursionError):
            problems.append(Problem(f"--set {path}", text, "is not a YAML value"))
    return out, problems


#: Fields that options give as well.
_SAME = {
    "--days": ("days",),
    "--seed": ("seed",),
    "--policy": ("policy", "policy.name"),
    "--warmup-h": ("run.warmup_h",),
}


def given_twice(changes: Mapping[str, object], given: Mapping[str, object | None]) -> list[Problem]:
    """Return the fields that ``--set`` and an option of their own both give.

    Parameters
    ----------
    changes
        Values by dotted path.
    given
        Values of options by name; ``None`` where one is not given.
    """
    return [
        Problem(f"--set {path}", changes[path], f"is not used with {option}", "one of both")
        for option, value in given.items()
        for path in _SAME[option]
        if value is not None and path in changes
    ]


def load(
    scenario: str,
    days: float | None,
    policy: str | None,
    seed: int | None,
    pairs: list[str] | None,
) -> Scenario:
    """Return a scenario with its options.

    Raises
    ------
    InputError
        With every problem of the scenario, of its options and of a policy that they name.
    """
    from computenet import study

    faults = Faults()
    changes, problems = _parsed(pairs)
    faults.add(problems)
    given = {"--days": days, "--seed": seed, "--policy": policy}
    faults.add(given_twice(changes, given))
    changes |= {_SAME[name][0]: value for name, value in given.items() if value is not None}
    if policy is not None:
        with faults.gathered():
            study.check_policies([policy])
    loaded = None
    with faults.gathered():
        loaded = study.load(scenario, overrides=changes)
    faults.refuse("scenario cannot be used", own=True)
    assert loaded is not None
    return loaded


def needs_out(out: Path | None, overwrite: bool, lang: str | None) -> None:
    """Refuse options that say how a run is written where none is."""
    unused = [("--overwrite", overwrite), ("--lang", lang is not None)]
    problems = [
        Problem(name, None, "is not used without --out", "--out DIR")
        for name, given in unused
        if given and out is None
    ]
    if problems:
        raise InputError(problems, "nothing was run")


def language(lang: str | None) -> str:
    lang = "en" if lang is None else lang
    if lang not in ("en", "zh"):
        raise InputError([Problem("--lang", lang, "is no language of the texts", allowed="en, zh")])
    return lang


def print_json(value: Any) -> None:
    """Print a value as JSON.

    Raises
    ------
    RunError
        Standard output is closed, or what it goes to is full. A reader that has gone away is left
        to the caller.
    """
    if sys.stdout is None:
        raise RunError("cannot write to stdout: it is closed")
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False) + "\n")
    sys.stdout.flush()


def yaml_table(path: Path) -> dict[str, object]:
    """Return the mapping a YAML file holds."""
    from computenet.scenario.yaml_text import read_yaml

    table = read_yaml(path)
    if not isinstance(table, dict):
        raise InputError([Problem(str(path), None, "holds no table", "NAME: [VALUE, …] by line")])
    return {str(key): value for key, value in table.items()}
