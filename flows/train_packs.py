"""The packs that a training reads, in this machine's cache: made where they are not there yet."""

import shutil
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import mkdtemp
from typing import NamedTuple

from reenactory.flows.train_request import TrainRequest, synthetic_people
from reenactory.infra.settings import Settings
from reenactory.infra.store import Store, open_store
from reenactory.models.flow3d.config import Flow3dConfig
from reenactory.tasks.consent import Consent, asked_consent
from reenactory.tasks.dataset import read_clips
from reenactory.tasks.errors import WrongUseError
from reenactory.tasks.extractors import extractor_id
from reenactory.tasks.rendering import ClipRow
from reenactory.tasks.synthetic_pack import SyntheticFaces, synthetic_key, weights_of, write_synthetic_pack
from reenactory.tasks.training_pack import held_out_people, pack_key, usable, write_pack

Report = Callable[[int], None]  # frames written


class PackPlan(NamedTuple):
    """A pack that may have to be made.

    Attributes:
        key: of everything that decides its bytes.
        frames: how many it will have.
        write: into an empty folder.
        clips, extractor: what it will have.
        weights: of the catalogue, that `write` needs.
    """

    key: str
    frames: int
    write: Callable[[Path, Report], None]
    clips: int
    extractor: object
    weights: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        """Where it is in the cache once it is whole."""
        return Settings().cache_folder / "packs" / self.key


class Data(NamedTuple):
    """What a training reads: people to train and to validate on, rendered people beside them; who is left out."""

    main: PackPlan
    synthetic: PackPlan | None
    share: float
    notes: tuple[str, ...] = ()

    @property
    def weights(self) -> tuple[str, ...]:
        """Of the catalogue, to make them."""
        return self.main.weights if self.synthetic is None else (*self.main.weights, *self.synthetic.weights)

    @property
    def frames_to_make(self) -> int:
        plans = [plan for plan in (self.main, self.synthetic) if plan is not None]
        return sum(plan.frames for plan in plans if not plan.folder.is_dir())


def agreed(rows: Sequence[ClipRow], consent: Consent | None) -> tuple[list[ClipRow], tuple[str, ...]]:
    """The clips of people who agree to training today, and in words who is left out.

    Raises:
        WrongUseError: nobody is left.
    """
    if consent is None:
        return list(rows), ()
    today = datetime.now(UTC).date()
    faults = {str(row["identity"]): consent.fault(str(row["identity"]), "training", today) for row in rows}
    kept = [row for row in rows if faults[str(row["identity"])] is None]
    left_out = [fault for _, fault in sorted(faults.items()) if fault is not None]
    if not kept:
        raise WrongUseError(f"nobody agreed to training: {'; '.join(left_out[:3])}")
    return kept, (f"consent: manifest sha256 {consent.sha256}", *(f"left out: {fault}" for fault in left_out))


def of_dataset(
    rows: Sequence[ClipRow], store: Store, held_out: Sequence[str], image_px: int, quality: int | None
) -> PackPlan:
    """Clips of a dataset.

    Raises:
        WrongUseError: nobody is left to train on, or the clips have coefficients of several extractors.
    """
    people = held_out_people(rows, held_out)
    frames = sum(int(str(row["frame_count"])) for row in rows)

    def write(folder: Path, report: Report) -> None:
        write_pack(store, rows, people, folder, image_px, quality, report)

    return PackPlan(pack_key(rows, people, image_px, quality), frames, write, len(rows), rows[0].get("extractor"))


def of_synthetic(faces: SyntheticFaces, image_px: int, quality: int | None) -> PackPlan:
    """People who are rendered."""

    def write(folder: Path, report: Report) -> None:
        write_synthetic_pack(faces, folder, image_px, quality, report)

    key, frames = synthetic_key(faces, image_px, quality), faces.clips * faces.frames
    return PackPlan(key, frames, write, faces.clips, extractor_id("open"), weights_of(faces))


def data_of(request: TrainRequest, config: Flow3dConfig) -> Data:
    """Which packs the training reads; nothing is made yet.

    Raises:
        WrongUseError: neither a dataset nor rendered people, or something is wrong with the dataset.
    """
    side, quality = config.network.image_px, request.jpeg_quality or None
    table = synthetic_people(request)
    faces = None if table is None else SyntheticFaces(**table.model_dump(exclude={"share"}))
    rendered = None if faces is None else of_synthetic(faces, side, quality)
    if request.dataset is not None:
        store = open_store(request.store)
        consent = asked_consent(request.consent, request.require_consent)
        rows, notes = agreed(usable(read_clips(store, request.dataset).to_pylist()), consent)
        main = of_dataset(rows, store, request.held_out, side, quality)
        if rendered is not None and main.extractor != rendered.extractor:
            theirs = main.extractor or "an unknown extractor"
            raise WrongUseError(
                f"rendered people have coefficients of {rendered.extractor}, the clips of {request.dataset} have those "
                f"of {theirs}: run `reenactory preprocess` over them with --set face3d.extractor=open"
            )
        return Data(main, rendered, 0.0 if table is None else table.share, notes)
    if rendered is None:
        raise WrongUseError("nothing to train on: name a --dataset, or people to render with --synthetic, or both")
    if request.held_out:
        raise WrongUseError("--held-out names people of a dataset; of rendered people one in 16 is held out")
    return Data(rendered, None, 0.0)


def cached(plan: PackPlan, report: Report = lambda frames: None) -> Path:
    """The pack in the cache; made where it is not there, and under its name only once it is whole."""
    folder = plan.folder
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(mkdtemp(prefix=".tmp-", dir=folder.parent))
        plan.write(unfinished, report)
        try:
            unfinished.rename(folder)
        except OSError:  # another process was quicker; its pack has the same bytes
            shutil.rmtree(unfinished)
    return folder


def make_packs(data: Data, report: Report = lambda frames: None) -> tuple[Path, Path | None]:
    """Their folders in the cache."""
    main = cached(data.main, report)
    return main, None if data.synthetic is None else cached(data.synthetic, report)
