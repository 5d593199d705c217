"""A small evaluated run, written through the real store functions, with no network behind it."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from reenactory.infra.keys import digest
from reenactory.infra.records import Record, write_artefact
from reenactory.infra.store import Store, open_store
from reenactory.infra.video import write_video
from reenactory.models.metrics.registry import definition_for
from reenactory.tasks import face3d
from reenactory.tasks.dataset import read_clips, write_shard
from reenactory.tasks.pairs import Pair, to_table
from reenactory.tasks.rendering import RENDERS, clip_rows
from reenactory.tasks.results.aggregate import AGGREGATES, PAIR_SCORES, PairInfo, Totals, pair_scores
from reenactory.tasks.results.aggregate import SCORES as RUN_SCORES
from reenactory.tasks.score import CONDITIONS
from reenactory.tasks.score import SCHEMA as SCORES
from reenactory.tasks.scoring import Rendered, Scoring

RUN, DATASET = "r", "d"
FRAMES, SIDE = 8, 64
NASTY = "<script>alert(1)</script>"
CLIPS = (f"{NASTY}#v#000000#000008", "b#v#000000#000008")
RENDERERS = ("copy", "theirs")  # the second is not installed: nothing but its rows is known
QUALITY = {"copy": 0.5, "theirs": 0.8}


class SyntheticRun:
    """Two clips of two people, one rejected video, and as many pairs as asked for."""

    def __init__(self, folder: Path, protocols: Sequence[str] = ("self", "cross"), pairs: int = 2) -> None:
        self.store: Store = open_store(str(folder / "store"))
        self._folder = folder
        rows = [self._clip(clip_id, seed) for seed, clip_id in enumerate(CLIPS)]
        rows.append(_video_row("bad") | {"outcome": "rejected", "reason": "NO_FACE", "detail": f"in {NASTY}"})
        write_shard(self.store, DATASET, rows)
        self._scoring = Scoring(clip_rows(read_clips(self.store, DATASET)))
        self.pairs = [_pair(protocol, index) for protocol in protocols for index in range(pairs)]
        self._put("pairs", to_table(self.pairs, DATASET))
        self._renders()
        self._scores()

    def _clip(self, clip_id: str, seed: int) -> dict[str, object]:
        path = self._folder / "clip.mp4"
        write_video(path, _picture(seed), Fraction(25), "h264")
        keys = {stage: digest(f"{stage}{clip_id}") for stage in ("detect", "track", "crop", "matte", "face3d")}
        self._record("detect", keys["detect"], ("f" * 64,), {})
        self._record("track", keys["track"], (keys["detect"],), {})
        self._record("crop", keys["crop"], (keys["track"], "0+8"), {"clip.mp4": path})
        alpha = self._folder / "alpha.mkv"
        write_video(alpha, _picture(seed)[..., 0], Fraction(25), "ffv1_gray")
        self._record("matte", keys["matte"], (keys["crop"],), {"alpha.mkv": alpha})
        self._face(keys["face3d"], keys["crop"], lost=(3,))
        numbers = {"frame_count": FRAMES, "fps_num": 25, "fps_den": 1, "width": SIDE, "height": SIDE, "crop_px": SIDE}
        quality = {"track_iou_min": 0.9, "face_px_min": 50, "faces_max": 1, "blur": 100.0, "crop_mode": "square"}
        row = _video_row(clip_id) | numbers | quality | {"start_frame": 0, "has_audio": False}
        named = {f"{stage}_key": keys[stage] for stage in ("crop", "matte", "face3d")}
        return row | named | {"box_ltrb": [0, 0, SIDE, SIDE], "outcome": "done", "reason": None, "detail": None}

    def _face(self, key: str, upstream: str, lost: Sequence[int]) -> None:
        path = self._folder / "coefficients.parquet"
        pq.write_table(coefficients(FRAMES, lost), path)
        self._record("face3d", key, (upstream,), {"coefficients.parquet": path})

    def _record(self, stage: str, key: str, upstream: tuple[str, ...], files: dict[str, Path]) -> None:
        params = {"renderer": "theirs", "renderer_version": 3} if stage == "render" else {}
        record = Record(
            key=key,
            stage=stage,
            version=1,
            params=params,
            upstream=upstream,
            weights={"sface": "0" * 64},
            outcome="done",
        )
        write_artefact(self.store, record, files)

    def _renders(self) -> None:
        """All pairs of a renderer share one artefact. `theirs` refused the first pair and was not given the last."""
        path = self._folder / "frames.mp4"
        write_video(path, _picture(9), Fraction(25), "h264rgb_lossless")
        for renderer in RENDERERS:
            key = digest(renderer)
            self._record("render", key, (), {"frames.mp4": path})
            fitted = self._scoring.chain(Rendered(self.pairs[0], renderer, "render", key))[0].keys[0]
            self._face(fitted, key, lost=range(FRAMES) if renderer == "copy" else ())
            rows = [
                {"pair_id": pair.pair_id, "renderer": renderer, "stage": "render", "render_key": key, "outcome": "done"}
                for pair in (self.pairs if renderer == "copy" else self.pairs[:-1])
            ]
            if renderer == "theirs":
                rows[0] |= {"outcome": "rejected", "reason": "NO_FACE", "detail": "no face in the source frame"}
            else:
                self.store.put(f"runs/{RUN}/renders/{self.pairs[0].pair_id}__{renderer}.mp4", b"not shown by a test")
            self._put(f"renders/{renderer}", pa.Table.from_pylist(rows, schema=RENDERS))

    def _scores(self) -> None:
        totals, tables, every = Totals(), [PAIR_SCORES.empty_table()], [RUN_SCORES.empty_table()]
        conditions = pa.Table.from_pylist([{"frame": frame} for frame in (*range(1, FRAMES), -1)], schema=CONDITIONS)
        for renderer, pairs in {"copy": self.pairs, "theirs": self.pairs[1:-1]}.items():
            for pair in pairs:
                scores = pa.Table.from_pylist(_score_rows(renderer, pair), schema=SCORES)
                totals.update(renderer, PairInfo(pair.protocol, pair.source_clip), scores, conditions)
                tables.append(pair_scores(renderer, pair.pair_id, scores, conditions))
                self._score_artefact(Rendered(pair, renderer, "render", digest(renderer)), scores)
                named = [
                    {"run": RUN, "renderer": renderer, "pair_id": pair.pair_id, **row} for row in scores.to_pylist()
                ]
                every.append(pa.Table.from_pylist(named, schema=RUN_SCORES))
        self._put("scores", pa.concat_tables(every))
        self._put("pair_scores", pa.concat_tables(tables))
        self._put("aggregates", pa.Table.from_pylist(list(totals.lines()), schema=AGGREGATES))

    def _score_artefact(self, rendered: Rendered, scores: pa.Table) -> None:
        key = self._scoring.chain(rendered)[-1].keys[0]
        path = self._folder / "scores.parquet"
        pq.write_table(scores, path)
        self._record("score", key, (rendered.key,), {"scores.parquet": path})

    def _put(self, name: str, table: pa.Table) -> None:
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink)
        self.store.put(f"runs/{RUN}/{name}.parquet", bytes(sink.getvalue()))


def coefficients(frames: int, lost: Sequence[int]) -> pa.Table:
    """A face that turns; null, as the stage writes it, in the frames that are lost."""
    rows: list[dict[str, object]] = []
    for frame in range(frames):
        values: dict[str, object] = {}
        if frame not in lost:
            points = np.random.default_rng(frame).uniform(10, 50, 136).astype(np.float32)
            values = {"landmarks": points.tolist(), "angles": [0.0, 0.1 * frame, 0.0], "exp": [0.0] * 64}
        rows.append({"frame": frame, "detected": frame not in lost, "extractor": "e", **values})
    return pa.Table.from_pylist(rows, schema=face3d.SCHEMA)


def _video_row(clip_id: str) -> dict[str, object]:
    person = clip_id.split("#")[0]
    names = {"identity": person, "video_id": person, "split": "all"}
    return {"clip_id": clip_id, "video_uri": f"/videos/{person}.mp4", "video_sha256": digest(person) * 2, **names}


def _picture(seed: int) -> NDArray[np.uint8]:
    rows, columns = np.indices((SIDE, SIDE))
    ramp = (rows * (seed + 1) + columns * 2)[None] + 8 * np.arange(FRAMES)[:, None, None]
    return np.stack([ramp % 200, ramp % 150, ramp % 100], axis=-1).astype(np.uint8)


def _pair(protocol: str, index: int) -> Pair:
    source, driver = CLIPS[index % 2], CLIPS[(index + (protocol == "cross")) % 2]
    return Pair(f"{protocol}-{index:04d}", protocol, source, 0, driver, 1, FRAMES - 1, 0)


def _score_rows(renderer: str, pair: Pair) -> list[dict[str, object]]:
    """`theirs` is better, worse by csim in cross pairs, and has one frame in seven dropped."""
    reference = "target" if pair.protocol == "self" else "source"
    better = QUALITY[renderer]
    values = {"aed_l1": 1 - better, "csim": better if pair.protocol == "self" else 1 - better}
    rows: list[dict[str, object]] = []
    for metric, value in values.items():
        definition = definition_for(metric, extractor="e", embedder="f", reference=reference)
        for frame in range(pair.driving_start, FRAMES):
            lost = renderer == "theirs" and frame == 2
            number = None if lost else value + frame / 1000
            rows.append({"frame": frame, "metric": metric, "definition": definition, "value": number})
    return rows
