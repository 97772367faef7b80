"""The parts of a plan's page that are text and tables."""

from __future__ import annotations

from html import escape

from computenet.report.numbers import compact, decimals, money, plain, share
from computenet.report.plan_view import PlanView, Row
from computenet.report.plan_words import PlanWords
from computenet.report.sections import html_table
from computenet.report.view import Names

__all__ = [
    "alternatives_table",
    "amount",
    "binding_list",
    "cards",
    "class_titles",
    "costs_table",
    "days_table",
    "deck",
    "distinct_alternatives",
    "power",
    "sites_table",
    "targets_table",
]

#: The target that is no decision of a plan: it follows from the data.
PUE = "PUE"

#: Alternatives whose IT differs by less than this part of all IT are the same layout.
SAME = 1e-4


def deck(shown: list[tuple[str, str, str, str]]) -> str:
    """Return cards of (title, figure, small print, CSS class of the figure)."""
    return '<div class="cards">' + "".join(
        f'<div class="card"><span>{escape(title)}</span><b class="{css}">{escape(value)}</b>'
        f"<small>{escape(sub)}</small></div>"
        for title, value, sub, css in shown
    ) + "</div>"  # fmt: skip


def class_titles(view: PlanView, word: PlanWords) -> dict[str, str]:
    """Return the titles of classes, and of classes that are assigned together (``a+b``)."""
    workload = view.scenario.workload
    titles = {
        item.name: str(getattr(item.title, word.lang) or item.name)
        for item in workload.service_classes
    }
    titles |= {
        item.name: str(getattr(item.title, word.lang) or item.name) for item in workload.job_classes
    }
    for stream in dict.fromkeys(map(str, view.tables["assignment"]["classes"])):
        parts = [titles.get(name, name) for name in stream.split("+")]
        titles.setdefault(stream, word.list(parts))
    return {key: escape(title) for key, title in titles.items()}


def power(mw: float) -> str:
    """Return a power, in kW where it is small and GW where it is large."""
    for unit, step in (("GW", 1e3), ("MW", 1.0)):
        if abs(mw) >= 2.0 * step:
            return f"{plain(mw / step, decimals([mw / step]))} {unit}"
    return f"{plain(1e3 * mw, decimals([1e3 * mw]))} kW" if mw else "0 MW"


def amount(value: float, word: PlanWords) -> str:
    """Return an amount of CNY with enough figures to tell a plan from its bound."""
    text = compact(value, word.lang, 3)
    if len(text.partition(".")[0]) > 3:
        text = compact(value, word.lang, 1)
    return f"CNY {text}" if word.lang == "en" else f"{text}元"


def _eflops(value: float) -> str:
    return f"{plain(value, decimals([value]))} EFLOPS"


def cards(view: PlanView, word: PlanWords) -> str:
    """Return the plan's key figures."""
    lang, last = word.lang, view.stages[-1]
    paid = view.tables["investment"]
    spent = float(paid["cny"].sum())
    chips = float(paid[paid["part"] == "chips"]["cny"].sum())
    sites = view.tables["sites"]
    halls = sites[(sites["stage"] == last) & (sites["halls_new_mw"] > 1e-6)]
    energy = view.tables["energy"]
    year = energy[energy["stage"] == last]
    used = float(year[["import_gwh", "own_gwh", "today_gwh"]].to_numpy().sum())
    targets = view.tables["targets"]
    given = targets[targets["target"] == PUE]
    targets = targets[targets["target"] != PUE]
    met = int(targets["met"].sum())
    pue = ""
    if len(given):
        pue = word("met_pue", met=int(given["met"].sum()), of=len(given))
    status = word.or_own("status_", view.status)
    return deck([
        (word("cost"), amount(view.objective_cny, word),
         word("cost_sub", base=view.planning.base_year), ""),
        (word("bound"), amount(view.bound_cny, word),
         word("bound_sub", gap=share(view.gap, 2), status=status), ""),
        (word("investment"), money(spent, lang),
         word("investment_sub", chips=money(chips, lang)), ""),
        (word("eflops"), _eflops(view.eflops("bought")),
         word("eflops_sub", there=_eflops(view.eflops("there", last)), stage=last), ""),
        (word("halls"), power(float(halls["halls_new_mw"].sum())),
         word("halls_sub", sites=len(halls), stage=last), ""),
        (word("green", stage=last), share(view.green_share(last)),
         word("green_sub", hubs=share(view.green_share(last, hubs=True))), ""),
        (word("carbon", stage=last),
         word("tonnes", value=compact(1e3 * float(year["emissions_kt"].sum()), lang)),
         word("carbon_sub", power=compact((1e3 if lang == "en" else 1e6) * used, lang)), ""),
        (word("met"), f"{met} / {len(targets)}", word("met_sub") + pue,
         "" if met == len(targets) else "bad"),
    ])  # fmt: skip


def sites_table(view: PlanView, stage: str, names: Names, word: PlanWords) -> str:
    """Return the sites of a stage that do something, and their sum."""
    rows = view.rows("sites", stage=stage)
    energy = {row["site"]: row for row in view.rows("energy", stage=stage)}
    begun: dict[str, str] = {}
    for row in view.rows("sites"):
        if row["extended"]:
            begun.setdefault(row["site"], row["stage"])
    amounts = (
        "halls_new_mw", "halls_old_mw", "halls_there_mw", "pv_mw", "wind_mw", "battery_mwh"
    )  # fmt: skip
    table = view.tables["sites"]
    digits = {key: min(decimals(table[key].tolist()), 3) for key in amounts}
    heads = [(word(key), number < 3) for number, key in enumerate(
        ("site", "hub", "begun", "halls_new", "halls_old", "halls_there", "accelerators", "pv",
         "wind", "battery", "pue", "occupancy", "occupancy_there", "green_col"))]  # fmt: skip

    def sized(row: Row, key: str) -> str:
        return plain(row[key], digits[key]) if row[key] > 0.5 * 10.0 ** -digits[key] else "–"

    def line(row: Row) -> list[str]:
        return [
            escape(names.site(row["site"])),
            word("yes") if row["hub"] else "–",
            escape(begun[row["site"]]) if begun.get(row["site"], "~") <= stage else "–",
            *(sized(row, key) for key in amounts[:3]),
            plain(row["accelerators"]) if row["accelerators"] >= 0.5 else "–",
            *(sized(row, key) for key in amounts[3:]),
            plain(row["pue"], 3),
            share(row["occupancy"], 0),
            share(row["occupancy_there"], 0),
            share(energy[row["site"]]["green_share"]),
        ]

    shown = [row for row in rows if row["nameplate_mw"] > 1e-6 or row["halls_new_mw"] > 1e-6]
    sums = {key: sum(row[key] for row in rows) for key in (*amounts, "accelerators")}
    room = sums["halls_new_mw"] + sums["halls_old_mw"]
    used = sum(row["nameplate_mw"] for row in rows)
    it = sum(row["it_gwh"] for row in energy.values())
    facility = sum(
        row["pue"] * row["it_gwh"] for row in energy.values() if row["pue"] == row["pue"]
    )
    total = [
        word("total"), "", "", *(sized(sums, key) for key in amounts[:3]),
        plain(sums["accelerators"]), *(sized(sums, key) for key in amounts[3:]),
        plain(facility / it if it else None, 3), share(used / room if room else None, 0),
        share(used / sums["halls_there_mw"] if sums["halls_there_mw"] else None, 0),
        share(view.green_share(stage)),
    ]  # fmt: skip
    cells = "".join(f'<td class="{"t" if i < 3 else ""}">{c}</td>' for i, c in enumerate(total))
    return html_table(heads, (line(row) for row in shown), f'<tr class="sum">{cells}</tr>')


def costs_table(view: PlanView, word: PlanWords) -> str:
    """Return the present value of each part and its share."""
    present = view.tables["costs"].groupby("part", sort=False)["present_cny"].sum()
    total = float(present.sum())
    heads = [(word("part"), True), (word("present"), False), (word("share"), False)]
    rows = [
        [escape(word.or_own("part_", part)), money(value, word.lang),
         share(value / total if total else None)]
        for part, value in present.items() if abs(value) > 1e-6 * max(abs(total), 1e-12)
    ]  # fmt: skip
    last = "".join(
        f'<td class="{css}">{cell}</td>'
        for css, cell in (("t", word("total")), ("", money(total, word.lang)), ("", share(1.0)))
    )
    return html_table(heads, rows, f'<tr class="sum">{last}</tr>')


def _value(target: str, value: float, word: PlanWords) -> str:
    """Return a limit or result as its target is counted."""
    if target == "budget, CNY":
        return money(value, word.lang)
    if target == "emissions, kt":
        return plain(value, decimals([value]))
    if target == PUE:
        return plain(value, 3)
    return share(value)


def _place(where: str, names: Names, titles: dict[str, str], word: PlanWords) -> str:
    """Return the name of a site, class or accelerator, escaped."""
    if where == "all":
        return word("all")
    if where in names.sites:
        return escape(names.site(where))
    return titles.get(where, escape(where))


def targets_table(view: PlanView, names: Names, titles: dict[str, str], word: PlanWords) -> str:
    """Return each target where it is met worst, and all of them folded away."""
    table = view.tables["targets"]
    if table.empty:
        return f'<p class="note">{escape(word("no_targets"))}</p>'
    heads = [(word(key), number < 3) for number, key in enumerate(
        ("target", "stage", "where", "limit", "result", "margin", "met_col"))]  # fmt: skip

    def line(row: Row) -> list[str]:
        name, met = row["target"], bool(row["met"])
        relative = name in ("budget, CNY", "emissions, kt")
        points = row["margin"] / row["limit"] if relative and row["limit"] else row["margin"]
        if abs(points) < 5e-5:
            points = 0.0
        sign = "+" if points > 0.0 else ""
        margin = plain(points, 3) if name == PUE else share(points)
        return [
            escape(word.or_own("target_", name)), escape(str(row["stage"])),
            _place(str(row["where"]), names, titles, word), _value(name, row["limit"], word),
            _value(name, row["result"], word), f"{sign}{margin}",
            f'<span class="{"ok" if met else "bad"}">{word("yes" if met else "no")}</span>',
        ]  # fmt: skip

    worst = table.loc[table.groupby("target", sort=False)["margin"].idxmin()]
    missed = table[~table["met"] & ~table.index.isin(worst.index) & (table["target"] != PUE)]
    first = [*worst.to_dict("records"), *missed.to_dict("records")]
    every = view.rows("targets")
    fold = escape(word("targets_all", n=len(every)))
    return (
        html_table(heads, (line({str(k): v for k, v in row.items()}) for row in first))
        + f"<details><summary>{fold}</summary>{html_table(heads, map(line, every))}</details>"
    )


def binding_list(view: PlanView, names: Names, titles: dict[str, str], word: PlanWords) -> str:
    """Return the limits at which the plan stands, in words."""
    stages: dict[tuple[str, str, str], list[str]] = {}
    for row in view.rows("binding"):
        limit = str(row["limit"])
        key = (limit, str(row["where"]), _bound(limit, row["value"], word))
        stages.setdefault(key, []).append(str(row["stage"]))
    if not stages:
        return f'<p class="note">{escape(word("binding_none"))}</p>'
    kinds = {key: escape(name) for key, name in view.chips(word.lang).items()}
    together: dict[tuple[str, str, str], list[str]] = {}
    for (limit, where, value), when in stages.items():
        bought = limit == "supply" and where in kinds
        place = kinds[where] if bought else _place(where, names, titles, word)
        together.setdefault((limit, escape(_span(when, view, word)), value), []).append(place)
    lines = []
    for (limit, span, value), places in together.items():
        parts = {"stages": span, "where": word.list(places), "value": value}
        if limit in ("supply", "halls", "pv", "wind", "battery"):
            lines.append(word(f"bind_{limit}", **parts))
        else:
            target = escape(word.or_own("target_", limit))
            lines.append(word("bind_target", target=target, **parts))
    return "<ul>" + "".join(f"<li>{line}</li>" for line in lines) + "</ul>"


def _span(when: list[str], view: PlanView, word: PlanWords) -> str:
    """Return stages in words: ``2027–2030`` where they follow one another."""
    at = [view.stages.index(stage) for stage in when]
    if len(at) > 2 and at == list(range(at[0], at[-1] + 1)):
        return f"{when[0]}–{when[-1]}"
    return word.list(when)


def _bound(limit: str, value: float, word: PlanWords) -> str:
    if limit == "supply":
        return plain(value)
    if limit in ("halls", "pv", "wind", "battery"):
        return plain(value, decimals([value]))
    return _value(limit, value, word)


def distinct_alternatives(view: PlanView) -> list[int]:
    """Return the plan (0) and the alternatives that are not the same as one before."""
    table = view.tables["alternative_sites"]
    if table.empty or view.tables["alternatives"].empty:
        return []
    power = table.pivot(index="site", columns="alternative", values="it_mw")
    least = SAME * max(float(power.sum().max()), 1e-12)
    kept: list[int] = []
    for key in power.columns:
        if all(float((power[key] - power[other]).abs().sum()) > least for other in kept):
            kept.append(int(key))
    return kept


def alternatives_table(view: PlanView, kept: list[int], names: Names, word: PlanWords) -> str:
    """Return cost of each alternative and what moved most."""
    power = view.tables["alternative_sites"].pivot(
        index="site", columns="alternative", values="it_mw"
    )
    rows = {int(row["alternative"]): row for row in view.rows("alternatives")}
    figures = ("cost", "over", "elsewhere", "sites_begun", "emissions")
    heads = [(word("alternative"), True), *((word(key), False) for key in figures),
             (word("changes"), True)]  # fmt: skip
    lines = []
    for number, key in enumerate(kept):
        moved = power[key] - power[0]
        order = moved.abs().sort_values(ascending=False, kind="stable").index[:4]
        least = 1e-3 * max(float(power[0].sum()), 1e-12)
        digits = decimals(moved.tolist())
        told = [
            f"{names.site(site)} {'+' if moved[site] > 0 else ''}{plain(moved[site], digits)}"
            for site in order if abs(moved[site]) > least
        ]  # fmt: skip
        row = rows[key]
        lines.append([
            word("the_plan") if key == 0 else word("alternative_n", n=number),
            amount(row["cost_cny"], word),
            f"{'+' if key else ''}{share(row['cost_over_plan'], 2)}",
            share(row["power_elsewhere"]), plain(row["sites_begun"]),
            plain(row["emissions_kt"], decimals([row["emissions_kt"]])),
            escape(word.list(told)) or "–",
        ])  # fmt: skip
    return html_table(heads, lines)


def days_table(view: PlanView, word: PlanWords) -> str:
    """Return the representative days."""
    heads = [(word("day"), True), (word("kind"), True), (word("stands"), False)]
    rows = [
        [escape(str(row["day"])), escape(word.or_own("kind_", row["kind"])),
         plain(row["stands_for_days"], 1)]
        for row in view.rows("days")
    ]  # fmt: skip
    return html_table(heads, rows)
