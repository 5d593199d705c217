"""The ways in, through the whole flow up to the clips table: metadata, utterances, and all faces of a video."""

from pathlib import Path

import pytest
from small_runs import DATASET, FRAMES, KNOBS, ffmpeg

from reenactory.flows.preprocess import PreprocessRequest, preprocess
from reenactory.infra.store import open_store
from reenactory.infra.summary import Summary
from reenactory.models.weights import locate
from reenactory.tasks.dataset import read_clips

pytestmark = pytest.mark.weights

HEADER = "video_id,start,end,bbox,fps,width,height,partition,person_id"


def run(videos: Path, store: Path, **fields: object) -> Summary:
    plain = {"inputs": [str(videos)], "store": str(store), "dataset": DATASET, "workers": 0, "params": KNOBS}
    return preprocess(PreprocessRequest.model_validate({**plain, **fields}))


def outcomes(store: Path) -> dict[str, str]:
    """Reason, or done, by clip id."""
    rows = read_clips(open_store(str(store)), DATASET, done_only=False).to_pylist()
    return {row["clip_id"]: row["reason"] or row["outcome"] for row in rows}


def test_every_row_of_the_metadata_ends_in_a_row_of_the_clips(videos: Path, tmp_path: Path) -> None:
    rows = ("man,0,8,160-0-520-360,25,640,360,test,id1", "man,0,8,140-0-500-360,25,640,360,test,id1")
    rows += ("man,0,8,160-0-520-360,25,640,360,train,id2", "man,500,600,160-0-520-360,25,640,360,test,id1")
    rows += ("gone,5,90,160-0-520-360,25,640,360,test,id3",)
    metadata = tmp_path / "vox.csv"
    metadata.write_text("\n".join((HEADER, *rows)) + "\n")
    summary = run(videos, tmp_path / "store", metadata=str(metadata))
    found = outcomes(tmp_path / "store")
    assert sorted(found.values()) == [
        "DUPLICATE_ROW",
        "MISSING_VIDEO",
        "NOT_IN_METADATA",
        "SPAN_OUTSIDE_VIDEO",
        "done",
        "done",
    ]
    assert found["id3#gone#000005#000090"] == "MISSING_VIDEO"
    assert found["woman#woman"] == "NOT_IN_METADATA"
    assert (summary.done, sum(summary.rejected.values()), summary.exit_code) == (2, 4, 0)
    assert summary.computed["detect"] == 1
    assert not any(run(videos, tmp_path / "store", metadata=str(metadata)).computed.values())
    assert outcomes(tmp_path / "store") == found


def test_utterances_follow_the_annotated_face(videos: Path, tmp_path: Path) -> None:
    head = "Identity  : \tid00017\nReference : \tman\nOffset    : \t0\nFV Conf   : \t1\nASD Conf  : \t1\n\n"
    lines = "".join(f"{frame:06d} \t0.3 \t0.1 \t0.4 \t0.7 \n" for frame in range(FRAMES))
    (tmp_path / "00007.txt").write_text(f"{head}FRAME \tX \tY \tW \tH \n{lines}")
    summary = run(videos / "man.mp4", tmp_path / "store", metadata=str(tmp_path / "00007.txt"))
    assert outcomes(tmp_path / "store") == {"id00017#man#00007#000": "done"}
    assert (summary.done, summary.rejected) == (1, {})


def test_all_faces_are_people_of_their_own(tmp_path: Path) -> None:
    both = tmp_path / "both.mp4"
    side = "[0:v]crop=360:360[a];[1:v]crop=360:360[b];[a][b]hstack"
    inputs = ("-i", locate("demo_man"), "-i", locate("demo_woman"))
    ffmpeg(*inputs, "-filter_complex", side, "-frames:v", FRAMES, "-an", "-c:v", "libx264", "-threads", 1, both)
    knobs = {**KNOBS, "track": {**KNOBS["track"], "faces": "all"}}
    summary = run(both, tmp_path / "store", params=knobs)
    table = read_clips(open_store(str(tmp_path / "store")), DATASET)
    assert sorted(table["identity"].to_pylist()) == ["both_f0", "both_f1"]
    assert len({str(box) for box in table["box_ltrb"].to_pylist()}) == 2
    assert table["detected_share"].to_pylist() == [1, 1]
    assert (summary.done, summary.items) == (2, 1)
    run(both, tmp_path / "store", params={**KNOBS, "track": {**KNOBS["track"], "faces": "reject"}})
    assert set(outcomes(tmp_path / "store").values()) == {"MORE_THAN_ONE_FACE"}
