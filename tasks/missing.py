"""Rows of the clips table for what is missing: each clip that the metadata names ends as a clip or as a reason."""

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from typing import cast

from pydantic import JsonValue

from reenactory.tasks.outcomes import Reason

Row = dict[str, object]


def missing_rows(metadata: Mapping[str, Sequence[Mapping[str, JsonValue]]], videos: Set[str]) -> list[Row]:
    """MISSING_VIDEO rows of the clips of absent videos; spans are those of the metadata, at its rate."""
    rows: list[Row] = []
    for video in sorted(set(metadata) - videos):
        for clip in metadata[video]:
            start, end = int(cast(int, clip["start"])), int(cast(int, clip["end"]))
            span = {
                "start_frame": start,
                "frame_count": end - start,
                **{name: clip[name] for name in ("identity", "split")},
                "utterance": clip.get("utterance"),
            }
            verdict: dict[str, JsonValue] = {
                "reason": Reason.MISSING_VIDEO.value,
                "detail": f"no video {video} among the inputs",
            }
            rows.append(missed_row({"video_id": video, "identity": video}, {**span, **verdict}))
    return distinct(rows)


def missed_row(video: Mapping[str, object], clip: Mapping[str, JsonValue]) -> Row:
    """A clip that was asked for and could not be cut, under the name it would have had."""
    identity = str(clip["identity"] or video["identity"])
    start, count = int(cast(int, clip["start_frame"])), int(cast(int, clip["frame_count"]))
    return {
        **video,
        **{name: clip[name] for name in ("start_frame", "frame_count", "reason", "detail")},
        "identity": identity,
        "split": clip["split"],
        "clip_id": f"{identity}#{video['video_id']}#{clip.get('utterance') or f'{start:06d}#{start + count:06d}'}",
        "outcome": "rejected",
    }


def unknown_row(video: Mapping[str, object]) -> Row:
    """A video that the metadata lacks."""
    detail = f"the metadata has no clip of video id {video['video_id']}"
    return {**video, "outcome": "rejected", "reason": Reason.NOT_IN_METADATA.value, "detail": detail}


def distinct(rows: Sequence[Row]) -> list[Row]:
    """The rows, where two have one name (two people in the same frames) with a number behind it."""
    times = Counter(row["clip_id"] for row in rows)
    seen: Counter[object] = Counter()
    named: list[Row] = []
    for row in rows:
        clip_id = row["clip_id"]
        seen[clip_id] += 1
        named.append(row if times[clip_id] == 1 else {**row, "clip_id": f"{clip_id}#{seen[clip_id]:03d}"})
    return named
