"""The files of a run in the store: its pairs, its renders by renderer, its scores."""

from collections.abc import Mapping, Sequence

from reenactory.infra.store import Store
from reenactory.infra.summary import PairList
from reenactory.infra.tables import get_table, put_table
from reenactory.tasks.errors import WrongUseError
from reenactory.tasks.pairs import Pair, PairFile, from_table, pairs_sha256, to_table
from reenactory.tasks.rendering import ClipRow, clips_sha256


def run_path(run: str, name: str) -> str:
    return f"runs/{run}/{name}"


def keep_pairs(store: Store, run: str, pairs: Sequence[Pair], dataset: str, drawn_by: str = "") -> None:
    """A run has one pair list: renderers that are added to it later must be given the same, or a part of it.

    Raises:
        WrongUseError: the run has other pairs, or another dataset.
    """
    path = run_path(run, "pairs.parquet")
    if store.exists(path):
        known, known_dataset = read_run_pairs(store, run)
        others = {pair[:-1] for pair in pairs} - {pair[:-1] for pair in known}  # whatever seed drew them
        if others or known_dataset != dataset:
            raise WrongUseError(
                f"run {run!r} was made of {len(known)} pairs of dataset {known_dataset!r}, and {len(others)} of the "
                f"pairs given (dataset {dataset!r}) are not among them: take another --run"
            )
        return
    put_table(store, path, to_table(pairs, dataset, drawn_by))


def read_run_pairs(store: Store, run: str) -> tuple[list[Pair], str]:
    """The run's pairs and dataset.

    Raises:
        WrongUseError: the store has no such run.
    """
    found = _pair_file(store, run)
    return found.pairs, found.dataset or ""


def pair_file(store: Store, run: str, given: str, pairs: Sequence[Pair]) -> str:
    """The run's own copy of a pair file, which is there as long as the run is; `given` where a command cannot have it.

    A renderer may be given a part of the run's pairs; and commands read pair files from this machine only.
    """
    copy = f"{store.uri}/{run_path(run, 'pairs.parquet')}"
    known, _ = read_run_pairs(store, run)
    whole = pairs_sha256(known) == pairs_sha256(pairs)
    return copy.removeprefix("file://") if whole and copy.startswith("file://") else given


def run_pair_list(store: Store, run: str, clips: Mapping[str, ClipRow]) -> PairList:
    """For the run's summary. Clips that the dataset no longer has count as unmade."""
    found = _pair_file(store, run)
    return PairList(
        count=len(found.pairs),
        drawn=found.drawn_by,
        sha256=pairs_sha256(found.pairs),
        clips_sha256=clips_sha256(found.pairs, clips),
    )


def _pair_file(store: Store, run: str) -> PairFile:
    path = run_path(run, "pairs.parquet")
    if not store.exists(path):
        runs = sorted({name.split("/")[1] for name in store.list("runs/")})
        raise WrongUseError(f"run {run!r} has no pairs in {store.uri}; runs there: {', '.join(runs) or 'none'}")
    return from_table(get_table(store, path))
