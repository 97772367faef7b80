"""Reference pages written from what they describe: commands, fields, policies, functions.

Each function returns a page as Markdown. They are made when the site is built, so no page can be
older than the code.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterator, Mapping
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import typer
from docstrings import cell, markdown, sections
from typer.models import ArgumentInfo

__all__ = ["PAGES"]

NOTE = "This page is written from the code when the site is built.\n"


# -- commands ------------------------------------------------------------------------------------


def commands() -> str:
    """Return every command with its arguments and options."""
    from computenet.cli.main import app

    parts = [
        "# Command line",
        NOTE,
        "SCENARIO is a built-in name or a YAML file. Exit status: 0 fine, 1 the run failed, 2 bad "
        "input. With `--json` a command prints its summary as JSON and nothing else on stdout.",
    ]
    for path, function in _walk(app, ()):
        parts += _command(path, function)
    return "\n\n".join(parts) + "\n"


def _walk(app: typer.Typer, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield (words of the command, its function), those of groups last."""
    own = {
        entry.name or entry.callback.__name__.replace("_", "-"): entry.callback
        for entry in app.registered_commands
        if entry.callback is not None
    }
    for name in sorted(own):
        yield (*path, name), own[name]
    for group in app.registered_groups:
        if group.typer_instance is not None:
            yield from _walk(group.typer_instance, (*path, str(group.name)))


def _command(path: tuple[str, ...], function: Callable[..., Any]) -> list[str]:
    hints = get_type_hints(function, include_extras=True)
    arguments: list[tuple[str, str, bool]] = []
    options: list[str] = []
    for name, parameter in inspect.signature(function).parameters.items():
        kind, *more = get_args(hints[name])
        info = more[0]
        if isinstance(info, ArgumentInfo):
            word = (info.metavar or name.upper()).strip("[]")
            arguments.append((word, info.help or "", parameter.default is parameter.empty))
        else:
            options.append(_option(name, kind, info, parameter.default))
    words = [word if needed else f"[{word}]" for word, _, needed in arguments]
    words += ["[OPTIONS]"] if options else []
    parts = [
        f"## {' '.join(path)}",
        markdown(function.__doc__),
        "```text\n" + " ".join(["computenet", *path, *words]) + "\n```",
    ]
    if arguments:
        rows = [f"| `{_either(word)}` | {cell(said)} |" for word, said, _ in arguments]
        parts.append("\n".join(["| argument | |", "|---|---|", *rows]))
    if options:
        head = ["| option | takes | default | |", "|---|---|---|---|"]
        parts.append("\n".join([*head, *options]))
    return parts


def _either(word: str) -> str:
    """Return an argument for a table, where a bar would end the cell."""
    return word.replace(" | ", " or ")


def _option(name: str, kind: Any, info: Any, default: Any) -> str:
    # In Annotated the first flag stands where the default would.
    flags = [flag for flag in (info.default, *(info.param_decls or ())) if isinstance(flag, str)]
    flags = flags or [f"--{name.replace('_', '-')}"]
    inner = [part for part in get_args(kind) or (kind,) if part is not NoneType]
    inner = list(get_args(inner[0])) or inner
    takes = info.metavar or {int: "whole number", float: "number", str: "text"}.get(inner[0], "")
    takes = takes or {"Path": "path", "bool": ""}.get(getattr(inner[0], "__name__", ""), "")
    shown_flags = ", ".join(f'<code class="whole">{flag}</code>' for flag in flags)
    shown = "" if default in (None, False, "") or default == [] else f"`{default}`"
    if default is inspect.Parameter.empty:
        shown = "*needed*"
    if default is True:
        shown = f"`{flags[0].split('/')[0]}`"
    return f"| {shown_flags} | {cell(takes)} | {shown} | {cell(info.help or '')} |"


# -- fields of a scenario ------------------------------------------------------------------------


def scenario() -> str:
    """Return every field of a scenario file."""
    from computenet.scenario import Scenario

    schema = Scenario.model_json_schema()
    parts = [
        "# Scenario files",
        NOTE,
        "A scenario is a YAML file (`computenet validate` checks one). `topology` and `workload` "
        "may be the name of a built-in one, the path of a file, or their fields. On the command "
        "line `--set PATH=VALUE`, and from Python `overrides={PATH: VALUE}`, change any field by "
        "its dotted path; items of lists go by their id or name, as in "
        "`topology.sites.west.pue`. Units are in the names: `_s` seconds, `_h` hours, `_mw` "
        "megawatts, `_mwh` megawatt-hours, `_gb` gigabytes, `_cny` yuan. Fields that do not exist "
        "are refused.",
        *_model("Scenario", schema),
    ]
    for name in _order(schema):
        parts += _model(name, schema["$defs"][name])
    return "\n\n".join(parts) + "\n"


def _order(schema: dict[str, Any]) -> list[str]:
    """Return the names of the models, each soon after the one that names it first."""
    found: list[str] = []
    waiting = _references(schema["properties"])
    while waiting:
        name = waiting.pop(0)
        if name not in found:
            found.append(name)
            waiting = _references(schema["$defs"][name].get("properties", {})) + waiting
    return found


def _references(node: Any) -> list[str]:
    if isinstance(node, Mapping):
        own = [node["$ref"].rsplit("/", 1)[-1]] if "$ref" in node else []
        return own + [name for value in node.values() for name in _references(value)]
    if isinstance(node, list):
        return [name for value in node for name in _references(value)]
    return []


def _title(name: str) -> str:
    return name.removesuffix("Spec")


def _model(name: str, schema: dict[str, Any]) -> list[str]:
    parts = [f"## {_title(name)}", markdown(schema.get("description"))]
    if "properties" not in schema:
        return [*parts, _shape(schema)]
    needed = set(schema.get("required", ()))
    rows = [
        f"| `{key}` | {_shape(item)} | {'*needed*' if key in needed else _json(item)} "
        f"| {cell(item.get('description', ''))} |"
        for key, item in schema["properties"].items()
    ]
    table = ["| field | value | default | meaning |", "|---|---|---|---|", *rows]
    return [*filter(None, parts), "\n".join(table)]


def _json(schema: dict[str, Any]) -> str:
    if "default" not in schema:
        return ""
    value = schema["default"]
    if value is None:
        return "none"
    if isinstance(value, dict) and value:
        return "its defaults"
    text = json.dumps(value, ensure_ascii=False)
    return f"`{value}`" if isinstance(value, str) else f"`{text}`"


PLAIN = {"string": "text", "number": "number", "integer": "whole number", "boolean": "true, false"}


def _shape(schema: dict[str, Any]) -> str:
    """Return what a field takes, in words."""
    if "$ref" in schema:
        name = _title(schema["$ref"].rsplit("/", 1)[-1])
        return f"[{name}](#{name.lower()})"
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            inner = [_shape(item) for item in schema[several] if item.get("type") != "null"]
            return " or ".join(dict.fromkeys(inner))
    kind = schema.get("type")
    if kind == "array":
        if "prefixItems" in schema:
            return "[" + ", ".join(_shape(item) for item in schema["prefixItems"]) + "]"
        least, most = schema.get("minItems"), schema.get("maxItems")
        count = f" of {least}" if least is not None and least == most else ""
        return f"list{count}: {_shape(schema.get('items', {}))}"
    if kind == "object":
        inside = schema.get("additionalProperties")
        return f"name: {_shape(inside)}" if isinstance(inside, dict) else "fields"
    if schema.get("format") == "date-time":
        return "date and time with its zone"
    if schema.get("format") == "date":
        return "date"
    return PLAIN.get(str(kind), "any") + _range(schema)


def _range(schema: dict[str, Any]) -> str:
    words = {
        "minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most",
        "exclusiveMaximum": "below",
    }  # fmt: skip
    said = [f"{word} {schema[key]:g}" for key, word in words.items() if key in schema]
    return f" {', '.join(said)}" if said else ""


# -- policies, Python, what is built in ----------------------------------------------------------


def policies() -> str:
    """Return every built-in policy with its parameters."""
    from computenet.policies.registry import BUILT_IN, _class_of

    parts = [
        "# Policies",
        NOTE,
        "`--policy NAME` on the command line; in a scenario `policy: {name: NAME, parameters: "
        "{…}}`, or `--set policy.parameters.NAME=VALUE`. Why they differ: "
        "[Policies compared](../policies.md).",
    ]
    for name in BUILT_IN:
        kind = _class_of(name)
        told = sections(kind.__doc__)
        own = sections(kind.__init__.__doc__)
        parts += [f"## {name}", markdown(told[0].text)]
        said = {
            word.strip(): entry.text
            for section in (*told, *own)
            if section.title == "Parameters"
            for entry in section.entries
            for word in entry.name.split(" : ")[0].split(",")
        }
        table = _parameters(kind.__init__, said)
        parts.append(table or "No parameters.")
    return "\n\n".join(parts) + "\n"


def _parameters(function: Callable[..., Any], said: Mapping[str, str]) -> str:
    if function is object.__init__:
        return ""
    hints = get_type_hints(function)
    rows = [
        f"| `{name}` | {cell(_hint(hints.get(name)))} | `{parameter.default}` "
        f"| {cell(said.get(name, ''))} |"
        for name, parameter in list(inspect.signature(function).parameters.items())[1:]
    ]
    head = ["| parameter | takes | default | meaning |", "|---|---|---|---|"]
    return "\n".join([*head, *rows]) if rows else ""


def _hint(hint: Any) -> str:
    words = {float: "number", int: "whole number", bool: "true, false", str: "text"}
    if hint in words:
        return words[hint]
    if get_origin(hint) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(hint))
    inner = [kind for kind in get_args(hint) if kind is not NoneType]
    return " or ".join(_hint(kind) for kind in inner) if inner else str(hint)


def python() -> str:
    """Return every public name of the package."""
    import computenet as cn

    names = [(name, getattr(cn, name)) for name in cn.__all__]
    parts = [
        "# Python",
        NOTE,
        "Everything here is a name of the package: `import computenet as cn`, then `cn.load(…)`. "
        "The command line is a layer over these functions.",
    ]
    functions = [(name, thing) for name, thing in names if inspect.isfunction(thing)]
    kinds = [(name, thing) for name, thing in names if inspect.isclass(thing)]
    for name, function in functions:
        parts += [f"## {name}", _signature(name, function), markdown(function.__doc__)]
    for name, kind in kinds:
        parts += [f"## {name}", markdown(kind.__doc__)]
        for inner, member in vars(kind).items():
            if inner.startswith(("_", "model_")):
                continue
            if isinstance(member, property):
                parts += [f"`{inner}`: {_first(member.__doc__)}"]
            elif inspect.isfunction(member):
                parts += [_signature(inner, member), _first(member.__doc__)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _first(docstring: str | None) -> str:
    return inspect.cleandoc(docstring or "").split("\n\n")[0]


def _parameter(parameter: inspect.Parameter) -> str:
    """Return a parameter as it is written; annotations are kept as text, and so without quotes."""
    stars = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}
    text = stars.get(parameter.kind, "") + parameter.name
    if parameter.annotation is not parameter.empty:
        text += f": {parameter.annotation}"
    return text if parameter.default is parameter.empty else f"{text} = {parameter.default!r}"


def _signature(name: str, function: Callable[..., Any]) -> str:
    signature = inspect.signature(function)
    words = [_parameter(parameter) for parameter in signature.parameters.values()]
    stars = [
        index
        for index, parameter in enumerate(signature.parameters.values())
        if parameter.kind is parameter.KEYWORD_ONLY
    ]
    if stars and not any(p.kind is p.VAR_POSITIONAL for p in signature.parameters.values()):
        words.insert(stars[0], "*")
    back = signature.return_annotation
    arrow = "" if back is signature.empty else f" -> {back}".replace("'", "")
    line = f"{name}({', '.join(words)}){arrow}"
    if len(line) > 88:
        line = f"{name}(\n    " + ",\n    ".join(words) + f",\n){arrow}"
    return f"```python\n{line}\n```"


def builtin() -> str:
    """Return what is built in."""
    from computenet import study

    said = {
        "topologies": "Sites, pools, regions, links, tariffs, grids.",
        "workloads": "Demand: models, classes of requests and jobs, shapes of the day.",
        "scenarios": "A topology, a workload, a policy and the settings of a run.",
        "shocks": "Events for `china-2025`: `computenet compare china-2025 --shocks none,NAME`.",
        "suites": "Scheduler benchmarks: `computenet bench NAME`. See [benchmarks](../bench.md).",
        "policies": "Who is sent where. See [policies](policies.md).",
        "traces": "Formats that are read. See [traces](../traces.md).",
    }
    parts = ["# Built in", NOTE, "What `computenet list` shows."]
    for kind, rows in study.listing().items():
        lines = [f"| `{row['name']}` | {cell(row['title'])} |" for row in rows]
        parts += [
            f"## {kind.capitalize()}",
            said.get(kind, ""),
            "\n".join(["| name | what it is |", "|---|---|", *lines]),
        ]
    return "\n\n".join(part for part in parts if part) + "\n"


#: Pages by their path below ``docs``.
PAGES: dict[str, Callable[[], str]] = {
    "reference/cli.md": commands,
    "reference/scenario.md": scenario,
    "reference/policies.md": policies,
    "reference/python.md": python,
    "reference/builtin.md": builtin,
}
