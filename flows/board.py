"""What a person sees of a run on the Prefect page: how far each stage is, what came of the items, where results are."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import cast
from urllib.parse import quote
from uuid import UUID

from prefect.artifacts import (
    create_link_artifact,
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)

from reenactory.infra.progress import Tally
from reenactory.infra.summary import Summary
from reenactory.tasks.outcomes import MEANING, Reason


class StageBoard:
    """A progress artifact per stage, made when the stage is first heard of.

    Args:
        items: of the run (videos, pairs).
        what: they are.
    """

    def __init__(self, items: int, what: str) -> None:
        self._items, self._what = items, what
        self._artifacts: dict[str, UUID] = {}
        self._shown: dict[str, tuple[float, str]] = {}

    def show(self, tally: Tally, finished: bool = False) -> None:
        """Update what has moved. Call it from the flow, so that the artifacts are its own."""
        for stage, (percent, text) in progress(tally, self._items, self._what, finished).items():
            if self._shown.get(stage) == (percent, text):
                continue
            self._shown[stage] = percent, text
            if stage in self._artifacts:
                update_progress_artifact(self._artifacts[stage], percent, text)
            else:
                key = f"progress-{stage.replace('_', '-')}"
                self._artifacts[stage] = cast(UUID, create_progress_artifact(percent, key=key, description=text))


class TrainingBoard:
    """The progress artifact of a training.

    Args:
        name: of the training.
    """

    def __init__(self, name: str) -> None:
        self._artifact = cast(UUID, create_progress_artifact(0.0, key="progress-train", description=f"begin {name}"))
        self._shown = -1

    def show(self, percent: int, text: str) -> None:
        """At every percent that is new: an update is a call to the server."""
        if percent > self._shown:
            self._shown = percent
            update_progress_artifact(self._artifact, float(percent), text)


def progress(tally: Tally, items: int, what: str, finished: bool) -> dict[str, tuple[float, str]]:
    """Percent and words for each stage.

    How many clips a video has is known once it was looked at. So a later stage's share of the clips that are known is
    taken times the first stage's share of the videos: it does not stand at 100 % after the first video.
    """
    shown: dict[str, tuple[float, str]] = {}
    behind = 1.0
    for stage, (ready, known) in tally.by_stage().items():
        if not shown:
            behind = min(1.0, ready / max(1, items))
            share, of = behind, f"{known} that are known"
        else:
            share, of = behind * ready / max(1, known), f"{known} that are known so far"
        text = f"{stage}: {ready} of {known if finished else of}, from {items} {what}"
        shown[stage] = (100.0 if finished else round(100.0 * share, 1), text)
    return shown


def show_results(summary: Summary, command: Sequence[str]) -> None:
    """Artifacts of a finished run: outcomes by reason, counts per stage, where the results are, the report's link.

    `command`: what does the same from a shell.
    """
    outcomes = [{"outcome": "done", "items": summary.done, "meaning": ""}]
    outcomes += [
        {"outcome": reason, "items": number, "meaning": MEANING[Reason(reason)]}
        for reason, number in summary.rejected.items()
    ]
    if summary.failed:
        outcomes.append({"outcome": "failed", "items": summary.failed, "meaning": "; ".join(summary.failures[:5])})
    create_table_artifact(key="outcomes", table=outcomes, description=f"{summary.items} items of run {summary.run}")
    stages = [
        {
            "stage": stage,
            "computed": summary.computed[stage],
            "cached": summary.cached[stage],
            "frames per second": summary.frames_per_second.get(stage, ""),
        }
        for stage in summary.computed
    ]
    create_table_artifact(key="stages", table=stages, description=_effort(summary))
    lines = [f"* **{name}**: `{place}`" for name, place in summary.outputs.items()]
    lines += [f"* {note}" for note in summary.notes]
    lines += ["", "The same from a shell:", "", "```sh", shlex.join(command), "```"] if command else []
    create_markdown_artifact(key="results", markdown="\n".join(lines), description=f"Results of run {summary.run}")
    if report := summary.outputs.get("report"):
        create_link_artifact(_link(report), "report", key="report", description="For a browser's address bar.")


def _effort(summary: Summary) -> str:
    """What the table of stages counts. A run that finds everything has no task either: say that it is well so."""
    if not sum(summary.computed.values()):
        return "Nothing had to be computed: all of it was there from earlier runs."
    return f"{summary.frames} frames computed in {summary.seconds:.0f} s"


def _link(place: str) -> str:
    return place if "://" in place else f"file://{quote(str(Path(place).absolute()))}"
