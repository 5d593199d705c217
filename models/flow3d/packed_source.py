"""Batches drawn from a pack: a person, a clip of theirs, two of its frames."""

from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

from reenactory.models.face_model.motion import detected
from reenactory.models.flow3d.descriptor import windows
from reenactory.models.flow3d.examples import Batch, Statistics
from reenactory.models.flow3d.pack import Pack, PackedClip


class PackedSource:
    """A `TrainingSource` over the clips of one split.

    Batch n depends on seed, rank and n alone. Every person is as likely as any other, however many clips they have.
    """

    def __init__(
        self,
        pack: Pack,
        pairs: int,
        seed: int = 0,
        held_out: bool = False,
        both_directions: bool = True,
        rank: int = 0,
        within_clips: bool = False,
    ) -> None:
        """Args: rank: of this process among those that train together; within_clips: deviations are of that.


        Raises:
            ValueError: no clip of the split has two frames with a face.
        """
        self._pack = pack
        self.pairs = pairs
        self.within_clips = within_clips
        self._both = both_directions
        self._entropy = (seed, rank, int(held_out))
        self._frames: dict[str, NDArray[np.intp]] = {}  # of each clip: those with a face
        self._people: dict[str, list[PackedClip]] = defaultdict(list)
        for clip in pack.clips:
            seen = np.flatnonzero(detected(self._descriptors(clip)))
            if clip.held_out == held_out and len(seen) >= 2:
                self._frames[clip.clip_id] = seen
                self._people[clip.identity].append(clip)
        self.identities = sorted(self._people)
        if not self.identities:
            split = "held-out" if held_out else "training"
            raise ValueError(f"the pack has no {split} clip with two frames that show a face")

    def batch(self, number: int) -> Batch:
        return self.draw(number, self.pairs)

    def draw(self, number: int, pairs: int) -> Batch:
        """Batch `number` with another number of pairs: the first ones are the same."""
        draw = np.random.default_rng((*self._entropy, number))
        drawn: list[tuple[PackedClip, int, int]] = []
        for _ in range(pairs):
            person = self._people[self.identities[draw.integers(len(self.identities))]]
            clip = person[draw.integers(len(person))]
            one, other = draw.choice(self._frames[clip.clip_id], 2, replace=False)
            drawn.append((clip, int(one), int(other)))
        if self._both:
            drawn += [(clip, other, one) for clip, one, other in drawn]
        source = self._side([(clip, one) for clip, one, _ in drawn])
        target = self._side([(clip, other) for clip, _, other in drawn])
        points = [self._pack.landmarks[[clip.start + one, clip.start + other]] for clip, one, other in drawn]
        return Batch(*source, *target, np.stack(points))

    def statistics(self) -> Statistics:
        clips = [clip for person in self._people.values() for clip in person]
        seen = [self._descriptors(clip)[self._frames[clip.clip_id]].astype(np.float64) for clip in clips]
        mean = np.concatenate(seen).mean(axis=0)
        centres = [part.mean(axis=0) if self.within_clips else mean for part in seen]
        deviation = np.concatenate([part - centre for part, centre in zip(seen, centres, strict=True)]).std(axis=0)
        return Statistics(mean.astype(np.float32), deviation.astype(np.float32))

    def _side(
        self, places: list[tuple[PackedClip, int]]
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.float32]]:
        """Frames, alphas and windows of (clip, frame of the clip)."""
        numbers = [clip.start + frame for clip, frame in places]
        return (
            np.stack([self._pack.frame(number) for number in numbers]),
            np.stack([self._pack.alpha(number) for number in numbers]),
            np.concatenate([windows(self._descriptors(clip), np.array([frame])) for clip, frame in places]),
        )

    def _descriptors(self, clip: PackedClip) -> NDArray[np.float32]:
        return self._pack.descriptors[clip.start : clip.start + clip.count]
