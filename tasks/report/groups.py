"""What a metric is about: a score table of twenty rows is read in these parts."""

from typing import NamedTuple


class MetricGroup(NamedTuple):
    """Metrics that answer one question. Those that a table needs first are `open`; the others wait for a click."""

    title: str
    metrics: tuple[str, ...]
    open: bool


GROUPS = (
    MetricGroup("Pixels", ("psnr", "ssim", "ssim_uniform7", "l1", "lpips", "lpips_vgg"), True),
    MetricGroup("Identity", ("csim",), True),
    MetricGroup("Motion", ("aed_l1", "aed_l2", "apd_l1_angles", "apd_l2_angles", "apd_l1_pose6", "akd"), True),
    MetricGroup("Time", ("flicker", "landmark_jitter", "mouth_sync"), False),
    MetricGroup("Background", ("background_stability", "background_psnr"), False),
    MetricGroup("Distribution", ("fid_pooled", "fid_per_video", "kid"), True),
)
OTHER = MetricGroup("Other", (), True)  # of a version that had a metric which this one does not know


def group_of(metric: str) -> MetricGroup:
    return next((group for group in GROUPS if metric in group.metrics), OTHER)
