"""Rendering as jobs: from a pair and the clips it names to a render and its mp4, and the row that a run keeps of it."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
from pydantic import JsonValue

from reenactory.infra.index import RecordIndex
from reenactory.infra.keys import canonical_json, digest
from reenactory.models.renderers.protocol import RendererCard
from reenactory.models.weights import trained_on
from reenactory.tasks.crop_mode import require_one_mode
from reenactory.tasks.errors import WrongUseError
from reenactory.tasks.extractors import check_one_extractor, extractor_named
from reenactory.tasks.pairs import Pair
from reenactory.tasks.provenance import Origin, embedded, watermark_id
from reenactory.tasks.publish import Params as PublishParams
from reenactory.tasks.render import Params
from reenactory.tasks.renderers import renderer_class
from reenactory.tasks.stage import ArtefactRef, Chain, Job, Ref

ClipRow = Mapping[str, object]  # a row of the clips table

RENDERS = pa.schema(
    [
        (name, pa.string())
        for name in (
            *("pair_id", "renderer", "stage", "render_key", "outcome", "reason", "detail"),
            "publish_key",  # of the mp4 for people; null for renders that were brought
            "consent",  # sha256 of the manifest that was enforced; null: none was given
        )
    ]
)


def clip_rows(clips: pa.Table) -> dict[str, ClipRow]:
    return {str(row["clip_id"]): row for row in clips.to_pylist()}


def clips_sha256(pairs: Sequence[Pair], clips: Mapping[str, ClipRow]) -> str:
    """Of what the clips that pairs name are made of: the keys of their crops, mattes and coefficients."""
    named = sorted({clip for pair in pairs for clip in (pair.source_clip, pair.driving_clip)})
    keys: list[JsonValue] = [
        [name, *(str(clips.get(name, {}).get(f"{stage}_key")) for stage in ("crop", "matte", "face3d"))]
        for name in named
    ]
    return hashlib.sha256(canonical_json(keys).encode()).hexdigest()


def check_pairs(pairs: Sequence[Pair], clips: Mapping[str, ClipRow]) -> None:
    """Every clip that is named must be there, long enough, and fitted by the same extractor as the others.

    Raises:
        WrongUseError: with the first few that are not, or where they are of both crop modes.
    """
    named = {clip for pair in pairs for clip in (pair.source_clip, pair.driving_clip)}
    unknown = sorted(named - set(clips))
    if unknown:
        raise WrongUseError(f"{len(unknown)} clip(s) of the pair file are not in the dataset: {', '.join(unknown[:3])}")
    check_one_extractor({name: clips[name].get("extractor") for name in named})
    for pair in pairs:
        last = pair.driving_start + pair.driving_count
        if last > _frames(clips[pair.driving_clip]) or pair.source_frame >= _frames(clips[pair.source_clip]):
            raise WrongUseError(f"pair {pair.pair_id} names frames beyond the end of its clips")
        if min(pair.source_frame, pair.driving_start, pair.driving_count - 1) < 0:
            raise WrongUseError(f"pair {pair.pair_id} names a frame before the start of its clips, or drives none")
    require_one_mode(clips[name] for name in sorted(named))


def check_understood(card: RendererCard, pairs: Sequence[Pair], clips: Mapping[str, ClipRow]) -> None:
    """A renderer that was made for the coefficients of one extractor makes nonsense of another's.

    Raises:
        WrongUseError: the pairs' clips were fitted by an extractor that the renderer does not know.
    """
    understood = card.extractors or next(filter(None, map(trained_on, card.weights)), ())
    for pair in pairs if understood else ():
        used = extractor_named(clips[pair.driving_clip].get("extractor"))
        if used not in understood:
            raise WrongUseError(
                f"renderer {card.name} understands the coefficients of {' and '.join(understood)}, and those of "
                f"{pair.driving_clip} are by {used}: run `reenactory preprocess` with --set face3d.extractor="
                f"{understood[0]}"
            )


@dataclass(frozen=True)
class Rendering:
    """Render jobs of one renderer over one clips table, each followed by the job that makes its mp4."""

    renderer: str
    clips: Mapping[str, ClipRow]
    publishing: PublishParams = field(default_factory=PublishParams)

    @property
    def card(self) -> RendererCard:
        return renderer_class(self.renderer).card

    def chain(self, pair: Pair) -> Chain:
        source, driving = self.clips[pair.source_clip], self.clips[pair.driving_clip]
        needs = renderer_class(self.renderer).needs
        still, span = (pair.source_frame, 1), (pair.driving_start, pair.driving_count)
        inputs: dict[str, Ref] = {"source_frame": _file(source, "crop", "clip.mp4", still)}
        upstream = [f"{source['crop_key']}", f"{still[0]}+1", f"{driving['crop_key']}", f"{span[0]}+{span[1]}"]
        if "matte" in needs:
            inputs["source_alpha"] = _file(source, "matte", "alpha.mkv", still)
            upstream.append(f"{source['matte_key']}")
        if "face3d" in needs:
            for role, clip, part in (("source", source, still), ("driving", driving, span)):
                inputs[f"{role}_mesh"] = _file(clip, "face3d", "mesh.npy", part)
                inputs[f"{role}_face"] = _file(clip, "face3d", "coefficients.parquet", part)
                upstream.append(f"{clip['face3d_key']}")
        if "driving_frames" in needs:
            inputs["driving_frames"] = _file(driving, "crop", "clip.mp4", span)
        params = Params(renderer=self.renderer, renderer_version=self.card.version)
        fields = {
            "fps_num": driving["fps_num"],
            "fps_den": driving["fps_den"],
            "driving_count": pair.driving_count,
            "driving_px": driving["crop_px"],
        }
        label = f"{self.renderer} {pair.pair_id}"
        rendering = Job("render", params, (tuple(upstream),), label, pair.driving_count, inputs, fields)
        return rendering, self._publishing(pair, rendering)

    def origin(self, pair: Pair) -> Origin:
        return Origin(pair, self.clips[pair.source_clip], self.clips[pair.driving_clip], self.card)

    def _publishing(self, pair: Pair, rendering: Job) -> Job:
        (key,) = rendering.keys
        told = embedded(self.origin(pair), key, rendering.weights)
        upstream = (key, digest(canonical_json(told)))
        fields: dict[str, object] = {name: rendering.fields[name] for name in ("fps_num", "fps_den")}
        fields |= {"renderer": self.renderer, "ident": watermark_id(key), "told": told}
        frames = ArtefactRef("render", key, "frames.mp4")
        return Job(
            "publish", self.publishing, (upstream,), rendering.label, rendering.frames, {"frames": frames}, fields
        )

    def row(self, pair: Pair, index: RecordIndex) -> dict[str, object] | None:
        """The run's row of a pair; None when its work failed and the next run tries it again."""
        rendering, publishing = self.chain(pair)
        entry = index.get("render", rendering.keys[0])
        if entry is None:
            return None
        published = index.get("publish", publishing.keys[0])
        return {
            "pair_id": pair.pair_id,
            "renderer": self.renderer,
            "stage": "render",
            "render_key": entry.key,
            "outcome": entry.outcome,
            "reason": entry.reason,
            "detail": entry.detail,
            "publish_key": published.key if published is not None and published.outcome == "done" else None,
        }


def _file(clip: ClipRow, stage: str, name: str, span: tuple[int, int]) -> ArtefactRef:
    return ArtefactRef(stage, str(clip[f"{stage}_key"]), name, *span)


def _frames(clip: ClipRow) -> int:
    return int(str(clip["frame_count"]))
