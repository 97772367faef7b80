"""What ``--help`` says: all commands in order, and no argument or option without words."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

from typer.main import get_command
from typer.testing import CliRunner

from computenet.cli.main import ORDER, app
from computenet.study import listing


def commands(command: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every command with its name, those of groups too."""
    yield name, command
    for part, below in getattr(command, "commands", {}).items():
        yield from commands(below, f"{name} {part}".strip())


def test_commands_are_listed_in_the_order_a_user_meets_them() -> None:
    root: Any = get_command(app)
    assert set(root.commands) == set(ORDER)
    text = CliRunner().invoke(app, ["--help"]).stdout
    places = [text.index(f"│ {name} ") for name in ORDER]
    assert places == sorted(places)
    assert ORDER[0] == "simulate"


def test_nothing_is_without_help() -> None:
    without = []
    for name, command in commands(get_command(app)):
        if not command.help:
            without.append(name)
        without += [f"{name} {one.name}" for one in command.params if not one.help]
    assert not without


def test_options_that_may_be_repeated_say_so() -> None:
    silent = [
        f"{name} {one.name}"
        for name, command in commands(get_command(app))
        for one in command.params
        if one.param_type_name == "option" and one.multiple and "may be repeated" not in one.help
    ]
    assert not silent


def test_list_says_what_it_lists() -> None:
    text = CliRunner().invoke(app, ["list", "--help"], env={"COLUMNS": "300"}).stdout
    assert [kind for kind in listing() if kind not in text] == []


def test_the_package_runs_as_a_module() -> None:
    found = subprocess.run(
        [sys.executable, "-m", "computenet", "--version"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert found.stdout.strip().endswith(version("computenet"))
