"""The commands that look into traces."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from computenet.cli.options import (
    FormatOpt,
    JsonOpt,
    LenientOpt,
    ReplaceOpt,
    TargetArg,
    TraceArg,
    print_json,
)

__all__ = ["trace_app"]

trace_app = typer.Typer(
    no_args_is_help=True,
    help="Look into recorded traces, convert them, fit demand to them, and more.",
)


FromOpt = Annotated[float, typer.Option(help="Begin of the window, hours after the trace's.")]
ToOpt = Annotated[
    float | None,
    typer.Option(help="End of the window, hours after the trace's begin; its end by default."),
]


@trace_app.command("describe")
def trace_describe(
    trace: TraceArg,
    format_: FormatOpt = "auto",
    lenient: LenientOpt = False,
    as_json: JsonOpt = False,
) -> None:
    """Say what a trace holds."""
    from computenet.workload.traces import read_trace

    read = read_trace(trace, format=format_, lenient=lenient)
    for notice in read.notices:
        typer.echo(f"note: {notice}", err=True)
    if as_json:
        print_json(read.figures)
        return
    from computenet.cli.plots import print_plots
    from computenet.cli.show import print_facts

    print_facts(read.figures)
    print_plots(read.jobs, read.requests)


@trace_app.command("convert")
def trace_convert(
    trace: TraceArg,
    target: TargetArg,
    format_: FormatOpt = "auto",
    lenient: LenientOpt = False,
    overwrite: ReplaceOpt = False,
) -> None:
    """Write a trace in computenet's own format, or as SWF."""
    from computenet.workload.traces import convert_trace

    for notice in convert_trace(
        trace, target, format=format_, lenient=lenient, overwrite=overwrite
    ):
        typer.echo(f"note: {notice}", err=True)
    typer.echo(str(target))


@trace_app.command("scale")
def trace_scale(
    trace: TraceArg,
    target: TargetArg,
    from_h: FromOpt = 0.0,
    to_h: ToOpt = None,
    keep: Annotated[
        float, typer.Option(help="Share of the rows that is kept, above 0 to 1.")
    ] = 1.0,
    load: Annotated[float, typer.Option(help="How many times as fast arrivals come.")] = 1.0,
    regions: Annotated[
        str | None,
        typer.Option(help="Topology whose regions are written beside the rows, drawn by tenant."),
    ] = None,
    region_column: Annotated[
        str | None, typer.Option(help="Column that tells the region, with --regions.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the draws.")] = 1,
    format_: FormatOpt = "auto",
    lenient: LenientOpt = False,
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
        regions=regions,
        region_column=region_column,
        lenient=lenient,
        overwrite=overwrite,
    )
    for notice in notices:
        typer.echo(f"note: {notice}", err=True)
    typer.echo(str(target))


@trace_app.command("fit")
def trace_fit(
    trace: TraceArg,
    out: Annotated[Path | None, typer.Option(help="Workload file to write (YAML).")] = None,
    drawn: Annotated[
        Path | None,
        typer.Option(help="File to write: the synthetic trace that the fit was compared by."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the synthetic trace.")] = 1,
    format_: FormatOpt = "auto",
    lenient: LenientOpt = False,
    overwrite: ReplaceOpt = False,
    as_json: JsonOpt = False,
) -> None:
    """Fit the generators to a trace, and show how well the fit resembles it."""
    from computenet import study

    figures = study.fit(
        trace,
        out=out,
        drawn=drawn,
        seed=seed,
        format=format_,
        lenient=lenient,
        overwrite=overwrite,
    )
    if as_json:
        print_json(figures)
        return
    from computenet.cli.show import print_fit

    print_fit(figures)


@trace_app.command("draw")
def trace_draw(
    rates: Annotated[
        Path, typer.Argument(metavar="RATES", help="File of ServeGen's client rates.")
    ],
    lengths: Annotated[
        Path, typer.Argument(metavar="LENGTHS", help="Folder of ServeGen's token distributions.")
    ],
    target: Annotated[
        Path, typer.Argument(metavar="TARGET", help="File to write: .parquet, .csv or .csv.gz.")
    ],
    from_h: FromOpt = 0.0,
    to_h: ToOpt = None,
    keep: Annotated[
        float, typer.Option(help="Share of the requests that is kept, above 0 to 1.")
    ] = 1.0,
    seed: Annotated[int, typer.Option(help="Seed of the draws.")] = 1,
    overwrite: ReplaceOpt = False,
) -> None:
    """Draw single requests from ServeGen's client rates."""
    from computenet import study

    notices = study.draw(
        rates,
        lengths,
        target,
        from_h=from_h,
        to_h=to_h,
        keep=keep,
        seed=seed,
        overwrite=overwrite,
    )
    for notice in notices:
        typer.echo(f"note: {notice}", err=True)
    typer.echo(str(target))


@trace_app.command("topology")
def trace_topology(
    nodes: Annotated[Path, typer.Argument(metavar="NODES", help="Trace of a cluster's nodes.")],
    target: Annotated[Path, typer.Argument(metavar="TARGET", help="Topology file to write.")],
    topology: Annotated[
        str, typer.Option(help="Topology whose sites, network and prices are used.")
    ] = "china-2025",
    site: Annotated[
        str | None,
        typer.Option(help="Site where the nodes stand; the topology's first by default."),
    ] = None,
    serving_share: Annotated[
        float,
        typer.Option(help="Share of the accelerators that is set aside for inference, 0 to 1."),
    ] = 0.0,
    overwrite: ReplaceOpt = False,
) -> None:
    """Write a topology whose accelerators are a cluster's nodes."""
    from computenet.workload.cluster import write_cluster

    for notice in write_cluster(
        nodes,
        target,
        topology=topology,
        site=site,
        serving_share=serving_share,
        overwrite=overwrite,
    ):
        typer.echo(f"note: {notice}", err=True)
    typer.echo(str(target))


@trace_app.command("serve")
def trace_serve(
    trace: TraceArg,
    model: Annotated[str, typer.Option(help="Model by name, e.g. llama-3.1-8b.")],
    accelerator: Annotated[str, typer.Option(help="Accelerator by name, e.g. rtx-4090.")],
    parallel: Annotated[
        int, typer.Option(help="Accelerators of the replica (tensor parallel).")
    ] = 1,
    slots: Annotated[int, typer.Option(help="Most requests that run at once.")] = 256,
    budget: Annotated[int, typer.Option(help="Most tokens of one step of the engine.")] = 2048,
    cache_tokens: Annotated[
        int | None,
        typer.Option(help="Tokens of key-value cache; by default what fits beside the weights."),
    ] = None,
    law: Annotated[
        str,
        typer.Option(
            help="How requests share the replica: continuous-batching or processor-sharing."
        ),
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
        print_json(figures)
        return
    from computenet.cli.show import print_served

    print_served(figures)
