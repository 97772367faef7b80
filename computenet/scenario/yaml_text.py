"""YAML read with care: no objects, no duplicate keys, no alias bombs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, ClassVar

import yaml

from computenet.errors import InputError, Problem

__all__ = ["parse_value", "parse_yaml", "read_yaml"]

#: Most values a file may expand to, aliases followed.
MOST_VALUES = 2_000_000
#: Largest file, bytes.
MOST_BYTES = 64_000_000

_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")


class _Loader(_Base):  # type: ignore[misc]
    """Reads 1:30 as a text: YAML 1.1 takes it for a number to the base of 60, which is 90."""

    yaml_implicit_resolvers: ClassVar[dict[str, list[tuple[str, re.Pattern[str]]]]] = {
        first: [
            (tag, re.compile(f"(?!.*:)(?:{rule.pattern})", re.VERBOSE) if tag in _NUMBERS else rule)
            for tag, rule in rules
        ]
        for first, rules in _Base.yaml_implicit_resolvers.items()
    }


def read_yaml(path: Path) -> Any:
    """Read a YAML file.

    Raises
    ------
    InputError
        The file cannot be read, is no YAML, repeats a key or expands to too much.
    """
    try:
        with path.open("rb") as file:  # It may be a pipe, which has no size.
            content = file.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            problem = Problem(str(path), None, "is too large for a scenario", "64 MB")
            raise InputError([problem], "file cannot be read")
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise InputError(
            [Problem(str(path), None, error.strerror or str(error))], "file cannot be read"
        ) from error
    except UnicodeDecodeError as error:
        raise InputError(
            [Problem(str(path), None, "is not UTF-8 text")], "file cannot be read"
        ) from error
    return parse_yaml(text, str(path))


def parse_yaml(text: str, where: str) -> Any:
    """Parse YAML text; see `read_yaml`."""
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            raise InputError([Problem(where, None, "is empty")], "file cannot be read")
        _refuse_bombs(node, where)
        _refuse_duplicates(node, where)
        return loader.construct_document(node)
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        raise InputError([_problem(error, where)], "file is not valid YAML") from error
    finally:
        loader.dispose()


def parse_value(text: str) -> Any:
    """Parse the YAML of one value; none is ``None``.

    Raises
    ------
    yaml.YAMLError, ValueError, OverflowError, RecursionError
        It is no YAML value.
    """
    return yaml.load(text, Loader=_Loader)


def _problem(error: Exception, where: str) -> Problem:
    mark = getattr(error, "problem_mark", None)
    path = f"{where}: line {mark.line + 1}" if mark is not None else where
    message = getattr(error, "problem", None) or str(error).splitlines()[0]
    return Problem(path, None, str(message))


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    if isinstance(node, yaml.SequenceNode):
        return list(node.value)
    return []


def _refuse_bombs(root: yaml.Node, where: str) -> None:
    """Count what the document expands to, without expanding it."""
    size: dict[int, int] = {}
    open_nodes: set[int] = set()
    stack: list[tuple[yaml.Node, bool]] = [(root, False)]
    while stack:
        node, leaving = stack.pop()
        key = id(node)
        if leaving:
            open_nodes.discard(key)
            size[key] = min(1 + sum(size[id(child)] for child in _children(node)), MOST_VALUES + 1)
            continue
        if key in size:
            continue
        if key in open_nodes:
            raise InputError(
                [Problem(_line(node, where), None, "an alias stands inside its own anchor")],
                "file cannot be used",
            )
        open_nodes.add(key)
        stack.append((node, True))
        stack.extend((child, False) for child in _children(node) if id(child) not in size)
    if size[id(root)] > MOST_VALUES:
        raise InputError(
            [
                Problem(
                    where,
                    None,
                    "expands to too many values through its aliases",
                    allowed=f"at most {MOST_VALUES:,} values",
                )
            ],
            "file cannot be used",
        )


def _line(node: yaml.Node, where: str) -> str:
    return f"{where}: line {node.start_mark.line + 1}"


def _refuse_duplicates(root: yaml.Node, where: str) -> None:
    problems: list[Problem] = []
    seen: set[int] = set()
    stack = [root]
    while stack:
        node = stack.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            keys: set[str] = set()
            for key, _ in node.value:
                if isinstance(key, yaml.ScalarNode):
                    if key.value in keys and key.value != "<<":
                        problems.append(
                            Problem(_line(key, where), key.value, "the key stands here twice")
                        )
                    keys.add(key.value)
        stack.extend(_children(node))
    if problems:
        raise InputError(problems, "file cannot be used")
