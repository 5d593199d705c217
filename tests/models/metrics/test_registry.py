"""Definition strings are unique, stable and complete."""

import pytest

from reenactory.models import weights
from reenactory.models.metrics.registry import DEFINITIONS, definition_for, lookup


def test_names_and_strings_are_unique() -> None:
    assert len({entry.name for entry in DEFINITIONS}) == len(DEFINITIONS)
    assert len({entry.definition for entry in DEFINITIONS}) == len(DEFINITIONS)


def test_published_strings_do_not_change() -> None:
    """Stored scores carry these strings: a changed computation needs a new version, not an edited string."""
    filled = {
        entry.name: definition_for(entry.name, extractor="x-1", embedder="e-1", reference="target")
        for entry in DEFINITIONS
    }
    assert filled == {
        "psnr": "psnr/rgb-uint8/cap100/v1",
        "ssim": "ssim/rgb-uint8/gaussian11-sigma1.5/v1",
        "ssim_uniform7": "ssim/rgb-uint8/uniform7/v1",
        "l1": "l1/rgb-unit/v1",
        "lpips": "lpips/v0.1-alex/v1",
        "lpips_vgg": "lpips/v0.1-vgg16/v1",
        "csim": "csim/e-1/vs-target/v1",
        "aed_l1": "aed_l1/mean-abs-64/x-1/v1",
        "aed_l2": "aed_l2/norm-64/x-1/v1",
        "apd_l1_angles": "apd_l1_angles/mean-abs-3/x-1/v1",
        "apd_l2_angles": "apd_l2_angles/norm-3/x-1/v1",
        "apd_l1_pose6": "apd_l1_pose6/mean-abs-6/x-1/v1",
        "akd": "akd/68-mean-abs-px256/x-1/v1",
        "flicker": "flicker/mean-abs-step-minus-driver/levels255/v1",
        "landmark_jitter": "landmark_jitter/second-difference-minus-driver/x-1/v1",
        "mouth_sync": "mouth_sync/pearson-inner-lips-over-eyes/x-1/v1",
        "background_stability": "background_stability/std-over-time/levels255/v1",
        "background_psnr": "background_psnr/rgb-uint8/vs-source/cap100/v1",
        "fid_pooled": "fid/inception-2015-12-05/pooled/v1",
        "fid_per_video": "fid/inception-2015-12-05/per-video/v1",
        "kid": "kid/inception-2015-12-05/poly3/pooled-unbiased-2048/v1",
    }


def test_numbers_of_two_extractors_are_never_called_the_same() -> None:
    assert definition_for("aed_l1", extractor="mediapipe-1.2.2") != definition_for("aed_l1", extractor="deep3d")


@pytest.mark.parametrize("extractor", [None, "", "Has Space", "a/b", "UPPER"])
def test_missing_or_unusable_extractor_is_refused(extractor: str | None) -> None:
    with pytest.raises(ValueError, match="extractor"):
        definition_for("akd", extractor=extractor)


def test_unknown_metric_lists_the_known_ones() -> None:
    with pytest.raises(KeyError, match="aed_l1"):
        lookup("aed")


def test_weights_are_names_of_the_catalogue() -> None:
    named = {name for entry in DEFINITIONS for name in entry.weights}
    assert named and named <= set(weights.catalogue())
