"""FID and KID of a run as a stage: all frames together, the real side read once, and nothing computed twice."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fakes import FakePool, drive
from numpy.typing import NDArray

from reenactory.infra.index import RecordIndex
from reenactory.infra.keys import digest
from reenactory.infra.records import Record, write_artefact
from reenactory.infra.store import Store
from reenactory.models.metrics import pooled
from reenactory.models.metrics.frechet import fid
from reenactory.models.metrics.kid import kid
from reenactory.tasks.pairs import Pair
from reenactory.tasks.results.aggregate import PairInfo
from reenactory.tasks.results.pooling import Pooling, pooled_lines, poolings
from reenactory.tasks.running.rates import seconds_needed, seconds_per_frame
from reenactory.tasks.scoring import Rendered, Scored

FRAMES = {"p0": 20, "p1": 9, "p2": 15, "p3": 1}
PAIRS = {name: PairInfo("cross" if name == "p3" else "self", f"id{place % 2}") for place, name in enumerate(FRAMES)}
LOST = 4  # first frames of p1 that the renderer `poor` did not make


def features(seed: int, frames: int) -> NDArray[np.float32]:
    chance = np.random.default_rng(seed)
    return (chance.normal(size=(frames, 6)) @ chance.normal(size=(6, 6)) + seed).astype(np.float32)


class Town:
    """Features of four pairs by some renderers, in a store."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.store, self._folder = store, folder
        self.real = {name: features(seed, frames) for seed, (name, frames) in enumerate(FRAMES.items())}
        self.made: dict[tuple[str, str], NDArray[np.float32]] = {}

    def scored(self, renderer: str, names: tuple[str, ...] = tuple(FRAMES), dropped: int = 0) -> list[Scored]:
        return [self._scored(renderer, name, dropped if name == "p1" else 0) for name in names]

    def _scored(self, renderer: str, name: str, dropped: int) -> Scored:
        frames = FRAMES[name]
        self.made[renderer, name] = features(50 + len(renderer) + frames, frames)
        valid = np.arange(frames) >= dropped
        render = self._put("render", f"{renderer} {name}", "valid.npy", valid)
        real = self._put("features", f"real {name}", "inception.npy", self.real[name])
        seen = self._put("features", f"{renderer} {name}", "inception.npy", self.made[renderer, name])
        pair = Pair(name, PAIRS[name].protocol, "source", 0, "driver", 0, frames, 0)
        return Scored(Rendered(pair, renderer, "render", render), "", seen, real, dropped)

    def _put(self, stage: str, name: str, file: str, array: NDArray[np.generic]) -> str:
        key, path = digest(name), self._folder / file
        np.save(path, array)
        record = Record(key=key, stage=stage, version=1, params={}, upstream=(), weights={}, outcome="done")
        write_artefact(self.store, record, {file: path})
        return key

    def lines(self, wanted: list[Pooling]) -> tuple[dict[tuple[object, ...], dict[str, object]], dict[str, int]]:
        """Rows by renderer, protocol and metric; how many artefacts were computed and cached."""
        ledger = drive(self.store, FakePool(self.store)).run((one.job,) for one in wanted)
        assert ledger.failures == []
        rows = {(row["renderer"], row["protocol"], row["metric"]): row for row in pooled_lines(self.store, wanted)}
        return rows, {"computed": ledger.computed["pool"], "cached": ledger.cached["pool"]}


@pytest.fixture
def town(store: Store, tmp_path: Path) -> Town:
    return Town(store, tmp_path)


def test_all_frames_of_a_protocol_are_taken_together(town: Town) -> None:
    rows, _ = town.lines(list(poolings(town.scored("copy"), PAIRS)))
    names = ("p0", "p1", "p2")
    real, generated = (np.concatenate([side[name] for name in names]) for side in (town.real, _of(town, "copy")))
    own, own_kid = (rows["copy", "self", metric] for metric in ("fid_pooled", "kid"))
    assert (own["n_frames"], own["n_pairs"], own["n_dropped"], own["n_identities"]) == (44, 3, 0, 2)
    assert own["value"] == pytest.approx(fid(real, generated), rel=1e-9)
    assert own_kid["value"] == pytest.approx(kid(real, generated), rel=1e-9)
    assert own["route"] == "features of all frames; no interval: fewer than 5 identities"
    cross = [rows["copy", "cross", metric] for metric in ("fid_pooled", "kid")]
    assert [(row["value"], row["n_frames"]) for row in cross] == [(None, 1)] * 2  # one frame has no covariance


def _of(town: Town, renderer: str) -> dict[str, NDArray[np.float32]]:
    return {name: made for (who, name), made in town.made.items() if who == renderer}


def test_frames_that_were_not_rendered_count_on_neither_side(town: Town) -> None:
    rows, _ = town.lines(list(poolings(town.scored("poor", dropped=LOST), PAIRS)))
    sides = (town.real, _of(town, "poor"))
    real, generated = (np.concatenate([side["p0"], side["p1"][LOST:], side["p2"]]) for side in sides)
    line = rows["poor", "self", "fid_pooled"]
    assert (line["n_frames"], line["n_dropped"]) == (44 - LOST, LOST)
    assert line["value"] == pytest.approx(fid(real, generated), rel=1e-9)


def test_renderers_of_the_same_frames_share_a_job_and_others_do_not(town: Town) -> None:
    scored = [
        *town.scored("copy"),
        *town.scored("warp"),
        *town.scored("poor", dropped=LOST),
        *town.scored("few", ("p0",)),
    ]
    wanted = list(poolings(scored, PAIRS))
    assert sorted((one.protocol, one.renderers) for one in wanted) == [
        ("cross", ("copy", "poor", "warp")),
        ("self", ("copy", "warp")),
        ("self", ("few",)),
        ("self", ("poor",)),
    ]
    together, _ = town.lines(wanted)
    for renderer in ("copy", "warp"):
        alone = [item for item in scored if item.rendered.renderer == renderer]
        rows, counts = town.lines(list(poolings(alone, PAIRS)))
        assert counts == {"computed": 0, "cached": 2}  # a key does not depend on who else is in the job
        assert all(together[name] == row for name, row in rows.items())


def test_nothing_is_computed_twice(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    first, counts = town.lines(list(poolings(town.scored("copy"), PAIRS)))
    assert counts == {"computed": 2, "cached": 0}
    both = [*town.scored("copy"), *town.scored("warp")]
    second, counts = town.lines(list(poolings(both, PAIRS)))
    assert counts == {"computed": 2, "cached": 2}  # of the added renderer alone
    assert all(second[name] == row for name, row in first.items())
    monkeypatch.setattr(pooled, "PooledFeatures", None)  # whoever computed now would fail
    third, counts = town.lines(list(poolings(both[::-1], PAIRS)))
    assert (third, counts) == (second, {"computed": 0, "cached": 4})


def test_the_time_needed_counts_what_is_not_there_and_ends_at_a_rejection(town: Town) -> None:
    """For the time left: a renderer that is there costs nothing, nor does what would follow a rejected one."""
    copy, warp = (next(poolings(town.scored(name, ("p0",)), PAIRS)).job for name in ("copy", "warp"))
    rate = seconds_per_frame(RecordIndex(town.store), "pool")
    assert seconds_needed(RecordIndex(town.store), [(copy, warp)]) == pytest.approx(2 * FRAMES["p0"] * rate)
    lost = Record(key=copy.keys[0], stage="pool", version=1, params={}, upstream=(), weights={}, outcome="rejected")
    write_artefact(town.store, lost, {})
    assert seconds_needed(RecordIndex(town.store), [(copy, warp)]) == 0.0
    assert seconds_needed(RecordIndex(town.store), [(warp,)]) > 0.0


def test_other_people_features_or_pairs_are_another_result(town: Town) -> None:
    scored = town.scored("copy", ("p0", "p2"))
    (before,) = poolings(scored, PAIRS)
    renamed = {name: info._replace(identity="somebody") for name, info in PAIRS.items()}
    as_p1 = replace(scored[0].rendered, pair=scored[0].rendered.pair._replace(pair_id="p1"))
    others = [
        poolings(scored, renamed),
        poolings(scored[:1], PAIRS),
        poolings([scored[0]._replace(real_key="other"), scored[1]], PAIRS),
        poolings([scored[0]._replace(features_key="other"), scored[1]], PAIRS),
        poolings([scored[0]._replace(rendered=as_p1), scored[1]], PAIRS),
    ]
    keys = {before.job.keys, *(one.job.keys for (one,) in others)}
    assert len(keys) == 1 + len(others)
