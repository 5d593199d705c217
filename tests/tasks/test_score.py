"""One pair scored, with networks that need no weights: which metrics there are, for which frames, and what is null."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from synthetic_run import coefficients

from reenactory.models.metrics.registry import DEFINITIONS, lookup
from reenactory.tasks.errors import WrongUseError
from reenactory.tasks.outcomes import Made
from reenactory.tasks.score import CONDITIONS, Item, Models, Params, run, weights

T, SIDE, START = 10, 48, 5


class Halved:
    """Stands in for LPIPS."""

    def distances(self, generated: np.ndarray, target: np.ndarray) -> np.ndarray:
        return np.abs(generated.astype(float) - target).mean(axis=(1, 2, 3)) / 2


def item(scratch: Path, protocol: str) -> Item:
    """Frame 3 was not rendered, in frame 6 of the render and frame 8 of the driver no face was found."""
    rng = np.random.default_rng(0)
    rendered, driving = rng.integers(0, 256, (2, T, SIDE, SIDE, 3), dtype=np.uint8)
    embedding = rng.normal(size=(T, 16)).astype(np.float32)
    embedding /= np.linalg.norm(embedding, axis=1, keepdims=True)
    lost = embedding.copy()
    lost[[3, 6]] = np.nan
    features = rng.gamma(0.5, 1.0, (2, T, 32)).astype(np.float32)
    alpha = np.zeros((T, SIDE, SIDE), np.uint8)
    alpha[:, 20:30, 20:30] = 255
    return Item(
        scratch=scratch,
        protocol=protocol,
        driving_start=START,
        rendered=rendered,
        driving=driving,
        valid=np.arange(T) != 3,
        rendered_face=coefficients(T, lost=(3, 6)),
        driving_face=coefficients(T, lost=(8,)),
        source_face=coefficients(1, lost=()),
        rendered_embedding=lost,
        driving_embedding=embedding,
        source_embedding=embedding[:1],
        rendered_inception=features[0],
        driving_inception=features[1],
        source_frame=rendered[:1],
        source_alpha=alpha[:1],
        driving_alpha=alpha,
    )


def scored(given: Item) -> tuple[pa.Table, pa.Table]:
    (made,) = run(given, Params(), Models((("lpips", Halved()),)))  # type: ignore[arg-type]
    assert isinstance(made, Made)
    return tuple(pq.read_table(made.files[name]) for name in ("scores.parquet", "conditions.parquet"))  # type: ignore[return-value]


@pytest.fixture
def protocols(tmp_path: Path) -> Iterator[dict[str, pa.Table]]:
    made = {}
    for protocol in ("self", "cross"):
        (tmp_path / protocol).mkdir()
        made[protocol] = scored(item(tmp_path / protocol, protocol))[0]
    yield made


def test_every_metric_of_the_registry_is_there_for_its_protocols(protocols: dict[str, pa.Table]) -> None:
    for protocol, table in protocols.items():
        wanted = {e.name for e in DEFINITIONS if protocol in e.protocols and e.per != "set" and not e.optional}
        assert set(table["metric"].to_pylist()) == wanted


def test_frames_are_those_of_the_driver_and_videos_have_one_value(protocols: dict[str, pa.Table]) -> None:
    frames: dict[str, list[int]] = {}
    for row in protocols["self"].to_pylist():
        frames.setdefault(row["metric"], []).append(row["frame"])
    for metric, found in frames.items():
        assert found == ([*range(START, START + T)] if lookup(metric).per == "frame" else [-1])


def test_what_was_not_found_is_null_and_never_a_value(protocols: dict[str, pa.Table]) -> None:
    nulls: dict[str, list[int]] = {}
    for row in protocols["self"].to_pylist():
        nulls.setdefault(row["metric"], [])
        if row["value"] is None:
            nulls[row["metric"]].append(row["frame"] - START)
    assert nulls["psnr"] == nulls["lpips"] == [3]
    assert nulls["csim"] == [3, 6]
    assert nulls["akd"] == nulls["aed_l1"] == nulls["apd_l1_angles"] == [3, 6, 8]
    assert nulls["flicker"] == nulls["background_psnr"] == nulls["fid_per_video"] == []


def test_identity_is_compared_with_the_source_in_cross_pairs(protocols: dict[str, pa.Table]) -> None:
    named = {
        protocol: {row["definition"] for row in table.to_pylist() if row["metric"] == "csim"}
        for protocol, table in protocols.items()
    }
    assert named["self"] != named["cross"]
    assert all("vs-source" in definition for definition in named["cross"])


def test_a_single_frame_has_values_per_frame_and_nulls_over_time(tmp_path: Path) -> None:
    whole = item(tmp_path, "self")
    arrays = {name: value[:1] for name, value in vars(whole).items() if isinstance(value, np.ndarray)}
    tables = {name: value.slice(0, 1) for name, value in vars(whole).items() if isinstance(value, pa.Table)}
    table, conditions = scored(replace(whole, **arrays, **tables))
    values = {row["metric"]: (row["frame"], row["value"]) for row in table.to_pylist()}
    assert values["psnr"][0] == START and values["flicker"] == (-1, None) and values["fid_per_video"] == (-1, None)
    assert conditions["motion"].to_pylist() == [None, None]


def test_conditions_have_a_row_per_frame_and_one_of_the_span(tmp_path: Path) -> None:
    conditions = scored(item(tmp_path, "cross"))[1]
    assert conditions.schema.equals(CONDITIONS)
    assert conditions["frame"].to_pylist() == [*range(START, START + T), -1]
    degrees = [None if frame == 8 else pytest.approx(np.degrees(0.1 * frame), abs=1e-4) for frame in range(T)]
    assert conditions["yaw"].to_pylist()[:-1] == degrees == conditions["pose_gap"].to_pylist()[:-1]
    assert [value is None for value in conditions["motion"].to_pylist()] == [frame in (8, 9) for frame in range(T + 1)]


def test_two_extractors_are_refused(tmp_path: Path) -> None:
    given = item(tmp_path, "self")
    other = given.driving_face.set_column(
        given.driving_face.schema.get_field_index("extractor"), "extractor", pa.array(["f"] * T)
    )
    with pytest.raises(WrongUseError, match="e, f"):
        scored(replace(given, driving_face=other))


def test_vgg_is_only_loaded_when_asked_for() -> None:
    assert list(weights(Params())) == ["lpips_alex"]
    assert list(weights(Params(lpips_vgg=True))) == ["lpips_alex", "lpips_vgg16"]
