"""Arguments of the Python interface: numbers, texts and switches are what their hints say."""

from __future__ import annotations

import functools
import inspect
import math
import numbers
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from computenet.errors import InputError, Problem

__all__ = ["checked"]

P = ParamSpec("P")
R = TypeVar("R")


def _whole(value: object) -> bool:
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def _real(value: object) -> bool:
    return (
        isinstance(value, numbers.Real)
        and not isinstance(value, bool)
        and not math.isnan(float(value))
    )


#: By hint: what an argument must be, and in words.
_KINDS: dict[str, tuple[Callable[[object], bool], str]] = {
    "int": (_whole, "a whole number"),
    "float": (_real, "a number"),
    "bool": (lambda value: isinstance(value, bool), "True or False"),
    "str": (lambda value: isinstance(value, str), "a text"),
}
_OR_NONE = " | None"


def checked(title: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Refuse arguments of the wrong type before a function begins.

    Looked at are parameters hinted ``int``, ``float``, ``bool`` or ``str``, alone or ``| None``.
    The module must have ``from __future__ import annotations``, so that hints are text.

    Parameters
    ----------
    title
        First line of the block.

    Raises
    ------
    InputError
        From the function that is decorated, with every argument at fault.
    """

    def wrap(function: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(function)
        kinds = {
            name: (*_KINDS[hint.removesuffix(_OR_NONE)], hint.endswith(_OR_NONE))
            for name, parameter in signature.parameters.items()
            if (hint := str(parameter.annotation)).removesuffix(_OR_NONE) in _KINDS
        }

        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            given: dict[str, Any] = signature.bind(*args, **kwargs).arguments
            problems = [
                Problem(name, value, "has the wrong form", words + (" or None" if none else ""))
                for name, (right, words, none) in kinds.items()
                if name in given
                and not right(value := given[name])
                and not (none and value is None)
            ]
            if problems:
                raise InputError(problems, title)
            return function(*args, **kwargs)

        return call

    return wrap
