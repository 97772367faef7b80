"""Every figure of every page is saved, with the same numbers from the page and from here."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

import computenet as cn
from computenet.errors import RunError
from computenet.report import render_report
from computenet.report.export import FORMATS, figure_table, figures_of, write_figures

EVIL = "=1+1<b>&"


@pytest.fixture(scope="module")
def results() -> cn.Results:
    return cn.simulate(
        cn.load(
            "two-hubs",
            overrides={"days": 0.2, "topology.sites.west.name": {"en": EVIL, "zh": EVIL}},
        )
    )


def test_tables_hold_what_is_drawn(results: cn.Results) -> None:
    figures = figures_of(lambda: render_report(results, "en"))
    assert {"map", "series", "slo", "latency", "queue", "wait"} <= set(figures)
    series = figure_table(figures["series"])
    power = series[series["panel"] == "Facility power, MW"]
    west = power[power["series"] == EVIL]
    sites = results.sites
    expected = sites[sites["site"] == "west"]["facility_mw"]
    assert np.array_equal(west["value"], expected)  # unrounded
    assert series["panel"].nunique() == 4
    slo = figure_table(figures["slo"])
    known = results.requests.set_index(["region", "service_class"])["slo_attainment"]
    assert len(slo) == len(known)
    assert slo["%"].max() == pytest.approx(100.0 * known.max())
    places = figure_table(figures["map"])
    routed = results.request_flows.groupby(["region", "site"], observed=True)["routed"].sum()
    drawn = places[places["figure"] == "requests"]["value"]
    assert sorted(drawn) == sorted(routed[routed > 0])
    chinese = figure_table(figures_of(lambda: render_report(results, "zh"))["series"], "zh")
    assert list(chinese.columns)[:2] == ["分图", "系列"]


def test_figures_data_are_not_rounded() -> None:
    run = cn.simulate(
        cn.load("four-hubs", overrides={"days": 0.125, "start": "2025-07-07T10:00:00+08:00",
                                        "energy.model": "full"})
    )  # fmt: skip
    figures = figures_of(lambda: render_report(run, "en"))
    names = {site.id: site.name.en for site in run.scenario.topology.sites}
    known = run.summary["by_site"]
    ledger = figure_table(figures["ledger"]).set_index(["series", "y"])["MWh"]
    for site, name in names.items():
        assert ledger["On site", name] == known[site]["onsite_mwh"]
        assert ledger["Residual mix", name] == known[site]["residual_mwh"]
    places = figure_table(figures["map"])
    use = places[places["figure"] == "Utilisation"].set_index("place or from")["value"]
    assert use.to_dict() == {names[site]: known[site]["utilisation"] for site in names}
    moved = run.jobs.groupby(["region", "site"], observed=True)["data_gb"].sum()
    gigabytes = places[places["figure"] == "GB"]["value"]
    assert sorted(gigabytes) == pytest.approx(sorted(moved[moved > 0.0]), rel=1e-14)
    series = figure_table(figures["series"]).set_index(["panel", "series"])["value"]
    balance = figure_table(figures["balance"]).set_index(["panel", "series"])["value"]
    flows = figure_table(figures["flows"]).set_index("series")["Use, %"]
    queue = figure_table(figures["queue"]).set_index("series").iloc[:, -1]
    for site, name in names.items():
        table = run.sites[run.sites["site"] == site]
        power, factor = table["facility_mw"], table["carbon_kg_per_mwh"]
        for panel, values in (
            ("Facility power, MW", power), ("Utilisation, %", 100.0 * table["utilisation"]),
            ("Price, CNY/MWh", table["price_cny_per_mwh"]),
            ("Carbon emitted, t/h", power * factor / 1000.0),
        ):  # fmt: skip
            assert np.array_equal(series[panel, name], values), panel
        for panel, column in (("PUE", "pue"), ("Outdoor temperature, °C", "temperature_c")):
            assert np.array_equal(balance[panel, name], table[column])
        pools = run.pools[run.pools["site"] == site]
        waiting = pools.groupby("slot_start_s")["waiting_accelerators"].sum()
        if name in queue:
            assert np.array_equal(queue[name], waiting)
    load = run.sites.groupby("slot_start_s")["facility_mw"].sum().to_numpy()
    assert balance["Power by source, MW", "Facilities"].to_numpy() == pytest.approx(load, rel=1e-15)
    for link in set(flows.index):
        table = run.links[run.links["link"] == link]
        drawn = flows[link].to_numpy()
        assert np.array_equal(drawn[drawn > 0.0], 100.0 * table["utilisation"])


def test_columns_of_bars_errors_and_levels() -> None:
    figure = go.Figure()
    figure.add_bar(x=[3.0], y=["a<br>b"], base=[1.0], name="n")
    figure.add_scatter(
        x=[["a", "b"], ["p50", "p99"]], y=[1.0, 2.0], error_y={"array": [0.1, 0.2]}, name="m"
    )
    figure.add_scatter(x=[0.0], y=[0.0], hoverinfo="skip", showlegend=False)
    table = figure_table(figure)
    assert table["x"].tolist() == [3.0, "a / p50", "b / p99"]
    assert table["y"].tolist() == ["a; b", 1.0, 2.0]
    assert table["± of y"].tolist()[1:] == [0.1, 0.2]
    assert table["from"].tolist()[0] == 1.0
    assert figure_table(go.Figure()).empty


def test_files_are_written_and_spreadsheets_run_nothing(
    results: cn.Results, tmp_path: Path
) -> None:
    figures = figures_of(lambda: render_report(results, "zh"))
    paths = write_figures(figures, tmp_path, formats=["csv"], lang="zh")
    assert len(paths) == len(figures)
    text = (tmp_path / "series.csv").read_text(encoding="utf-8")
    assert text.startswith("\ufeff分图,系列")
    assert f"'{EVIL}" in text
    read = pd.read_csv(tmp_path / "series.csv", encoding="utf-8-sig")
    assert len(read) == len(figure_table(figures["series"], "zh"))


def browser() -> str | None:
    return next((p for n in ("chromium", "google-chrome") if (p := shutil.which(n))), None)


def test_images_or_a_clear_error(results: cn.Results, tmp_path: Path) -> None:
    figures = figures_of(lambda: render_report(results, "en"))
    some = {key: figures[key] for key in ("map", "slo")}
    if browser() is None:
        with pytest.raises(RunError, match="Chrome or Chromium"):
            write_figures(some, tmp_path, formats=["png"])
        return
    pytest.importorskip("kaleido")
    write_figures(some, tmp_path, formats=["png", "svg"])
    for key in some:
        assert (tmp_path / f"{key}.png").read_bytes().startswith(b"\x89PNG")
        assert "<svg" in (tmp_path / f"{key}.svg").read_text(encoding="utf-8")


def test_no_browser_is_told(
    results: cn.Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(**_: object) -> None:
        raise RuntimeError("Kaleido requires Google Chrome to be installed.")

    monkeypatch.setattr("plotly.io.write_images", fails)
    figures = figures_of(lambda: render_report(results, "en"))
    with pytest.raises(RunError, match=r"computenet\[export\].*--format csv needs neither"):
        write_figures({"slo": figures["slo"]}, tmp_path, formats=["svg", "csv"])
    assert (tmp_path / "slo.csv").is_file()


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_every_figure_of_a_page_has_its_buttons(results: cn.Results, lang: str) -> None:
    html = render_report(results, lang)  # type: ignore[arg-type]
    assert html.count('<div class="save">') == len(re.findall(r'<div id="figure-\w+"', html)) > 5
    for form in FORMATS:
        assert f'data-save="{form}"' in html
    assert ("Save the figure as PNG" if lang == "en" else "保存图形为 PNG") in html
    assert "<b>&" not in html.split("</head>")[1].replace("\\u003cb\\u003e&", "")


def test_the_page_makes_the_same_table(results: cn.Results, tmp_path: Path) -> None:
    """The page's script, run by a browser, writes what is written here."""
    chrome = browser()
    if chrome is None:
        pytest.skip("no browser")
    html = render_report(results, "en")
    ask = """<script>window.addEventListener("load", function () {
      var out = {};
      document.querySelectorAll(".plotly-graph-div").forEach(function (gd) {
        out[gd.id.slice(7)] = window.computenetCsv(gd);
      });
      document.body.innerHTML = "";
      var pre = document.createElement("pre");
      pre.textContent = "TABLES" + btoa(unescape(encodeURIComponent(JSON.stringify(out)))) + "END";
      document.body.appendChild(pre);
    });</script></body>"""
    page = tmp_path / "page.html"
    page.write_text(html.replace("</body>", ask), encoding="utf-8")
    done = subprocess.run(
        [chrome, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
         "--no-first-run", "--disable-background-networking",
         f"--user-data-dir={tmp_path / 'chrome'}", "--virtual-time-budget=10000", "--dump-dom",
         page.as_uri()],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    found = re.search(r"TABLES([A-Za-z0-9+/=]+)END", done.stdout)
    if found is None:
        pytest.skip("the browser does not run here")
    import base64

    tables = json.loads(base64.b64decode(found.group(1)).decode("utf-8"))
    figures = figures_of(lambda: render_report(results, "en"))
    write_figures(figures, tmp_path / "csv", formats=["csv"])
    assert set(tables) == set(figures)
    for key, text in tables.items():
        path = tmp_path / f"{key}.csv"
        path.write_text(text, encoding="utf-8")
        mine, theirs = (
            pd.read_csv(p, encoding="utf-8-sig") for p in (tmp_path / "csv" / f"{key}.csv", path)
        )
        assert list(mine.columns) == list(theirs.columns), key
        assert len(mine) == len(theirs), key
        for name in mine:
            if mine[name].dtype.kind in "fi":
                assert np.allclose(mine[name], theirs[name], equal_nan=True), (key, name)
            else:
                assert mine[name].fillna("").tolist() == theirs[name].fillna("").tolist(), key
