"""The commands. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from computenet.cli.bench import bench
from computenet.cli.compare import compare
from computenet.cli.export import export, layout_app
from computenet.cli.interrupts import keep_interrupts
from computenet.cli.match import match
from computenet.cli.options import (
    AddressOpt,
    BoundOpt,
    DaysOpt,
    EngineOpt,
    Faults,
    FormatOpt,
    JsonOpt,
    LangOpt,
    LenientOpt,
    OverwriteOpt,
    RunOutOpt,
    ScenarioArg,
    SeedOpt,
    SetOpt,
    WorkersOpt,
    given_twice,
    load,
    needs_out,
    overrides,
    print_json,
    yaml_table,
)
from computenet.cli.outputs import give_back, reserve
from computenet.cli.plan import plan
from computenet.cli.report import report
from computenet.cli.stdout import finish_stdout, guard_stdout
from computenet.cli.sweep import study_app, sweep
from computenet.cli.traces import trace_app
from computenet.errors import ComputenetError, InputError, Problem

#: Commands in the order in which a user meets them, by what they are for.
PANELS = {
    "Run and decide": ("simulate", "compare", "replay", "match", "plan", "sweep", "bench"),
    "Use what was written": ("report", "export", "study"),
    "Prepare inputs": ("list", "validate", "layout", "trace"),
}
ORDER = [name for names in PANELS.values() for name in names]


class _Ordered(TyperGroup):
    """Lists commands in `ORDER`, and clears up after them."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of all commands."""
        return sorted(super().list_commands(ctx), key=ORDER.index)

    def invoke(self, ctx: Any) -> Any:
        """Run the command; what it holds is given back, however it ends."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:  # Typer would end without a word.
            kept = ", ".join(map(str, give_back()))
            typer.echo(f"stopped; {kept or 'nothing'} was written", err=True)
            raise typer.Exit(1) from None
        finally:
            give_back()


def _panel(command: str) -> str:
    return next(panel for panel, names in PANELS.items() if command in names)


app = typer.Typer(
    cls=_Ordered,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Simulate a national network of computing hubs: data, compute, power and network.",
)
for command in (bench, compare, export, match, plan, report, sweep):
    app.command(rich_help_panel=_panel(command.__name__))(command)
for name, group in (("layout", layout_app), ("study", study_app), ("trace", trace_app)):
    app.add_typer(group, name=name, rich_help_panel=_panel(name))


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
    guard_stdout()
    if isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr.reconfigure(errors="replace")
    keep_interrupts()
    try:
        try:
            app(standalone_mode=True)
        except SystemExit:
            finish_stdout()
            raise
    except ComputenetError as error:
        typer.echo(f"error: {error}", err=True)
        raise SystemExit(error.exit_code) from None
    except KeyboardInterrupt:
        typer.echo("stopped; nothing was written", err=True)
        raise SystemExit(1) from None
    except MemoryError:
        typer.echo("error: out of memory; raise run.sampling or shorten the run", err=True)
        raise SystemExit(1) from None


@app.command("list", rich_help_panel=_panel("list"))
def list_command(
    kind: Annotated[
        str,
        typer.Argument(
            metavar="KIND",
            help="scenarios, topologies, layouts, workloads, plannings, shocks, studies, suites, "
            "policies or traces; all of them by default.",
        ),
    ] = "",
    as_json: JsonOpt = False,
) -> None:
    """List what is built in: scenarios, policies, layouts and more."""
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


@app.command(rich_help_panel=_panel("validate"))
def validate(scenario: ScenarioArg, pairs: SetOpt = None, as_json: JsonOpt = False) -> None:
    """Check a scenario, and say what it holds or all that is wrong with it."""
    from computenet import study

    facts = study.validate(load(scenario, None, None, None, pairs))
    if as_json:
        print_json(facts)
        return
    from computenet.cli.show import print_facts

    print_facts(facts)


@app.command(rich_help_panel=_panel("simulate"))
def simulate(
    scenario: ScenarioArg,
    days: DaysOpt = None,
    policy: Annotated[
        str | None,
        typer.Option(
            help="Who schedules (computenet list policies); the scenario's own by default."
        ),
    ] = None,
    seed: SeedOpt = None,
    pairs: SetOpt = None,
    bound: BoundOpt = False,
    workers: WorkersOpt = 1,
    engine: EngineOpt = "local",
    address: AddressOpt = None,
    out: RunOutOpt = None,
    overwrite: OverwriteOpt = False,
    lang: LangOpt = None,
    as_json: JsonOpt = False,
) -> None:
    """Simulate a scenario; with --out, write its tables and its page."""
    from computenet import study
    from computenet.cli.show import print_summary, progress

    faults = Faults()
    tongue = faults.language(lang)
    with faults.gathered():
        needs_out(out, overwrite, lang)
    loaded = None
    with faults.gathered():
        loaded = load(scenario, days, policy, seed, pairs)
    with faults.gathered():
        study.check_workers(workers, engine, address)
    if out is not None:
        with faults.gathered():
            reserve(out, overwrite=overwrite)
    faults.refuse("nothing was run", own=True)
    assert loaded is not None
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


@app.command(rich_help_panel=_panel("replay"))
def replay(
    trace: Annotated[
        list[Path],
        typer.Argument(metavar="TRACE…", help="Traces of jobs, of requests, or of both."),
    ],
    format_: FormatOpt = "auto",
    topology: Annotated[
        str, typer.Option(help="Scenario whose topology, prices and classes are used.")
    ] = "china-2025",
    policy: Annotated[
        str | None,
        typer.Option(
            help="Who schedules (computenet list policies), nearest by default; "
            "replay = recorded starts and sites."
        ),
    ] = None,
    seed: SeedOpt = None,
    warmup_h: Annotated[
        float | None,
        typer.Option(help="Hours at the begin that do not count in waits, latencies and SLO."),
    ] = None,
    drain_h: Annotated[
        float | None,
        typer.Option(
            help="Hours from the last arrival to the end; by default until the last job may end."
        ),
    ] = None,
    region_column: Annotated[
        str | None,
        typer.Option(
            help="Column of the traces that tells a row's region; other words stand for tenants."
        ),
    ] = None,
    gpu_types: Annotated[
        Path | None,
        typer.Option(help="YAML file: accelerators of the topology by the traces' GPU types."),
    ] = None,
    job_class: Annotated[
        str | None, typer.Option(help="Job class of every job; the first by default.")
    ] = None,
    service_class: Annotated[
        str | None,
        typer.Option(help="Service class of every request; chat, or the first, by default."),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse traces that are not in order of time.")
    ] = False,
    lenient: LenientOpt = False,
    pairs: SetOpt = None,
    bound: BoundOpt = False,
    out: RunOutOpt = None,
    overwrite: OverwriteOpt = False,
    lang: LangOpt = None,
    as_json: JsonOpt = False,
) -> None:
    """Replay recorded jobs and requests on a topology, on one core; options as of simulate."""
    from computenet import study
    from computenet.cli.show import print_summary, progress

    faults = Faults()
    tongue = faults.language(lang)
    with faults.gathered():
        needs_out(out, overwrite, lang)
    if out is not None:
        with faults.gathered():
            reserve(out, overwrite=overwrite)
    prepared = None
    with faults.gathered():
        changes = overrides(pairs)
        given = {"--policy": policy, "--seed": seed, "--warmup-h": warmup_h}
        faults.add(given_twice(changes, given))
        if warmup_h is not None:
            changes["run.warmup_h"] = warmup_h
        prepared = study.prepare_replay(
            trace,
            topology=topology,
            policy="nearest" if policy is None else policy,
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
    faults.refuse("nothing was run", own=True)
    assert prepared is not None
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
