"""Extractors: their names, what they write, and that the coefficients of two of them never meet."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from reenactory.flows.evaluate import EvaluateRequest, evaluate
from reenactory.flows.pairs import write_pairs
from reenactory.flows.render import RenderRequest, render
from reenactory.infra.store import Store
from reenactory.infra.tables import put_table
from reenactory.models import weights as catalogue
from reenactory.models.extractors.protocol import Fit
from reenactory.models.face_mesh.landmarker import Landmarks
from reenactory.models.face_mesh.topology import LANDMARKS_68
from reenactory.models.face_model.open_model import load_open_model
from reenactory.tasks import extractors, face3d
from reenactory.tasks.dataset import CLIPS, read_clips
from reenactory.tasks.errors import WrongUseError
from reenactory.tasks.outcomes import Made
from reenactory.tasks.pairs import Pair, to_table
from reenactory.tasks.rendering import clip_rows
from reenactory.tasks.score import _check_extractors
from reenactory.tasks.scoring import Rendered, Scoring
from reenactory.tasks.stage import Runtime

LANDMARKER = catalogue.catalogue()["face_landmarker"].sha256[:12]
MEDIAPIPE = f"mediapipe-face-landmarker+{LANDMARKER}"
CLIPS_PART = "datasets/d/clips/part-new.parquet"
FRAMES, SIDE, LOST = 4, 128, 2


@pytest.fixture
def own_checkpoint(deep3d_checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("REENACTORY_WEIGHTS", catalogue.overrides_text({"deep3d_epoch20": deep3d_checkpoint}))
    return deep3d_checkpoint


def face(frames: int = FRAMES) -> Landmarks:
    """A plausible face in the middle of the picture, in all frames but one."""
    chance = np.random.default_rng(0)
    points = chance.uniform(0.3 * SIDE, 0.7 * SIDE, (frames, 478, 3)).astype(np.float32)
    points[:, LANDMARKS_68[[36, 39, 42, 45, 30, 48, 54]], :2] = [
        (45, 50), (57, 50), (71, 50), (83, 50), (64, 66), (52, 80), (76, 80),
    ]  # fmt: skip
    rotation = np.tile(np.eye(3, dtype=np.float32), (frames, 1, 1))
    found = Landmarks(
        points, chance.uniform(0, 1, (frames, 52)).astype(np.float32), rotation, np.ones(frames, np.bool_)
    )
    for values in found[:3]:
        values[LOST] = np.nan
    found.detected[LOST] = False
    return found


class FakeLandmarker:
    def detect(self, frames: np.ndarray) -> Landmarks:
        return face(len(frames))


def fitted(name: extractors.ExtractorName, tmp_path: Path) -> tuple[Made, pa.Table]:
    """The stage's own files, with a landmarker that need not look."""
    chosen = extractors.extractor_class(name)
    extractor = chosen("cpu", 1, {weight: catalogue.locate(weight) for weight in chosen.weights})
    models = face3d.Models(FakeLandmarker(), extractor, extractors.extractor_id(name))  # type: ignore[arg-type]
    frames = np.random.default_rng(1).integers(0, 255, (FRAMES, SIDE, SIDE, 3), dtype=np.uint8)
    (made,) = face3d.run(face3d.Item(tmp_path, frames), face3d.Params(extractor=name), models)
    assert isinstance(made, Made)
    return made, pq.read_table(made.files["coefficients.parquet"])


def test_deep3d_fills_every_column_and_leaves_the_lost_frame_null(own_checkpoint: Path, tmp_path: Path) -> None:
    made, table = fitted("deep3d", tmp_path)
    digest = catalogue.sha256_of("deep3d_epoch20")[:12]
    assert made.facts == {"detected": FRAMES - 1, "extractor": f"deep3dfacerecon+{digest}+{LANDMARKER}"}
    assert table.schema.equals(face3d.SCHEMA)
    seen = [frame != LOST for frame in range(FRAMES)]
    assert table["detected"].to_pylist() == seen
    for name in ("id", "exp", "tex", "angles", "gamma", "trans", "crop", "landmarks"):
        assert [value is not None for value in table[name].to_pylist()] == seen, name
        assert np.isfinite(face3d.column(table, name)[seen]).all()
    assert set(table["extractor"].to_pylist()) == {made.facts["extractor"]}
    np.testing.assert_array_equal(np.load(made.files["mesh.npy"]), face().points)


def test_mediapipe_has_no_identity_texture_or_light(tmp_path: Path) -> None:
    made, table = fitted("mediapipe", tmp_path)
    assert made.facts["extractor"] == MEDIAPIPE
    assert all(table[name].null_count == FRAMES for name in ("id", "tex", "gamma"))
    np.testing.assert_array_equal(face3d.column(table, "exp")[0], [*face().scores[0], *[0.0] * 12])


def test_landmarks_and_crop_do_not_depend_on_the_extractor(own_checkpoint: Path, tmp_path: Path) -> None:
    tables = []
    for name in ("mediapipe", "deep3d"):
        (tmp_path / name).mkdir()
        tables.append(fitted(name, tmp_path / name)[1])  # type: ignore[arg-type]
    for column in ("landmarks", "crop"):
        assert tables[0][column].equals(tables[1][column])


def test_open_fits_faces_and_nothing_else(weight: Callable[[str], Path]) -> None:
    """One frame with the model's own points, one with points all over the picture, one without a face."""
    path = weight("open_face_model")
    model = load_open_model(path)
    found = face(3)
    neutral = model.points_478(model.mean[None])[0].numpy()
    found.points[0] = neutral * np.array([40, -40, -40], np.float32) + np.array([64, 64, 0], np.float32)
    frames = np.random.default_rng(1).integers(0, 255, (3, SIDE, SIDE, 3), dtype=np.uint8)
    fit = extractors.extractor_class("open")("cpu", 1, {"open_face_model": path}).fit(frames, found)
    table = face3d.to_table(fit, "x")
    assert table.schema.equals(face3d.SCHEMA)
    assert table["detected"].to_pylist() == [True, False, False]
    for name in ("id", "exp", "tex", "angles", "gamma", "trans", "crop", "landmarks"):
        assert [value is not None for value in table[name].to_pylist()] == [True, False, False], name
    usual = extractors.extractor_class("mediapipe")("cpu", 1, {}).fit(frames, found)
    np.testing.assert_array_equal(fit.crop[0], usual.crop[0])
    np.testing.assert_array_equal(fit.landmarks, usual.landmarks)


def test_the_open_extractor_names_the_models_file() -> None:
    digest = catalogue.catalogue()["open_face_model"].sha256[:12]
    assert extractors.extractor_id("open") == f"open-face-fit+{digest}+{LANDMARKER}"


def test_a_frame_with_part_of_a_fit_does_not_count_as_detected() -> None:
    values = {name: np.ones((2, size), np.float32) for name, size in (("exp", 64), ("angles", 3), ("trans", 3))}
    values |= {"crop": np.ones((2, 3), np.float32), "landmarks": np.ones((2, 136), np.float32)}
    values["trans"][1, 2] = np.nan
    table = face3d.to_table(Fit(**values), "x")
    assert table["detected"].to_pylist() == [True, False]
    assert table["exp"].to_pylist()[1] is None


def test_a_checkpoint_that_was_not_brought_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REENACTORY_WEIGHTS", raising=False)
    with pytest.raises(catalogue.WeightMissing, match="--weights deep3d_epoch20="):
        extractors.extractor_id("deep3d")
    with pytest.raises(catalogue.WeightMissing, match=r"epoch_20\.pth"):
        face3d.load(face3d.Params(extractor="deep3d"), Runtime("cpu", 1))


def test_extractors_are_found_again_by_the_id_in_the_tables() -> None:
    assert extractors.extractor_named(MEDIAPIPE) == "mediapipe"
    assert extractors.extractor_named("deep3dfacerecon+abc+def") == "deep3d"
    assert extractors.extractor_named("open-face-fit+abc+def") == "open"
    assert extractors.extractor_named(None) == "mediapipe"
    with pytest.raises(WrongUseError, match="no extractor is called 'openface'; there are mediapipe, deep3d, open"):
        extractors.extractor_named("openface+1")


def dataset(store: Store, *made_by: str | None) -> list[str]:
    """Clips of 10 frames, one per extractor given. Returns their names."""
    rows: list[dict[str, object]] = []
    for index, extractor in enumerate(made_by):
        row: dict[str, object] = {"clip_id": f"p{index}#v#0", "identity": f"p{index}", "frame_count": 10}
        row |= {"fps_num": 25, "fps_den": 1, "crop_px": SIDE, "outcome": "done", "extractor": extractor}
        rows.append(row | {f"{stage}_key": f"{stage}{index}" for stage in ("crop", "matte", "face3d")})
    put_table(store, CLIPS_PART, pa.Table.from_pylist(rows, schema=CLIPS))
    return [str(row["clip_id"]) for row in rows]


def pair_file(folder: Path, source: str, driver: str) -> Path:
    pair = Pair("cross-1", "cross", source, 0, driver, 0, 5, 0)
    pq.write_table(to_table([pair], "d"), folder / "pairs.parquet")
    return folder / "pairs.parquet"


def test_pairs_renders_and_scores_over_two_extractors_are_refused(store: Store, tmp_path: Path) -> None:
    source, driver = dataset(store, MEDIAPIPE, "deep3dfacerecon+a+b")
    refused = r"2 extractors, which cannot be mixed \(deep3dfacerecon\+a\+b: p1#v#0; mediapipe.*: p0#v#0\)"
    with pytest.raises(WrongUseError, match=refused):
        write_pairs(store.uri, "d", "cross", 1, 0, 0, tmp_path / "out.parquet")
    pairs = str(pair_file(tmp_path, source, driver))
    with pytest.raises(WrongUseError, match=refused):
        render(RenderRequest(pairs=pairs, renderer="warp", store=store.uri, run="r", workers=0))
    with pytest.raises(WrongUseError, match=refused):
        evaluate(EvaluateRequest(run="r", store=store.uri, pairs=pairs, workers=0))


def test_a_renderer_refuses_coefficients_that_it_does_not_understand(store: Store, tmp_path: Path) -> None:
    pairs = str(pair_file(tmp_path, *dataset(store, "deep3dfacerecon+a+b", "deep3dfacerecon+a+b")))
    with pytest.raises(
        WrongUseError,
        match="warp understands the coefficients of open and mediapipe, and those of p1#v#0 are by deep3d",
    ):
        render(RenderRequest(pairs=pairs, renderer="warp", store=store.uri, run="r", workers=0))
    assert not list(store.list("runs/"))


def test_one_extractor_is_fine_and_so_are_clips_that_no_pair_names(store: Store, tmp_path: Path) -> None:
    first, second, _ = dataset(store, MEDIAPIPE, MEDIAPIPE, "deep3dfacerecon+a+b")
    pairs = str(pair_file(tmp_path, first, second))
    with pytest.raises(WrongUseError, match="has no renders"):  # past the checks
        evaluate(EvaluateRequest(run="r", store=store.uri, pairs=pairs, workers=0))


def test_renders_are_not_fitted_with_other_weights_than_their_clips(
    store: Store, own_checkpoint: Path, tmp_path: Path
) -> None:
    names = dataset(store, "deep3dfacerecon+000000000000+000000000000", "deep3dfacerecon+000000000000+000000000000")
    pairs = str(pair_file(tmp_path, *names))
    with pytest.raises(WrongUseError, match=r"were made by deep3dfacerecon\+0+\+0+, and deep3d is deep3dfacerecon\+"):
        evaluate(EvaluateRequest(run="r", store=store.uri, pairs=pairs, workers=0))


def test_renders_are_fitted_by_the_extractor_of_their_driver(store: Store, own_checkpoint: Path) -> None:
    for name in ("mediapipe", "deep3d"):
        identifier = extractors.extractor_id(name)  # type: ignore[arg-type]
        source, driver = dataset(store, identifier, identifier)
        jobs = Scoring(clip_rows(read_clips(store, "d")))
        fitting = jobs.chain(Rendered(Pair("x", "cross", source, 0, driver, 0, 5, 0), "copy", "render", "k"))[0]
        assert fitting.params == face3d.Params(extractor=name, require_face=False)  # type: ignore[arg-type]
        assert ("deep3d_epoch20" in fitting.weights) == (name == "deep3d")


def test_smoothed_coefficients_are_named_so_and_renders_are_smoothed_alike(store: Store) -> None:
    identifier = extractors.extractor_id("mediapipe", 0.5)
    assert identifier == f"{MEDIAPIPE}+smooth0.5"
    assert [extractors.smoothing_of(who) for who in (identifier, MEDIAPIPE, None)] == [0.5, 0, 0]
    assert extractors.extractor_named(identifier) == "mediapipe"
    extractors.check_this_machine([identifier, MEDIAPIPE, None])
    with pytest.raises(WrongUseError, match="2 extractors"):
        extractors.check_one_extractor({"a": identifier, "b": MEDIAPIPE})
    source, driver = dataset(store, identifier, identifier)
    jobs = Scoring(clip_rows(read_clips(store, "d")))
    fitting = jobs.chain(Rendered(Pair("x", "cross", source, 0, driver, 0, 5, 0), "copy", "render", "k"))[0]
    assert fitting.params == face3d.Params(extractor="mediapipe", smoothing=0.5, require_face=False)


def test_the_stage_smooths_when_asked_to(tmp_path: Path) -> None:
    frames = np.zeros((FRAMES + 4, SIDE, SIDE, 3), np.uint8)
    extractor = extractors.extractor_class("mediapipe")("cpu", 1, {})
    exps = []
    for strength in (0.0, 5.0):
        params = face3d.Params(smoothing=strength)
        models = face3d.Models(FakeLandmarker(), extractor, "x")  # type: ignore[arg-type]
        (made,) = face3d.run(face3d.Item(tmp_path, frames), params, models)
        assert isinstance(made, Made)
        exps.append(face3d.column(pq.read_table(made.files["coefficients.parquet"]), "exp"))
    seen = np.arange(LOST + 1, len(frames))
    assert (
        np.abs(np.diff(exps[1][seen, :52], 2, axis=0)).mean()
        < 0.8 * np.abs(np.diff(exps[0][seen, :52], 2, axis=0)).mean()
    )
    assert np.isnan(exps[1][LOST]).all()


def test_the_score_stage_refuses_them_too() -> None:
    tables = [face3d.to_table(Fit(*(np.ones((1, n), np.float32) for n in (64, 3, 3, 3, 136))), who) for who in "ab"]
    item = SimpleNamespace(rendered_face=tables[0], driving_face=tables[1])
    with pytest.raises(WrongUseError, match="a, b"):
        _check_extractors(item)  # type: ignore[arg-type]


def test_clips_of_an_older_version_name_no_extractor(store: Store) -> None:
    dataset(store, MEDIAPIPE)
    older = read_clips(store, "d").drop_columns(["extractor"])
    put_table(store, CLIPS_PART.replace("new", "old"), older)
    assert sorted(map(str, read_clips(store, "d")["extractor"].to_pylist())) == ["None", MEDIAPIPE]
