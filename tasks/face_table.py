"""A dataset's motion descriptors for training and rendering: memory-mapped, random access by clip.

A Parquet part has to be decompressed whole before one row of it can be read. So the descriptors are written out once,
as one array in the cache folder, under a name made of the dataset's parts and of what was done to them; after that
every process on the machine maps the same pages.
"""

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from reenactory.infra.keys import canonical_json, digest
from reenactory.infra.settings import Settings
from reenactory.infra.store import Store
from reenactory.models.face_model import motion
from reenactory.models.face_model.motion import RADIUS, Descriptors, Frames, Windows
from reenactory.tasks.dataset import NoSuchDatasetError
from reenactory.tasks.face_table_files import ABOUT, write_face_table

LAYOUT = 1  # raised when the files in the cache folder change
Scalar = TypeVar("Scalar", np.float32, np.bool_)


class _Span(NamedTuple):
    """Where the frames of a clip are in the array."""

    start: int
    frames: int


class FaceTable:
    """Descriptors of all clips of a dataset that are done. Made by `open`; cheap to pickle to loader processes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        self._spans = {clip_id: _Span(*span) for clip_id, span in about["clips"].items()}
        self.extractor: str | None = about["extractor"]
        self.max_gap_frames: int = about["max_gap_frames"]

    @classmethod
    def open(cls, store: Store, dataset: str, max_gap_frames: int = 0) -> "FaceTable":
        """The table of a dataset, written out first where this machine has not done so yet.

        Args:
            store: where the dataset is.
            dataset: its name.
            max_gap_frames: gaps of at most so many frames without a face are interpolated (`filled` says where).
                0: nothing is made up.

        Raises:
            NoSuchDatasetError: the store has no face3d table of that name.
            WrongUseError: its clips have coefficients of several extractors, or a clip is in it twice.
        """
        parts = [path for path in store.list(f"datasets/{dataset}/face3d/") if path.endswith(".parquet")]
        if not parts:
            raise NoSuchDatasetError(f"dataset {dataset!r} in {store.uri} has no face3d table")
        # A part's name is a digest of its clips.
        stamps: list[JsonValue] = [store.uri, *(f"{path} {store.size(path)}" for path in parts)]
        name = digest(canonical_json([LAYOUT, max_gap_frames, *stamps]))
        folder = Settings().cache_folder / "motion" / name
        if not (folder / ABOUT).is_file():
            write_face_table(store, parts, folder, max_gap_frames)
        return cls(folder)

    def __reduce__(self) -> tuple[type["FaceTable"], tuple[Path]]:
        return FaceTable, (self._folder,)  # not the mapped arrays: pickle would copy them

    @property
    def clip_ids(self) -> Sequence[str]:
        """Sorted."""
        return tuple(self._spans)

    def frame_count(self, clip_id: str) -> int:
        """Frames of a clip."""
        return self._span(clip_id).frames

    def descriptors(self, clip_id: str) -> Descriptors:
        """(T, 73) float32, read-only: all frames of a clip; NaN where no face was found (and none was filled in)."""
        return self._of_clip(self._descriptors, clip_id)

    def filled(self, clip_id: str) -> NDArray[np.bool_]:
        """(T,) bool: frames without a face whose descriptor was interpolated."""
        return self._of_clip(self._filled, clip_id)

    def windows(self, clip_id: str, frames: Frames, radius: int = RADIUS, hold: bool = False) -> Windows:
        """Windows around some frames of a clip: as `tasks.motion.windows` forms them.

        Args:
            clip_id: one of `clip_ids`.
            frames: (N,) of the clip.
            radius: 13 gives 27 frames.
            hold: the frame itself in every place.

        Returns:
            (N, 73, 2 radius + 1) float32.

        Raises:
            KeyError: no such clip.
            IndexError: a frame that the clip does not have.
        """
        of_clip = self.descriptors(clip_id)
        if hold:
            return motion.hold(of_clip[motion.window_frames(frames, len(of_clip), 0)[:, 0]], radius)
        return motion.windows_of(of_clip, frames, radius)

    def incomplete(self, clip_id: str, frames: Frames, radius: int = RADIUS) -> NDArray[np.bool_]:
        """(N,) bool: windows that contain a frame without a descriptor."""
        return motion.incomplete(self._of_clip(self._known, clip_id), frames, radius)

    def _span(self, clip_id: str) -> _Span:
        if clip_id not in self._spans:
            raise KeyError(f"no clip {clip_id!r} among the {len(self._spans)} of this table")
        return self._spans[clip_id]

    def _of_clip(self, values: NDArray[Scalar], clip_id: str) -> NDArray[Scalar]:
        start, count = self._span(clip_id)
        return values[start : start + count]

    @cached_property
    def _descriptors(self) -> Descriptors:
        return self._mapped("descriptors")

    @cached_property
    def _known(self) -> NDArray[np.bool_]:
        return self._mapped("known")

    @cached_property
    def _filled(self) -> NDArray[np.bool_]:
        return self._mapped("filled")

    def _mapped(self, name: str) -> np.ndarray:
        # As a plain array: a slice of a memmap object costs microseconds more.
        return np.asarray(np.load(self._folder / f"{name}.npy", mmap_mode="r", allow_pickle=False))
