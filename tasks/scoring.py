"""Scoring as jobs: what has to be known of source, driver and render before a pair can be scored."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from reenactory.infra.sources import Source
from reenactory.tasks.adopt import Params as AdoptParams
from reenactory.tasks.extractors import extractor_named, smoothing_of
from reenactory.tasks.face3d import Params as Face3dParams
from reenactory.tasks.features import Params as FeaturesParams
from reenactory.tasks.pairs import Pair
from reenactory.tasks.rendering import ClipRow
from reenactory.tasks.score import Params as ScoreParams
from reenactory.tasks.stage import ArtefactRef, Chain, Job, SourceRef


@dataclass(frozen=True)
class Rendered:
    """A render of a pair, ours or adopted."""

    pair: Pair
    renderer: str
    stage: str  # "render" or "adopt"
    key: str


class Scored(NamedTuple):
    """A render that was scored, and where what was made of it lies."""

    rendered: Rendered
    score_key: str
    features_key: str
    real_key: str  # of the features of the frames that drove it
    dropped: int  # frames that were not rendered


@dataclass(frozen=True)
class Scoring:
    """Score jobs over one clips table."""

    clips: Mapping[str, ClipRow]
    params: ScoreParams = field(default_factory=ScoreParams)

    def real_chains(self, pairs: Sequence[Pair]) -> Iterator[Chain]:
        """Features of the real frames, each span once however many renders it is compared with."""
        spans = {(pair.driving_clip, pair.driving_start, pair.driving_count) for pair in pairs}
        spans |= {(pair.source_clip, pair.source_frame, 1) for pair in pairs}
        for clip, start, count in sorted(spans):
            yield (self._real_features(clip, start, count),)

    def chain(self, rendered: Rendered) -> Chain:
        """Fit the render's face, take its features, score it."""
        pair, label = rendered.pair, f"{rendered.renderer} {rendered.pair.pair_id}"
        count = pair.driving_count
        frames = ArtefactRef(rendered.stage, rendered.key, "frames.mp4")
        driven_by = self.clips[pair.driving_clip]
        # As the driver was fitted, or the two could not be compared.
        made_by = driven_by.get("extractor")
        params = Face3dParams(extractor=extractor_named(made_by), smoothing=smoothing_of(made_by), require_face=False)
        fitting = Job("face3d", params, ((rendered.key,),), label, count, {"frames": frames})
        face = ArtefactRef("face3d", fitting.keys[0], "coefficients.parquet")
        looking = Job(
            "features",
            FeaturesParams(),
            ((rendered.key, fitting.keys[0]),),
            label,
            count,
            {"frames": frames, "face": face},
        )
        return fitting, looking, self._score(rendered, label, fitting.keys[0], looking.keys[0])

    def adopt(self, pair: Pair, name: str, video: Source, params: AdoptParams) -> Chain:
        """Take in a video, or a folder of frames, that another method made of a pair."""
        driving = self.clips[pair.driving_clip]
        box = {"size_px": driving["crop_px"], "driving_count": pair.driving_count}
        rate = {"fps_num": driving["fps_num"], "fps_den": driving["fps_den"]}
        asked_for = (f"{box['size_px']}px", f"{pair.driving_count}", f"{rate['fps_num']}/{rate['fps_den']}")
        upstream = ((video.sha256, *asked_for),)
        inputs = {"video": SourceRef(video.uri)}
        label = f"{name} {pair.pair_id}"
        return (Job("adopt", params, upstream, label, pair.driving_count, dict(inputs), {**box, **rate}),)

    def driving_features(self, pair: Pair) -> str:
        """Key of the features of a pair's driving frames."""
        return self._real_features(pair.driving_clip, pair.driving_start, pair.driving_count).keys[0]

    def _score(self, rendered: Rendered, label: str, face_key: str, features_key: str) -> Job:
        pair = rendered.pair
        source, driving = self.clips[pair.source_clip], self.clips[pair.driving_clip]
        still, span = (pair.source_frame, 1), (pair.driving_start, pair.driving_count)
        driving_key = self.driving_features(pair)
        source_key = self._real_features(pair.source_clip, *still).keys[0]
        inputs = {
            "rendered": ArtefactRef(rendered.stage, rendered.key, "frames.mp4"),
            "valid": ArtefactRef(rendered.stage, rendered.key, "valid.npy"),
            "rendered_face": ArtefactRef("face3d", face_key, "coefficients.parquet"),
            "rendered_embedding": ArtefactRef("features", features_key, "embedding.npy"),
            "rendered_inception": ArtefactRef("features", features_key, "inception.npy"),
            "driving": _of_clip(driving, "crop", "clip.mp4", span),
            "driving_alpha": _of_clip(driving, "matte", "alpha.mkv", span),
            "driving_face": _of_clip(driving, "face3d", "coefficients.parquet", span),
            "driving_embedding": ArtefactRef("features", driving_key, "embedding.npy"),
            "driving_inception": ArtefactRef("features", driving_key, "inception.npy"),
            "source_frame": _of_clip(source, "crop", "clip.mp4", still),
            "source_alpha": _of_clip(source, "matte", "alpha.mkv", still),
            "source_face": _of_clip(source, "face3d", "coefficients.parquet", still),
            "source_embedding": ArtefactRef("features", source_key, "embedding.npy"),
        }
        spans = (pair.protocol, f"{still[0]}+{still[1]}", f"{span[0]}+{span[1]}")
        upstream = (*(ref.key for ref in inputs.values()), *spans)
        fields: dict[str, object] = {"protocol": pair.protocol, "driving_start": pair.driving_start}
        return Job("score", self.params, (upstream,), label, pair.driving_count, dict(inputs), fields)

    def _real_features(self, clip_id: str, start: int, count: int) -> Job:
        clip = self.clips[clip_id]
        crop_key, face_key = str(clip["crop_key"]), str(clip["face3d_key"])
        inputs = {
            "frames": ArtefactRef("crop", crop_key, "clip.mp4", start, count),
            "face": ArtefactRef("face3d", face_key, "coefficients.parquet", start, count),
        }
        upstream = ((crop_key, face_key, f"{start}+{count}"),)
        label = f"real frames {start}+{count} of {clip_id}"
        return Job("features", FeaturesParams(), upstream, label, count, dict(inputs))


def _of_clip(clip: ClipRow, stage: str, name: str, span: tuple[int, int]) -> ArtefactRef:
    return ArtefactRef(stage, str(clip[f"{stage}_key"]), name, *span)
