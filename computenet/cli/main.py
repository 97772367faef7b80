"""The commands. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from computenet.errors import ComputenetError, InputError, Problem

if TYPE_CHECKING:
    from computenet.scenario import Scenario

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Simulate a national network of computing hubs: data, compute, power and network.",
)
trace_app = typer.Typer(no_args_is_help=True, help="Look into recorded demand traces.")
app.add_typer(trace_app, name="trace")

ScenarioArg = Annotated[str, typer.Argument(metavar="SCENARIO", help="Built-in name or YAML file.")]
DaysOpt = Annotated[float | None, typer.Option(help="Length of the run in days.")]
SeedOpt = Annotated[int | None, typer.Option(help="Seed of every random stream.")]
SetOpt = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="PATH=VALUE", help="Change a field by its dotted path."),
]
OutOpt = Annotated[Path | None, typer.Option(help="Run directory to write.")]
OverwriteOpt = Annotated[bool, typer.Option("--overwrite", help="Replace an earlier run.")]
JsonOpt = Annotated[bool, typer.Option("--json", help="Print the summary as JSON, nothing else.")]
LangOpt = Annotated[str | None, typer.Option(help="Language of the report: en (default) or zh.")]


def _show_version(wanted: bool) -> None:
    if wanted:
        import computenet

        typer.echo(f"computenet {computenet.__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Simulate a national network of computing hubs: data, compute, power and network."""


def run() -> None:
    """Run the command line; the exit status is 0 fine, 1 the run failed, 2 bad input."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        app(standalone_mode=True)
    except ComputenetError as error:
        typer.echo(f"error: {error}", err=True)
        raise SystemExit(error.exit_code) from None
    except KeyboardInterrupt:
        typer.echo("stopped; nothing was written", err=True)
        raise SystemExit(1) from None
    except MemoryError:
        typer.echo("error: out of memory; raise run.sampling or shorten the run", err=True)
        raise SystemExit(1) from None


def _overrides(pairs: list[str] | None) -> dict[str, object]:
    import yaml

    out: dict[str, object] = {}
    problems: list[Problem] = []
    for pair in pairs or []:
        path, equals, text = pair.partition("=")
        if not equals or not path:
            problems.append(Problem("--set", pair, "is not PATH=VALUE", allowed="days=7"))
            continue
        try:
            out[path] = yaml.safe_load(text)
        except yaml.YAMLError:
            problems.append(Problem(f"--set {path}", text, "is not a YAML value"))
    if problems:
        raise InputError(problems)
    return out


def _load(
    scenario: str,
    days: float | None,
    policy: str | None,
    seed: int | None,
    pairs: list[str] | None,
) -> Scenario:
    from computenet import study

    overrides = _overrides(pairs)
    if days is not None:
        overrides["days"] = days
    if seed is not None:
        overrides["seed"] = seed
    if policy is not None:
        overrides["policy"] = policy
    return study.load(scenario, overrides=overrides)


def _needs_out(out: Path | None, overwrite: bool, lang: str | None) -> None:
    """Refuse options that say how a run is written where none is."""
    unused = [("--overwrite", overwrite), ("--lang", lang is not None)]
    problems = [
        Problem(name, None, "is not used without --out", "--out DIR")
        for name, given in unused
        if given and out is None
    ]
    if problems:
        raise InputError(problems, "nothing was run")


def _language(lang: str | None) -> str:
    lang = "en" if lang is None else lang
    if lang not in ("en", "zh"):
        raise InputError(
            [Problem("--lang", lang, "is no language of the report", allowed="en, zh")]
        )
    return lang


def _print_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False) + "\n")


@app.command("list")
def list_command(
    kind: Annotated[
        str, typer.Argument(help="topologies, workloads, scenarios, policies or traces.")
    ] = "",
    as_json: JsonOpt = False,
) -> None:
    """List what is built in."""
    from computenet import study

    listing = study.listing()
    if kind and kind not in listing:
        from computenet.errors import nearest

        raise InputError(
            [Problem("list", kind, "is no list", ", ".join(listing), nearest(kind, listing))]
        )
    chosen = {kind: listing[kind]} if kind else listing
    if as_json:
        _print_json(chosen)
        return
    from computenet.cli.show import print_listing

    print_listing(chosen)


@app.command()
def validate(scenario: ScenarioArg, pairs: SetOpt = None, as_json: JsonOpt = False) -> None:
    """Check a scenario and say what it holds; all problems are shown at once."""
    from computenet import study

    facts = study.validate(_load(scenario, None, None, None, pairs))
    if as_json:
        _print_json(facts)
        return
    from computenet.cli.show import print_facts

    print_facts(facts)


@app.command()
def simulate(
    scenario: ScenarioArg,
    days: DaysOpt = None,
    policy: Annotated[str | None, typer.Option(help="Policy by name.")] = None,
    seed: SeedOpt = None,
    pairs: SetOpt = None,
    out: OutOpt = None,
    overwrite: OverwriteOpt = False,
    lang: LangOpt = None,
    as_json: JsonOpt = False,
) -> None:
    """Simulate a scenario and, with --out, write the run directory and its report."""
    from computenet import study
    from computenet.cli.show import print_summary, progress
    from computenet.results.storage import require_free

    language = _language(lang)
    _needs_out(out, overwrite, lang)
    loaded = _load(scenario, days, policy, seed, pairs)
    if out is not None:
        require_free(out, overwrite=overwrite)
    with progress(loaded, quiet=as_json) as report:
        results = study.simulate(loaded, progress=report)
    if out is not None:
        study.save(results, out, overwrite=overwrite, lang=language)
    if as_json:
        _print_json(results.summary)
        return
    print_summary(results, out)


@app.command()
def replay(
    trace: Annotated[list[Path], typer.Argument(metavar="TRACE…", help="Trace files.")],
    format_: Annotated[
        str, typer.Option("--format", help="Reader, or auto to tell by the content.")
    ] = "auto",
    topology: Annotated[str, typer.Option(help="Topology to replay on.")] = "china-2025",
    policy: Annotated[str, typer.Option(help="Policy by name.")] = "nearest",
    seed: SeedOpt = None,
    strict: Annotated[bool, typer.Option("--strict", help="Refuse unsorted traces.")] = False,
    pairs: SetOpt = None,
    out: OutOpt = None,
    overwrite: OverwriteOpt = False,
    lang: LangOpt = None,
    as_json: JsonOpt = False,
) -> None:
    """Replay recorded jobs and requests on a topology."""
    from computenet import study
    from computenet.cli.show import print_summary, progress
    from computenet.results.storage import require_free

    language = _language(lang)
    _needs_out(out, overwrite, lang)
    if out is not None:
        require_free(out, overwrite=overwrite)
    prepared = study.prepare_replay(
        trace,
        topology=topology,
        format=format_,
        policy=policy,
        seed=seed,
        strict=strict,
        overrides=_overrides(pairs),
    )
    for notice in prepared.notices:
        typer.echo(f"note: {notice}", err=True)
    with progress(prepared.scenario, quiet=as_json) as report:
        results = study.run_replay(prepared, progress=report)
    if out is not None:
        study.save(results, out, overwrite=overwrite, lang=language)
    if as_json:
        _print_json(results.summary)
        return
    print_summary(results, out)


@app.command()
def compare(
    what: Annotated[
        list[str], typer.Argument(metavar="SCENARIO | RUN RUN…", help="A scenario, or runs.")
    ],
    policies: Annotated[
        str | None, typer.Option(help="Policies to compare, separated by commas.")
    ] = None,
    days: DaysOpt = None,
    seed: SeedOpt = None,
    pairs: SetOpt = None,
    out: OutOpt = None,
    overwrite: OverwriteOpt = False,
    lang: LangOpt = None,
    as_json: JsonOpt = False,
) -> None:
    """Compare policies on one scenario, or runs made earlier."""
    from computenet import study
    from computenet.cli.show import print_comparison, progress
    from computenet.results.storage import require_free

    language = _language(lang)
    _needs_out(out, overwrite, lang)
    if policies is not None:
        if len(what) != 1:
            raise InputError(
                [Problem("compare", " ".join(what), "--policies takes one scenario", "SCENARIO")]
            )
        if out is not None:
            require_free(out, overwrite=overwrite)
        names = [name.strip() for name in policies.split(",") if name.strip()]
        scenario = _load(what[0], days, None, seed, pairs)
        study.check_policies(names)
        with progress(scenario, quiet=as_json, runs=names) as report:
            comparison = study.compare(scenario, policies=names, progress=report)
        if out is not None:
            comparison.save(out, overwrite=overwrite, lang=language)
    else:
        unused = [
            name
            for name, value in (
                ("--days", days),
                ("--seed", seed),
                ("--set", pairs),
                ("--out", out),
            )
            if value
        ]
        if unused or len(what) < 2:
            raise InputError(
                [Problem(name, None, "is not used when runs are compared") for name in unused]
                or [Problem("compare", what[0], "give --policies, or two runs", "RUN RUN …")]
            )
        comparison = study.compare_runs(what)
    if as_json:
        _print_json(comparison.as_dict())
        return
    print_comparison(comparison, out)


@app.command()
def report(
    run_dir: Annotated[Path, typer.Argument(metavar="RUN", help="Run directory.")],
    lang: LangOpt = None,
    out: Annotated[Path | None, typer.Option(help="File to write; RUN/report.html.")] = None,
) -> None:
    """Write the HTML report of a run."""
    from computenet.results import load_run

    language = _language(lang)
    path = out if out is not None else run_dir / "report.html"
    load_run(run_dir).report(path, lang="zh" if language == "zh" else "en")
    typer.echo(str(path))


@trace_app.command("describe")
def trace_describe(
    trace: Annotated[Path, typer.Argument(metavar="TRACE")],
    format_: Annotated[
        str, typer.Option("--format", help="Reader, or auto to tell by the content.")
    ] = "auto",
    as_json: JsonOpt = False,
) -> None:
    """Say what a trace holds."""
    from computenet.workload.traces import read_trace

    read = read_trace(trace, format=format_)
    if as_json:
        _print_json(read.figures)
        return
    from computenet.cli.plots import print_plots
    from computenet.cli.show import print_facts

    print_facts(read.figures)
    print_plots(read.jobs, read.requests)


FormatOpt = Annotated[str, typer.Option("--format", help="Reader, or auto to tell by the content.")]
TargetArg = Annotated[Path, typer.Argument(metavar="TARGET", help=".parquet, .csv(.gz), .swf(.gz)")]
ReplaceOpt = Annotated[bool, typer.Option("--overwrite", help="Replace an existing file.")]


@trace_app.command("convert")
def trace_convert(
    trace: Annotated[Path, typer.Argument(metavar="TRACE")],
    target: TargetArg,
    format_: FormatOpt = "auto",
    overwrite: ReplaceOpt = False,
) -> None:
    """Write a trace in computenet's own format, or as SWF."""
    from computenet.workload.traces import convert_trace

    for notice in convert_trace(trace, target, format=format_, overwrite=overwrite):
        typer.echo(f"note: {notice}", err=True)
    typer.echo(str(target))


@trace_app.command("scale")
def trace_scale(
    trace: Annotated[Path, typer.Argument(metavar="TRACE")],
    target: TargetArg,
    from_h: Annotated[float, typer.Option(help="Begin of the window, h.")] = 0.0,
    to_h: Annotated[float | None, typer.Option(help="End of the window, h.")] = None,
    keep: Annotated[float, typer.Option(help="Share of the rows kept.")] = 1.0,
    load: Annotated[float, typer.Option(help="How many times as fast arrivals come.")] = 1.0,
    seed: Annotated[int, typer.Option(help="Seed of the draws.")] = 1,
    format_: FormatOpt = "auto",
    overwrite: ReplaceOpt = False,
) -> None:
    """Cut a window out of a trace, thin it, or change its load."""
    from computenet.workload.traces import scale_trace

    notices = scale_trace(
        trace,
        target,
        format=format_,
        from_h=from_h,
        to_h=to_h,
        keep=keep,
        load=load,
        seed=seed,
        overwrite=overwrite,
    )
    for notice in notices:
        typer.echo(f"note: {notice}", err=True)
    typer.echo(str(target))


@trace_app.command("serve")
def trace_serve(
    trace: Annotated[Path, typer.Argument(metavar="TRACE")],
    model: Annotated[str, typer.Option(help="Model by name, e.g. llama-3.1-8b.")],
    accelerator: Annotated[str, typer.Option(help="Accelerator by name, e.g. rtx-4090.")],
    parallel: Annotated[int, typer.Option(help="Accelerators of the replica.")] = 1,
    slots: Annotated[int, typer.Option(help="Most requests running at once.")] = 256,
    budget: Annotated[int, typer.Option(help="Most tokens of an engine step.")] = 2048,
    cache_tokens: Annotated[
        int | None, typer.Option(help="Tokens of key-value cache; what fits beside the weights.")
    ] = None,
    law: Annotated[
        str, typer.Option(help="continuous-batching or processor-sharing.")
    ] = "continuous-batching",
    sync: Annotated[
        bool, typer.Option("--sync", help="The engine schedules between steps, not during them.")
    ] = False,
    as_json: JsonOpt = False,
) -> None:
    """Serve a trace's requests by one replica, beside its measured latencies if it has any."""
    from computenet import study

    figures = study.serve(
        trace,
        model=model,
        accelerator=accelerator,
        parallel=parallel,
        slots=slots,
        budget=budget,
        cache_tokens=cache_tokens,
        law=law,
        asynchronous=not sync,
    )
    if as_json:
        _print_json(figures)
        return
    from computenet.cli.show import print_served

    print_served(figures)
