"""The page of a plan: whole, safe, the same each time, and with the plan's own numbers."""

from __future__ import annotations

import re
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import computenet as cn
from computenet.errors import InputError
from computenet.optimization.expansion_plan import COSTS
from computenet.report.export import figure_table, figures_of
from computenet.report.plan_labels import label_places, wrapped
from computenet.report.plan_map import plan_map
from computenet.report.plan_page import render_plan
from computenet.report.plan_tables import (
    binding_list,
    class_titles,
    distinct_alternatives,
    power,
    targets_table,
)
from computenet.report.plan_view import PlanView, SimulatedView
from computenet.report.plan_words import LIMITS, WORDS, PlanWords
from computenet.study import PlanOutcome, page_of
from computenet.study.planning import verify
from computenet.study.planning.page import plan_view
from computenet.study.planning.saved import load_plan_view

EVIL = '<script>alert("1")</script>'
LANGS = ("en", "zh")


@pytest.fixture(scope="module")
def outcome() -> PlanOutcome:
    return cn.plan("two-hubs", alternatives=2, pareto=2, gap=0.01)


@pytest.fixture(scope="module")
def view(outcome: PlanOutcome) -> PlanView:
    return plan_view(outcome)


@pytest.fixture(scope="module")
def verified() -> PlanOutcome:
    plain = cn.plan("four-hubs", stages=1, days=1, gap=0.01)
    return verify(plain, policy="nearest", rounds=1, warmup_h=0.0).outcome


def simulated(view: PlanView, **more: Any) -> SimulatedView:
    """Return what a simulation might have shown of two rounds."""
    stages = pd.DataFrame(
        {
            "stage": view.stages, "operation_cny_planned": [1e6, 2e6],
            "operation_cny_simulated": [1.1e6, 2e6], "energy_gwh_planned": [1.0, 2.0],
            "energy_gwh_simulated": [1.02, 1.9],
        }
    )  # fmt: skip
    services = pd.DataFrame(
        [("2026", "chat", 1.0, 0.99, 0.98, 0.93, 0.05, 0.9)],
        columns=["stage", "service_class", "planned", "within_circle", "attainable", "attained",
                 "gap", "coverage_target"],
    )  # fmt: skip
    sites = pd.DataFrame(
        [("2028", "east", 1.0, 1.1, 0.0, 0.2, 0.2, 0.0), ("2028", "west", 3.0, 2.9, 0.8, 0.85,
                                                          0.83, 0.02)],
        columns=["stage", "site", "energy_gwh_planned", "energy_gwh_simulated", "green_target",
                 "green_planned", "green_simulated", "green_gap"],
    )  # fmt: skip
    rounds = pd.DataFrame(
        {
            "round": [1, 2], "cost_gap": [0.1, 0.033], "energy_gap": [-0.05, -0.05],
            "slo_gap": [0.1, 0.05], "green_gap": [-1e-9, 0.02], "job_delay": [2.0, 0.5],
            "objective_cny": [2e7, 2.5e7], "targets_met": [False, True],
        }
    )  # fmt: skip
    made = SimulatedView(
        gaps={"cost": 0.033, "total_cost": 0.004, "energy": -0.05, "service": 0.05, "green": 0.02,
              "delay": 0.5},
        within={"cost": 0.05, "energy": 0.05, "service": 0.02, "green": 0.01, "delay": 1.0},
        agreed=False, targets_met=True, policy="matching", rounds=rounds,
        derated=[(1, "draw", "", 1.5), (2, "room", "chat", 1.25), (2, "draw", "", 0.97),
                 (2, "price", "", 1.1), (2, "peak", "", 1.2), (2, "network", "", 1.3),
                 (2, "green", "west", 0.02)],
        stages=stages, services=services, sites=sites,
    )  # fmt: skip
    return replace(made, **more)


@pytest.fixture
def strict(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail where a word is missing and the page would show a key."""

    def or_own(self: PlanWords, prefix: str, key: object) -> str:
        return self(f"{prefix}{key}")

    monkeypatch.setattr(PlanWords, "or_own", or_own)


def section_of(page: str, key: str) -> str:
    found = re.search(rf'<section id="{key}">.*?</section>', page, re.S)
    assert found is not None
    return found.group(0)


@pytest.mark.usefixtures("strict")
@pytest.mark.parametrize("lang", LANGS)
def test_page_is_whole_and_needs_no_network(view: PlanView, lang: Any) -> None:
    page = render_plan(view, lang)
    assert page.startswith("<!doctype html>")
    assert f'lang="{"zh-CN" if lang == "zh" else "en"}"' in page
    body = page[page.index("</head>") :]
    assert not re.search(r"(src|href)=[\"']https?:", body)
    assert not re.search(r"<script[^>]+src=|@import|url\(http", page)
    word = PlanWords(lang)
    for key in ("cards", "checked", "map", "buildout", "chips", "power", "costs", "targets",
                "binding", "coverage", "alternatives", "pareto", "days", "sources",
                "limits"):  # fmt: skip
        assert escape(word(key)) in section_of(page, key)
    for target in re.findall(r'<a href="#([\w-]+)">', page):
        section_of(page, target)
    assert escape(word("not_simulated")) in page
    assert '<section id="verification">' not in page
    figures = figures_of(lambda: render_plan(view, lang))
    assert {"map", "buildout", "chips", "power", "green", "costs", "paid", "yearly", "coverage",
            "served", "alternatives", "pareto-1", "pareto-2"} == set(figures)  # fmt: skip
    assert page == render_plan(view, lang)


@pytest.mark.usefixtures("strict")
@pytest.mark.parametrize("lang", LANGS)
def test_gap_between_plan_and_simulation_is_a_headline(view: PlanView, lang: Any) -> None:
    page = render_plan(replace(view, simulated=simulated(view)), lang)
    word = PlanWords(lang)
    head = section_of(page, "checked")
    assert escape(word("differ", rounds=word("round_many", n=2))) in head
    assert '<b class="ok">+3.3 %</b>' in head
    assert '<b class="ok">−5.0 %</b>' in head
    assert '<b class="bad">5.0 %</b>' in head
    assert '<b class="bad">2.0 %</b>' in head
    assert "+25.0 %" in head
    told = section_of(page, "verification")
    assert word("derate_draw", more="−3.0 %") in told
    assert "+50.0 %" not in told
    assert word("derate_green", where=view.names(lang).site("west"), points="2.0") in told
    agreed = replace(view, simulated=simulated(view, agreed=True, derated=[]))
    page = render_plan(agreed, lang)
    assert escape(word("agreed", rounds=word("round_many", n=2))) in page
    assert escape(word("derated_none")) in page
    one = simulated(view)
    page = render_plan(
        replace(view, simulated=replace(one, rounds=one.rounds.iloc[:1], derated=[])), lang
    )
    assert escape(word("differ", rounds=word("round_one"))) in page
    assert escape(word("derated_not")) in page


@pytest.mark.usefixtures("strict")
def test_a_verified_plan_shows_its_own_gaps(verified: PlanOutcome) -> None:
    found = verified.verification
    assert found is not None
    page = render_plan(plan_view(verified), "en")
    assert ("Plan and simulation agree" in page) == found.agreed
    cost = 100.0 * found.last.cost_gap
    assert f"{cost:+.1f} %".replace("-", "−") in section_of(page, "checked")
    figures = figures_of(lambda: render_plan(plan_view(verified), "zh"))
    shown = figure_table(figures["electricity"], "zh")
    expected = [*found.last.stages["energy_gwh_planned"],
                *found.last.stages["energy_gwh_simulated"]]  # fmt: skip
    assert shown.iloc[:, -1].to_numpy() == pytest.approx(expected, rel=1e-12)
    assert figures["map"].layout.sliders == ()


def test_text_of_users_is_escaped() -> None:
    evil = {"en": EVIL, "zh": EVIL}
    scenario = cn.load(
        "two-hubs",
        overrides={
            "topology.title": evil, "topology.sites.west.name": evil,
            "topology.regions.RW.name": evil, "topology.accelerators.unit.name": evil,
            "workload.service_classes.chat.title": evil, "workload.job_classes.long.title": evil,
            "planning.title": evil,
        },
    )  # fmt: skip
    plan = plan_view(cn.plan(scenario, alternatives=1, gap=0.02))
    plan = replace(plan, simulated=simulated(plan, policy=EVIL))
    for lang in LANGS:
        page = render_plan(plan, lang)  # type: ignore[arg-type]
        assert EVIL not in page
        assert "<script>alert" not in page


def test_figures_draw_the_tables(outcome: PlanOutcome, view: PlanView) -> None:
    figures = figures_of(lambda: render_plan(view, "en"))
    cost = figure_table(figures["costs"])
    assert cost["present value, CNY"].sum() == pytest.approx(outcome.objective_cny, rel=1e-6)
    present = view.tables["costs"].groupby("part", sort=False)["present_cny"].sum()
    assert cost["present value, CNY"].tolist() == present.tolist()  # unrounded
    green = figure_table(figures["green"])
    shares = 100.0 * view.tables["energy"]["green_share"].dropna()
    assert set(green[green["series"] != "target"].iloc[:, -1].dropna()) <= set(shares)
    power_in_use = figure_table(figures["buildout"])
    assert power_in_use["IT power in use, MW"].sum() == pytest.approx(
        outcome.sites["nameplate_mw"].sum(), rel=1e-12
    )
    served = np.nan_to_num(np.asarray(figures["served"].data[0].z, dtype=np.float64))
    assert served.sum(axis=1) == pytest.approx(100.0, abs=0.01)
    shown = figure_table(figures["coverage"])
    shown = shown[shown["series"] != "target"]["within the latency circle, %"]
    targets = outcome.targets
    reached = targets[targets["target"] == "latency coverage"]["result"]
    assert shown.to_numpy() == pytest.approx(100.0 * reached.to_numpy(), rel=1e-9)
    places = figure_table(figures["map"])
    assert len(places) == len(outcome.sites)
    assert places["accelerators"].tolist() == outcome.sites["accelerators"].tolist()


def test_slider_shows_one_stage_at_a_time(view: PlanView) -> None:
    figure = figures_of(lambda: render_plan(view, "en"))["map"]
    steps = figure.layout.sliders[0].steps
    assert [step.label for step in steps] == list(view.stages)
    masks = np.asarray([step.args[0]["visible"] for step in steps])
    assert masks.shape == (len(view.stages), len(figure.data))
    changing = masks.sum(axis=0) < len(view.stages)
    assert (masks[:, changing].sum(axis=0) == 1).all()
    assert [bool(trace.visible) for trace in figure.data] == masks[-1].tolist()


@pytest.mark.usefixtures("strict")
@pytest.mark.parametrize("lang", LANGS)
def test_a_plan_that_builds_and_uses_nothing(view: PlanView, lang: Any) -> None:
    def nothing(name: str) -> pd.DataFrame:
        table = view.tables[name].copy()
        for column in table.select_dtypes("number"):
            table[column] = 0.0 if column != "pue" else np.nan
        return table

    tables = {name: nothing(name) for name in ("sites", "energy", "costs", "investment")}
    tables["sites"]["occupancy"] = tables["sites"]["occupancy_there"] = np.nan
    tables["energy"]["green_share"] = np.nan
    for name in ("accelerators", "links", "targets", "binding"):
        tables[name] = view.tables[name].iloc[:0]
    page = render_plan(replace(view, tables={**view.tables, **tables}), lang)
    word = PlanWords(lang)
    for key in ("chips_none", "no_targets", "binding_none"):
        assert escape(word(key)) in page
    assert ">nan" not in page


def test_new_waves_and_unused_sites_are_on_the_map(view: PlanView) -> None:
    links, sites = view.tables["links"].copy(), view.tables["sites"].copy()
    links.loc[links["link"] == "east-west", "waves_in_service"] = 2
    sites.loc[sites["site"] == "east", ["nameplate_mw", "halls_new_mw"]] = 0.0
    changed = replace(view, tables={**view.tables, "links": links, "sites": sites})
    word = PlanWords("en")
    figure = plan_map(changed, changed.names("en"), word)
    shown = {trace.name: trace for trace in figure.data if trace.visible}
    lit = next(t for t in figure.data if t.visible and t.mode == "markers" and t.text
               and "east-west" in t.text[0])  # fmt: skip
    assert f"+2 × {view.planning.links.wave_gbps:g} Gbps" in lit.text[0]
    assert shown[word("unused")].text == ("East",)
    assert len(shown[word("in_use")].x) == 1


def test_figures_of_the_whole_plan(view: PlanView) -> None:
    kinds = view.fp16_tflops
    bought = view.tables["accelerators"]
    by_hand = sum(row["bought"] * kinds[row["accelerator"]] for row in view.rows("accelerators"))
    assert view.eflops("bought") == pytest.approx(by_hand / 1e6)
    assert view.eflops("there", "2028") <= bought["there"].sum() * max(kinds.values()) / 1e6
    hub = view.rows("energy", stage="2028", site="west")[0]
    assert view.green_share("2028", hubs=True) == pytest.approx(hub["green_share"])
    assert view.unmet_share == 0.0
    half = view.tables["assignment"].copy()
    half.loc[half.index[0], "site"] = "unmet"
    part = half["reference_accelerators"].iloc[0] / half["reference_accelerators"].sum()
    missing = replace(view, tables={**view.tables, "assignment": half}, status="time limit")
    assert missing.unmet_share == pytest.approx(part)
    page = render_plan(missing, "en")
    assert "of the demand of all stages is not served" in page
    assert "ended before the gap asked for" in page


def test_alternatives_that_are_the_same_are_shown_once(view: PlanView) -> None:
    table = pd.DataFrame(
        [(n, site, mw, 0.5) for n, values in enumerate(((1, 3), (2, 2), (1, 3), (2, 2), (0, 4)))
         for site, mw in zip(("east", "west"), values, strict=True)],
        columns=["alternative", "site", "it_mw", "share"],
    )  # fmt: skip
    again = replace(view, tables={**view.tables, "alternative_sites": table})
    assert distinct_alternatives(again) == [0, 1, 4]
    none = replace(view, tables={**view.tables, "alternatives": pd.DataFrame()})
    assert distinct_alternatives(none) == []
    assert "--alternatives N" in section_of(render_plan(none, "en"), "alternatives")


@pytest.mark.parametrize("lang", LANGS)
def test_what_binds_is_told_in_words(view: PlanView, lang: Any) -> None:
    rows = [("2026", "pv", "east", 0.1), ("2028", "pv", "east", 0.1), ("2026", "pv", "west", 0.1),
            ("2028", "pv", "west", 0.1), ("2028", "supply", "unit", 1200.0),
            ("2028", "latency coverage", "chat", 0.9), ("2028", "budget, CNY", "all", 3e9),
            ("2026", "emissions, kt", "all", 1.25)]  # fmt: skip
    table = pd.DataFrame(rows, columns=["stage", "limit", "where", "value"])
    word, names = PlanWords(lang), view.names(lang)
    bound = replace(view, tables={**view.tables, "binding": table})
    html = binding_list(bound, names, class_titles(view, word), word)
    assert html.count("<li>") == 5
    both = word.list([names.site("east"), names.site("west")])
    years = word.list(["2026", "2028"])
    assert word("bind_pv", stages=years, value="0.100", where=both) in html
    assert "1,200" in html
    assert ("CNY 3.00 billion" if lang == "en" else "30.00 亿元") in html
    empty = replace(view, tables={**view.tables, "binding": table.iloc[:0]})
    assert word("binding_none") in binding_list(empty, names, {}, word)


def test_targets_that_are_missed_are_shown_first(view: PlanView) -> None:
    rows = [("2026", "green share", "west", 0.8, 0.9, 0.1, True),
            ("2028", "green share", "west", 0.8, 0.5, -0.3, False),
            ("2028", "green share", "east", 0.8, 0.7, -0.1, False),
            ("2028", "emissions, kt", "all", 2.0, 1.0, 1.0, True)]  # fmt: skip
    columns = ["stage", "target", "where", "limit", "result", "margin", "met"]
    table = pd.DataFrame(rows, columns=columns)
    missed = replace(view, tables={**view.tables, "targets": table})
    word = PlanWords("en")
    html = targets_table(missed, view.names("en"), {}, word)
    first = html[: html.index("<details>")]
    assert first.count('class="bad"') == 2
    assert "−30.0 %" in first
    assert "+50.0 %" in first
    none = replace(view, tables={**view.tables, "targets": table.iloc[:0]})
    assert word("no_targets") in targets_table(none, view.names("en"), {}, word)


@given(
    st.lists(
        st.tuples(st.floats(-2000, 2000), st.floats(-2000, 2000), st.integers(1, 24)),
        min_size=1, max_size=25,
    )
)  # fmt: skip
def test_names_on_a_map_cover_no_other_name(points: list[tuple[float, float, int]]) -> None:
    spots = np.asarray([point[:2] for point in points])
    lines = [["x" * point[2], "12"] for point in points]
    places = label_places(spots, [8.0] * len(points), lines, 4.6)
    assert len(places) == len(points)
    boxes = []
    for (x, y), text, place in zip(spots / 4.6, lines, places, strict=True):
        if place is None:
            continue
        half_width, half_height = 6.3 * max(map(len, text)) / 2.0, 13.0
        side, along = place.split()
        middle_x = x + {"left": -1, "center": 0, "right": 1}[along] * (half_width + 8.0)
        middle_y = y + {"top": 1, "middle": 0, "bottom": -1}[side] * (half_height + 8.0)
        boxes.append((middle_x, middle_y, half_width, half_height))
    for i, one in enumerate(boxes):
        for other in boxes[:i]:
            apart_x = abs(one[0] - other[0]) >= one[2] + other[2] - 1e-6
            apart_y = abs(one[1] - other[1]) >= one[3] + other[3] - 1e-6
            assert apart_x or apart_y


def test_a_name_alone_stands_on_top() -> None:
    assert label_places(np.zeros((1, 2)), [5.0], [["A"]], 4.6) == ["top center"]
    assert label_places(np.zeros((0, 2)), [], [], 4.6) == []
    assert wrapped("A & B") == "A &amp; B"
    assert wrapped("Demonstration Zone North") == "Demonstration<br>Zone North"


def test_powers_in_the_unit_that_suits_them() -> None:
    shown = [power(value) for value in (0.0, 0.0886, 1.9, 250.0, 12_345.0)]
    assert shown == ["0 MW", "88.6 kW", "1,900 kW", "250 MW", "12.3 GW"]


def test_every_word_is_in_both_languages() -> None:
    for english, chinese in (*WORDS.values(), *LIMITS):
        assert english.strip()
        assert chinese.strip()
        assert set(re.findall(r"{(\w+)}", english)) == set(re.findall(r"{(\w+)}", chinese))
    assert {f"part_{part}" for part in COSTS} <= set(WORDS)


def test_page_is_written_with_the_plan(outcome: PlanOutcome, tmp_path: Path) -> None:
    folder = outcome.save(tmp_path / "plan", lang="zh")
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert 'lang="zh-CN"' in page
    alone = outcome.report(tmp_path / "page.html", lang="zh")
    assert alone.read_text(encoding="utf-8") == page


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("which", ["outcome", "verified"])
def test_a_saved_plan_gives_the_same_page_in_either_language(
    which: str, lang: Any, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    made: PlanOutcome = request.getfixturevalue(which)
    folder = made.save(tmp_path / "plan", lang="zh" if lang == "en" else "en")
    page = page_of(folder, lang)
    assert page.path == folder / "report.html"
    assert page.render() == render_plan(plan_view(made), lang)


def test_what_was_corrected_is_read_back(verified: PlanOutcome, tmp_path: Path) -> None:
    found = verified.verification
    assert found is not None
    one = found.rounds[0]
    by = replace(one.derating, draw=one.derating.draw * (1.0 + 1 / 3), room=one.derating.room * 1.7)
    changed = replace(found, rounds=(replace(one, derating=by),))
    made = replace(verified, verification=changed)
    told = load_plan_view(made.save(tmp_path / "plan")).simulated
    expected = plan_view(made).simulated
    assert told is not None
    assert expected is not None
    assert told.derated == expected.derated
    assert ("draw", 1.0 + 1 / 3) in [(what, factor) for _, what, _, factor in told.derated]
    assert (told.gaps, told.within) == (expected.gaps, expected.within)


def test_figures_of_a_saved_plan(outcome: PlanOutcome, tmp_path: Path) -> None:
    folder = outcome.save(tmp_path / "plan")
    paths = page_of(folder, "zh").save_figures(tmp_path / "figures", formats=["csv"])
    figures = figures_of(lambda: render_plan(plan_view(outcome), "zh"))
    assert [path.stem for path in paths] == list(figures)
    table = pd.read_csv(tmp_path / "figures" / "buildout.csv", encoding="utf-8-sig")
    assert len(table) == len(figure_table(figures["buildout"], "zh"))


def test_a_plan_that_cannot_be_read_is_told(outcome: PlanOutcome, tmp_path: Path) -> None:
    folder = outcome.save(tmp_path / "plan")
    (folder / "pareto.csv").write_text("", encoding="utf-8")
    with pytest.raises(InputError, match="plan cannot be read"):
        page_of(folder)
    (folder / "pareto.csv").unlink()
    with pytest.raises(InputError, match=r"pareto\.csv"):
        page_of(folder)
    (folder / "plan.json").write_text("{}", encoding="utf-8")
    with pytest.raises(InputError, match="'stages'"):
        page_of(folder)
    (folder / "plan.json").unlink()
    with pytest.raises(InputError, match="holds no run, comparison, benchmark, plan or study"):
        page_of(folder)
