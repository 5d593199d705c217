"""Pairs drawn from the clips of a dataset, by the name of a protocol."""

import random
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from reenactory.tasks.errors import WrongUseError
from reenactory.tasks.pairs import Pair, make_pair
from reenactory.tasks.protocols import papers
from reenactory.tasks.protocols.people import Clip, People

Draw = Callable[[Sequence[Clip], random.Random, int], list[Pair]]

# What each paper states and what we chose: docs/protocols.md.
PAPERS: Mapping[str, Draw] = {
    "3dflowrenderer-self": papers.first_frame_drives_the_rest,
    "3dflowrenderer-cross": papers.random_frame_and_stranger,
    "multiguidance-self": papers.frame_pairs_of_a_clip,
    "multiguidance-cross": papers.frame_pairs_of_strangers,
    "multiguidance-celebv": papers.frame_pairs_per_person,
    "pirenderer": papers.first_frames,
    "nofa-self": papers.first_frame_drives_the_rest,
}
NAMES = ("self", "cross", *PAPERS)


class Drawn(NamedTuple):
    """Pairs, and how many the protocol has where only some of them were asked for."""

    pairs: list[Pair]
    of: int


def draw_pairs(clips: Sequence[Clip], protocol: str, count: int | None, seed: int, frames: int = 0) -> Drawn:
    """Draw pairs; the same clips, numbers and seed give the same pairs, in any order of the clips.

    self: frame 0 of a clip is the source and its other frames drive; clips are taken in a shuffled order, each once
    before any twice (then with a random source frame).
    cross: a random frame of a random clip, driven by a random clip of another person. Two numbered faces of one video
    are two people only where they are seen at once.
    Papers' protocols know their own number of pairs; `count` then takes a random part of them.

    Args:
        count: None only for papers' protocols: all of their pairs.
        frames: at most so many driving frames per pair; 0 = all.

    Raises:
        WrongUseError: unknown protocol, no count or too high a one, no clip, or only one person for cross.
    """
    check_protocol(protocol)
    pool = sorted(clip for clip in clips if clip.frames > 1)
    if not pool:
        raise WrongUseError("no clip to pair: the dataset has none that is done and longer than a frame")
    chance = random.Random(f"{protocol}/{seed}")  # not numpy's: this generator's stream is fixed by Python's promise
    if protocol in PAPERS:
        return _of_paper(PAPERS[protocol](pool, chance, seed), protocol, count, frames, chance)
    if count is None:
        raise WrongUseError(f"--protocol {protocol} needs --count N: how many pairs to draw")
    pairs = (_self_pairs if protocol == "self" else _cross_pairs)(pool, count, seed, frames, chance)
    return Drawn(pairs, len(pairs))


def check_protocol(protocol: str) -> None:
    """Raises WrongUseError, with the names that there are, where this is none of them."""
    if protocol not in NAMES:
        raise WrongUseError(f"--protocol {protocol}: known are {', '.join(NAMES)}")


def _of_paper(pairs: list[Pair], protocol: str, count: int | None, frames: int, chance: random.Random) -> Drawn:
    if count is not None and count > len(pairs):
        raise WrongUseError(f"{protocol} makes {len(pairs)} pairs of these clips; take a --count up to that, or none")
    taken = pairs if count is None else chance.sample(pairs, count)
    return Drawn([_shortened(pair, frames) for pair in taken], len(pairs))


def _shortened(pair: Pair, frames: int) -> Pair:
    """At most so many driving frames; the id is another one, since the pair is."""
    if not frames or pair.driving_count <= frames:
        return pair
    return make_pair(
        pair.protocol, pair.source_clip, pair.source_frame, pair.driving_clip, pair.driving_start, frames, pair.seed
    )


def _self_pairs(pool: Sequence[Clip], count: int, seed: int, frames: int, chance: random.Random) -> list[Pair]:
    pairs: list[Pair] = []
    while len(pairs) < count:
        first_round = not pairs
        for clip in chance.sample(pool, len(pool))[: count - len(pairs)]:
            # From the first half: one near the end would leave nothing to drive it.
            source = 0 if first_round else chance.randrange(clip.frames // 2)
            length = clip.frames - source - 1
            made = make_pair("self", clip.clip_id, source, clip.clip_id, source + 1, _limit(length, frames), seed)
            pairs.append(made)
    return pairs


def _cross_pairs(pool: Sequence[Clip], count: int, seed: int, frames: int, chance: random.Random) -> list[Pair]:
    people = People(pool)
    pairs: list[Pair] = []
    for _ in range(count):
        source = chance.choice(people.sources)
        driver = people.stranger(source, chance)
        frame = chance.randrange(source.frames)
        length = _limit(driver.frames, frames)
        pairs.append(make_pair("cross", source.clip_id, frame, driver.clip_id, 0, length, seed))
    return pairs


def _limit(length: int, frames: int) -> int:
    return min(length, frames) if frames else length
