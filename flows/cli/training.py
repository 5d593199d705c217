"""`train`: a network from a dataset."""

from pathlib import Path
from typing import Annotated

import typer

from reenactory.flows.cli.options import DeviceOption, PrefectOption, RayAddressOption, StoreOption, WeightsOption
from reenactory.flows.cli.shell import console, finish, run_flow, use_cluster, use_weights

app = typer.Typer()


@app.command()
def train(
    store: StoreOption,
    dataset: Annotated[
        str | None, typer.Option(help="Name of the dataset in the store; none: rendered people alone.")
    ] = None,
    method: Annotated[str, typer.Option(help="flow3d.")] = "flow3d",
    name: Annotated[str, typer.Option(help="Name of the run that the training is.")] = "flow3d",
    config: Annotated[
        Path | None, typer.Option(help="TOML: preset, ablations; tables network, losses, training, synthetic.")
    ] = None,
    preset: Annotated[str | None, typer.Option(help="paper, small, demo or tiny; over the file's.")] = None,
    held_out: Annotated[list[str] | None, typer.Option(help="An identity to validate on (repeatable).")] = None,
    device: DeviceOption = "auto",
    workers: Annotated[int, typer.Option(min=0, help="Ray Train workers; 0 = in this process.")] = 0,
    ray_address: RayAddressOption = None,
    synthetic: Annotated[
        int | None, typer.Option(min=0, help="Render so many people as further training data; 0 = none.")
    ] = None,
    consent: Annotated[
        Path | None, typer.Option(help="Consent manifest: clips of people who did not agree to training are left out.")
    ] = None,
    require_consent: Annotated[
        bool, typer.Option("--require-consent", help="Refuse to start without --consent.")
    ] = False,
    minutes: Annotated[float | None, typer.Option(help="Stop after so long, with a checkpoint.")] = None,
    pack: Annotated[
        Path | None, typer.Option(help="Only write the training data into this folder, for another machine.")
    ] = None,
    jpeg_quality: Annotated[int, typer.Option(help="Of the packed frames; 0 = raw.")] = 95,
    ablations: Annotated[
        bool, typer.Option("--ablations", help="Train the whole system and each of the paper's ablations; a table.")
    ] = False,
    weights: WeightsOption = None,
    prefect: PrefectOption = False,
) -> None:
    """Train a re-enactment network on a dataset; the same command goes on from the last checkpoint."""
    from reenactory.flows.train import train as start
    from reenactory.flows.train_request import TrainRequest

    use_weights(weights)
    use_cluster(ray_address)
    request = TrainRequest.model_validate(
        {
            "method": method,
            "store": store,
            "dataset": dataset,
            "name": name,
            "config": config,
            "preset": preset,
            "held_out": held_out or [],
            "device": device,
            "workers": workers,
            "synthetic": synthetic,
            "consent": consent,
            "require_consent": require_consent,
            "minutes": minutes,
            "pack": pack,
            "jpeg_quality": jpeg_quality,
        }
    )
    if ablations:
        from reenactory.flows.ablations import ablation_table, train_ablations

        summary = train_ablations(request)
        console().print(ablation_table(request))
        finish(summary, summary.outputs)
    run_flow(start, request, "train_network", prefect)
