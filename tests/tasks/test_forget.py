"""A person is forgotten: nothing of them remains anywhere in the store, and everybody else is as before."""

import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from s3_servers import S3Server

from reenactory.infra import store_s3
from reenactory.infra.digests import DIGEST_TABLE
from reenactory.infra.entries import Entry
from reenactory.infra.index import RecordIndex
from reenactory.infra.keys import digest
from reenactory.infra.receipts import FOLDER
from reenactory.infra.records import Record, artefact_path, write_artefact
from reenactory.infra.store import Store, open_store
from reenactory.infra.tables import get_table, put_table
from reenactory.tasks.dataset import CLIPS, FACE3D
from reenactory.tasks.errors import WrongUseError
from reenactory.tasks.forget import forget
from reenactory.tasks.pairs import Pair, to_table
from reenactory.tasks.rendering import RENDERS
from reenactory.tasks.results.aggregate import SCORES

ALICE, BOB, CAROL = "alice", "bob", "carol"
STAGES = ("detect", "track", "crop", "matte", "face3d", "render", "adopt", "score")


class Town:
    """A store with a video of Alice, one of Bob, and one that shows Alice and Carol."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.store, self.folder, self.index = store, folder, RecordIndex(store)
        self.clips = {
            person: self.clip(person, video)
            for person, video in ((ALICE, "solo"), (BOB, "talk"), (f"{ALICE}_f1", "both"), (CAROL, "both"))
        }
        self.orphan = self.make("crop", "alice with another knob", [self.tracks["solo"]])
        rows = [{"uri": f"/videos/{name}.mp4", "stamp": "1:1", "sha256": digest(name)} for name in self.tracks]
        rows.append({"uri": "/videos/alice#never-finished.mp4", "stamp": "1:1", "sha256": digest("never-finished")})
        put_table(store, DIGEST_TABLE, pa.Table.from_pylist(rows))
        self.unfinished = self.make("detect", "alice", [digest("never-finished")])
        self.run("mixed", [(ALICE, BOB), (BOB, CAROL)])
        self.run("others", [(BOB, CAROL)])
        self.index.flush()

    def make(self, stage: str, what: str, upstream: list[str]) -> str:
        """An artefact whose bytes tell what it is; returns its key."""
        file = self.folder / "file"
        file.write_text(f"{stage} of {what}")
        plain = {"version": 1, "params": {}, "weights": {}, "outcome": "done", "frames": 9}
        key = digest(f"{stage} {what} {upstream}")
        record = Record.model_validate({"key": key, "stage": stage, "upstream": tuple(upstream), **plain})
        self.index.add(write_artefact(self.store, record, {"file.bin": file}))
        return key

    tracks: dict[str, str]

    def clip(self, person: str, video: str) -> dict[str, object]:
        self.tracks = getattr(self, "tracks", {})
        if video not in self.tracks:
            owner = ALICE if video in ("solo", "both") else person
            self.tracks[video] = self.make("track", owner, [self.make("detect", owner, [digest(video)])])
        crop = self.make("crop", person, [self.tracks[video], "0+64"])
        keys = {"crop_key": crop} | {f"{stage}_key": self.make(stage, person, [crop]) for stage in ("matte", "face3d")}
        clip_id = f"{person}#{video}#000000#000064"
        row = {"clip_id": clip_id, "identity": person, "video_id": video, "outcome": "done", **keys}
        row |= {"video_uri": f"/videos/{video}.mp4", "video_sha256": digest(video)}
        self.put_part("clips", pa.Table.from_pylist([row], schema=CLIPS))
        self.put_part("face3d", pa.Table.from_pylist([{"clip_id": clip_id, "frame": 0}], schema=FACE3D))
        return row

    def put_part(self, table: str, rows: pa.Table) -> None:
        put_table(self.store, f"datasets/clips/{table}/part-{digest(str(rows.to_pylist()))}.parquet", rows)

    def run(self, name: str, people: list[tuple[str, str]]) -> None:
        """A run with a render, an adopted video and a score of each pair."""
        pairs, renders, scores, outcomes = [], [], [], []
        for source, driving in people:
            clips = self.clips[source], self.clips[driving]
            pair = Pair(f"cross-{digest(source + driving)[:12]}", "cross", *self._names(clips), 0, 8, 0)
            crops = [str(clip["crop_key"]) for clip in clips]
            who = f"{source} and {driving}"
            made = {"copy": self.make("render", who, crops), "theirs": self.make("adopt", who, [digest(f"mp4 {who}")])}
            self.make("score", who, [*made.values(), *crops])
            pairs.append(pair)
            for renderer, key in made.items():
                row = {"pair_id": pair.pair_id, "renderer": renderer, "render_key": key, "outcome": "done"}
                renders.append(row | {"stage": "adopt" if renderer == "theirs" else "render"})
                self.store.put(f"runs/{name}/renders/{pair.pair_id}__{renderer}.mp4", f"film of {who}".encode())
                outcomes.append({"item": f"{renderer}/{pair.pair_id}", "outcome": "done"})
            scores.append({"run": name, "renderer": "copy", "pair_id": pair.pair_id, "frame": 0, "value": 0.5})
        folder = f"runs/{name}"
        put_table(self.store, f"{folder}/pairs.parquet", to_table(pairs, "d"))
        put_table(self.store, f"{folder}/renders/all.parquet", pa.Table.from_pylist(renders, schema=RENDERS))
        put_table(self.store, f"{folder}/scores.parquet", pa.Table.from_pylist(scores, schema=SCORES))
        put_table(self.store, f"{folder}/aggregates.parquet", pa.table({"renderer": ["copy"], "value": [0.5]}))
        put_table(self.store, f"{folder}/outcomes/part-0.parquet", pa.Table.from_pylist(outcomes))
        self.store.put(f"{folder}/table.csv", b"copy,0.5")
        names = [str(self.clips[person]["clip_id"]) for pair_ in people for person in pair_]
        self.store.put(f"{folder}/report.html", f"<p>{' '.join(names)}</p>".encode())
        summary = {"run": name, "failures": [f"{clip}: away" for clip in names], "outputs": {"a": "alice/here"}}
        self.store.put(f"{folder}/summary.json", json.dumps(summary).encode())

    @staticmethod
    def _names(clips: tuple[dict[str, object], dict[str, object]]) -> tuple[str, int, str]:
        return str(clips[0]["clip_id"]), 0, str(clips[1]["clip_id"])


def content(store: Store) -> dict[str, str]:
    """Every object of a store as a text that can be searched; of JSON all but what the user has named."""
    texts: dict[str, str] = {}
    for path in store.list(""):
        if path.endswith(".parquet"):
            table = get_table(store, path)
            texts[path] = f"{table.to_pylist()} {table.schema.metadata}"
        else:
            texts[path] = store.get(path).decode().replace("alice/here", "")
    return texts


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(open_store(str(tmp_path / "store")), tmp_path)


@pytest.fixture
def far_town(s3_server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Town]:
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    store_s3.s3_client.cache_clear()
    yield Town(open_store(f"s3://{s3_server.bucket}/forget/{tmp_path.name}"), tmp_path)
    store_s3.s3_client.cache_clear()


def test_nothing_of_the_person_remains_in_a_bucket(far_town: Town) -> None:
    test_nothing_of_the_person_remains_and_all_else_does(far_town)


def test_nothing_of_the_person_remains_and_all_else_does(town: Town) -> None:
    before = content(town.store)
    keys = {str(town.clips[ALICE]["crop_key"]), town.orphan, town.unfinished, *_keys(town, "solo")}
    removed = forget(town.store, ALICE)
    after = content(town.store)
    for path, text in after.items():
        assert ALICE not in text and ALICE not in path, path
        assert not [key for key in keys if key in text or key in path], path
    assert digest("solo") not in str(after) and digest("never-finished") not in str(after)
    folders = {path.rpartition("/")[0] for path, text in before.items() if path.endswith("file.bin") and ALICE in text}
    for path, text in before.items():
        if path.startswith("artefacts/"):
            assert (path in after) == (path.rpartition("/")[0] not in folders), path
        elif ALICE not in text and not path.endswith((".parquet", ".html", ".csv")):
            assert after[path] == text, path
    for name in ("aggregates.parquet", "table.csv"):
        assert f"runs/mixed/{name}" in removed.files and f"runs/others/{name}" in after
    assert "runs/others/report.html" in after and "runs/mixed/report.html" not in after
    bob = str(town.clips[BOB]["clip_id"])
    assert bob in after["runs/mixed/pairs.parquet"] and bob in after["runs/mixed/summary.json"]
    assert town.store.exists(artefact_path("matte", str(town.clips[CAROL]["matte_key"]), "file.bin"))


def _keys(town: Town, video: str) -> set[str]:
    return {town.tracks[video]}


def test_it_says_what_it_removed(town: Town) -> None:
    before = content(town.store)
    said = forget(town.store, ALICE, dry_run=True)
    assert content(town.store) == before
    removed = forget(town.store, ALICE)
    assert (removed.artefacts, removed.rows, removed.files) == (said.artefacts, said.rows, said.files)
    assert removed.artefacts == {
        "detect": 3, "track": 2, "crop": 3, "matte": 2, "face3d": 2, "render": 1, "adopt": 1, "score": 1,
    }  # fmt: skip
    assert removed.rows["datasets/clips/clips"] == removed.rows["datasets/clips/face3d"] == 2
    assert removed.rows["index"] == 3
    assert removed.videos == ["/videos/alice#never-finished.mp4", "/videos/both.mp4", "/videos/solo.mp4"]
    assert removed.bytes > 0
    assert sorted(removed.edited) == ["runs/mixed/summary.json"]


def test_the_index_forgets_too(town: Town) -> None:
    kept = {stage: {entry.key for entry in RecordIndex(town.store).entries(stage)} for stage in STAGES}
    town.store.put(f"{FOLDER}of-a-dataset.parquet", b"names clips")
    forget(town.store, ALICE, dry_run=True)
    assert list(town.store.list(FOLDER))
    forget(town.store, ALICE)
    assert not list(town.store.list(FOLDER))
    for stage in STAGES:
        entries = list(RecordIndex(town.store).entries(stage))
        assert {entry.key for entry in entries} < kept[stage], stage
        assert all(isinstance(entry, Entry) for entry in entries)
        for entry in entries:
            assert town.store.exists(artefact_path(stage, entry.key, "_DONE.json"))


def test_a_call_that_was_broken_off_can_be_made_again(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = forget(town.store, ALICE, dry_run=True)
    store = type(town.store)
    left, delete = [sum(whole.artefacts.values())], store.delete

    def breaking_off(self: Store, path: str) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt
        delete(self, path)  # type: ignore[arg-type]

    monkeypatch.setattr(store, "delete", breaking_off)
    with pytest.raises(KeyboardInterrupt):
        forget(town.store, ALICE)
    monkeypatch.setattr(store, "delete", delete)
    forget(town.store, ALICE)
    assert not [path for path, text in content(town.store).items() if ALICE in text]


def test_one_of_two_faces_of_a_video(town: Town) -> None:
    removed = forget(town.store, f"{ALICE}_f1")
    assert removed.artefacts["crop"] == 1
    assert town.store.exists(artefact_path("crop", str(town.clips[ALICE]["crop_key"]), "file.bin"))


def test_a_name_that_nobody_has(town: Town) -> None:
    before = content(town.store)
    with pytest.raises(WrongUseError, match=r"nothing in .* is of identity 'alic'"):
        forget(town.store, "alic")
    assert content(town.store) == before
