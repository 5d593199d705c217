"""A published render says what it is; what is scored knows nothing of it; nobody who did not agree is in it."""

import json
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from reenactory.flows.cli import app
from reenactory.flows.render import RenderRequest, render
from reenactory.infra.keys import digest, file_sha256
from reenactory.infra.records import Record, artefact_path, write_artefact
from reenactory.infra.store import Store, open_store
from reenactory.infra.summary import Summary
from reenactory.infra.tables import get_table, put_table
from reenactory.infra.video import read_frames, write_video
from reenactory.tasks.dataset import CLIPS
from reenactory.tasks.errors import WrongUseError
from reenactory.tasks.forget import forget
from reenactory.tasks.pairs import make_pair, to_table

SIDE, COUNT = 96, 30
PAIRS = [
    make_pair("cross", "anna#v", 2, "berta#w", 1, COUNT - 1, 0),
    make_pair("self", "berta#w", 0, "berta#w", 1, 8, 0),
]
CROSS, SELF = (pair.pair_id for pair in PAIRS)
SEEN = f"runs/r/renders/{CROSS}__copy"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Two clips, as far as `copy` must know them."""
    monkeypatch.setenv("REENACTORY_CACHE", str(tmp_path / "cache"))
    made = open_store(str(tmp_path / "store"))
    rows = []
    for number, clip_id in enumerate(("anna#v", "berta#w")):
        soft = np.random.default_rng(number).integers(40, 200, (6, 6, 3)).astype(np.uint8)
        frames = np.repeat(np.kron(soft, np.ones((16, 16, 1), np.uint8))[None], COUNT, axis=0)
        write_video(tmp_path / "clip.mp4", frames, Fraction(25), "h264rgb_lossless")
        key = digest(clip_id)
        record = Record(key=key, stage="crop", version=1, params={}, upstream=(), weights={}, outcome="done")
        write_artefact(made, record, {"clip.mp4": tmp_path / "clip.mp4"})
        numbers = {"frame_count": COUNT, "start_frame": 0, "fps_num": 25, "fps_den": 1, "crop_px": SIDE}
        names = {"clip_id": clip_id, "identity": clip_id.split("#")[0], "video_sha256": digest(clip_id) * 2}
        names |= {"video_uri": f"{tmp_path}/{clip_id}.mp4"}
        rows.append({**names, **numbers, "crop_key": key, "outcome": "done"})
    put_table(made, "datasets/d/clips/part-0.parquet", pa.Table.from_pylist(rows, schema=CLIPS))
    pq.write_table(to_table(PAIRS, "d"), tmp_path / "pairs.parquet")
    return made


def rendered(store: Store, folder: Path, **how: object) -> Summary:
    where = {"pairs": str(folder / "pairs.parquet"), "renderer": "copy", "store": store.uri, "run": "r", "workers": 0}
    return render(RenderRequest.model_validate({**where, "device": "cpu", **how}))


def manifest(folder: Path, *rows: str) -> str:
    path = folder / "consent.csv"
    path.write_text("\n".join(("subject,uses,expires", *rows)) + "\n")
    return str(path)


def local(store: Store, path: str, folder: Path) -> Path:
    return store.local_path(path, folder)


def told(store: Store, seen: str = SEEN) -> dict[str, object]:
    return dict(json.loads(store.get(f"{seen}.json")))


def runs(store: Store) -> dict[str, bytes]:
    return {path: store.get(path) for path in store.list("runs/r/renders/")}


def scored(store: Store) -> dict[str, bytes]:
    return {path: store.get(path) for path in store.list("artefacts/render/")}


def test_the_switches_encode_anew_and_never_touch_what_is_scored(store: Store, tmp_path: Path) -> None:
    rendered(store, tmp_path)
    first, frames = store.get(f"{SEEN}.mp4"), scored(store)
    plain = rendered(store, tmp_path, label=False, watermark=False)
    assert (plain.computed["render"], plain.computed["publish"]) == (0, 2)
    assert scored(store) == frames
    assert [path.rpartition("/")[2] for path in frames if path.endswith(".mp4")] == ["frames.mp4"] * 2
    (row, _) = get_table(store, "runs/r/renders/copy.parquet").to_pylist()
    clean = read_frames(local(store, artefact_path("render", row["render_key"], "frames.mp4"), tmp_path))
    without = read_frames(local(store, f"{SEEN}.mp4", tmp_path))
    assert np.abs(clean.astype(int) - without).mean() < 2
    again = rendered(store, tmp_path)
    assert (again.computed["render"], again.computed["publish"]) == (0, 0)
    assert store.get(f"{SEEN}.mp4") == first != without.tobytes()
    labelled = read_frames(local(store, f"{SEEN}.mp4", tmp_path))
    corner = np.s_[:, -8:, :40]
    assert np.abs(labelled[corner].astype(int) - clean[corner]).mean() > 15
    assert np.abs(labelled[:, :64].astype(int) - clean[:, :64]).mean() < 4


def test_the_file_beside_it_says_how_it_was_made(store: Store, tmp_path: Path) -> None:
    rendered(store, tmp_path)
    said = told(store)
    video = local(store, f"{SEEN}.mp4", tmp_path)
    assert said["file"] == {
        "name": f"{CROSS}__copy.mp4",
        "bytes": video.stat().st_size,
        "sha256": file_sha256(video),
    }
    assert said["source"] == {
        "clip_id": "anna#v",
        "identity": "anna",
        "video_sha256": digest("anna#v") * 2,
        "crop_key": digest("anna#v"),
        "frame": 2,
    }
    assert (said["label"], said["consent_sha256"]) == ("re-enacted: copy", None)
    keys = said["keys"]
    assert isinstance(keys, dict)
    assert said["watermark"] == f"dct-qim-1 {keys['render'][:12]}"
    frames = local(store, artefact_path("render", keys["render"], "frames.mp4"), tmp_path)
    assert said["scored_frames_sha256"] == file_sha256(frames)
    assert str(tmp_path) not in store.get(f"{SEEN}.json").decode()


def test_the_mp4_says_it_too_and_names_nobody(store: Store, tmp_path: Path) -> None:
    rendered(store, tmp_path)
    with av.open(str(local(store, f"{SEEN}.mp4", tmp_path))) as container:
        metadata = dict(container.metadata)
    assert metadata["title"] == "Synthetic: re-enacted: copy"
    inside = json.loads(metadata["comment"])
    assert inside["synthetic"] is True and inside["pair"] == CROSS and inside["label"] == "re-enacted: copy"
    assert inside["source"]["video_sha256"] == digest("anna#v") * 2
    assert inside["render_key"][:12] == inside["watermark"].split()[1]
    content = store.get(f"{SEEN}.mp4")
    assert not [name for name in ("anna", "berta", str(tmp_path)) if name.encode() in content]


def test_a_second_run_writes_the_same_bytes(store: Store, tmp_path: Path) -> None:
    rendered(store, tmp_path)
    before = runs(store)
    for path in before:
        if not path.endswith(".parquet"):
            store.delete(path)
    rendered(store, tmp_path)
    assert runs(store) == before


def test_a_run_that_was_broken_off_between_two_versions_is_mended(store: Store, tmp_path: Path) -> None:
    rendered(store, tmp_path)
    before = runs(store)
    listing = store.get("runs/r/renders/copy.parquet")
    rendered(store, tmp_path, label=False)
    store.put("runs/r/renders/copy.parquet", listing)  # as if it had ended before its table was written
    rendered(store, tmp_path)
    assert runs(store) == before


def test_the_mark_leads_back_to_the_render(store: Store, tmp_path: Path) -> None:
    rendered(store, tmp_path)
    video = local(store, f"{SEEN}.mp4", tmp_path)
    done = CliRunner().invoke(app, ["watermark", "read", str(video), "--store", store.uri])
    assert done.exit_code == 0, done.output
    assert f"id {str(told(store)['watermark']).split()[1]}" in done.output and f"render r/{CROSS}__copy" in done.output
    rendered(store, tmp_path, watermark=False)
    assert told(store)["watermark"] is None
    done = CliRunner().invoke(app, ["watermark", "read", str(video)])
    assert (done.exit_code, "no watermark found" in done.output) == (1, True)


def test_people_who_did_not_agree_are_refused_and_their_videos_go(store: Store, tmp_path: Path) -> None:
    rendered(store, tmp_path)
    refused = rendered(store, tmp_path, consent=manifest(tmp_path, "berta,both,never"))
    assert (refused.done, refused.rejected, refused.failed) == (1, {"NO_CONSENT": 1}, 0)
    assert "source anna is not in the consent manifest" in refused.rejected_examples["NO_CONSENT"][0]
    digested = file_sha256(tmp_path / "consent.csv")
    assert any(digested in note and "1 of 2 pairs refused" in note for note in refused.notes)
    assert not store.exists(f"{SEEN}.mp4") and not store.exists(f"{SEEN}.json")
    assert told(store, f"runs/r/renders/{SELF}__copy")["consent_sha256"] == digested
    rows = {row["pair_id"]: row for row in get_table(store, "runs/r/renders/copy.parquet").to_pylist()}
    assert (rows[CROSS]["outcome"], rows[CROSS]["reason"], rows[CROSS]["render_key"]) == (
        "rejected",
        "NO_CONSENT",
        None,
    )
    agreed = rendered(store, tmp_path, consent=manifest(tmp_path, "berta,both,never", "anna,source,never"))
    assert (agreed.done, agreed.rejected, agreed.computed["render"]) == (2, {}, 0), "a refusal leaves no record"
    assert store.exists(f"{SEEN}.mp4")


def test_nothing_is_rendered_that_was_refused_from_the_beginning(store: Store, tmp_path: Path) -> None:
    summary = rendered(store, tmp_path, consent=manifest(tmp_path, "anna,both,2020-01-01", "berta,source,never"))
    assert (summary.done, summary.rejected) == (0, {"NO_CONSENT": 2})
    assert "consent of source anna ended on 2020-01-01" in summary.rejected_examples["NO_CONSENT"][0]
    assert list(store.list("artefacts/render/")) == []


def test_a_manifest_can_be_demanded(store: Store, tmp_path: Path) -> None:
    with pytest.raises(WrongUseError, match="--require-consent: no consent manifest was given"):
        rendered(store, tmp_path, require_consent=True)
    assert list(store.list("runs/")) == []
    agreed = manifest(tmp_path, "anna,both,never", "berta,both,never")
    assert rendered(store, tmp_path, require_consent=True, consent=agreed).done == 2


def test_forgetting_a_person_takes_the_files_beside_their_videos_too(store: Store, tmp_path: Path) -> None:
    rendered(store, tmp_path)
    removed = forget(store, "anna")
    assert {f"{SEEN}.mp4", f"{SEEN}.json"} <= set(removed.files) and removed.artefacts["publish"] == 1
    assert [path for path in store.list("") if b"anna" in store.get(path)] == []
    assert store.exists(f"runs/r/renders/{SELF}__copy.json")
