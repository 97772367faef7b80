"""Figures taken out of a report: as images, and as the numbers they draw."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from html import unescape
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from computenet.errors import RunError
from computenet.report.view import Lang

__all__ = ["FORMATS", "TOOLS", "drawn", "figure_table", "figures_of", "prepare", "toolbar",
           "write_figures"]  # fmt: skip

FORMATS = ("png", "svg", "csv")
WORDS: dict[Lang, dict[str, str]] = {
    "en": {"png": "Save the figure as PNG", "svg": "Save the figure as SVG",
           "csv": "Save the figure's data as CSV", "panel": "panel", "series": "series",
           "value": "value", "error": "± of {}", "text": "text", "base": "from"},
    "zh": {"png": "保存图形为 PNG", "svg": "保存图形为 SVG", "csv": "保存图形数据为 CSV",
           "panel": "分图", "series": "系列", "value": "数值", "error": "{} 的 ±",
           "text": "说明", "base": "起点"},
}  # fmt: skip
#: Pixels of an exported image; twice as many are drawn.
WIDTH, HEIGHT = 1000, 560

_DRAWN: ContextVar[dict[str, go.Figure] | None] = ContextVar("figures drawn", default=None)


def drawn(key: str, figure: go.Figure) -> None:
    """Note that a page draws a figure, for `figures_of`."""
    noted = _DRAWN.get()
    if noted is not None:
        noted[key] = figure


def figures_of(render: Callable[[], object]) -> dict[str, go.Figure]:
    """Return every figure that a page draws, by its key, in the page's order."""
    noted: dict[str, go.Figure] = {}
    token = _DRAWN.set(noted)
    try:
        render()
    finally:
        _DRAWN.reset(token)
    return noted


def prepare(figure: go.Figure, lang: Lang) -> None:
    """Note in a figure what its columns and panels are called, for the page's script and here."""
    meta = dict(figure.layout.meta or {})
    if "table" in meta:
        return
    axes = sorted({trace.yaxis or "y" for trace in figure.data if hasattr(trace, "yaxis")})
    titles = {axis: _axis_title(figure, f"yaxis{axis[1:]}") for axis in axes}
    over = [str(note.text) for note in figure.layout.annotations or () if note.yref == "paper"]
    panels = {
        axis: titles[axis] or (over[i] if i < len(over) else axis) for i, axis in enumerate(axes)
    }
    words = WORDS[lang]
    bars = [trace.colorbar.title.text for trace in figure.data if trace.type == "heatmap"]
    x, y = _axis_title(figure, "xaxis") or "x", titles.get("y") or "y"
    meta["panels"] = panels if len(panels) > 1 else {}
    meta["columns"] = {
        "panel": words["panel"], "series": words["series"], "x": x,
        "y": words["value"] if len(panels) > 1 else y,
        "z": (bars[0] if bars else None) or words["value"], "text": words["text"],
        "base": words["base"], "error_x": words["error"].format(x),
        "error_y": words["error"].format(y),
    }  # fmt: skip
    figure.update_layout(meta=meta)


def _axis_title(figure: go.Figure, name: str) -> str:
    axis = getattr(figure.layout, name, None)
    return str(axis.title.text) if axis is not None and axis.title.text else ""


def _row(cells: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: unescape(value).replace("<br>", "; ") if isinstance(value, str) else value
        for key, value in cells.items()
    }


def _list(values: Any) -> list[Any]:
    """Return the values of an axis; categories in two levels are joined."""
    if values is None:
        return []
    items = list(values)
    if items and isinstance(items[0], (list, tuple, np.ndarray)):
        return [" / ".join(map(str, levels)) for levels in zip(*items, strict=True)]
    return items


def _drawn_rows(trace: Any, panels: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    head = {"panel": panels.get(getattr(trace, "yaxis", None) or "y"), "series": trace.name}
    x, y = _list(trace.x), _list(trace.y)
    if trace.type == "heatmap":
        for row, name in enumerate(y):
            for column, other in enumerate(x):
                yield _row({**head, "x": other, "y": name, "z": trace.z[row][column]})
        return
    text = [] if isinstance(trace.text, str) else _list(trace.text)
    more = {"text": text}
    if trace.type == "bar" and isinstance(trace.base, (list, tuple, np.ndarray)):
        more["base"] = _list(trace.base)
    for axis in ("error_x", "error_y"):
        more[axis] = _list(getattr(getattr(trace, axis, None), "array", None))
    for index, (one, other) in enumerate(zip_longest(x, y)):
        if one is None and other is None:
            continue
        cells = {key: values[index] for key, values in more.items() if index < len(values)}
        yield _row({**head, "x": one, "y": other, **cells})


def figure_table(figure: go.Figure, lang: Lang = "en") -> pd.DataFrame:
    """Return the numbers a figure draws: a row a point, with its series and panel.

    Traces that only decorate (no name in the legend, nothing to say under the pointer) are left
    out; the map gives its sites and flows instead of its lines.
    """
    prepare(figure, lang)
    meta: Mapping[str, Any] = figure.layout.meta
    if "table" in meta:
        return pd.DataFrame(meta["table"]["rows"], columns=meta["table"]["columns"])
    rows = [
        row
        for trace in figure.data
        if not (trace.hoverinfo == "skip" and trace.showlegend is False)
        for row in _drawn_rows(trace, meta["panels"])
    ]
    keys = [key for key in meta["columns"] if any(row.get(key) is not None for row in rows)]
    table = pd.DataFrame([[row.get(key) for key in keys] for row in rows])
    table.columns = pd.Index([meta["columns"][key] for key in keys])
    return table


def _safe(value: Any) -> Any:
    """Keep spreadsheets from running text as a formula."""
    return f"'{value}" if isinstance(value, str) and value[:1] in "=+-@\t" and value else value


def _csv(figure: go.Figure, lang: Lang) -> str:
    table = figure_table(figure, lang)
    safe = [[_safe(value) for value in row] for row in table.to_numpy(dtype=object).tolist()]
    return "\ufeff" + pd.DataFrame(safe, columns=table.columns).to_csv(index=False)


def write_figures(
    figures: Mapping[str, go.Figure],
    directory: str | Path,
    *,
    formats: Sequence[str] = FORMATS,
    lang: Lang = "en",
) -> list[Path]:
    """Write figures to ``KEY.png``, ``KEY.svg`` and ``KEY.csv``.

    Raises
    ------
    RunError
        Images are wanted, and kaleido or a Chrome or Chromium for it is missing.
    """
    root = Path(directory)
    try:
        root.mkdir(parents=True, exist_ok=True)
        out = []
        for key, figure in figures.items():
            if "csv" in formats:
                path = root / f"{key}.csv"
                path.write_text(_csv(figure, lang), encoding="utf-8")
                out.append(path)
        images = [form for form in formats if form != "csv"]
        return out + (_images(figures, root, images) if images and figures else [])
    except OSError as error:
        raise RunError(f"cannot write {root}: {error.strerror or error}") from error


def _images(figures: Mapping[str, go.Figure], root: Path, formats: Sequence[str]) -> list[Path]:
    from plotly.io import write_images

    paths: list[Path] = []
    sized: list[go.Figure] = []
    for key, figure in figures.items():
        copy = go.Figure(figure)
        height = copy.layout.height or round(WIDTH / 1.28 if "map" in key else HEIGHT)
        copy.update_layout(width=copy.layout.width or WIDTH, height=height)
        for form in formats:
            sized.append(copy)
            paths.append(root / f"{key}.{form}")
    try:
        write_images(fig=sized, file=[str(path) for path in paths], scale=2)
    except OSError:
        raise
    except Exception as error:
        # kaleido, its browser and their pipes fail in many ways, all of them theirs.
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise RunError(
            "figures cannot be drawn as images: kaleido and a Chrome or Chromium are needed "
            "(pip install 'computenet[export]'; BROWSER_PATH names the browser); "
            f"--format csv needs neither. {first}"
        ) from error
    return paths


def toolbar(lang: Lang) -> str:
    """Return the buttons under a figure."""
    buttons = "".join(
        f'<button type="button" data-save="{form}" title="{WORDS[lang][form]}" '
        f'aria-label="{WORDS[lang][form]}">{form.upper()}</button>'
        for form in FORMATS
    )
    return f'<div class="save">{buttons}</div>'


#: What the buttons do; the same table as `figure_table`, made of what the figure holds.
TOOLS = r"""
(function () {
  var area = document.createElement("textarea");
  function plain(v) {
    if (typeof v !== "string") return v;
    area.innerHTML = v;
    return area.value.replace(/<br>/g, "; ");
  }
  function cell(v) {
    if (v === null || v === undefined || (typeof v === "number" && !isFinite(v))) return "";
    if (typeof v === "string" && /^[=+\-@\t]/.test(v)) v = "'" + v;
    v = String(v);
    return /[",\n\r]/.test(v) ? '"' + v.replace(/"/g, '""') + '"' : v;
  }
  function list(v) {
    if (!v || typeof v === "string") return [];
    v = Array.from(v);
    if (v.length && v[0] && typeof v[0] === "object") {
      return Array.from(v[0], function (_, i) {
        return v.map(function (level) { return level[i]; }).join(" / ");
      });
    }
    return v;
  }
  function rows(gd, meta) {
    var out = [];
    gd._fullData.forEach(function (t, n) {
      var given = gd.data[n];
      if (t.hoverinfo === "skip" && given.showlegend === false) return;
      var panel = (meta.panels || {})[t.yaxis || "y"], name = given.name;
      var x = list(t.x), y = list(t.y);
      if (t.type === "heatmap") {
        y.forEach(function (b, i) { x.forEach(function (a, j) {
          out.push({panel: panel, series: name, x: a, y: b, z: t.z[i][j]});
        }); });
        return;
      }
      var text = list(t.text), base = t.type === "bar" ? list(t.base) : [];
      var ex = list((t.error_x || {}).array), ey = list((t.error_y || {}).array);
      for (var i = 0; i < Math.max(x.length, y.length); i++) {
        out.push({panel: panel, series: name, x: x[i], y: y[i], text: text[i], base: base[i],
                  error_x: ex[i], error_y: ey[i]});
      }
    });
    return out;
  }
  window.computenetCsv = function (gd) {
    var meta = gd.layout.meta || {}, head, body;
    if (meta.table) {
      head = meta.table.columns;
      body = meta.table.rows;
    } else {
      var all = rows(gd, meta);
      var keys = Object.keys(meta.columns).filter(function (k) {
        return all.some(function (r) { return r[k] !== undefined && r[k] !== null; });
      });
      head = keys.map(function (k) { return meta.columns[k]; });
      body = all.map(function (r) { return keys.map(function (k) { return plain(r[k]); }); });
    }
    return "\ufeff" + [head].concat(body).map(function (row) {
      return row.map(cell).join(",");
    }).join("\n") + "\n";
  };
  document.addEventListener("click", function (event) {
    var button = event.target.closest && event.target.closest("[data-save]");
    if (!button) return;
    var gd = button.closest(".figure").querySelector(".plotly-graph-div");
    var kind = button.getAttribute("data-save"), name = gd.id.replace(/^figure-/, "");
    if (kind === "csv") {
      var link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([window.computenetCsv(gd)], {type: "text/csv"}));
      link.download = name + ".csv";
      link.click();
      setTimeout(function () { URL.revokeObjectURL(link.href); }, 1000);
    } else {
      Plotly.downloadImage(gd, {format: kind, filename: name, scale: kind === "png" ? 2 : 1,
                                width: gd.clientWidth, height: gd.clientHeight});
    }
  });
})();
"""
