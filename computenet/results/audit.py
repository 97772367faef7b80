"""The conservation audit that follows every run."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from computenet.errors import RunError

__all__ = ["Audit", "relative_residual"]

#: Largest relative residual of a sum of floats that passes.
TOLERANCE = 1e-9


def relative_residual(left: float, right: float) -> float:
    """Return ``|left - right|`` over the larger magnitude; 0 when both are 0."""
    scale = max(abs(left), abs(right))
    return abs(left - right) / scale if scale > 0.0 else 0.0


@dataclass(frozen=True, slots=True)
class Audit:
    """Residuals of the balances of a run.

    Attributes
    ----------
    energy_mwh
        Import minus facility load, the load recomputed from jobs and replicas; relative.
    work_accelerator_s
        Busy accelerator-seconds of the pools minus those of the jobs; relative.
    bytes_gb
        Gigabytes carried by links minus gigabytes of the flows times their links; relative.
    money_cny
        Total cost minus the sum over sites, months, transfers and requests; relative.
    jobs
        Submitted jobs minus jobs by final state; a count.
    requests
        Arrived minus served, dropped and in flight; a count.
    """

    energy_mwh: float
    work_accelerator_s: float
    bytes_gb: float
    money_cny: float
    jobs: int
    requests: int

    def failures(self) -> list[str]:
        """Return a line for every balance that does not close."""
        out = [
            f"{name}: relative residual {value:.3g} over {TOLERANCE:g}"
            for name, value in asdict(self).items()
            if isinstance(value, float) and not value <= TOLERANCE
        ]
        out += [
            f"{name}: {value} unaccounted for"
            for name, value in (("jobs", self.jobs), ("requests", self.requests))
            if value != 0
        ]
        return out

    def require(self) -> None:
        """Raise `RunError` when a balance does not close."""
        failed = self.failures()
        if failed:
            raise RunError("the run does not balance: " + "; ".join(failed))

    def as_dict(self) -> dict[str, float | int]:
        """Return the residuals by name."""
        return asdict(self)
