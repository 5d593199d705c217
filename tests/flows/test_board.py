"""What the Prefect page says of a run's stages."""

from reenactory.flows.board import progress


class Known:
    """A tally whose counts are given."""

    def by_stage(self) -> dict[str, tuple[int, int]]:
        """Ready and known."""
        return {"detect": (2, 2), "crop": (1, 1)}


def test_a_finished_stage_is_not_told_as_far_as_is_known_so_far() -> None:
    """In the morning `1 of 1 that are known so far` looked as if the night had not ended."""
    shown = progress(Known(), 2, "videos", finished=True)  # type: ignore[arg-type]
    assert shown == {"detect": (100.0, "detect: 2 of 2, from 2 videos"), "crop": (100.0, "crop: 1 of 1, from 2 videos")}
    assert "known so far" in progress(Known(), 2, "videos", finished=False)["crop"][1]  # type: ignore[arg-type]
