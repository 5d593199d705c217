"""What a published render says of itself: a little inside the mp4, everything in the JSON file beside it.

The mp4 travels, so it names nobody: hashes and ids only. The sidecar stays in the store and goes with `store forget`.
Neither holds a time or a path, so that a second run writes the same bytes.
"""

import json
from collections.abc import Mapping
from typing import NamedTuple

from pydantic import JsonValue

from reenactory.infra.records import Record
from reenactory.infra.watermark import ID_DIGITS
from reenactory.models.renderers.protocol import RendererCard
from reenactory.tasks.pairs import Pair
from reenactory.tasks.publish import VIDEO

FORMAT = "reenactory-provenance-1"

ClipRow = Mapping[str, object]  # a row of the clips table


class Origin(NamedTuple):
    """A pair, the rows of the clips that it names, and who renders it."""

    pair: Pair
    source: ClipRow
    driving: ClipRow
    card: RendererCard


def watermark_id(render_key: str) -> str:
    """The id that is hidden in the published video of a render: the beginning of its key."""
    return render_key[:ID_DIGITS]


def embedded(origin: Origin, render_key: str, weights: Mapping[str, str]) -> dict[str, JsonValue]:
    """For the mp4's metadata. weights: sha256 by name."""
    pair, card = origin.pair, origin.card
    return {
        "format": FORMAT,
        "synthetic": True,
        "renderer": card.name,
        "renderer_version": card.version,
        "licence": card.licence,
        "weights": dict(weights),
        "pair": pair.pair_id,
        "render_key": render_key,
        "source": {"video_sha256": _text(origin.source, "video_sha256"), "frame": pair.source_frame},
        "driver": {
            "video_sha256": _text(origin.driving, "video_sha256"),
            "start": pair.driving_start,
            "count": pair.driving_count,
        },
    }


def own_video(tags: Mapping[str, str]) -> str:
    """What makes a video one that this program published for people, in words; empty where it is none.

    tags: the container's texts. They survive ffmpeg's usual copying and encoding anew.
    """
    try:
        told = json.loads(tags.get("comment", ""))
    except ValueError:
        return ""
    if not isinstance(told, dict) or told.get("format") != FORMAT:
        return ""
    marks = [word for word, name in (("labelled", "label"), ("watermarked", "watermark")) if told.get(name)]
    return " and ".join(marks) or "lossy"


def sidecar(
    origin: Origin, run: str, dataset: str, consent_sha256: str | None, rendered: Record, published: Record
) -> dict[str, JsonValue]:
    """For the JSON file. rendered, published: the records of the render and of its mp4."""
    pair, card = origin.pair, origin.card
    file = published.files[VIDEO]
    return {
        "format": FORMAT,
        "synthetic": True,
        "file": {"name": f"{pair.pair_id}__{card.name}.mp4", "bytes": file.bytes, "sha256": file.sha256},
        "run": run,
        "dataset": dataset,
        "pair": {"id": pair.pair_id, "protocol": pair.protocol, "seed": pair.seed},
        "source": {**_clip(origin.source), "frame": pair.source_frame},
        "driver": {**_clip(origin.driving), "start": pair.driving_start, "count": pair.driving_count},
        "renderer": card.model_dump(mode="json", include={"name", "version", "paper", "licence", "motion"}),
        "weights": dict(rendered.weights),
        "keys": {"render": rendered.key, "publish": published.key},
        "frames": rendered.frames,
        "valid": rendered.facts.get("valid"),
        "scored_frames_sha256": rendered.files["frames.mp4"].sha256,
        "label": published.facts.get("label"),
        "watermark": published.facts.get("watermark"),
        "consent_sha256": consent_sha256,
        "versions": dict(rendered.versions),
    }


def _clip(clip: ClipRow) -> dict[str, JsonValue]:
    return {name: _text(clip, name) for name in ("clip_id", "identity", "video_sha256", "crop_key")}


def _text(clip: ClipRow, name: str) -> str | None:
    value = clip.get(name)
    return None if value is None else str(value)
