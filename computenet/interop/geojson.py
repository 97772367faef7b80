"""A topology, and what a run made of it, as GeoJSON (RFC 7946)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from computenet.results import Results
from computenet.results.storage import write_text
from computenet.scenario import Scenario
from computenet.scenario.topology import RegionSpec, SiteSpec, TopologySpec

__all__ = ["feature_collection", "write_geojson"]


def write_geojson(what: Results | Scenario, path: Path) -> None:
    """Write `feature_collection` to a file."""
    text = json.dumps(feature_collection(what), ensure_ascii=False, indent=1, allow_nan=False)
    write_text(path, text + "\n")


def feature_collection(what: Results | Scenario) -> dict[str, Any]:
    """Return sites and regions as points and links as lines, WGS 84, longitude first.

    Properties carry the units of the topology's fields in their names. Of a run, sites, regions
    and links have their figures under ``run_…``; a link's are over all slots of the run.
    """
    scenario = what if isinstance(what, Scenario) else what.scenario
    topology = scenario.topology
    features = [*_sites(topology), *_regions(topology), *_links(topology)]
    if isinstance(what, Results):
        _add_figures(features, what)
    places: list[SiteSpec | RegionSpec] = [*topology.sites, *topology.regions]
    lon = [place.longitude for place in places]
    lat = [place.latitude for place in places]
    return {
        "type": "FeatureCollection",
        "name": topology.id,
        "bbox": [min(lon), min(lat), max(lon), max(lat)],
        "features": features,
    }


def _feature(kind: str, name: str, geometry: dict[str, Any], properties: dict[str, Any]) -> Any:
    # An id is unique in the collection: a link may be called like a site.
    return {
        "type": "Feature",
        "id": f"{kind}:{name}",
        "geometry": geometry,
        "properties": {"kind": kind, "id": name, **properties},
    }


def _point(longitude: float, latitude: float) -> dict[str, Any]:
    return {"type": "Point", "coordinates": [longitude, latitude]}


def _sites(topology: TopologySpec) -> list[Any]:
    out = []
    for site in topology.sites:
        pools = [pool for pool in topology.pools if pool.site == site.id]
        properties = {
            "name_en": site.name.en, "name_zh": site.name.zh,
            "hub_en": site.hub.en if site.hub else None,
            "hub_zh": site.hub.zh if site.hub else None,
            **_plain(site), "accelerators": sum(pool.count for pool in pools),
            "pools": {pool.id: pool.count for pool in pools},
            "pv_mw": sum(g.capacity_mw for g in site.generators if g.kind == "pv"),
            "wind_mw": sum(g.capacity_mw for g in site.generators if g.kind == "wind"),
            "battery_mwh": site.battery.energy_mwh if site.battery else 0.0,
        }  # fmt: skip
        out.append(_feature("site", site.id, _point(site.longitude, site.latitude), properties))
    return out


def _plain(site: SiteSpec) -> dict[str, Any]:
    names = ("province", "role", "it_capacity_mw", "pue", "water_l_per_kwh",
             "green_contract_share", "tariff", "grid", "cooling", "import_limit_mw")  # fmt: skip
    return {name: getattr(site, name) for name in names}


def _regions(topology: TopologySpec) -> list[Any]:
    return [
        _feature(
            "region", region.id, _point(region.longitude, region.latitude),
            {
                "name_en": region.name.en, "name_zh": region.name.zh,
                "inference_share": region.inference_share,
                "training_share": region.training_share,
            },
        )
        for region in topology.regions
    ]  # fmt: skip


def _links(topology: TopologySpec) -> list[Any]:
    places = {
        place.id: [place.longitude, place.latitude]
        for group in (topology.regions, topology.sites)
        for place in group
    }
    return [
        _feature(
            "link", link.id,
            {"type": "LineString", "coordinates": [places[link.a], places[link.b]]},
            {
                name: getattr(link, name)
                for name in ("a", "b", "length_km", "latency_ms", "capacity_gbps",
                             "price_cny_per_gb")
            },
        )
        for link in topology.links
    ]  # fmt: skip


def _add_figures(features: list[Any], run: Results) -> None:
    sites, regions = run.summary["by_site"], run.summary["by_region"]
    table = run.links
    links = {
        str(name): {
            "carried_gb": float(rows["carried_gb"].sum()),
            # Slots that carried nothing have no row.
            "utilisation_mean": float(rows["utilisation"].sum()) / run.scenario.n_slots,
            "utilisation_max": float(rows["utilisation"].max()),
        }
        for name, rows in table.groupby("link", observed=True)
    }
    still = {"carried_gb": 0.0, "utilisation_mean": 0.0, "utilisation_max": 0.0}
    for feature in features:
        name, kind = feature["properties"]["id"], feature["properties"]["kind"]
        figures = {"site": sites, "region": regions, "link": links}[kind].get(name, still)
        feature["properties"] |= {f"run_{key}": value for key, value in figures.items()}
