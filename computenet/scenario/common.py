"""What every spec shares: the frozen model, provenance of numbers, bilingual names."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from computenet.validation import Numbers

Grade = Literal["measured", "published", "estimated", "assumed"]
Identifier = Annotated[str, StringConstraints(min_length=1, max_length=80)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]


class Spec(Numbers):
    """A frozen part of a scenario; unknown keys are errors, numbers are finite."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True
    )


class Provenance(Spec):
    """Where a number comes from: the document, and how far it can be trusted."""

    source: Annotated[str, StringConstraints(min_length=1)] = Field(
        description="the document and its year, or how the number was arrived at"
    )
    grade: Grade = Field(description="how far it can be trusted, from the best to the least")


class Sourced(Spec):
    """A spec whose numbers say where they come from.

    `provenance` maps a field's name, or ``"*"`` for all the others, to its `Provenance`.
    """

    provenance: dict[str, Provenance] = Field(
        default_factory=dict,
        description="where numbers come from, by field; * = all fields not named",
    )

    @model_validator(mode="after")
    def _provenance_names_fields(self) -> Sourced:
        known = set(type(self).model_fields) | {"*"}
        unknown = sorted(key for key in self.provenance if key.split(".")[0] not in known)
        if unknown:
            raise ValueError(f"provenance names no field of this record: {', '.join(unknown)}")
        return self

    def provenance_of(self, field: str) -> Provenance | None:
        """Return the provenance of `field`, falling back on ``"*"``."""
        return self.provenance.get(field, self.provenance.get("*"))


class Name(Spec):
    """A name in English and Chinese."""

    en: str = Field(description="in English")
    zh: str = Field(description="in Chinese")
