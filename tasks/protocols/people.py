"""Who is surely another person: what every cross-identity protocol has to know of the clips."""

import random
from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

from reenactory.tasks.errors import WrongUseError
from reenactory.tasks.identities import person_of

Face = tuple[str, str]  # (video, identity): a face is known again within its video only


class Clip(NamedTuple):
    """What pairing needs to know of a clip."""

    clip_id: str
    identity: str
    frames: int
    start: int = 0  # in its video
    video: str = ""  # sha256
    face: int | None = None  # where all faces of a video were followed: the number at the end of the identity
    file: str = ""  # name of its video's file, without suffix

    @property
    def person(self) -> str:
        """Whom the clip's name tells apart: numbered faces of one name may be one person who left and came back."""
        return person_of(self.identity, self.face)


class People:
    """The clips of a pool, by who is surely somebody else."""

    def __init__(self, pool: Sequence[Clip]) -> None:
        self._pool = pool
        self._together = seen_together(pool)
        self._others: dict[tuple[str, Face], list[Clip]] = {}

    @cached_property
    def sources(self) -> list[Clip]:
        """Clips that somebody else can drive.

        Raises:
            WrongUseError: there is only one person, as far as anybody can tell.
        """
        pool = self._pool
        several = len({clip.person for clip in pool}) > 1
        found = list(pool) if several else [clip for clip in pool if _face(clip) in self._together]
        if not found:
            numbered = any(clip.face is not None for clip in pool)
            doubt = ": its faces are never seen at once, and may be one person" if numbered else ""
            raise WrongUseError(
                f"cross pairs need two identities; all {len(pool)} clips are of {pool[0].person!r}{doubt}"
            )
        return found

    def strangers(self, source: Clip) -> list[Clip]:
        """The clips of other people."""
        slot = source.person, _face(source)
        if slot not in self._others:
            beside = self._together.get(_face(source), set())
            self._others[slot] = [clip for clip in self._pool if clip.person != source.person or _face(clip) in beside]
        return self._others[slot]

    def stranger(self, source: Clip, chance: random.Random) -> Clip:
        """A clip of another person; each clip is as likely as the others."""
        return chance.choice(self.strangers(source))


def _face(clip: Clip) -> Face:
    return clip.video, clip.identity


def seen_together(clips: Sequence[Clip]) -> dict[Face, set[Face]]:
    """By numbered face those that share a frame with it: they are surely other people."""
    by_video: dict[str, list[Clip]] = defaultdict(list)
    for clip in sorted(clips, key=lambda clip: clip.start):
        if clip.face is not None:
            by_video[clip.video].append(clip)
    together: dict[Face, set[Face]] = defaultdict(set)
    for found in by_video.values():
        running: list[Clip] = []
        for clip in found:
            running = [other for other in running if other.start + other.frames > clip.start]
            for other in running:
                if other.identity != clip.identity:
                    together[_face(clip)].add(_face(other))
                    together[_face(other)].add(_face(clip))
            running.append(clip)
    return dict(together)
