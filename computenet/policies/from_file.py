"""Policies out of a Python file that a user names.

A scenario file never runs code. A policy file does, and so it is only ever given by hand: on the
command line or from Python.
"""

from __future__ import annotations

import traceback
from functools import cache
from inspect import isabstract
from pathlib import Path
from types import ModuleType
from typing import Any

from computenet.errors import InputError, Problem
from computenet.policies.check import check_policy
from computenet.policies.protocol import Policy

__all__ = ["FilePolicy", "policy_classes"]

TITLE = "policy file cannot be used"


class FilePolicy:
    """A class of a policy file, which any process can make again from the file's text.

    Parameters
    ----------
    path, text
        The file, and what it held when it was read.
    class_name
        The class.
    """

    def __init__(self, path: str, text: str, class_name: str) -> None:
        self.path = path
        self.text = text
        self.class_name = class_name

    def __call__(self) -> Policy:
        """Return a new policy."""
        policy: Policy = getattr(_module(self.path, self.text), self.class_name)()
        return policy


def policy_classes(path: str | Path) -> dict[str, FilePolicy]:
    """Return the policies of a Python file by the names of their classes.

    Every public class that the file itself defines and that has ``reset`` or ``plan`` is taken for
    a policy. It is made without arguments, and put through `check_policy` before it may run.

    Raises
    ------
    InputError
        The file cannot be read or run, or holds no policy, or one that does not conform; all
        policies' problems at once.
    """
    where = str(path)
    try:
        text = Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        words = "is not in UTF-8"
        raise InputError(
            [Problem("--policy-file", where, words, "Python source saved as UTF-8")], TITLE
        ) from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError([Problem("--policy-file", where, reason)], TITLE) from error
    try:
        module = _module(where, text)
    except SyntaxError as error:
        line = f"{where}: line {error.lineno}"
        raise InputError([Problem(line, None, f"is not Python: {error.msg}")], TITLE) from error
    except (Exception, SystemExit) as error:
        raise InputError([_raised(error, where, "running the file")], TITLE) from error
    kinds = {
        name: kind
        for name, kind in vars(module).items()
        if isinstance(kind, type)
        and kind.__module__ == module.__name__
        and not name.startswith("_")
        and not isabstract(kind)
        and (hasattr(kind, "reset") or hasattr(kind, "plan"))
    }
    if not kinds:
        raise InputError(
            [Problem(where, None, "defines no policy", "a class with reset and plan")], TITLE
        )
    problems = [problem for kind in kinds.values() for problem in _faults(kind, where)]
    if problems:
        raise InputError(problems, TITLE)
    return {name: FilePolicy(where, text, name) for name in kinds}


@cache
def _module(path: str, text: str) -> ModuleType:
    """Run a file's text as a module of its own; nothing is written beside it."""
    import sys

    name = f"computenet_policy_file_{Path(path).stem}"
    while name in sys.modules:
        name += "_"
    module = ModuleType(name)
    module.__file__ = path
    sys.modules[name] = module
    try:
        exec(compile(text, path, "exec", dont_inherit=True), module.__dict__)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _faults(kind: type[Any], where: str) -> list[Problem]:
    path = f"{where}: {kind.__name__}"
    missing = [name for name in ("reset", "plan") if not callable(getattr(kind, name, None))]
    if missing:
        return [Problem(path, None, f"has no method {' and '.join(missing)}")]
    try:
        kind()
    except TypeError as error:
        if error.__traceback__ is not None and error.__traceback__.tb_next is None:
            return [
                Problem(path, None, "cannot be made without arguments",
                        "a default for every parameter of the constructor")
            ]  # fmt: skip
        return [_raised(error, where, f"making {kind.__name__}")]
    except (Exception, SystemExit) as error:
        return [_raised(error, where, f"making {kind.__name__}")]
    try:
        check_policy(kind)
    except InputError as error:
        return [
            Problem(f"{path}: {p.path}", p.value, p.message, p.allowed, p.suggestion)
            for p in error.problems
        ]
    except (Exception, SystemExit) as error:
        return [_raised(error, where, f"{kind.__name__} in an example view")]
    return []


def _raised(error: Exception | SystemExit, where: str, what: str) -> Problem:
    """Tell where in the file an error came from."""
    lines = [
        frame.lineno for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == where
    ]  # fmt: skip
    path = f"{where}: line {lines[-1]}" if lines else where
    if isinstance(error, SystemExit):
        return Problem(path, error.code, f"{what} ended the program (SystemExit)")
    return Problem(path, None, f"{what} raised {type(error).__name__}: {error}")
