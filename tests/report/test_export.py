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
    expected = sites[sites["site"] == "west"]["facility_mw"].round(3)
    assert west["value"].to_numpy() == pytest.approx(expected.to_numpy())
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
