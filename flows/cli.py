"""The command line. It parses, calls a flow and prints where the results are; it decides nothing itself."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn, TypeVar

import typer
from pydantic import BaseModel, ValidationError
from rich.console import Console

from reenactory.flows.store import store_app

if TYPE_CHECKING:
    from reenactory.infra.summary import Summary

Request = TypeVar("Request", bound=BaseModel)

WIDTH_WITHOUT_TERMINAL = 160

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
models_app = typer.Typer(
    no_args_is_help=True, help="Weights and demo clips: where they come from, whether they are here."
)
app.add_typer(models_app, name="models")
app.add_typer(store_app, name="store")
metrics_app = typer.Typer(no_args_is_help=True, help="What every number means: formula, range, direction, who uses it.")
app.add_typer(metrics_app, name="metrics")

StoreOption = Annotated[str, typer.Option(help="A folder, file:// or s3://bucket/prefix.")]
DatasetOption = Annotated[str, typer.Option(help="Name of the dataset in the store.")]
RunOption = Annotated[str, typer.Option(help="Name of the run in the store.")]
WorkersOption = Annotated[
    int | None, typer.Option(min=0, help="Ray workers; 0 = in this process. Default: one per core.")
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
SplitListOption = Annotated[
    str | None, typer.Option(help="Persons of the test split, one per line: for clips that name no split themselves.")
]
WeightsOption = Annotated[
    list[str] | None, typer.Option("--weights", help="Your own file for a catalogue name: NAME=PATH (repeatable).")
]
PrefectOption = Annotated[
    bool, typer.Option("--prefect", help="Run as a Prefect flow run (also when PREFECT_API_URL is set).")
]


@app.command()
def preprocess(
    inputs: Annotated[list[str], typer.Argument(help="Files, folders, globs, s3:// prefixes, CSV/Parquet manifests.")],
    store: StoreOption,
    dataset: DatasetOption,
    metadata: Annotated[
        str | None, typer.Option(help="VoxCeleb metadata CSV, or utterance text files (a folder).")
    ] = None,
    split_list: SplitListOption = None,
    workers: WorkersOption = None,
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

    _use_weights(weights)
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
    _run(preprocess, request, "preprocess_dataset", prefect)


@app.command()
def plan(
    inputs: Annotated[list[str], typer.Argument(help="As for preprocess.")],
    store: StoreOption,
    dataset: DatasetOption,
    metadata: Annotated[
        str | None, typer.Option(help="VoxCeleb metadata CSV, or utterance text files (a folder).")
    ] = None,
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

    _use_weights(weights)
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
    _console().print(render_plan(plan(request, rebuild_index)))


@app.command()
def pairs(
    store: StoreOption,
    dataset: DatasetOption,
    out: Annotated[Path, typer.Option(help="Parquet file to write.")],
    protocol: Annotated[
        str | None,
        typer.Option(
            help="self, cross, or a paper's: 3dflowrenderer-self, 3dflowrenderer-cross, multiguidance-self, "
            "multiguidance-cross, multiguidance-celebv, pirenderer (docs/protocols.md)."
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
        _say(note)
    _say(f"{written.pairs} pairs ({written.drawn_by}), sha256 {written.sha256}")
    _say(f"results: pairs={out}")


@app.command()
def render(
    pairs: Annotated[Path, typer.Argument(help="Pair file.")],
    renderer: Annotated[str, typer.Option(help="copy, warp, or a renderer that another package registered.")],
    store: StoreOption,
    run: RunOption,
    dataset: Annotated[str | None, typer.Option(help="Default: the one that the pair file names.")] = None,
    workers: WorkersOption = None,
    device: DeviceOption = "auto",
    retry: RetryOption = None,
    weights: WeightsOption = None,
    prefect: PrefectOption = False,
) -> None:
    """Render every pair with one renderer."""
    from reenactory.flows.render import RenderRequest, render

    _use_weights(weights)
    request = RenderRequest.model_validate(
        {
            "pairs": str(pairs),
            "renderer": renderer,
            "store": store,
            "run": run,
            "dataset": dataset,
            "workers": workers,
            "device": device,
            "retry": retry or [],
        }
    )
    _run(render, request, "render_batch", prefect)


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
    workers: WorkersOption = None,
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

    _use_weights(weights)
    request = EvaluateRequest.model_validate(
        {
            "store": store,
            "run": run,
            "renders": renders,
            "name": name,
            "pairs": str(pairs) if pairs else None,
            "dataset": dataset,
            "panel": panel,
            "workers": workers,
            "device": device,
            "retry": retry or [],
            "params": parse_knobs(knobs, params=EvaluateParams),
        }
    )
    _run(evaluate, request, "evaluate_report", prefect, lambda: _console().print(render_scores(store, run)))


@app.command()
def compare(
    store: StoreOption,
    run_a: Annotated[str, typer.Argument(metavar="RUN_A")],
    run_b: Annotated[str, typer.Argument(metavar="RUN_B")],
) -> None:
    """Two runs on the pairs they share: difference per metric with its interval, as a table and as a page."""
    from reenactory.flows.compare import compare, write_comparison
    from reenactory.flows.comparison_table import render_comparison

    lines = compare(store, run_a, run_b)
    _console().print(render_comparison(lines))
    typer.echo(f"results: report={write_comparison(store, run_a, run_b, lines)}")


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for the store, the report and the renders.")] = Path("out/demo"),
    workers: WorkersOption = None,
    frames: Annotated[int, typer.Option(min=8, help="Driving frames per pair.")] = 48,
) -> None:
    """The whole pipeline on the demo clips: what `make demo` runs."""
    from reenactory.flows.demo import demo

    result = demo(out, workers, frames)
    _finish(result.summary, result.places)


@app.command()
def train(
    store: StoreOption,
    dataset: DatasetOption,
    method: Annotated[str, typer.Option(help="flow3d.")] = "flow3d",
    name: Annotated[str, typer.Option(help="Name of the run that the training is.")] = "flow3d",
    config: Annotated[
        Path | None, typer.Option(help="TOML: preset, ablations, tables [network], [losses], [training].")
    ] = None,
    preset: Annotated[str | None, typer.Option(help="paper, small or tiny; over the file's.")] = None,
    held_out: Annotated[list[str] | None, typer.Option(help="An identity to validate on (repeatable).")] = None,
    device: DeviceOption = "auto",
    workers: Annotated[int, typer.Option(min=0, help="Ray Train workers; 0 = in this process.")] = 0,
    minutes: Annotated[float | None, typer.Option(help="Stop after so long, with a checkpoint.")] = None,
    pack: Annotated[
        Path | None, typer.Option(help="Only write the training data into this folder, for another machine.")
    ] = None,
    jpeg_quality: Annotated[int, typer.Option(help="Of the packed frames; 0 = raw.")] = 95,
    weights: WeightsOption = None,
) -> None:
    """Train a re-enactment network on a dataset; the same command goes on from the last checkpoint."""
    from reenactory.flows.train import TrainRequest
    from reenactory.flows.train import train as start

    _use_weights(weights)
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
            "minutes": minutes,
            "pack": pack,
            "jpeg_quality": jpeg_quality,
        }
    )
    summary = start(request)
    _finish(summary, summary.outputs)


@app.command()
def doctor() -> None:
    """What this machine has, what is missing, and how to get it."""
    from reenactory.flows.doctor import examine, render_findings

    findings = examine()
    _console().print(render_findings(findings))
    raise typer.Exit(0 if all(finding.ok for finding in findings if finding.needed) else 1)


@models_app.command("list")
def models_list() -> None:
    """Every file of the catalogue: what for, licence, whether it is here."""
    from reenactory.flows.models import render_catalogue

    _console().print(render_catalogue())


@models_app.command("fetch")
def models_fetch(
    names: Annotated[list[str] | None, typer.Argument(help="Catalogue names. Default: all.")] = None,
) -> None:
    """Download what is missing, verify it, cache it."""
    from reenactory.flows.models import fetch_models

    sys.exit(fetch_models(names))


@models_app.command("verify")
def models_verify() -> None:
    """Check the sha256 of every cached file; wrong ones are removed."""
    from reenactory.flows.models import verify_models

    sys.exit(verify_models())


@metrics_app.command("list")
def metrics_list(
    names: Annotated[list[str] | None, typer.Argument(help="Metrics to explain. Default: all.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for a program.")] = False,
) -> None:
    """Every metric: its definition string, formula, range, direction, inputs, weights and users."""
    from reenactory.flows.metrics import metrics_json, metrics_text

    _say(metrics_json(names) if as_json else metrics_text(names, _console().width))


def _use_weights(given: list[str] | None) -> None:
    """Put --weights where worker processes find them too: in the environment."""
    import os

    from reenactory.models.weights import catalogue, overrides_text
    from reenactory.tasks.errors import WrongUseError

    named = dict(text.partition("=")[::2] for text in given or [])
    wrong = [f"{name}={path}" for name, path in named.items() if name not in catalogue() or not path]
    if wrong:
        raise WrongUseError(f"--weights {wrong[0]}: give NAME=PATH; names are {', '.join(catalogue())}")
    if named:
        os.environ["REENACTORY_WEIGHTS"] = overrides_text({name: Path(path) for name, path in named.items()})


def _run(
    function: Callable[[Request], "Summary"],
    request: Request,
    flow: str,
    prefect: bool,
    show: Callable[[], None] = lambda: None,
) -> NoReturn:
    """Run a flow, show its results, end with the lines of every command."""
    import os

    if prefect or os.environ.get("PREFECT_API_URL"):
        from reenactory.flows import deployments
        from reenactory.flows.serve import require_server

        require_server()
        function = getattr(deployments, flow)
    summary = function(request)
    show()
    _finish(summary, summary.outputs)


def _finish(summary: "Summary", places: dict[str, str]) -> NoReturn:
    from reenactory.flows.closing import closing_lines

    for line in closing_lines(summary, places):
        _say(line)
    sys.exit(summary.exit_code)


def _console() -> Console:
    """Tables keep their columns where the output is a file or a log, which has no width of its own."""
    return Console() if sys.stdout.isatty() else Console(width=WIDTH_WITHOUT_TERMINAL)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


def main() -> None:
    """Entry point. Wrong use ends with one line and exit code 2; a bug keeps its traceback."""
    from reenactory.flows.wrong_use import WRONG_USE
    from reenactory.infra.store import StoreFailed

    try:
        app()
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, e['loc']))}: {e['msg']} (got {e['input']!r})" for e in error.errors()]
        _refuse("; ".join(lines))
    except WRONG_USE as error:
        _refuse(str(error))
    except StoreFailed as error:
        sys.stderr.write(f"reenactory: {error}; what was finished is kept, the same command goes on from there\n")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.stderr.write("reenactory: interrupted; what was finished is kept, the same command goes on from there\n")
        sys.exit(130)


def _refuse(message: str) -> NoReturn:
    sys.stderr.write(f"reenactory: {message}\n")
    sys.exit(2)


if __name__ == "__main__":
    main()
