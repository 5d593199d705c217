"""Where the items went: videos, clips, pairs, renders, scores, and every reason for which one was rejected."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from reenactory.tasks.outcomes import MEANING, Reason
from reenactory.tasks.report.run import RunData

MOST_EXAMPLES = 5  # of one reason; the tables have them all


class Step(NamedTuple):
    """One station of the funnel."""

    name: str
    items: int
    lost: str  # what did not go on, in words; empty where nothing was lost


class Rejection(NamedTuple):
    """All items rejected for one reason at one station."""

    station: str
    reason: str
    meaning: str
    items: int
    examples: list[tuple[str, str]]  # (item, detail)

    @property
    def more(self) -> int:
        return self.items - len(self.examples)


def funnel(data: RunData) -> list[Step]:
    videos = {str(row["video_sha256"]) for row in data.clips if row["video_sha256"]}  # none: it was never given
    clips = [row for row in data.clips if row["start_frame"] is not None]
    videos_lost = len(videos - {str(row["video_sha256"]) for row in clips})
    clips_done = [row for row in clips if row["outcome"] == "done"]
    done = [row for row in data.renders if row["outcome"] == "done"]
    rejected = len(data.renders) - len(done)
    missing = len(data.pairs) * len(data.renderers) - len(data.renders)
    scored = data.pair_scores.group_by(["renderer", "pair_id"]).aggregate([]).num_rows
    return [
        Step("videos", len(videos), _lost((videos_lost, "gave no clip"))),
        Step("clips", len(clips_done), _lost((len(clips) - len(clips_done), "rejected"))),
        Step("pairs", len(data.pairs), ""),
        Step("renders", len(done), _lost((rejected, "rejected"), (missing, "not made"))),
        Step("scored", scored, _lost((len(done) - scored, "not scored"))),
    ]


def rejections(data: RunData) -> list[Rejection]:
    """In the order of the stations, the most frequent reason first."""
    clips = _by_reason((row, str(row["clip_id"])) for row in data.clips)
    renders = _by_reason((row, f"{row['renderer']}/{row['pair_id']}") for row in data.renders)
    return [*_rejections("videos and clips", clips), *_rejections("renders", renders)]


def _by_reason(rows: Iterable[tuple[Mapping[str, object], str]]) -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for row, item in rows:
        if row["outcome"] != "done":
            found[str(row["reason"])].append((item, str(row["detail"] or "")))
    return found


def _rejections(station: str, found: Mapping[str, list[tuple[str, str]]]) -> list[Rejection]:
    ordered = sorted(found.items(), key=lambda entry: (-len(entry[1]), entry[0]))
    return [
        Rejection(station, reason, _meaning(reason), len(items), sorted(items)[:MOST_EXAMPLES])
        for reason, items in ordered
    ]


def _meaning(reason: str) -> str:
    return MEANING[Reason(reason)] if reason in Reason.__members__ else "A reason that this version does not know."


def _lost(*parts: tuple[int, str]) -> str:
    return ", ".join(f"{count:,} {word}" for count, word in parts if count > 0)
