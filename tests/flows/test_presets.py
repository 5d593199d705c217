"""Presets: the published numbers, one by one, and what goes over what."""

import pytest
from pydantic import ValidationError

from reenactory.flows.knobs import parse_knobs
from reenactory.flows.preprocess import PreprocessRequest
from reenactory.tasks.preprocess import PreprocessParams
from reenactory.tasks.presets import KNOBS, Preset
from reenactory.tasks.track import Params as TrackParams


def request(**fields: object) -> PreprocessRequest:
    return PreprocessRequest.model_validate({"inputs": ["v"], "store": "s", "dataset": "d", **fields})


def test_fomm_is_the_default_and_its_numbers_are_the_published_ones() -> None:
    params = request().params
    assert params == PreprocessParams() == request(preset="fomm").params
    published = {"min_iou": 0.25, "max_gap": 0, "min_frames": 64, "max_frames": 1024, "min_side_px": 256}
    published |= {"margin": 0.1, "out_of_frame": "reject", "faces": "largest"}
    assert {name: getattr(params.track, name) for name in published} == published
    assert (params.detect.height_px, params.crop.size_px) == (360, 256)


def test_fomm_exact_leaves_nothing_of_ours() -> None:
    exact, usual = request(preset="fomm-exact").params, request().params
    assert (exact.detect.stride, exact.detect.fps, exact.track.end_at_shots) == (1, 25.0, False)
    ours = {"detect": {"stride": 8, "fps": None}, "track": {"end_at_shots": True}}
    back = {stage: getattr(exact, stage).model_copy(update=knobs) for stage, knobs in ours.items()}
    assert exact.model_copy(update=back) == usual


def test_in_the_wild_lets_small_and_tightly_framed_faces_pass() -> None:
    track = request(preset="in-the-wild").params.track
    assert (track.min_side_px, track.margin, track.out_of_frame) == (96, 0.3, "fit")
    assert (track.min_frames, track.max_frames, track.min_iou) == (64, 1024, 0.25)


def test_single_knobs_go_over_the_preset() -> None:
    made = request(preset="in-the-wild", params=parse_knobs(["track.margin=0.2", "crop.size_px=128"])).params
    assert (made.track.margin, made.track.min_side_px, made.crop.size_px) == (0.2, 96, 128)


def test_ready_made_parameters_are_taken_as_they_are() -> None:
    params = PreprocessParams(track=TrackParams(margin=0.2))
    assert request(preset="in-the-wild", params=params).params == params


def test_a_request_survives_the_way_through_prefect() -> None:
    made = request(preset="in-the-wild", params={"track": {"margin": 0.2}})
    assert PreprocessRequest.model_validate(made.model_dump(mode="json")) == made


@pytest.mark.parametrize("preset", list(Preset))
def test_every_knob_of_a_preset_exists(preset: Preset) -> None:
    PreprocessParams.model_validate(KNOBS[preset])


def test_an_unknown_preset_is_refused() -> None:
    with pytest.raises(ValidationError, match="'fomm', 'fomm-exact' or 'in-the-wild'"):
        request(preset="vox")
