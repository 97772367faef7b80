"""Candidate sites from CSV and GeoJSON become a layout that can be run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import computenet as cn
from computenet.errors import InputError
from computenet.interop import candidate_template, layout_from_sites
from computenet.interop.ways import Ways
from computenet.scenario import TopologySpec, apply_layout, dump_layout, load_scenario

TABLE = """\
# a planner's list
id,name_en,name_zh,latitude,longitude,it_capacity_mw,accelerator,count,source
hami,Hami,哈密,42.8,93.5,300,ascend_910b,80000,"a letter, 2026"

ordos,,,39.6,109.8,120,,,
"""


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def made(path: Path, topology: str = "china-2025", **more: object) -> TopologySpec:
    layout = layout_from_sites(path, topology=topology, **more)  # type: ignore[arg-type]
    base = load_scenario(topology).topology.model_dump(mode="json")
    return TopologySpec.model_validate(apply_layout(base, layout))


def test_rows_become_sites_pools_and_links(tmp_path: Path) -> None:
    topology = made(write(tmp_path / "west.csv", TABLE))
    hami, ordos = topology.sites[-2:]
    assert (hami.name.zh, hami.province, hami.it_capacity_mw) == ("哈密", "XJ", 300.0)
    assert (ordos.name.en, ordos.name.zh, ordos.province) == ("ordos", "ordos", "NM")
    horinger = next(site for site in topology.sites if site.id == "helingeer")
    assert (ordos.pue, ordos.tariff, ordos.cooling) == (
        horinger.pue, horinger.tariff, horinger.cooling,
    )  # fmt: skip
    assert ordos.climate is not None
    assert topology.pools[-1].id == "hami/ascend_910b"
    assert topology.pools[-1].serving_share == pytest.approx(0.3)  # as usual in the west
    own = [link for link in topology.links if "hami" in (link.a, link.b)]
    assert next(link.id for link in own) == "XJ-hami"
    assert len(own) == 4
    usual = next(link for link in topology.links if link.id == "zhangjiakou-helingeer")
    assert own[1].capacity_gbps == usual.capacity_gbps
    assert hami.provenance["it_capacity_mw"].source == "a letter, 2026"
    assert ordos.provenance["*"].grade == "assumed"


def test_links_follow_those_of_the_topology() -> None:
    ways = Ways.of(load_scenario("china-2025").topology)
    # The topology was made of great-circle distances x 1.8 and 204 km/ms.
    assert ways.factor == pytest.approx(1.8, rel=0.02)
    assert ways.latency[0] == pytest.approx(1.0 / 204.0, rel=0.02)
    base = load_scenario("china-2025").topology
    west = next(site for site in base.sites if site.id == "zhongwei").model_dump()
    again = {link["id"]: link for link in ways.links({**west, "id": "copy"}, 11)}
    for link in base.links:
        if "zhongwei" in (link.a, link.b):
            other = link.a if link.b == "zhongwei" else link.b
            like = again.get(f"{other}-copy")
            # short links of the topology are not as straight as the rest
            if like is not None and link.length_km > 500.0:
                assert like["length_km"] == pytest.approx(link.length_km, rel=0.05)
                assert like["latency_ms"] == pytest.approx(link.latency_ms, rel=0.06, abs=0.1)
                assert like["price_cny_per_gb"] == pytest.approx(
                    link.price_cny_per_gb, rel=0.1, abs=0.005
                )


def test_a_topology_without_links_has_orders_of_magnitude() -> None:
    bare = load_scenario("two-hubs").topology.model_copy(update={"links": []})
    ways = Ways.of(bare)
    site = {"id": "new", "province": "RW", "latitude": 36.0, "longitude": 103.8}
    links = ways.links(site, 1)
    assert [link["id"] for link in links] == ["RW-new", "west-new"]
    assert links[0]["length_km"] == 0.0
    assert links[1]["latency_ms"] == pytest.approx(links[1]["length_km"] / 204.0, abs=1e-3)


def test_every_bad_row_is_told_at_once(tmp_path: Path) -> None:
    text = (
        "id,latitude,longitud,it_capacity_mw,accelerator,count,pue,tariff,role\n"
        "a,95,100,10,,,1.2,,\n"
        "b,30,100,-5,ascend_910,8,80,Hebei:mian,wset\n"
        "zhongwei,30,100,5,,,,,\n"
        "c,30,100,5,ascend_910b,,,,\n"
        "d,30,100\n"
    )
    with pytest.raises(InputError) as caught:
        layout_from_sites(write(tmp_path / "bad.csv", text))
    told = str(caught.value)
    for words in (
        "longitud\n      is no column", "did you mean: longitude", "longitude\n      the column is",
        "line 2: latitude = '95'", "line 3: it_capacity_mw = '-5'", "line 3: pue = '80'",
        "line 3: role = 'wset'", "did you mean: west", "line 5: count\n      is missing beside",
        "line 6\n      has 3 fields",
    ):  # fmt: skip
        assert words in told, words
    text = (
        "id,latitude,longitude,it_capacity_mw,accelerator,count,tariff\n"
        "b,30,100,5,ascend_910,8,Hebei:mian\nzhongwei,30,100,5,,,\nb,30,100,5,,,\n"
    )
    with pytest.raises(InputError) as caught:
        layout_from_sites(write(tmp_path / "bad.csv", text))
    told = str(caught.value)
    for words in ("did you mean: ascend_910", "did you mean: Hebei:main", "already",
                  "earlier row"):  # fmt: skip
        assert words in told, words


def test_wrong_values_and_wrong_names_are_told_together(tmp_path: Path) -> None:
    text = (
        "id,latitude,longitude,it_capacity_mw,accelerator,count\n"
        "a,101.8,36.6,10,,\nb,36.6,101.8,-0.2,unitt,8\nb,36.5,101.8,5,,\neast,36.6,101.7,5,,\n"
    )
    with pytest.raises(InputError) as caught:
        layout_from_sites(write(tmp_path / "bad.csv", text), topology="two-hubs")
    told = {one.path.partition(": ")[2]: one.message for one in caught.value.problems}
    assert told == {
        "line 2: latitude": "cannot be used",
        "line 3: it_capacity_mw": "cannot be used",
        "line 3: accelerator": "names no accelerator of the topology",
        "line 4: id": "stands in an earlier row",
        "line 5: id": "is in the topology already",
    }


def test_places_that_can_hardly_be_meant(tmp_path: Path) -> None:
    """Swapped coordinates are an error; far sites and two at one point are worth a note."""
    head = "id,latitude,longitude,it_capacity_mw\n"
    path = write(tmp_path / "swapped.csv", head + "urumqi,87.6,43.8,10\n")
    with pytest.raises(InputError, match="swapped") as caught:
        layout_from_sites(path)
    assert caught.value.problems[0].suggestion == "latitude 43.8, longitude 87.6"
    notes: list[str] = []
    path = write(tmp_path / "odd.csv", head + "null,0,0,10\na,43.8,87.6,10\nb,43.8,87.6,10\n")
    layout_from_sites(path, notes=notes)
    assert len(notes) == 2
    assert "line 2: is" in notes[0]
    assert "same point as site a" in notes[1]


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("urn:ogc:def:crs:OGC:1.3:CRS84", True),
        ("EPSG:4326", True),
        ("urn:ogc:def:crs:EPSG::4490", False),
        ("EPSG:3857", False),
    ],
)
def test_a_foreign_reference_system_is_refused(tmp_path: Path, name: str, right: bool) -> None:
    point = {"type": "Point", "coordinates": [87.6, 43.8]}
    one = {"type": "Feature", "geometry": point, "properties": {"id": "a", "it_capacity_mw": 9}}
    content = {"type": "FeatureCollection", "features": [one],
               "crs": {"type": "name", "properties": {"name": name}}}  # fmt: skip
    path = write(tmp_path / "x.geojson", json.dumps(content))
    if right:
        layout_from_sites(path)
        return
    with pytest.raises(InputError, match="CRS84") as caught:
        layout_from_sites(path)
    assert caught.value.problems[0].value == name


@pytest.mark.parametrize(
    ("text", "words"),
    [("", "holds no candidate"), ("{]", "not valid JSON"), ('{"type": "Point"}', "no GeoJSON")],
)
def test_files_that_hold_nothing(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        layout_from_sites(write(tmp_path / "x.csv", text))


def test_geojson_of_an_exported_topology_comes_back(tmp_path: Path) -> None:
    site = {
        "type": "Feature", "id": "new",
        "geometry": {"type": "Point", "coordinates": [100.0, 35.0]},
        "properties": {"it_capacity_mw": 1, "name_en": "New", "note": "not a column"},
    }  # fmt: skip
    bad = {"type": "Feature", "geometry": None, "properties": {"id": "x", "it_capacity_mw": True}}
    path = tmp_path / "sites.geojson"
    write(path, json.dumps({"type": "FeatureCollection", "features": [site]}))
    topology = made(path, "two-hubs", links=1)
    assert topology.sites[-1].id == "new"
    assert topology.sites[-1].tariff == "west"
    assert [link.id for link in topology.links[-2:]] == ["RW-new", "west-new"]
    write(path, json.dumps({"type": "FeatureCollection", "features": [site, bad]}))
    with pytest.raises(InputError) as caught:
        layout_from_sites(path, topology="two-hubs")
    told = str(caught.value)
    assert "feature 2: latitude" in told
    assert "feature 2: it_capacity_mw" in told
    # sites of another topology, regions and links left out
    cn.export("geojson", "four-hubs", tmp_path / "four.geojson")
    with pytest.raises(InputError, match="names no province"):
        layout_from_sites(tmp_path / "four.geojson", topology="two-hubs")


def test_features_that_are_none_are_told_and_any_kind_is_a_site(tmp_path: Path) -> None:
    def feature(**more: object) -> dict[str, object]:
        point = {"type": "Point", "coordinates": [100.0, 35.0]}
        values = {"id": "new", "it_capacity_mw": 1, "kind": "campus"}
        return {"type": "Feature", "geometry": point, "properties": values} | more

    path = tmp_path / "sites.geojson"
    wrong = [
        feature(properties="x"), feature(properties=[1]), feature(geometry="POINT (100 35)"),
        feature(geometry=[100.0, 35.0]), "x", None,
        feature(geometry={"type": "Point", "coordinates": [[100.0], {}]}),
    ]  # fmt: skip
    write(path, json.dumps({"type": "FeatureCollection", "features": wrong}))
    with pytest.raises(InputError) as caught:
        layout_from_sites(path, topology="two-hubs")
    told = str(caught.value)
    for number, name in enumerate((": properties", ": properties", ": geometry", ": geometry", "",
                                   "", ": longitude"), 1):  # fmt: skip
        assert f"feature {number}{name}" in told
    region = feature(properties={"id": "R", "kind": "region"})
    write(path, json.dumps({"type": "FeatureCollection", "features": [region, feature()]}))
    assert made(path, "two-hubs").sites[-1].id == "new"
    notes: list[str] = []
    layout_from_sites(path, topology="two-hubs", notes=notes)
    assert notes[0].startswith("sites.geojson: 1 feature of the kind region or link")


HEAD = "id,latitude,longitude,it_capacity_mw,name_en"


@pytest.mark.parametrize(
    ("rows", "names"),
    [
        (f'{HEAD}\na,35,100,1,"one\n\n# three"\nb,35,101,1,x\n', ["one\n\n# three", "x"]),
        (f"{HEAD}\na,35,100,1,one\u2028two\n", ["one\u2028two"]),
        (f"{HEAD}\na,35,100,1,one\x85two\n", ["one\x85two"]),
        (f'{HEAD}\na,35,100,1,"one\x0btwo\x0cthree"\n', ["one\x0btwo\x0cthree"]),
        (f"# list\r\n\r\n{HEAD}\r\na,35,100,1,x\r\n", ["x"]),
        (f"{HEAD},,\na,35,100,1,x,,\nb,35,101,1,y, ,\n", ["x", "y"]),
    ],
)
def test_fields_may_hold_what_ends_a_line_elsewhere(
    tmp_path: Path, rows: str, names: list[str]
) -> None:
    path = tmp_path / "sites.csv"
    path.write_bytes(rows.encode())
    sites = layout_from_sites(path, topology="two-hubs").add.sites
    assert [site["name"]["en"] for site in sites] == names


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (f'{HEAD}\na,35,100,1,"one\n\ntwo"\n# a comment\nb,95,1,1,x\n', "line 6: latitude = '95'"),
        (f"{HEAD},\na,35,100,1,x,more\n", "column 6\n      is no column"),
        (f'{HEAD}\na,35,100,1,"{"x" * 200_000}\n', "line 2\n      is not valid CSV"),
        (f"{HEAD}\na,3_5,100,1,x\n", "latitude = '3_5'"),
        (f"{HEAD},accelerator,count\na,35,100,1,x,unit,1_000\n", "count = '1_000'"),
    ],
)
def test_rows_are_named_by_the_line_they_begin_at(tmp_path: Path, rows: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        layout_from_sites(write(tmp_path / "sites.csv", rows), topology="two-hubs")
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("properties", "geometry", "name"),
    [
        ({"id": None}, {}, "7"),
        ({"id": " "}, {}, "7"),
        ({"id": "a", "accelerator": "", "count": "", "tariff": " ", "pue": None}, {}, "a"),
        ({"id": "a"}, {"type": "MultiPoint", "coordinates": [[100.0, 35.0]]}, "a"),
    ],
)
def test_features_as_other_software_writes_them(
    tmp_path: Path, properties: dict[str, object], geometry: dict[str, object], name: str
) -> None:
    one = {
        "type": "Feature", "id": 7, "properties": {"it_capacity_mw": 1} | properties,
        "geometry": {"type": "Point", "coordinates": [100.0, 35.0]} | geometry,
    }  # fmt: skip
    path = write(tmp_path / "x.json", json.dumps({"type": "FeatureCollection", "features": [one]}))
    (site,) = layout_from_sites(path, topology="two-hubs").add.sites
    assert (site["id"], site["latitude"], site["longitude"]) == (name, 35.0, 100.0)


def test_the_template_can_be_used_as_it_is(tmp_path: Path) -> None:
    template = candidate_template("two-hubs")
    path = write(tmp_path / "sites.csv", template.text)
    layout = layout_from_sites(path, topology="two-hubs")
    assert len(layout.add.sites) == len(layout.add.pools) == 1
    run = write(tmp_path / "layout.yaml", dump_layout(layout))
    results = cn.simulate(cn.load(run, days=0.05))
    assert "new-site" in results.summary["by_site"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (TABLE.replace(",", ";").encode(), "separated by semicolons, not by commas"),
        (TABLE.replace(",", "\t").encode(), "separated by tabs, not by commas"),
        (TABLE.encode("gbk"), "save it as CSV UTF-8"),
        (b'{"features": ' + b"[" * 200_000, "nested too deeply"),
    ],
)
def test_files_that_are_no_table_are_told_once(content: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "sites.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=words) as caught:
        made(path)
    assert len(caught.value.problems) == 1
