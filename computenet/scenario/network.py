"""How the network is used: alternative paths, replicas of data, and scheduled bulk moves."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from computenet.scenario.common import Identifier, NonNegative, Positive, Spec

__all__ = ["BulkMoveSpec", "NetworkSpec", "ReplicaSpec"]

#: Ways to move data, and the parameters that only each of them reads.
OPTIONS = {
    "best-effort": ("weight",),
    "dedicated": ("gbps", "cny_per_gbps_h"),
    "shipped": ("lead_time_h", "cny_per_tb"),
}


class ReplicaSpec(Spec):
    """A copy of a job class's datasets that a site has from the start and never gives up."""

    site: Identifier = Field(description="id of the site that has the copy")
    job_class: Identifier = Field(description="name of the job class whose datasets are copied")
    region: Identifier | None = Field(
        default=None, description="of the data that lies there otherwise; nothing = of every region"
    )


class BulkMoveSpec(Spec):
    """One large dataset that is moved once."""

    name: Identifier = Field(description="unique in the scenario")
    region: Identifier = Field(description="where it lies")
    site: Identifier = Field(description="where it goes")
    size_tb: Positive = Field(description="size of the dataset, TB")
    ready_h: NonNegative = Field(
        default=0.0, description="earliest begin, h from the start of the run"
    )
    deadline_h: Positive | None = Field(
        default=None, description="when it should be there, h from the start of the run"
    )
    by: Literal["best-effort", "dedicated", "shipped", "cheapest"] = Field(
        default="best-effort",
        description="shares links with other transfers; a reserved part of each link; disks by "
        "lorry; or the cheapest of these that is expected to meet the deadline",
    )
    weight: Positive = Field(
        default=1.0, description="best-effort: share of links beside other transfers"
    )
    gbps: Positive = Field(default=10.0, description="dedicated: reserved on every link")
    cny_per_gbps_h: NonNegative = Field(
        default=8.2,
        description="dedicated: 6 CNY/Mbps/month, an analysts' estimate for wavelengths of 1000 km",
    )
    lead_time_h: Positive = Field(
        default=72.0, description="shipped: copying, road and copying again (assumed), h"
    )
    cny_per_tb: NonNegative = Field(default=30.0, description="shipped (assumed)")
    job_class: Identifier | None = Field(
        default=None, description="jobs of this class and region find their data there afterwards"
    )

    @model_validator(mode="after")
    def _used(self) -> BulkMoveSpec:
        if self.by == "cheapest":
            if self.deadline_h is None:
                raise ValueError("by: cheapest needs a deadline_h")
        else:
            for way, names in OPTIONS.items():
                usual = type(self).model_fields
                given = [name for name in names if getattr(self, name) != usual[name].default]
                if way != self.by and given:
                    raise ValueError(
                        f"{', '.join(given)}: used only with by: {way} or cheapest, not {self.by}"
                    )
        if self.deadline_h is not None and self.deadline_h <= self.ready_h:
            raise ValueError("deadline_h is not after ready_h")
        return self


class NetworkSpec(Spec):
    """Settings of the network; none of them moves requests."""

    paths: Annotated[int, Field(ge=1, le=8)] = Field(
        default=1,
        description="transfers are spread over so many shortest paths, by their bottlenecks",
    )
    stretch: Annotated[float, Field(ge=1.0, le=10.0)] = Field(
        default=1.5, description="a path is at most so many times as long in latency as the best"
    )
    kwh_per_gb: NonNegative = Field(
        default=0.002,
        description="electricity of carrying a gigabyte end to end: 0.06 kWh/GB in 2015, half "
        "every two years (Aslan et al., J. Industrial Ecology 22(4), 2018)",
    )
    replicas: list[ReplicaSpec] = Field(
        default_factory=list, description="copies of datasets that sites have from the start"
    )
    bulk_moves: list[BulkMoveSpec] = Field(
        default_factory=list, description="large datasets that are moved once"
    )

    @model_validator(mode="after")
    def _stretch_is_used(self) -> NetworkSpec:
        if self.paths == 1 and self.stretch != 1.5:
            raise ValueError("stretch: used only with network.paths above 1")
        return self
