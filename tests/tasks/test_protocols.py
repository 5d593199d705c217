"""The papers' protocols: what is drawn of every clip, and that nothing else decides it than clips and seed."""

import random
from collections import Counter

import pytest

from reenactory.tasks.errors import WrongUseError
from reenactory.tasks.pairs import Pair
from reenactory.tasks.protocols import papers
from reenactory.tasks.protocols.drawing import PAPERS, draw_pairs
from reenactory.tasks.protocols.people import Clip

CLIPS = [Clip(f"id{person}#v{number}", f"id{person}", 20 + number) for person in range(4) for number in range(3)]
OF = {clip.clip_id: clip for clip in CLIPS}


def drawn(protocol: str, seed: int = 0) -> list[Pair]:
    return draw_pairs(CLIPS, protocol, None, seed).pairs


@pytest.mark.parametrize("protocol", PAPERS)
def test_clips_and_seed_decide_and_nothing_else(protocol: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(papers, "PAIRS_PER_PERSON", 30)
    first = drawn(protocol, 7)
    assert draw_pairs(random.Random(1).sample(CLIPS, len(CLIPS)), protocol, None, 7).pairs == first
    others = [pair._replace(seed=7) for pair in drawn(protocol, 8)]
    assert (others == first) is (protocol in ("3dflowrenderer-self", "nofa-self"))  # they have nothing random
    for pair in first:
        source, driver = OF[pair.source_clip], OF[pair.driving_clip]
        assert 0 <= pair.source_frame < source.frames
        assert pair.driving_count >= 1 and pair.driving_start + pair.driving_count <= driver.frames
        assert (source == driver) if pair.protocol == "self" else (source.identity != driver.identity)


def test_3dflowrenderer_self_is_frame_0_and_all_others() -> None:
    found = [(p.source_clip, p.source_frame, p.driving_start, p.driving_count) for p in drawn("3dflowrenderer-self")]
    assert found == [(clip.clip_id, 0, 1, clip.frames - 1) for clip in CLIPS]


def test_3dflowrenderer_cross_takes_every_clip_as_source_once() -> None:
    pairs = drawn("3dflowrenderer-cross")
    assert [pair.source_clip for pair in pairs] == [clip.clip_id for clip in CLIPS]
    assert all((p.driving_start, p.driving_count) == (0, OF[p.driving_clip].frames) for p in pairs)
    assert len({pair.source_frame for pair in pairs}) > 3


def test_multiguidance_has_twenty_single_frames_per_clip() -> None:
    for protocol in ("multiguidance-self", "multiguidance-cross"):
        pairs = drawn(protocol)
        assert {pair.driving_count for pair in pairs} == {1}
        assert Counter(pair.source_clip for pair in pairs) == dict.fromkeys(OF, 20)
        assert len({pair.pair_id for pair in pairs}) == len(pairs)
    assert all(pair.source_frame != pair.driving_start for pair in drawn("multiguidance-self"))


def test_a_short_clip_gives_every_pair_of_its_frames_once() -> None:
    pairs = draw_pairs([Clip("a", "a", 3)], "multiguidance-self", None, 0).pairs
    assert {(p.source_frame, p.driving_start) for p in pairs} == {(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)}
    two = [Clip("a", "a", 2), Clip("b", "b", 3)]
    assert Counter(p.source_clip for p in draw_pairs(two, "multiguidance-cross", None, 0).pairs) == {"a": 6, "b": 6}


def test_celebv_has_a_thousand_pairs_per_person() -> None:
    counts = Counter(OF[pair.source_clip].identity for pair in set(drawn("multiguidance-celebv")))
    assert counts == dict.fromkeys(("id0", "id1", "id2", "id3"), 1000)


def test_pirenderer_shows_frame_0_and_drives_with_every_clip_twice() -> None:
    pairs = drawn("pirenderer")
    assert {pair.source_frame for pair in pairs} == {0}
    own, others = ([p for p in pairs if p.protocol == protocol] for protocol in ("self", "cross"))
    assert [p.driving_clip for p in own] == [p.driving_clip for p in others] == list(OF)
    assert {p.pair_id for p in own} == {p.pair_id for p in drawn("3dflowrenderer-self")}
    assert all((p.driving_start, p.driving_count) == (0, OF[p.driving_clip].frames) for p in others)


def test_a_part_of_a_protocol_is_a_part_and_says_of_how_many() -> None:
    whole = {pair.pair_id for pair in drawn("3dflowrenderer-self")}
    part = draw_pairs(CLIPS, "3dflowrenderer-self", 5, 0)
    assert (len(part.pairs), part.of) == (5, 12)
    assert {pair.pair_id for pair in part.pairs} < whole
    assert draw_pairs(CLIPS, "3dflowrenderer-self", 5, 1).pairs != part.pairs
    short = draw_pairs(CLIPS, "3dflowrenderer-self", None, 0, frames=4).pairs
    assert {pair.driving_count for pair in short} == {4}
    assert not {pair.pair_id for pair in short} & whole


def test_what_cannot_be_drawn_is_said() -> None:
    with pytest.raises(WrongUseError, match="3dflowrenderer-self makes 12 pairs of these clips"):
        draw_pairs(CLIPS, "3dflowrenderer-self", 13, 0)
    with pytest.raises(WrongUseError, match="--protocol cross needs --count N"):
        draw_pairs(CLIPS, "cross", None, 0)
    with pytest.raises(WrongUseError, match=r"known are self, cross, 3dflowrenderer-self, .*, nofa-self"):
        draw_pairs(CLIPS, "3dflow", None, 0)
    for protocol in ("3dflowrenderer-cross", "multiguidance-cross", "multiguidance-celebv", "pirenderer"):
        with pytest.raises(WrongUseError, match="cross pairs need two identities"):
            draw_pairs(CLIPS[:3], protocol, None, 0)
