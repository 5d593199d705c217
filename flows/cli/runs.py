"""`render`, `evaluate`, `compare`: from pairs to renders, scores and a report."""

from pathlib import Path
from typing import Annotated

import typer

from reenactory.flows.cli.options import (
    DeviceOption,
    PrefectOption,
    RayAddressOption,
    RetryOption,
    RunOption,
    SetOption,
    StoreOption,
    WeightsOption,
    WorkersOption,
)
from reenactory.flows.cli.shell import console, run_flow, use_cluster, use_weights

app = typer.Typer()


@app.command()
def render(
    pairs: Annotated[Path, typer.Argument(help="Pair file.")],
    renderer: Annotated[str, typer.Option(help="copy, warp, or a renderer that another package registered.")],
    store: StoreOption,
    run: RunOption,
    dataset: Annotated[str | None, typer.Option(help="Default: the one that the pair file names.")] = None,
    label: Annotated[bool, typer.Option(help="'re-enacted: RENDERER' in a corner of the videos for people.")] = True,
    watermark: Annotated[bool, typer.Option(help="The render's id, invisible, in the videos for people.")] = True,
    consent: Annotated[
        Path | None, typer.Option(help="Consent manifest (CSV, Parquet, TOML): pairs without consent are rejected.")
    ] = None,
    require_consent: Annotated[
        bool, typer.Option("--require-consent", help="Refuse to start without --consent.")
    ] = False,
    workers: WorkersOption = None,
    ray_address: RayAddressOption = None,
    device: DeviceOption = "auto",
    retry: RetryOption = None,
    weights: WeightsOption = None,
    prefect: PrefectOption = False,
) -> None:
    """Render every pair with one renderer."""
    from reenactory.flows.render import RenderRequest, render

    use_weights(weights)
    use_cluster(ray_address)
    request = RenderRequest.model_validate(
        {
            "pairs": str(pairs),
            "renderer": renderer,
            "store": store,
            "run": run,
            "dataset": dataset,
            "label": label,
            "watermark": watermark,
            "consent": str(consent) if consent else None,
            "require_consent": require_consent,
            "workers": workers,
            "device": device,
            "retry": retry or [],
        }
    )
    run_flow(render, request, "render_batch", prefect)


@app.command()
def evaluate(
    store: StoreOption,
    run: RunOption,
    renders: Annotated[
        str | None,
        typer.Option(
            help="Folder of another method's renders: videos PAIR_ID.mp4, or folders PAIR_ID/ of PNG or JPEG."
        ),
    ] = None,
    name: Annotated[str, typer.Option(help="With --renders: what to call that method.")] = "external",
    pairs: Annotated[Path | None, typer.Option(help="With --renders: the pair file, if the run has none yet.")] = None,
    dataset: Annotated[
        str | None, typer.Option(help="With --pairs. Default: the one that the pair file names.")
    ] = None,
    panel: Annotated[
        str | None,
        typer.Option(help="With --renders: I/N cuts the I-th of N panels of equal width, from the left."),
    ] = None,
    first_frame: Annotated[
        str,
        typer.Option(
            help="With --renders: what each begins with. driven: a frame per driving frame; extra: one more before "
            "them, left away; source: the source in place of the first; missing: the second. In the last two the "
            "first is not scored."
        ),
    ] = "driven",
    workers: WorkersOption = None,
    ray_address: RayAddressOption = None,
    device: DeviceOption = "auto",
    retry: RetryOption = None,
    knobs: SetOption = None,
    weights: WeightsOption = None,
    prefect: PrefectOption = False,
) -> None:
    """Score every render of a run and write its report."""
    from reenactory.flows.evaluate import EvaluateParams, EvaluateRequest, evaluate
    from reenactory.flows.knobs import parse_knobs
    from reenactory.flows.score_table import render_scores

    use_weights(weights)
    use_cluster(ray_address)
    request = EvaluateRequest.model_validate(
        {
            "store": store,
            "run": run,
            "renders": renders,
            "name": name,
            "pairs": str(pairs) if pairs else None,
            "dataset": dataset,
            "panel": panel,
            "first_frame": first_frame,
            "workers": workers,
            "device": device,
            "retry": retry or [],
            "params": parse_knobs(knobs, params=EvaluateParams),
        }
    )
    run_flow(evaluate, request, "evaluate_report", prefect, lambda: console().print(render_scores(store, run)))


@app.command()
def compare(
    store: StoreOption,
    run_a: Annotated[str, typer.Argument(metavar="RUN_A")],
    run_b: Annotated[str, typer.Argument(metavar="RUN_B")],
    reference: Annotated[
        str | None,
        typer.Option(
            help="With many renderers: the one that all are compared with in full. Default: copy, where it is there."
        ),
    ] = None,
) -> None:
    """Two runs on the pairs they share: difference per metric with its interval, as a table and as a page."""
    from reenactory.flows.compare import cautions, compare, write_comparison
    from reenactory.flows.comparison_table import render_comparison

    lines = compare(store, run_a, run_b)
    console().print(render_comparison(lines, reference, run_a == run_b))
    for caution in cautions(store, run_a, run_b):
        typer.echo(f"⚠ {caution}")
    typer.echo(f"results: report={write_comparison(store, run_a, run_b, lines, reference)}")
