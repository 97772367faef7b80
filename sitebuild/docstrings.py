"""NumPy-style docstrings as Markdown."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

__all__ = ["Entry", "Section", "cell", "markdown", "sections"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A name of a section, with what is said of it."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a docstring; the first has no title."""

    title: str
    text: str
    entries: tuple[Entry, ...]


def sections(docstring: str | None) -> list[Section]:
    """Return the parts of a docstring."""
    lines = inspect.cleandoc(docstring or "").splitlines()
    heads = [
        number
        for number in range(len(lines) - 1)
        if re.fullmatch(r"-{3,}", lines[number + 1]) and re.fullmatch(r"[A-Z]\w+", lines[number])
    ]
    cuts = [*heads, len(lines)]
    found = [Section("", "\n".join(lines[: cuts[0]]).strip(), ())]
    for start, stop in pairwise(cuts):
        body = lines[start + 2 : stop]
        found.append(Section(lines[start], "\n".join(body).strip(), tuple(_entries(body))))
    return found


def _entries(body: list[str]) -> Iterator[Entry]:
    """Yield the names that begin a line, with the indented text below them."""
    name, text = "", []
    for line in body:
        if line and not line.startswith(" "):
            if name:
                yield Entry(name, " ".join(text).strip())
            name, text = line, []
        else:
            text.append(line.strip())
    if name:
        yield Entry(name, " ".join(text).strip())


def cell(text: str) -> str:
    """Return text for a cell of a Markdown table."""
    return _plain(" ".join(text.split())).replace("|", "\\|")


def markdown(docstring: str | None) -> str:
    """Return a docstring as Markdown: names and meanings become tables."""
    parts: list[str] = []
    for section in sections(docstring):
        if section.title in ("Parameters", "Attributes", "Raises", "Returns") and all(
            entry.text for entry in section.entries
        ):
            rows = [f"| `{entry.name}` | {cell(entry.text)} |" for entry in section.entries]
            parts.append("\n".join([f"| {section.title.lower()} | |", "|---|---|", *rows]))
        elif section.title:
            parts.append(f"**{section.title}**\n\n{_prose(section.text)}")
        elif section.text:
            parts.append(_prose(section.text))
    return "\n\n".join(parts)


def _plain(text: str) -> str:
    """Return text without the roles of reStructuredText."""
    return re.sub(r":\w+:(?=`)", "", text)


def _prose(text: str) -> str:
    """Return running text; what is indented, or shows a session, is shown as it stands."""
    blocks = []
    for block in re.split(r"\n\s*\n", text):
        literal = block.startswith((" ", ">>>"))
        blocks.append("```text\n" + inspect.cleandoc(block) + "\n```" if literal else block)
    return _plain("\n\n".join(blocks)).replace("::\n", ":\n")
