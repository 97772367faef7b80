"""The Python interface refuses arguments of the wrong type, all at once, before it begins."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import computenet as cn
from computenet.arguments import checked


@checked("nothing was done")
def doubled(many: int, share: float = 0.5, name: str | None = None, *, dry: bool = False) -> float:
    """Return twice the share of many."""
    return 0.0 if dry else 2.0 * share * many + len(name or "")


def test_what_is_right_passes() -> None:
    assert doubled(3) == 3.0
    assert doubled(np.int64(3), 1, name=None) == 6.0
    assert doubled(many=3, share=np.float32(0.5), name="ab", dry=False) == 5.0
    assert doubled.__doc__ == "Return twice the share of many."


def test_all_that_is_wrong_is_told() -> None:
    wrong: Any = {"many": True, "share": float("nan"), "name": 3, "dry": "no"}
    with pytest.raises(cn.InputError) as told:
        doubled(**wrong)
    assert [problem.path for problem in told.value.problems] == ["many", "share", "name", "dry"]
    assert str(told.value).startswith("nothing was done (4 problems)")
    with pytest.raises(TypeError, match="unexpected keyword"):
        doubled(1, of=2)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("call", "path"),
    [
        (lambda wrong: cn.bench("steady", seeds=wrong), "seeds"),
        (lambda wrong: cn.plan("four-hubs", gap=wrong), "gap"),
        (lambda wrong: cn.simulate("two-hubs", workers=wrong), "workers"),
        (lambda wrong: cn.simulate(3), "scenario"),
        (lambda wrong: cn.bench(3), "suite"),
        (lambda wrong: cn.sweep(3), "study"),
    ],
)
def test_the_interface_tells(call: Any, path: str) -> None:
    with pytest.raises(cn.InputError) as told:
        call([1, 2])
    assert [problem.path for problem in told.value.problems] == [path]
    assert told.value.problems[0].message == "has the wrong form"
