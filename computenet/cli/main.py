"""The commands. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from computenet.cli.bench import bench
from computenet.cli.compare import compare
from computenet.cli.export import export, layout_app
from computenet.cli.match import match
from computenet.cli.options import (
    AddressOpt,
    BoundOpt,
    DaysOpt,
    EngineOpt,
    FormatOpt,
    JsonOpt,
    LangOpt,
    LenientOpt,
    OutOpt,
    OverwriteOpt,
    ScenarioArg,
    SeedOpt,
    SetOpt,
    WorkersOpt,
    language,
    load,
    needs_out,
    overrides,
    print_json,
    yaml_table,
)
from computenet.cli.plan import plan
from computenet.cli.report import report
from computenet.cli.sweep import study_app, sweep
from computenet.cli.traces import trace_app
from computenet.errors import ComputenetError, InputError, Problem

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Simulate a national network of computing hubs: data, compute, power and network.",
)
app.add_typer(trace_app, name="trace")
app.command()(match)
app.command()(plan)
app.command()(bench)
app.command()(compare)
app.command()(export)
app.add_typer(layout_app, name="layout")
app.command()(report)
app.command()(sweep)
app.add_typer(study_app, name="study")


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


@app.command("list")
def list_command(
    kind: Annotated[
        str,
        typer.Argument(help="A kind: topologies, layouts, workloads, scenarios, shocks, suites, …"),
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
        print_json(chosen)
        return
    from computenet.cli.show import print_listing

    print_listing(chosen)


@app.command()
def validate(scenario: ScenarioArg, pairs: SetOpt = None, as_json: JsonOpt = False) -> None:
    """Check a scenario and say what it holds; all problems are shown at once."""
    from computenet import study

    facts = study.validate(load(scenario, None, None, None, pairs))
    if as_json:
        print_json(facts)
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
    bound: BoundOpt = False,
    workers: WorkersOpt = 1,
    engine: EngineOpt = "local",
    address: AddressOpt = None,
    out: OutOpt = None,
    overwrite: OverwriteOpt = False,
    lang: LangOpt = None,
    as_json: JsonOpt = False,
) -> None:
    """Simulate a scenario and, with --out, write the run directory and its report."""
    from computenet import study
    from computenet.cli.show import print_summary, progress
    from computenet.results.storage import require_free

    tongue = language(lang)
    needs_out(out, overwrite, lang)
    loaded = load(scenario, days, policy, seed, pairs)
    if out is not None:
        require_free(out, overwrite=overwrite)
    with progress(loaded, quiet=as_json) as report:
        results = study.simulate(
            loaded, progress=report, workers=workers, engine=engine, address=address
        )
    if bound:
        results = study.with_bound(results)
    if out is not None:
        study.save(results, out, overwrite=overwrite, lang=tongue)
    if as_json:
        print_json(results.summary)
        return
    print_summary(results, out)


@app.command()
def replay(
    trace: Annotated[list[Path], typer.Argument(metavar="TRACE…", help="Trace files.")],
    format_: FormatOpt = "auto",
    topology: Annotated[
        str, typer.Option(help="Scenario whose topology and classes are used.")
    ] = "china-2025",
    policy: Annotated[
        str, typer.Option(help="Policy by name; replay follows recorded starts and sites.")
    ] = "nearest",
    seed: SeedOpt = None,
    warmup_h: Annotated[
        float | None,
        typer.Option(help="Hours before waits, latencies and SLO are counted."),
    ] = None,
    drain_h: Annotated[
        float | None, typer.Option(help="Hours after the last arrival at which the run ends.")
    ] = None,
    region_column: Annotated[
        str | None, typer.Option(help="Column of the traces that tells the region of demand.")
    ] = None,
    gpu_types: Annotated[
        Path | None, typer.Option(help="YAML: accelerators of the topology by GPU type.")
    ] = None,
    job_class: Annotated[str | None, typer.Option(help="Class of the jobs.")] = None,
    service_class: Annotated[str | None, typer.Option(help="Class of the requests.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Refuse unsorted traces.")] = False,
    lenient: LenientOpt = False,
    pairs: SetOpt = None,
    bound: BoundOpt = False,
    out: OutOpt = None,
    overwrite: OverwriteOpt = False,
    lang: LangOpt = None,
    as_json: JsonOpt = False,
) -> None:
    """Replay recorded jobs and requests on a topology."""
    from computenet import study
    from computenet.cli.show import print_summary, progress
    from computenet.results.storage import require_free

    tongue = language(lang)
    needs_out(out, overwrite, lang)
    if out is not None:
        require_free(out, overwrite=overwrite)
    changes = overrides(pairs)
    if warmup_h is not None:
        changes["run.warmup_h"] = warmup_h
    prepared = study.prepare_replay(
        trace,
        topology=topology,
        policy=policy,
        seed=seed,
        overrides=changes,
        options=study.ReplayOptions(
            format=format_,
            strict=strict,
            lenient=lenient,
            region_column=region_column,
            gpu_types=None if gpu_types is None else yaml_table(gpu_types),
            job_class=job_class,
            service_class=service_class,
            drain_h=drain_h,
        ),
    )
    for notice in prepared.notices:
        typer.echo(f"note: {notice}", err=True)
    with progress(prepared.scenario, quiet=as_json) as report:
        results = study.run_replay(prepared, progress=report)
    if bound:
        results = study.with_bound(results)
    if out is not None:
        study.save(results, out, overwrite=overwrite, lang=tongue)
    if as_json:
        print_json(results.summary)
        return
    print_summary(results, out)
