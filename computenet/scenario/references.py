"""What one record says of another: names that must exist, shares that must add up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from computenet.errors import Problem, nearest
from computenet.scenario.topology import PARAMETERS
from computenet.validation import item_key

__all__ = ["reference_problems"]

#: How far shares may be from adding up to 1.
TOLERANCE = 1e-6


def _records(holder: Any, field: str) -> list[Mapping[str, Any]]:
    items = holder.get(field) if isinstance(holder, Mapping) else None
    return [item for item in items if isinstance(item, Mapping)] if isinstance(items, list) else []


def _words(given: Any) -> dict[int, str]:
    """Return the texts of a list, or the keys of a mapping, by their number; none of all else."""
    listed = enumerate(given) if isinstance(given, (list, tuple, Mapping)) else ()
    return {index: word for index, word in listed if isinstance(word, str)}


def _names(records: list[Mapping[str, Any]], key: str = "id") -> list[str]:
    return [item[key] for item in records if isinstance(item.get(key), str)]


def reference_problems(raw: Mapping[str, Any]) -> list[Problem]:
    """Return the problems between records of a raw scenario; tolerant of any other fault."""
    topology, workload = raw.get("topology"), raw.get("workload")
    problems: list[Problem] = []
    if isinstance(topology, Mapping):
        problems += _topology(topology, workload)
    if isinstance(workload, Mapping):
        problems += _workload(workload)
    if isinstance(topology, Mapping):
        problems += _events(raw, topology)
    if isinstance(topology, Mapping) and isinstance(workload, Mapping):
        problems += _disciplines(raw, topology, workload)
        problems += _network(raw, topology, workload)
        problems += _planning(raw, topology, workload)
    if isinstance(workload, Mapping):
        problems += _service_law(raw, workload)
    return problems


def _unknown(path: str, value: Any, choices: list[str], what: str) -> Iterator[Problem]:
    if isinstance(value, str) and value not in choices:
        listed = ", ".join(choices[:40]) + (" …" if len(choices) > 40 else "")
        yield Problem(path, value, f"names no {what}", listed, nearest(value, choices))


def _repeated(path: str, names: list[str]) -> Iterator[Problem]:
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield Problem(f"{path}.{name}", None, f"stands {names.count(name)} times; names are unique")


def _topology(topology: Mapping[str, Any], workload: Any) -> list[Problem]:
    out: list[Problem] = []
    parts = ("accelerators", "sites", "pools", "regions", "links", "tariffs", "grids")
    ids = {part: _names(_records(topology, part)) for part in parts}
    for part, names in ids.items():
        out += _repeated(f"topology.{part}", names)
    for name in sorted(set(ids["sites"]) & set(ids["regions"])):
        out.append(Problem(f"topology.sites.{name}", None, "is the name of a region as well"))
    for site in _records(topology, "sites"):
        path = f"topology.sites.{site.get('id')}"
        for field, part in (("province", "regions"), ("tariff", "tariffs"), ("grid", "grids")):
            out += _unknown(f"{path}.{field}", site.get(field), ids[part], part[:-1])
    for pool in _records(topology, "pools"):
        path = f"topology.pools.{pool.get('id')}"
        out += _unknown(f"{path}.site", pool.get("site"), ids["sites"], "site")
        out += _unknown(
            f"{path}.accelerator", pool.get("accelerator"), ids["accelerators"], "accelerator"
        )
    models = _names(_records(workload, "models"), "name")
    for pool in _records(topology, "pools"):
        parts_of = pool.get("serving_models")
        for name in parts_of if isinstance(parts_of, Mapping) and models else ():
            path = f"topology.pools.{pool.get('id')}.serving_models.{name}"
            out += _unknown(path, name, models, "model of the workload")
    nodes = ids["regions"] + ids["sites"]
    for link in _records(topology, "links"):
        path = f"topology.links.{link.get('id')}"
        for end in ("a", "b"):
            out += _unknown(f"{path}.{end}", link.get(end), nodes, "region or site")
        if isinstance(link.get("a"), str) and link.get("a") == link.get("b"):
            out.append(Problem(path, link["a"], "a link joins two different places"))
    for share in ("inference_share", "training_share"):
        out += _adds_up("topology.regions", share, _records(topology, "regions"))
    for tariff in _records(topology, "tariffs"):
        out += _tariff(tariff)
    for grid in _records(topology, "grids"):
        factor = grid.get("emission_kg_per_mwh")
        if isinstance(factor, (int, float)) and 0.0 < factor < 5.0:
            out.append(
                Problem(
                    f"topology.grids.{grid.get('id')}.emission_kg_per_mwh",
                    factor,
                    "looks like kg per kWh",
                    "kg per MWh: 0 or at least 5",
                    f"{factor * 1000:g}",
                )
            )
    classes = _names(_records(workload, "job_classes"), "name")
    for kind in _records(topology, "accelerators"):
        speeds = kind.get("speed")
        if isinstance(speeds, Mapping) and classes:
            for name in speeds:
                path = f"topology.accelerators.{kind.get('id')}.speed.{name}"
                out += _unknown(path, name, classes, "job class of the workload")
    return out


def _adds_up(path: str, field: str, records: list[Mapping[str, Any]]) -> Iterator[Problem]:
    values = [item.get(field) for item in records]
    if not records or not all(isinstance(value, (int, float)) for value in values):
        return
    total = sum(float(value) for value in values if isinstance(value, (int, float)))
    if abs(total - 1.0) > TOLERANCE:
        yield Problem(f"{path}.*.{field}", round(total, 9), "the shares do not add up", "1")


def _tariff(tariff: Mapping[str, Any]) -> Iterator[Problem]:
    path = f"topology.tariffs.{tariff.get('id')}.seasons"
    months: list[int] = []
    for index, season in enumerate(_records(tariff, "seasons")):
        listed = season.get("months")
        months += [m for m in listed if isinstance(m, int)] if isinstance(listed, list) else []
        prices = season.get("price_cny_per_mwh")
        if (
            isinstance(prices, list)
            and prices
            and all(isinstance(p, (int, float)) and 0 < p < 5 for p in prices)
        ):
            yield Problem(
                f"{path}.{index}.price_cny_per_mwh",
                prices[0],
                "looks like CNY per kWh",
                "CNY per MWh",
                f"{prices[0] * 1000:g}",
            )
    missing = [month for month in range(1, 13) if month not in months]
    twice = sorted({month for month in months if months.count(month) > 1})
    if missing:
        yield Problem(path, None, f"months without prices: {', '.join(map(str, missing))}")
    if twice:
        yield Problem(path, None, f"months priced twice: {', '.join(map(str, twice))}")


def _workload(workload: Mapping[str, Any]) -> list[Problem]:
    out: list[Problem] = []
    for part in ("models", "service_classes", "job_classes"):
        out += _repeated(f"workload.{part}", _names(_records(workload, part), "name"))
    models = _names(_records(workload, "models"), "name")
    services = _records(workload, "service_classes")
    for item in services:
        path = f"workload.service_classes.{item.get('name')}.model"
        out += _unknown(path, item.get("model"), models, "model")
    out += _adds_up("workload.service_classes", "share", services)
    used = [item.get("model") for item in services]
    for name in models:
        if name not in used and all(model in models for model in used):
            out.append(Problem(f"workload.models.{name}", None, "is served by no service class"))
    rate = workload.get("request_rate_per_day")
    if isinstance(rate, (int, float)) and rate > 0 and not services:
        out.append(
            Problem("workload.request_rate_per_day", rate, "there is no service class to ask", "0")
        )
    return out + _job_days(workload)


def _job_days(workload: Mapping[str, Any]) -> list[Problem]:
    """Return kinds of day in the shape of all jobs, where they would move nothing."""
    shape = workload.get("job_shape")
    usual = {"weekday": 1.0, "weekend": 1.0, "holiday": None}
    if not isinstance(shape, Mapping):
        return []
    return [
        Problem(
            f"workload.job_shape.{name}", shape[name],
            "is not used: job classes have their own kinds of day",
            f"workload.job_classes.*.{'holiday' if name == 'holiday' else 'weekend'}_factor",
        )
        for name, value in usual.items()
        if shape.get(name, value) != value
    ]  # fmt: skip


def _disciplines(
    raw: Mapping[str, Any], topology: Mapping[str, Any], workload: Mapping[str, Any]
) -> list[Problem]:
    """Return what a discipline would need or does not use."""
    out: list[Problem] = []
    run = raw.get("run")
    chosen = run.get("discipline") if isinstance(run, Mapping) else None
    pools = _records(topology, "pools")
    used = [chosen] if chosen else [pool.get("discipline", "easy") for pool in pools]
    if not all(isinstance(discipline, str) for discipline in used):
        return out
    for pool in pools if chosen else []:
        for name, discipline in PARAMETERS.items():
            if pool.get(name) is not None and discipline != chosen:
                path = f"topology.pools.{pool.get('id')}.{name}"
                out.append(Problem(path, pool[name], f"is not used: run.discipline is {chosen}"))
    if not {"multifactor", "preemptive"} & set(used):
        out += [
            Problem(
                f"workload.job_classes.{item.get('name')}.priority",
                item["priority"],
                "is not used: no pool is multifactor or preemptive",
                "0, or run.discipline=preemptive",
            )
            for item in _records(workload, "job_classes")
            if item.get("priority")
        ]
    out += _operations(raw, workload, pools, chosen)
    return out


def _operations(
    raw: Mapping[str, Any],
    workload: Mapping[str, Any],
    pools: list[Mapping[str, Any]],
    chosen: object,
) -> list[Problem]:
    """Return what operations of job classes would need, and prices and vouchers do not use."""
    out: list[Problem] = []
    classes = _records(workload, "job_classes")
    others = [pool for pool in pools if (chosen or pool.get("discipline", "easy")) != "preemptive"]
    kinds = {str(item.get("operation", "on-demand")) for item in classes}
    if others:
        words = f"needs every pool to be preemptive; {others[0].get('id')} is not"
        out += [
            Problem(
                f"workload.job_classes.{item.get('name')}.operation",
                item["operation"],
                words,
                "run.discipline=preemptive",
            )
            for item in classes
            if item.get("operation", "on-demand") != "on-demand"
        ]
    run = raw.get("run")
    share = run.get("reserved_share") if isinstance(run, Mapping) else None
    if share and "reserved" not in kinds:
        out.append(Problem("run.reserved_share", share, "is not used: no job class is reserved"))
    if not share and "reserved" in kinds:
        words = "is needed: a job class is reserved, so something must be held for it"
        out.append(Problem("run.reserved_share", share, words, "over 0, at most 1"))
    vouchers = workload.get("vouchers")
    if isinstance(vouchers, Mapping):
        path = "workload.vouchers"
        if not any(item.get("price_cny_per_accelerator_h") for item in classes):
            out.append(Problem(path, None, "are not used: no job class has a price"))
        topology = raw.get("topology")
        names = _names(_records(topology, "regions"))
        for index, region in _words(vouchers.get("regions")).items():
            out += _unknown(f"{path}.regions.{index}", region, names, "region")
        energy = raw.get("energy")
        if isinstance(energy, Mapping) and energy.get("voucher_share"):
            words = "cannot be spent twice: energy.voucher_share spends vouchers on the sites' bill"
            out.append(Problem(path, None, words, "one of the two"))
    return out


def _network(
    raw: Mapping[str, Any], topology: Mapping[str, Any], workload: Mapping[str, Any]
) -> list[Problem]:
    """Return replicas and bulk moves that name what is not there."""
    out: list[Problem] = []
    network = raw.get("network")
    choices = {
        "site": ("site", _names(_records(topology, "sites"))),
        "region": ("region", _names(_records(topology, "regions"))),
        "job_class": ("job class", _names(_records(workload, "job_classes"), "name")),
    }
    for part in ("replicas", "bulk_moves"):
        for index, item in enumerate(_records(network, part)):
            for field, (what, names) in choices.items():
                out += _unknown(f"network.{part}.{index}.{field}", item.get(field), names, what)
    out += _repeated("network.bulk_moves", _names(_records(network, "bulk_moves"), "name"))
    return out


def _planning(
    raw: Mapping[str, Any], topology: Mapping[str, Any], workload: Mapping[str, Any]
) -> list[Problem]:
    """Return what the planning data names that is not there."""
    out: list[Problem] = []
    planning = raw.get("planning")
    if not isinstance(planning, Mapping):
        return out
    kinds = _names(_records(topology, "accelerators"))
    for index, chip in enumerate(_records(planning, "chips")):
        path = f"planning.chips.{item_key(chip) or index}.accelerator"
        out += _unknown(path, chip.get("accelerator"), kinds, "accelerator of the topology")
    services = _names(_records(workload, "service_classes"), "name")
    jobs = _names(_records(workload, "job_classes"), "name")
    sites = _names(_records(topology, "sites"))
    for part, field, names, what in (
        ("demand", "by_class", services + jobs, "service or job class"),
        ("targets", "latency_coverage_min", services, "service class"),
        ("sites", "most_mw", sites, "site"),
        ("sites", "closed", sites, "site"),
    ):
        holder = planning.get(part)
        given = holder.get(field) if isinstance(holder, Mapping) else None
        for name in _words(given).values():
            out += _unknown(f"planning.{part}.{field}.{name}", name, names, what)
    return out


def _service_law(raw: Mapping[str, Any], workload: Mapping[str, Any]) -> list[Problem]:
    """Return what continuous batching would need of models."""
    run = raw.get("run")
    if not isinstance(run, Mapping) or run.get("service_law") != "continuous-batching":
        return []
    return [
        Problem(
            f"workload.models.{model.get('name')}.{field}",
            None,
            "is missing; run.service_law=continuous-batching needs it",
            "a whole number of 1 or more",
        )
        for model in _records(workload, "models")
        for field in ("layers", "attention_width")
        if model.get(field) is None
    ]


def _without_weather(
    path: str, event: Mapping[str, Any], energy: Mapping[str, Any], topology: Mapping[str, Any]
) -> list[Problem]:
    """Return the sites of a weather-shift that have no weather to shift."""
    files = energy.get("weather_files")
    given = files if isinstance(files, Mapping) else {}
    annual = {
        site.get("id")
        for site in _records(topology, "sites")
        if site.get("climate") is None and site.get("id") not in given
    }
    return [
        Problem(
            f"{path}.sites.{at}", name, "has no weather: its PUE is that of the year",
            "a site with a climate or a file in energy.weather_files",
        )
        for at, name in enumerate(event.get("sites") or [])
        if name in annual
    ]  # fmt: skip


def _events(raw: Mapping[str, Any], topology: Mapping[str, Any]) -> list[Problem]:
    out: list[Problem] = []
    days = raw.get("days", 7.0)
    for index, event in enumerate(_records(raw, "events")):
        path = f"events.{index}"
        for field, part in (("site", "sites"), ("link", "links")):
            if field in event:
                names = _names(_records(topology, part))
                out += _unknown(f"{path}.{field}", event[field], names, field)
        for field, part in (("sites", "sites"), ("regions", "regions")):
            names = _names(_records(topology, part))
            for at, name in _words(event.get(field)).items():
                out += _unknown(f"{path}.{field}.{at}", name, names, field.removesuffix("s"))
        if event.get("kind") == "weather-shift":
            energy = raw.get("energy")
            if not isinstance(energy, Mapping) or energy.get("model") != "full":
                out.append(
                    Problem(f"{path}.kind", "weather-shift", "is used only with energy.model=full")
                )
            else:
                out += _without_weather(path, event, energy, topology)
        at_h = event.get("at_h")
        if (
            isinstance(at_h, (int, float))
            and isinstance(days, (int, float))
            and at_h >= 24.0 * days
        ):
            out.append(
                Problem(f"{path}.at_h", at_h, "is after the end of the run", f"below {24 * days:g}")
            )
    return out
