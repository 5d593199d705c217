"""Packs, the batches drawn from them, and the windows of their descriptors."""

import json
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from painted_faces import PEOPLE, painted, write_pack

from reenactory.models.flow3d.descriptor import descriptors_of, match_scale, nearest_detected, windows
from reenactory.models.flow3d.examples import Batch
from reenactory.models.flow3d.pack import Pack, PackWriter
from reenactory.models.flow3d.packed_source import PackedSource
from reenactory.models.flow3d.prefetch import batches_ahead


def test_a_raw_pack_gives_back_what_went_in(tmp_path: Path) -> None:
    pack = Pack(write_pack(tmp_path))
    assert [clip.identity for clip in pack.clips] == list(PEOPLE)
    assert [clip.held_out for clip in pack.clips] == [False, False, False, True]
    frames, mattes, descriptors = painted(2)
    clip = pack.clips[2]
    for index in (0, 7, 11):
        np.testing.assert_array_equal(pack.frame(clip.start + index), frames[index])
        np.testing.assert_array_equal(pack.alpha(clip.start + index), mattes[index])
        np.testing.assert_array_equal(pack.descriptors[clip.start + index], descriptors[index])


def test_a_compressed_pack_is_near_and_small(tmp_path: Path) -> None:
    pack = Pack(write_pack(tmp_path / "jpeg", jpeg_quality=95))
    frames, mattes, _ = painted(1)
    made = pack.frame(pack.clips[1].start + 3)
    assert np.abs(made.astype(int) - frames[3]).mean() < 2
    np.testing.assert_array_equal(pack.alpha(pack.clips[1].start + 3), mattes[3])
    write_pack(tmp_path / "raw")
    sizes = {kind: (tmp_path / kind / "frames.bin").stat().st_size for kind in ("jpeg", "raw")}
    assert sizes["jpeg"] < sizes["raw"] / 4


def test_a_resident_pack_is_the_same_pack(tmp_path: Path) -> None:
    write_pack(tmp_path, jpeg_quality=95)
    lazy, resident = Pack(tmp_path), Pack(tmp_path, resident_bytes=48 * 64 * 64 * 4)
    (tmp_path / "frames.bin").write_bytes(b"")  # not read any more
    for number in (0, 20, 47):
        np.testing.assert_array_equal(resident.alpha(number), lazy.alpha(number))
        assert resident.frame(number).shape == (64, 64, 3)


def test_larger_frames_are_averaged_down(tmp_path: Path) -> None:
    frames, mattes, descriptors = painted(0)
    double = np.repeat(np.repeat(frames, 2, 1), 2, 2), np.repeat(np.repeat(mattes, 2, 1), 2, 2)
    writer = PackWriter(tmp_path, 64)
    writer.add("a", "a", False, *double, descriptors)
    writer.close()
    np.testing.assert_array_equal(Pack(tmp_path).frame(5), frames[5])


def test_what_is_not_finished_or_of_another_format_is_no_pack(tmp_path: Path) -> None:
    writer = PackWriter(tmp_path / "begun", 64)
    writer.add("a", "a", False, *painted(0))
    with pytest.raises(FileNotFoundError, match="no finished pack"):
        Pack(tmp_path / "begun")
    write_pack(tmp_path / "old")
    head = json.loads((tmp_path / "old/pack.json").read_text())
    (tmp_path / "old/pack.json").write_text(json.dumps({**head, "format": 0}))
    with pytest.raises(ValueError, match="format 0, this program reads 1"):
        Pack(tmp_path / "old")
    with pytest.raises(ValueError, match="unequal lengths"):
        PackWriter(tmp_path / "bad", 64).add("a", "a", False, *painted(0)[:2], np.zeros((3, 73), np.float32))


def test_a_batch_depends_on_its_number_alone(tmp_path: Path) -> None:
    pack = Pack(write_pack(tmp_path))
    one, other = PackedSource(pack, 3, seed=5), PackedSource(pack, 3, seed=5)
    other.batch(0)
    for part, again in zip(one.batch(4), other.batch(4), strict=True):
        np.testing.assert_array_equal(part, again)
    for changed in (one.batch(5), PackedSource(pack, 3, seed=6).batch(4), PackedSource(pack, 3, 5, rank=1).batch(4)):
        assert not np.array_equal(changed.source, one.batch(4).source)


def test_source_and_target_are_two_frames_of_one_clip_and_both_ways(tmp_path: Path) -> None:
    pack = Pack(write_pack(tmp_path))
    source = PackedSource(pack, 4)
    assert source.identities == ["ann", "bob", "cid"]
    known = {name: painted(person)[0] for person, name in enumerate(PEOPLE)}
    for number in range(4):
        batch = source.batch(number)
        assert len(batch.source) == 8
        np.testing.assert_array_equal(batch.source[4:], batch.target[:4])
        np.testing.assert_array_equal(batch.target_window[4:], batch.source_window[:4])
        for one, other, window in zip(batch.source, batch.target, batch.source_window, strict=True):
            place = [(name, i) for name, frames in known.items() for i in range(12) if np.array_equal(frames[i], one)]
            ((name, index),) = place
            assert name != "dot"
            assert not np.array_equal(one, other)
            assert any(np.array_equal(frame, other) for frame in known[name])
            np.testing.assert_array_equal(window[:, 13], painted(PEOPLE.index(name))[2][index])


def test_held_out_people_are_drawn_only_when_asked_for(tmp_path: Path) -> None:
    source = PackedSource(Pack(write_pack(tmp_path)), 2, held_out=True, both_directions=False)
    assert source.identities == ["dot"]
    assert len(source.batch(0).source) == 2


def test_frames_without_a_face_are_never_drawn(tmp_path: Path) -> None:
    source = PackedSource(Pack(write_pack(tmp_path, lost=4)), 8)
    gone = [painted(person)[0][4] for person in range(4)]
    for number in range(6):
        batch = source.batch(number)
        assert np.isfinite(batch.source_window).all()
        assert not any(np.array_equal(frame, lost) for frame in batch.source for lost in gone)
    mean, deviation = source.statistics()
    kept = np.concatenate([np.delete(painted(person)[2], 4, axis=0) for person in range(3)])
    np.testing.assert_allclose(mean, kept.mean(axis=0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(deviation, kept.std(axis=0), rtol=1e-5, atol=1e-6)


def test_a_split_without_faces_is_refused(tmp_path: Path) -> None:
    writer = PackWriter(tmp_path, 64)
    writer.add("a", "a", False, *painted(0))
    writer.close()
    with pytest.raises(ValueError, match="no held-out clip"):
        PackedSource(Pack(tmp_path), 1, held_out=True)


def test_windows_clamp_at_the_ends_and_step_over_lost_frames() -> None:
    descriptors = np.arange(5, dtype=np.float32)[:, None].repeat(73, 1)
    first = windows(descriptors)[0]
    assert first.shape == (73, 27)
    assert first[0].tolist() == [0.0] * 14 + [1.0, 2.0, 3.0] + [4.0] * 10
    descriptors[2] = np.nan
    assert nearest_detected(descriptors).tolist() == [0, 1, 1, 3, 4]
    assert windows(descriptors, np.array([1]))[0, 0].tolist() == [0.0] * 13 + [1.0, 1.0, 3.0] + [4.0] * 11
    assert np.isnan(windows(np.full((3, 73), np.nan, np.float32))).all()


def test_a_naive_loop_finds_the_same_neighbours() -> None:
    draw = np.random.default_rng(3)
    descriptors = draw.normal(size=(40, 73)).astype(np.float32)
    descriptors[draw.random(40) < 0.4] = np.nan
    seen = [index for index in range(40) if np.isfinite(descriptors[index]).all()]
    assert nearest_detected(descriptors).tolist() == [min(seen, key=lambda i, t=t: (abs(i - t), i)) for t in range(40)]  # type: ignore[misc]


def test_scale_of_another_person_is_matched_at_the_likest_frame() -> None:
    driving = np.zeros((3, 73), np.float32)
    driving[:, 64] = (0.0, 0.5, 1.0)  # pitch
    driving[:, 70] = (1.0, 2.0, 4.0)
    source = np.zeros((1, 73), np.float32)
    source[0, 64], source[0, 70] = 0.4, 3.0
    matched = match_scale(driving, source)
    assert matched[:, 70].tolist() == [1.5, 3.0, 6.0]
    np.testing.assert_array_equal(np.delete(matched, 70, 1), np.delete(driving, 70, 1))
    driving[1] = np.nan
    assert match_scale(driving, source)[0, 70] == 3.0


def test_parts_of_a_descriptor_are_in_the_papers_order() -> None:
    parts = [np.full((1, size), value, np.float32) for value, size in enumerate((64, 3, 3, 3))]
    assert descriptors_of(*parts)[0].tolist() == [0.0] * 64 + [1.0] * 3 + [2.0] * 3 + [3.0] * 3


class Slow:
    """Later batches are ready first."""

    def __init__(self) -> None:
        self.made: list[int] = []
        self.threads: set[str] = set()

    def batch(self, number: int) -> Batch:
        time.sleep(0.02 if number % 2 == 0 else 0)
        self.made.append(number)
        self.threads.add(threading.current_thread().name)
        if number == 9:
            raise OSError("gone")
        part = np.full(1, number)
        return Batch(part, part, part, part, part, part, part)  # type: ignore[arg-type]


@pytest.mark.parametrize("threads", [0, 1, 3])
def test_batches_come_in_their_order_and_not_all_at_once(threads: int) -> None:
    source = Slow()
    ahead = batches_ahead(source, 2, 8, threads)  # type: ignore[arg-type]
    assert int(next(ahead).source[0]) == 2
    assert len(source.made) <= max(1, 2 * threads)
    assert [int(batch.source[0]) for batch in ahead] == [3, 4, 5, 6, 7]
    assert ("MainThread" in source.threads) == (threads == 0)


def test_a_batch_that_fails_fails_the_training() -> None:
    with pytest.raises(OSError, match="gone"):
        list(batches_ahead(Slow(), 8, 12, 2))  # type: ignore[arg-type]
