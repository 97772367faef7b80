"""Every field that a file may hold says what it means: the reference is made of these words."""

from __future__ import annotations

from collections.abc import Iterator

import computenet.study.suites
import computenet.study.sweeps.spec
from computenet.scenario import Scenario
from computenet.scenario.common import Spec
from computenet.scenario.layouts.spec import LayoutSpec

ROOTS = (
    Scenario, LayoutSpec, computenet.study.suites.SuiteSpec, computenet.study.sweeps.spec.StudySpec,
)  # fmt: skip


def specs(kind: type[Spec] = Spec) -> Iterator[type[Spec]]:
    """Yield every spec of the product."""
    for below in kind.__subclasses__():
        if below.__module__.startswith("computenet."):
            yield below
            yield from specs(below)


def test_no_field_is_without_description() -> None:
    found = list(specs())
    assert set(ROOTS) <= set(found)
    without = [
        f"{kind.__name__}.{name}"
        for kind in found
        for name, field in kind.model_fields.items()
        if not (field.description or "").strip()
    ]
    assert not without


def test_schemas_say_so_too() -> None:
    for root in ROOTS:
        schema = root.model_json_schema()
        models = {root.__name__: schema, **schema.get("$defs", {})}
        without = [
            f"{name}.{key}"
            for name, model in models.items()
            for key, field in model.get("properties", {}).items()
            if not field.get("description")
        ]
        assert not without, root.__name__
