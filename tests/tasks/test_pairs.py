"""Pairs: the same for everybody, and never a person with themselves in cross."""

import hashlib
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import csv

from reenactory.tasks.errors import WrongUseError
from reenactory.tasks.pairs import from_table, make_pair, pairs_sha256, read_pairs, to_table
from reenactory.tasks.protocols.drawing import draw_pairs
from reenactory.tasks.protocols.people import Clip
from reenactory.tasks.rendering import check_pairs

CLIPS = [Clip(f"id{person}#v{number}", f"id{person}", 20 + number) for person in range(4) for number in range(3)]
clip_lists = st.lists(st.tuples(st.integers(0, 3), st.integers(1, 30)), min_size=1, max_size=12).map(
    lambda drawn: [Clip(f"id{person}#{i}", f"id{person}", frames) for i, (person, frames) in enumerate(drawn)]
)


@pytest.mark.parametrize("protocol", ["self", "cross"])
def test_the_same_seed_gives_the_same_pairs_in_any_order_of_the_clips(protocol: str) -> None:
    first = draw_pairs(CLIPS, protocol, 40, 7).pairs
    shuffled = random.Random(1).sample(CLIPS, len(CLIPS))
    assert draw_pairs(shuffled, protocol, 40, 7).pairs == first
    assert draw_pairs(CLIPS, protocol, 40, 8).pairs != first
    assert len(first) == 40


@given(clip_lists, st.integers(1, 30), st.integers(0, 3), st.integers(0, 40))
def test_self_pairs_stay_inside_their_clip(clips: list[Clip], count: int, seed: int, frames: int) -> None:
    lengths = {clip.clip_id: clip.frames for clip in clips}
    if max(lengths.values()) < 2:
        with pytest.raises(WrongUseError):
            draw_pairs(clips, "self", count, seed, frames)
        return
    pairs = draw_pairs(clips, "self", count, seed, frames).pairs
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
    for pair in draw_pairs(clips, "cross", count, seed, frames=5).pairs:
        assert owner[pair.source_clip].identity != owner[pair.driving_clip].identity
        assert pair.source_frame < owner[pair.source_clip].frames
        assert (pair.driving_start, pair.driving_count) == (0, min(5, owner[pair.driving_clip].frames))


def test_what_cannot_be_paired_is_said() -> None:
    with pytest.raises(WrongUseError, match="no clip to pair"):
        draw_pairs([Clip("a", "a", 1)], "self", 1, 0)
    with pytest.raises(WrongUseError, match="cross pairs need two identities; all 3 clips are of 'id0'"):
        draw_pairs(CLIPS[:3], "cross", 1, 0)


def test_an_id_names_the_pair_and_not_the_draw() -> None:
    by_seed = [draw_pairs(CLIPS, "self", 12, seed).pairs for seed in (1, 2)]
    assert {pair.pair_id for pair in by_seed[0]} == {pair.pair_id for pair in by_seed[1]}
    assert {pair.seed for pair in by_seed[1]} == {2}
    assert len({pair.pair_id for pair in draw_pairs(CLIPS, "self", 40, 0).pairs}) > 30


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_a_file_of_pairs_comes_back_as_it_was(tmp_path: Path, suffix: str) -> None:
    pairs = draw_pairs(CLIPS, "self", 12, 3).pairs
    table = to_table([*pairs, pairs[0]], "vox")
    assert table.num_rows == 12
    path = tmp_path / f"pairs{suffix}"
    if suffix == ".csv":
        csv.write_csv(table, path)
    else:
        pq.write_table(table, path)
    assert read_pairs(path)[:2] == (pairs, "vox" if suffix == ".parquet" else None)


def test_a_file_that_holds_no_pairs(tmp_path: Path) -> None:
    good = to_table(draw_pairs(CLIPS, "self", 3, 3).pairs, "vox")
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
    (pair,) = draw_pairs(CLIPS[:1], "self", 1, 0).pairs
    clips = {CLIPS[0].clip_id: {"clip_id": CLIPS[0].clip_id, "frame_count": CLIPS[0].frames, "crop_mode": "square"}}
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


def test_clips_of_both_crop_modes_are_never_in_one_run() -> None:
    pairs = draw_pairs(CLIPS, "self", len(CLIPS), 0).pairs
    rows = {clip.clip_id: {"clip_id": clip.clip_id, "frame_count": clip.frames} for clip in CLIPS}
    modes = dict.fromkeys(rows, "square") | {CLIPS[-1].clip_id: "published_metadata"}
    mixed = {name: {**row, "crop_mode": modes[name]} for name, row in rows.items()}
    with pytest.raises(WrongUseError, match=r"id0#v0 is square, id3#v2 is published_metadata.*with --metadata"):
        check_pairs(pairs, mixed)
    check_pairs([pair for pair in pairs if pair.source_clip != CLIPS[-1].clip_id], mixed)


def face(number: int, start: int, frames: int, video: str = "v", person: str = "talk") -> Clip:
    identity = f"{person}_f{number}"
    return Clip(f"{identity}#{video}#{start:06d}", identity, frames, start, video, number)


class TestFacesOfOneName:
    """With track.faces = all, a person who leaves and comes back is another number."""

    def drawn(self, *clips: Clip) -> set[frozenset[str]]:
        return {
            frozenset((pair.source_clip, pair.driving_clip)) for pair in draw_pairs(clips, "cross", 200, 0, 5).pairs
        }

    def test_two_faces_are_two_people_where_they_are_seen_at_once(self) -> None:
        left, right, returned = face(0, 0, 100), face(1, 50, 100), face(2, 200, 100)
        assert self.drawn(left, right, returned) == {frozenset((left.clip_id, right.clip_id))}

    def test_what_is_known_of_two_faces_holds_for_all_their_clips(self) -> None:
        left, right, later = face(0, 0, 100), face(1, 50, 100), face(1, 150, 100)
        assert frozenset((left.clip_id, later.clip_id)) in self.drawn(left, right, later)

    def test_frames_that_follow_each_other_are_not_at_once(self) -> None:
        with pytest.raises(WrongUseError, match="all 2 clips are of 'talk': its faces are never seen at once"):
            self.drawn(face(0, 0, 100), face(1, 100, 100))
        assert self.drawn(face(0, 0, 101), face(1, 100, 100))

    def test_a_number_means_nothing_in_another_video_of_the_same_name(self) -> None:
        here, there = face(0, 0, 100, "a"), face(1, 50, 100, "b")
        with pytest.raises(WrongUseError, match="may be one person"):
            self.drawn(here, there)
        beside = face(1, 50, 100, "a")
        assert self.drawn(here, there, beside) == {frozenset((here.clip_id, beside.clip_id))}

    def test_other_people_are_paired_with_all_of_them(self) -> None:
        one, two, stranger = face(0, 0, 100), face(1, 100, 100), Clip("id1#w", "id1", 50)
        assert self.drawn(one, two, stranger) == {frozenset((each.clip_id, "id1#w")) for each in (one, two)}

    def test_pairs_of_people_without_numbers_are_drawn_as_before(self) -> None:
        """The column is new: a published pair list stays what it was."""
        with_columns = [clip._replace(start=n * 10, video="v") for n, clip in enumerate(CLIPS)]
        assert draw_pairs(with_columns, "cross", 40, 7).pairs == draw_pairs(CLIPS, "cross", 40, 7).pairs


class TestHash:
    """The same pairs, the same hash: a table can be named by it."""

    pairs = draw_pairs(CLIPS, "cross", 12, 3).pairs

    def test_order_format_metadata_and_seed_are_not_in_it(self, tmp_path: Path) -> None:
        whole = pairs_sha256(self.pairs)
        assert pairs_sha256([*reversed(self.pairs), self.pairs[0]]) == whole
        assert pairs_sha256([pair._replace(seed=9) for pair in self.pairs]) == whole
        csv.write_csv(to_table(self.pairs, "vox"), tmp_path / "pairs.csv")
        pq.write_table(to_table(self.pairs, "other", "words"), tmp_path / "pairs.parquet", compression="gzip")
        assert {pairs_sha256(read_pairs(tmp_path / f"pairs.{kind}").pairs) for kind in ("csv", "parquet")} == {whole}

    def test_every_other_column_is(self) -> None:
        whole = pairs_sha256(self.pairs)
        for column, value in enumerate(("p", "self", "c", 99, "c", 99, 99)):
            fields = list(self.pairs[0])
            fields[column] = value
            assert pairs_sha256([type(self.pairs[0])(*fields), *self.pairs[1:]]) != whole
        assert pairs_sha256(self.pairs[1:]) != whole

    def test_anybody_can_compute_it(self) -> None:
        """printf '["self-...","self","id0#\\u00e9",0,"id0#\\u00e9",1,9]\\n' | sha256sum"""
        pair = make_pair("self", "id0#é", 0, "id0#é", 1, 9, 0)
        line = rf'["{pair.pair_id}","self","id0#\u00e9",0,"id0#\u00e9",1,9]' + "\n"
        assert pairs_sha256([pair]) == hashlib.sha256(line.encode()).hexdigest()

    def test_how_they_were_drawn_is_believed_while_they_are_those(self) -> None:
        table = to_table(self.pairs, "vox", "cross, seed 3")
        assert from_table(table).drawn_by == "cross, seed 3"
        assert from_table(table.take(list(range(11, -1, -1)))).drawn_by == "cross, seed 3"
        assert from_table(table.slice(1)).drawn_by == ""
        both = pa.concat_tables([table, to_table(draw_pairs(CLIPS, "self", 2, 0).pairs, "vox", "self, seed 0")])
        assert from_table(both).drawn_by == ""
