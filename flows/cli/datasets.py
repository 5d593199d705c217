"""`preprocess`, `plan`, `pairs`: from videos to a dataset, and the pairs that are drawn from it."""

from pathlib import Path
from typing import Annotated

import typer

from reenactory.flows.cli.options import (
    DatasetOption,
    DeviceOption,
    FpsOption,
    MetadataOption,
    PrefectOption,
    PresetOption,
    RayAddressOption,
    RetryOption,
    SetOption,
    SplitListOption,
    StoreOption,
    WeightsOption,
    WorkersOption,
)
from reenactory.flows.cli.shell import console, run_flow, say, use_cluster, use_weights

app = typer.Typer()


@app.command()
def preprocess(
    inputs: Annotated[list[str], typer.Argument(help="Files, folders, globs, s3:// prefixes, CSV/Parquet manifests.")],
    store: StoreOption,
    dataset: DatasetOption,
    metadata: MetadataOption = None,
    split_list: SplitListOption = None,
    workers: WorkersOption = None,
    ray_address: RayAddressOption = None,
    device: DeviceOption = "auto",
    retry: RetryOption = None,
    preset: PresetOption = "fomm",
    fps: FpsOption = None,
    knobs: SetOption = None,
    weights: WeightsOption = None,
    prefect: PrefectOption = False,
) -> None:
    """Videos in; clips, mattes and coefficients out, or a reason for each video that gave none."""
    from reenactory.flows.knobs import parse_knobs
    from reenactory.flows.preprocess import PreprocessRequest, preprocess

    use_weights(weights)
    use_cluster(ray_address)
    request = PreprocessRequest.model_validate(
        {
            "inputs": inputs,
            "store": store,
            "dataset": dataset,
            "metadata": metadata,
            "split_list": split_list,
            "workers": workers,
            "device": device,
            "retry": retry or [],
            "preset": preset,
            "params": parse_knobs(knobs, fps),
        }
    )
    run_flow(preprocess, request, "preprocess_dataset", prefect)


@app.command()
def plan(
    inputs: Annotated[list[str], typer.Argument(help="As for preprocess.")],
    store: StoreOption,
    dataset: DatasetOption,
    metadata: MetadataOption = None,
    workers: WorkersOption = None,
    preset: PresetOption = "fomm",
    fps: FpsOption = None,
    knobs: SetOption = None,
    weights: WeightsOption = None,
    rebuild_index: Annotated[
        bool, typer.Option(help="First write the index of records anew from the records themselves.")
    ] = False,
) -> None:
    """What `preprocess` would do: cached, to compute, hours. Computes nothing."""
    from reenactory.flows.knobs import parse_knobs
    from reenactory.flows.plan import plan, render_plan
    from reenactory.flows.preprocess import PreprocessRequest

    use_weights(weights)
    request = PreprocessRequest.model_validate(
        {
            "inputs": inputs,
            "store": store,
            "dataset": dataset,
            "metadata": metadata,
            "workers": workers,
            "preset": preset,
            "params": parse_knobs(knobs, fps),
        }
    )
    console().print(render_plan(plan(request, rebuild_index)))


@app.command()
def pairs(
    store: StoreOption,
    dataset: DatasetOption,
    out: Annotated[Path, typer.Option(help="Parquet file to write.")],
    protocol: Annotated[
        str | None,
        typer.Option(
            help="self, cross, or a paper's: 3dflowrenderer-self, 3dflowrenderer-cross, multiguidance-self, "
            "multiguidance-cross, multiguidance-celebv, pirenderer, nofa-self (docs/protocols.md)."
        ),
    ] = None,
    pairs_list: Annotated[
        Path | None, typer.Option(help="Instead of --protocol: a CSV with columns source,driving (docs/protocols.md).")
    ] = None,
    skip_missing: Annotated[
        bool, typer.Option("--skip-missing", help="With --pairs-list: leave out rows whose clips are not there.")
    ] = False,
    count: Annotated[
        int | None, typer.Option(min=1, help="Number of pairs. A paper's protocol has its own: all, or a part of them.")
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same pairs.")] = 0,
    frames: Annotated[int, typer.Option(min=0, help="Driving frames per pair; 0 = the whole clip.")] = 0,
    split: Annotated[
        str | None,
        typer.Option(help="Only clips of this split. Default: test for a paper's protocol, where the dataset has one."),
    ] = None,
) -> None:
    """Draw pairs, or take them from a list, as a file that anybody can re-run."""
    from reenactory.flows.pairs import write_listed_pairs, write_pairs
    from reenactory.tasks.errors import WrongUseError

    if (protocol is None) == (pairs_list is None):
        raise WrongUseError("give either --protocol NAME or --pairs-list FILE.csv")
    if pairs_list is None:
        if skip_missing:
            raise WrongUseError("--skip-missing goes with --pairs-list")
        written = write_pairs(store, dataset, str(protocol), count, seed, frames, out, split)
    else:
        if count or frames or split or seed:
            raise WrongUseError(
                "--pairs-list is taken as it is: --count, --seed, --frames and --split go with --protocol"
            )
        written = write_listed_pairs(store, dataset, pairs_list, out, skip_missing)
    for note in written.notes:
        say(note)
    say(f"{written.pairs} pairs ({written.drawn_by}), sha256 {written.sha256}")
    say(f"results: pairs={out}")
