"""The pair protocols of the papers. Where a paper leaves something open, docs/protocols.md says what was chosen.

All take the clips (sorted, longer than a frame), the source of chance, and the seed to write into the pairs.
"""

import random
from collections import defaultdict
from collections.abc import Sequence

from reenactory.tasks.pairs import Pair, make_pair
from reenactory.tasks.protocols.people import Clip, People

PAIRS_PER_CLIP = 20  # multi-guidance: 514 clips, 10,280 pairs
PAIRS_PER_PERSON = 1000  # multi-guidance on CelebV: 5 persons, 5,000 pairs


def first_frame_drives_the_rest(clips: Sequence[Clip], chance: random.Random, seed: int) -> list[Pair]:
    """3DFlowRenderer and NOFA, self: frame 0 of every clip, driven by its frames 1..N-1. Nothing is random."""
    return [_whole_self(clip, seed) for clip in clips]


def random_frame_and_stranger(clips: Sequence[Clip], chance: random.Random, seed: int) -> list[Pair]:
    """3DFlowRenderer, cross: a random frame of every clip, driven by all frames of a random clip of somebody else."""
    people = People(clips)
    pairs: list[Pair] = []
    for source in people.sources:
        driver = people.stranger(source, chance)
        frame = chance.randrange(source.frames)
        pairs.append(make_pair("cross", source.clip_id, frame, driver.clip_id, 0, driver.frames, seed))
    return pairs


def frame_pairs_of_a_clip(clips: Sequence[Clip], chance: random.Random, seed: int) -> list[Pair]:
    """Multi-guidance, self: 20 random pairs of two different frames per clip (all there are, if fewer)."""
    pairs: list[Pair] = []
    for clip in clips:
        others = clip.frames - 1
        for number in chance.sample(range(clip.frames * others), min(PAIRS_PER_CLIP, clip.frames * others)):
            source, driving = divmod(number, others)
            driving += driving >= source  # the source frame itself is left out
            pairs.append(make_pair("self", clip.clip_id, source, clip.clip_id, driving, 1, seed))
    return pairs


def frame_pairs_of_strangers(clips: Sequence[Clip], chance: random.Random, seed: int) -> list[Pair]:
    """Multi-guidance, cross: 20 random frames of every clip, each driven by a random frame of somebody else."""
    people = People(clips)
    return [p for clip in people.sources for p in _frames_of_strangers([clip], PAIRS_PER_CLIP, people, chance, seed)]


def frame_pairs_per_person(clips: Sequence[Clip], chance: random.Random, seed: int) -> list[Pair]:
    """Multi-guidance on CelebV: 1,000 random frames of every person, each driven by a random frame of another."""
    people = People(clips)
    by_person: dict[str, list[Clip]] = defaultdict(list)
    for clip in people.sources:
        by_person[clip.person].append(clip)
    return [
        pair for own in by_person.values() for pair in _frames_of_strangers(own, PAIRS_PER_PERSON, people, chance, seed)
    ]


def first_frames(clips: Sequence[Clip], chance: random.Random, seed: int) -> list[Pair]:
    """PIRenderer: every clip drives frame 0 of its own, and frame 0 of a random clip of somebody else."""
    people = People(clips)
    pairs = [_whole_self(clip, seed) for clip in clips]
    for driver in people.sources:
        source = people.stranger(driver, chance)
        pairs.append(make_pair("cross", source.clip_id, 0, driver.clip_id, 0, driver.frames, seed))
    return pairs


def _whole_self(clip: Clip, seed: int) -> Pair:
    return make_pair("self", clip.clip_id, 0, clip.clip_id, 1, clip.frames - 1, seed)


def _frames_of_strangers(
    own: Sequence[Clip], wanted: int, people: People, chance: random.Random, seed: int
) -> list[Pair]:
    """So many different pairs of frames, or all there are, if fewer."""
    possible = sum(source.frames * driver.frames for source in own for driver in people.strangers(source))
    pairs: dict[Pair, None] = {}
    while len(pairs) < min(wanted, possible):
        source = chance.choice(own)
        driver = people.stranger(source, chance)
        frame, driving = chance.randrange(source.frames), chance.randrange(driver.frames)
        pairs[make_pair("cross", source.clip_id, frame, driver.clip_id, driving, 1, seed)] = None
    return list(pairs)
