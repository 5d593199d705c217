"""The paper's ablations of flow3d on one budget: the whole system, then each part switched off, one after another.

Every one of them is an ordinary training (runs/NAME-ABLATION), so a second call goes on where the first one stopped.
"""

import io
import json

import pyarrow as pa
import pyarrow.csv
from rich.table import Table

from reenactory.flows.run_files import run_path
from reenactory.flows.train import train, training_folder
from reenactory.flows.train_request import TrainRequest
from reenactory.infra.store import Store, open_store
from reenactory.infra.summary import Summary, merge
from reenactory.infra.tables import get_table, put_table
from reenactory.models.flow3d.loop import LOG
from reenactory.models.flow3d.presets import ABLATIONS, FULL, PUBLISHED_FID
from reenactory.models.flow3d.validation import CHOSEN_BY
from reenactory.tasks.errors import WrongUseError

SCORES = (CHOSEN_BY, "l1", "psnr", "psnr_person", "psnr_background")  # of held-out people, after the last step
TABLE = "ablations"


def train_ablations(request: TrainRequest) -> Summary:
    """Train them all and write runs/NAME/ablations.parquet and .csv, a row each, beside the paper's FIDs.

    Raises:
        WrongUseError: with `minutes`, which would give each another number of steps, or with one ablation chosen.
    """
    if request.minutes is not None or request.ablations:
        raise WrongUseError("--ablations trains each as long as the configuration's steps say: no --minutes with it")
    store = open_store(request.store)
    requests = {name: _of(request, name) for name in (FULL, *ABLATIONS)}
    parts = [train(each) for each in requests.values()]
    table = pa.Table.from_pylist([_row(store, name, each) for name, each in requests.items()])
    put_table(store, run_path(request.name, f"{TABLE}.parquet"), table)
    sink = io.BytesIO()
    pyarrow.csv.write_csv(table, sink)
    store.put(run_path(request.name, f"{TABLE}.csv"), sink.getvalue())
    summary = merge(request.name, "train", parts)
    places = {TABLE: f"{store.uri}/{run_path(request.name, f'{TABLE}.csv')}"}
    return summary.model_copy(update={"outputs": places})


def ablation_table(request: TrainRequest) -> Table:
    """What `train_ablations` wrote, for the terminal."""
    found = get_table(open_store(request.store, create=False), run_path(request.name, f"{TABLE}.parquet"))
    table = Table(*found.column_names)
    for row in found.to_pylist():
        table.add_row(*(f"{value:.4g}" if isinstance(value, float) else str(value) for value in row.values()))
    table.caption = "Scores of held-out people at the side trained at; FID as published, after a training of days."
    return table


def _of(request: TrainRequest, ablation: str) -> TrainRequest:
    switched_off = [] if ablation == FULL else [ablation]
    return request.model_copy(update={"name": f"{request.name}-{ablation}", "ablations": switched_off})


def _row(store: Store, name: str, request: TrainRequest) -> dict[str, object]:
    lines = map(json.loads, store.get(f"{training_folder(request)}/{LOG}").splitlines())
    validated = [line for line in lines if CHOSEN_BY in line]
    if not validated:
        raise WrongUseError("--ablations compares held-out people, and the dataset has none: name some with --held-out")
    last = validated[-1]
    fid_self, fid_cross = PUBLISHED_FID[name]
    scores = {score: float(last[score]) for score in SCORES}
    return {
        "ablation": name,
        "steps": int(last["step"]),
        **scores,
        "paper_fid_self": fid_self,
        "paper_fid_cross": fid_cross,
    }
