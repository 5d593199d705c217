"""Pairs: the same for everybody, and never a person with themselves in cross."""

import random
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import csv

from reenactory.tasks.errors import WrongUseError
from reenactory.tasks.pairs import Clip, Protocol, draw_pairs, read_pairs, to_table
from reenactory.tasks.rendering import check_pairs

CLIPS = [Clip(f"id{person}#v{number}", f"id{person}", 20 + number) for person in range(4) for number in range(3)]
clip_lists = st.lists(st.tuples(st.integers(0, 3), st.integers(1, 30)), min_size=1, max_size=12).map(
    lambda drawn: [Clip(f"id{person}#{i}", f"id{person}", frames) for i, (person, frames) in enumerate(drawn)]
)


@pytest.mark.parametrize("protocol", ["self", "cross"])
def test_the_same_seed_gives_the_same_pairs_in_any_order_of_the_clips(protocol: Protocol) -> None:
    first = draw_pairs(CLIPS, protocol, 40, 7)
    shuffled = random.Random(1).sample(CLIPS, len(CLIPS))
    assert draw_pairs(shuffled, protocol, 40, 7) == first
    assert draw_pairs(CLIPS, protocol, 40, 8) != first
    assert len(first) == 40


@given(clip_lists, st.integers(1, 30), st.integers(0, 3), st.integers(0, 40))
def test_self_pairs_stay_inside_their_clip(clips: list[Clip], count: int, seed: int, frames: int) -> None:
    lengths = {clip.clip_id: clip.frames for clip in clips}
    if max(lengths.values()) < 2:
        with pytest.raises(WrongUseError):
            draw_pairs(clips, "self", count, seed, frames)
        return
    pairs = draw_pairs(clips, "self", count, seed, frames)
    assert len(pairs) == count
    usable = sum(length > 1 for length in lengths.values())
    assert [pair.source_frame for pair in pairs[:usable]] == [0] * min(count, usable)
    assert len({pair.source_clip for pair in pairs[:usable]}) == min(count, usable)
    for pair in pairs:
        assert pair.source_clip == pair.driving_clip
        assert pair.driving_start == pair.source_frame + 1
        assert 1 <= pair.driving_count <= (frames or 99)
        assert pair.driving_start + pair.driving_count <= lengths[pair.driving_clip]
        assert frames or pair.driving_start + pair.driving_count == lengths[pair.driving_clip]


@given(clip_lists, st.integers(1, 30), st.integers(0, 3))
def test_cross_pairs_are_never_of_one_person(clips: list[Clip], count: int, seed: int) -> None:
    owner = {clip.clip_id: clip for clip in clips}
    if len({clip.identity for clip in clips if clip.frames > 1}) < 2:
        with pytest.raises(WrongUseError):
            draw_pairs(clips, "cross", count, seed)
        return
    for pair in draw_pairs(clips, "cross", count, seed, frames=5):
        assert owner[pair.source_clip].identity != owner[pair.driving_clip].identity
        assert pair.source_frame < owner[pair.source_clip].frames
        assert (pair.driving_start, pair.driving_count) == (0, min(5, owner[pair.driving_clip].frames))


def test_what_cannot_be_paired_is_said() -> None:
    with pytest.raises(WrongUseError, match="no clip to pair"):
        draw_pairs([Clip("a", "a", 1)], "self", 1, 0)
    with pytest.raises(WrongUseError, match="cross pairs need two identities; all 3 clips are of 'id0'"):
        draw_pairs(CLIPS[:3], "cross", 1, 0)


def test_an_id_names_the_pair_and_not_the_draw() -> None:
    by_seed = [draw_pairs(CLIPS, "self", 12, seed) for seed in (1, 2)]
    assert {pair.pair_id for pair in by_seed[0]} == {pair.pair_id for pair in by_seed[1]}
    assert {pair.seed for pair in by_seed[1]} == {2}
    assert len({pair.pair_id for pair in draw_pairs(CLIPS, "self", 40, 0)}) > 30


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_a_file_of_pairs_comes_back_as_it_was(tmp_path: Path, suffix: str) -> None:
    pairs = draw_pairs(CLIPS, "self", 12, 3)
    table = to_table([*pairs, pairs[0]], "vox")
    assert table.num_rows == 12
    path = tmp_path / f"pairs{suffix}"
    if suffix == ".csv":
        csv.write_csv(table, path)
    else:
        pq.write_table(table, path)
    assert read_pairs(path) == (pairs, "vox" if suffix == ".parquet" else None)


def test_a_file_that_holds_no_pairs(tmp_path: Path) -> None:
    good = to_table(draw_pairs(CLIPS, "self", 3, 3), "vox")
    with pytest.raises(WrongUseError, match="no such pair file"):
        read_pairs(tmp_path / "gone.parquet")
    (tmp_path / "text.parquet").write_text("no parquet")
    with pytest.raises(WrongUseError, match="not a pair file"):
        read_pairs(tmp_path / "text.parquet")
    (tmp_path / "empty.csv").touch()
    with pytest.raises(WrongUseError, match="not a pair file"):
        read_pairs(tmp_path / "empty.csv")
    pq.write_table(good.drop_columns(["seed"]), tmp_path / "less.parquet")
    with pytest.raises(WrongUseError, match=r"column\(s\) seed missing"):
        read_pairs(tmp_path / "less.parquet")
    spoilt = (tmp_path / "spoilt.csv", tmp_path / "other.csv")
    csv.write_csv(good, spoilt[0])
    text = spoilt[0].read_text()
    spoilt[1].write_text(text.replace('"self"', '"both"'))
    spoilt[0].write_text(text.replace(",3\n", ",three\n"))
    with pytest.raises(WrongUseError, match="values of another kind"):
        read_pairs(spoilt[0])
    with pytest.raises(WrongUseError, match="protocols are self and cross, not both"):
        read_pairs(spoilt[1])


def test_pairs_are_checked_against_the_clips() -> None:
    (pair,) = draw_pairs(CLIPS[:1], "self", 1, 0)
    clips = {CLIPS[0].clip_id: {"frame_count": CLIPS[0].frames}}
    check_pairs([pair], clips)
    for wrong, complaint in (
        (pair._replace(driving_clip="gone"), r"1 clip\(s\) of the pair file are not in the dataset: gone"),
        (pair._replace(driving_count=pair.driving_count + 1), "beyond the end"),
        (pair._replace(source_frame=CLIPS[0].frames), "beyond the end"),
        (pair._replace(source_frame=-1), "before the start"),
        (pair._replace(driving_count=0), "drives none"),
    ):
        with pytest.raises(WrongUseError, match=complaint):
            check_pairs([wrong], clips)
