"""Error types a user can meet, and how they are worded.

Every error about input carries *all* the problems found, each with its dotted path, the value,
what is allowed and the nearest right spelling, and is shown as one block.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

__all__ = [
    "ComputenetError",
    "InputError",
    "Problem",
    "RunError",
    "TraceError",
    "nearest",
    "without_repeats",
]


class ComputenetError(Exception):
    """The root of every error computenet raises on purpose."""

    exit_code = 1


class RunError(ComputenetError):
    """A run that was asked for correctly and failed (audit, disk full, interrupted)."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with an input.

    Parameters
    ----------
    path
        Where it stands: a dotted path (``topology.sites.zhongwei.pue``) or ``file: line N``.
    value
        What was found there; ``None`` when there is nothing to show.
    message
        What is wrong, in one sentence without a full stop.
    allowed
        What would be right, in words.
    suggestion
        The nearest right spelling, if the value looks like a slip.
    rows
        Numbers of the lines of a file at fault, where they are known.
    """

    path: str
    value: object
    message: str
    allowed: str | None = None
    suggestion: str | None = None
    rows: tuple[int, ...] = field(default=(), repr=False)

    def lines(self) -> list[str]:
        """Return the problem as lines of text for a terminal."""
        shown = "" if self.value is None else f" = {_shorten(self.value)}"
        out = [f"{self.path}{shown}", f"    {self.message}"]
        if self.allowed:
            out.append(f"    allowed: {self.allowed}")
        if self.suggestion:
            out.append(f"    did you mean: {self.suggestion}")
        return out


class InputError(ComputenetError):
    """Input that cannot be used; holds every problem found.

    Parameters
    ----------
    problems
        At least one problem.
    title
        The first line of the block.
    """

    exit_code = 2

    def __init__(self, problems: Sequence[Problem], title: str = "input cannot be used") -> None:
        self.problems = tuple(problems)
        self.title = title
        super().__init__(self.block())

    def __reduce__(self) -> tuple[type[InputError], tuple[tuple[Problem, ...], str]]:
        """Come back whole from another process."""
        return type(self), (self.problems, self.title)

    def block(self) -> str:
        """Return the whole message: the title, then each problem."""
        count = len(self.problems)
        head = f"{self.title} ({count} problem{'s' if count != 1 else ''})"
        body = [line for problem in self.problems for line in problem.lines()]
        return "\n".join([head, *(f"  {line}" for line in body)])


class TraceError(InputError):
    """A trace file that cannot be read."""

    def __init__(self, problems: Sequence[Problem], title: str = "trace cannot be read") -> None:
        super().__init__(problems, title)


def nearest(word: str, choices: Iterable[str]) -> str | None:
    """Return the choice spelt most like `word`, or ``None`` when nothing is close.

    Case counts only where nothing else tells two choices apart.
    """
    known = [str(choice) for choice in choices]
    found = difflib.get_close_matches(str(word), known, n=1, cutoff=0.6)
    if found:
        return found[0]
    folded = {choice.casefold(): choice for choice in reversed(known)}
    alike = difflib.get_close_matches(str(word).casefold(), folded, n=1, cutoff=0.6)
    return folded[alike[0]] if alike else None


def without_repeats(problems: Iterable[Problem]) -> list[Problem]:
    """Return problems, each once, in their order."""
    return list({tuple(problem.lines()): problem for problem in problems}.values())


def _shorten(value: object, limit: int = 80) -> str:
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"
