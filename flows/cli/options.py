"""Options that several commands share."""

from typing import Annotated

import typer

StoreOption = Annotated[str, typer.Option(help="A folder, file:// or s3://bucket/prefix.")]
DatasetOption = Annotated[str, typer.Option(help="Name of the dataset in the store.")]
RunOption = Annotated[str, typer.Option(help="Name of the run in the store.")]
WorkersOption = Annotated[
    int | None, typer.Option(min=0, help="Ray workers; 0 = in this process. Default: one per core.")
]
RayAddressOption = Annotated[
    str | None,
    typer.Option(
        help="A running Ray cluster, 'auto' or host:port; give --workers too. "
        "Default: REENACTORY_RAY_ADDRESS, else a Ray of this run's own."
    ),
]
DeviceOption = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
RetryOption = Annotated[list[str] | None, typer.Option(help="Try items rejected for this reason again (repeatable).")]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", help="A knob as stage.name=value, e.g. track.min_side_px=96 (repeatable).")
]
PresetOption = Annotated[
    str,
    typer.Option(
        help="fomm: the published rules; fomm-exact: every frame, 25/s, no rule about shots; in-the-wild: for "
        "low-resolution or tightly framed video. --set goes over it."
    ),
]
FpsOption = Annotated[
    float | None,
    typer.Option(help="Frames per second of the clips; short for --set detect.fps=N. Default: the video's."),
]
MetadataOption = Annotated[str | None, typer.Option(help="VoxCeleb metadata CSV, or utterance text files (a folder).")]
SplitListOption = Annotated[
    str | None, typer.Option(help="Persons of the test split, one per line: for clips that name no split themselves.")
]
WeightsOption = Annotated[
    list[str] | None, typer.Option("--weights", help="Your own file for a catalogue name: NAME=PATH (repeatable).")
]
PrefectOption = Annotated[
    bool, typer.Option("--prefect", help="Run as a Prefect flow run (also when PREFECT_API_URL is set).")
]
