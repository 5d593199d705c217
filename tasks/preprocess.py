"""The preprocessing of a dataset as jobs: which stages a video goes through, and the rows that come of it."""

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import cast

from pydantic import BaseModel, ConfigDict, JsonValue

from reenactory.infra.entries import Entry
from reenactory.infra.glance import Glance
from reenactory.infra.index import RecordIndex
from reenactory.infra.keys import canonical_json, digest
from reenactory.infra.sources import Source
from reenactory.tasks.crop import Params as CropParams
from reenactory.tasks.detect import Params as DetectParams
from reenactory.tasks.face3d import Params as Face3dParams
from reenactory.tasks.identities import numbered, person_of
from reenactory.tasks.matte import Params as MatteParams
from reenactory.tasks.missing import distinct, missed_row, missing_rows, unknown_row
from reenactory.tasks.stage import ArtefactRef, Chain, Job, SourceRef, recipe_of
from reenactory.tasks.track import Params as TrackParams
from reenactory.tasks.track import clips_of, missed_of

BYTES_PER_FRAME = 4000  # of h264 at 360p to 720p, for shard sizes and estimates before a file was opened

RECENT_VIDEOS = 512  # two shards: those whose chains may be asked for again

MATTE_COLUMNS = ("alpha_mean", "alpha_change", "alpha_soft_max", "alpha_face_min", "matte_flag")

QUALITY = ("track_iou_min", "face_px_min", "faces_max", "blur", "detected_share", "motion")

TRACK_COLUMNS = ("start_frame", "frame_count", "box_ltrb", "crop_mode", "face", *QUALITY)

NO_SPLIT = "all"

MetadataRows = tuple[dict[str, JsonValue], ...]

ROWS_VERSION = 1  # raised when the same records give other rows
STAGES = ("detect", "track", "crop", "matte", "face3d")


class PreprocessParams(BaseModel):
    """Every knob of preprocessing, by stage."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    detect: DetectParams = DetectParams()
    track: TrackParams = TrackParams()
    crop: CropParams = CropParams()
    matte: MatteParams = MatteParams()
    face3d: Face3dParams = Face3dParams()


@dataclass(frozen=True)
class Preprocessing:
    """Jobs for the videos of one dataset. A pure function of sources, parameters and what is recorded so far."""

    params: PreprocessParams
    metadata: Mapping[str, MetadataRows] | None = None  # published clips by video id; other videos are not cut
    test_persons: Set[str] | None = None  # of a split that the clips themselves do not name

    def fingerprint(self, shard: Sequence[Source]) -> str:
        """Digest of everything that decides the artefacts and the rows of a shard."""
        recipes = [recipe_of(stage, getattr(self.params, stage)).text for stage in STAGES]
        persons = None if self.test_persons is None else digest("\n".join(sorted(self.test_persons)))
        videos: list[JsonValue] = [
            [source.uri, source.video_id, source.identity, source.sha256, source.size_bytes > 0] for source in shard
        ]
        published = None
        if self.metadata is not None:
            named = (self.metadata.get(source.video_id) for source in shard)
            published = [None if rows is None else list(rows) for rows in named]  # none and () give other rows
        return digest(
            canonical_json([ROWS_VERSION, cast(JsonValue, recipes), persons, videos, cast(JsonValue, published)])
        )

    def wants(self, source: Source) -> bool:
        """Whether there is anything to do for a video: metadata, where given, decides."""
        return self.metadata is None or source.video_id in self.metadata

    def distinct(self, sources: Iterable[Source]) -> list[Source]:
        """Those to work on: files with the same bytes and the same rows once."""
        wanted = {self.video_chain(source)[-1].keys: source for source in sources if self.wants(source)}
        return list(wanted.values())

    def video_chain(self, source: Source) -> Chain:
        """detect, then track. Asked for several times per video, and its keys are dear."""
        return self._video_chains(source)

    @cached_property
    def _video_chains(self) -> Callable[[Source], Chain]:
        return lru_cache(RECENT_VIDEOS)(self._video_chain)

    def _video_chain(self, source: Source) -> Chain:
        frames = estimated_frames(source)
        finding = Job(
            "detect",
            self.params.detect,
            ((source.sha256,),),
            source.video_id,
            frames,
            {"video": SourceRef(source.uri)},
        )
        rows = self._published(source)
        given = (digest(canonical_json(cast(JsonValue, list(rows)))),) if rows else ()
        tracking = Job(
            "track",
            self.params.track,
            ((finding.keys[0], *given),),
            source.video_id,
            0,
            {"detections": ArtefactRef("detect", finding.keys[0], "detections.parquet")},
            {"given": rows} if rows else {},
        )
        return finding, tracking

    def crop_chain(self, source: Source, found: Entry, tracked: Entry) -> Chain:
        """All clips of one video in one job: it is decoded once."""
        clips = tuple(clips_of(tracked.facts))  # none where metadata names no clip that the video has
        # The box too: metadata may name two people in the same frames.
        upstream = tuple(
            (tracked.key, f"{clip['start_frame']}+{clip['frame_count']}", canonical_json(clip["box_ltrb"]))
            for clip in clips
        )
        read_as = {name: found.facts[name] for name in ("fps_num", "fps_den", "deinterlace")}
        frames = sum(int(cast(int, clip["frame_count"])) for clip in clips)
        inputs = {"video": SourceRef(source.uri)}
        return (
            Job(
                "crop",
                self.params.crop,
                upstream,
                source.video_id,
                frames,
                inputs,
                cast(dict[str, object], read_as),
                clips,
            ),
        )

    def clip_chain(self, source: Source, cropped: Entry, clip: dict[str, JsonValue], label: str) -> Chain:
        """matte and face3d of one clip, which is decoded once for both."""
        frames = ArtefactRef("crop", cropped.key, "clip.mp4")
        # Where the clip lies in its video's detections; all of it follows from the crop's key.
        found = ArtefactRef("detect", self.video_chain(source)[0].keys[0], "detections.parquet")
        placed = {name: cropped.facts[name] for name in ("fps_num", "fps_den")}
        placed |= {"start_frame": clip["start_frame"], "box_ltrb": clip["box_ltrb"]}
        upstream, fields = ((cropped.key,),), cast(dict[str, object], placed)
        matted = {"frames": frames, "detections": found}
        return (
            Job("matte", self.params.matte, upstream, label, cropped.frames, matted, fields),
            Job("face3d", self.params.face3d, upstream, label, cropped.frames, {"frames": frames}),
        )

    def follow_up(self, source: Source, chain: Chain, entries: dict[str, Entry]) -> Iterable[Chain]:
        """What a finished chain makes possible: tracks are cropped, crops are matted and fitted."""
        if chain[-1].stage == "track":
            found, tracked = (entries.get(job.keys[0]) for job in chain)
            if found and tracked and tracked.outcome == "done" and tracked.facts["clips"]:
                yield self.crop_chain(source, found, tracked)
        elif chain[0].stage == "crop":
            for index, key in enumerate(chain[0].keys):
                if key in entries and entries[key].outcome == "done":
                    clip = chain[0].per_key[index]
                    yield self.clip_chain(source, entries[key], clip, f"{source.video_id}[{index}]")

    def rows(self, source: Source, index: RecordIndex | Glance) -> list[dict[str, object]]:
        """Rows of the clips table for one video, from records alone: a row per clip, or one for a rejected video.

        A video whose work failed (not its data) has no row: the next run tries it again.
        """
        return self._with_split(self._rows(source, index))

    def _rows(self, source: Source, index: RecordIndex | Glance) -> list[dict[str, object]]:
        if not self.wants(source):
            return [unknown_row(_video_columns(source))]
        finding, tracking = self.video_chain(source)
        found = index.get("detect", finding.keys[0])
        if found is None:
            return []
        if found.outcome == "rejected":
            return [_video_row(source, found)]
        tracked = index.get("track", tracking.keys[0])
        if tracked is None:
            return []
        if tracked.outcome == "rejected":
            return [_video_row(source, tracked)]
        (cropping,) = self.crop_chain(source, found, tracked)
        rows = (
            self._clip_row(source, found, clip, index.get("crop", key), index)
            for key, clip in zip(cropping.keys, cropping.per_key, strict=True)
        )
        missed = [missed_row(_source_columns(source), clip) for clip in missed_of(tracked.facts)]
        return distinct([row for row in rows if row is not None] + missed)

    def missing(self, sources: Iterable[Source]) -> list[dict[str, object]]:
        """Rows of the published clips whose video is not among the sources."""
        return self._with_split(missing_rows(self.metadata or {}, {source.video_id for source in sources}))

    def _with_split(self, rows: Iterable[dict[str, object]]) -> list[dict[str, object]]:
        """The rows, with the split of those that have none: by the person, however many faces a video has."""
        return [row if row["split"] else {**row, "split": self._split_of(row)} for row in rows]

    def _split_of(self, row: Mapping[str, object]) -> str:
        if self.test_persons is None:
            return NO_SPLIT
        person = person_of(str(row["identity"]), cast(int | None, row.get("face")))
        return "test" if person in self.test_persons else "train"

    def _clip_row(
        self,
        source: Source,
        found: Entry,
        clip: dict[str, JsonValue],
        cropped: Entry | None,
        index: RecordIndex | Glance,
    ) -> dict[str, object] | None:
        if cropped is None:
            return None
        identity = numbered(str(clip.get("identity") or source.identity), cast(int | None, clip["face"]))
        row: dict[str, object] = {
            **_source_columns(source),
            **{name: clip[name] for name in TRACK_COLUMNS},
            **{name: found.facts[name] for name in ("fps_num", "fps_den", "width", "height", "has_audio")},
            "identity": identity,
            "split": clip.get("split"),
            "clip_id": f"{identity}#{source.video_id}#{_place(clip)}",
            "crop_px": self.params.crop.size_px,
            "crop_key": cropped.key,
        }
        last = cropped
        for job in self.clip_chain(source, cropped, clip, "") if cropped.outcome == "done" else ():
            entry = index.get(job.stage, job.keys[0])
            if entry is None:
                return None
            last = entry
            row[f"{job.stage}_key"] = entry.key
            if entry.outcome == "rejected":
                break  # what would have followed was never made
            if job.stage == "matte":
                row |= {name: entry.facts.get(name) for name in MATTE_COLUMNS}
            if job.stage == "face3d":
                row["extractor"] = entry.facts.get("extractor")
        return row | {"outcome": last.outcome, "reason": last.reason, "detail": last.detail}

    def _published(self, source: Source) -> MetadataRows:
        return self.metadata.get(source.video_id, ()) if self.metadata else ()


def estimated_frames(source: Source) -> int:
    """From the file's size, before it was opened: good enough for shards and a first guess of the time left."""
    return max(1, source.size_bytes // BYTES_PER_FRAME)


def _place(clip: Mapping[str, JsonValue]) -> str:
    """The end of a clip's name, as published: its span, or its utterance and number."""
    if clip.get("utterance"):
        return f"{clip['utterance']}#{clip['number']:03d}"
    start, count = int(cast(int, clip["start_frame"])), int(cast(int, clip["frame_count"]))
    return f"{start:06d}#{start + count:06d}"


def _source_columns(source: Source) -> dict[str, object]:
    return {
        "video_uri": source.uri,
        "video_sha256": source.sha256,
        "identity": source.identity,
        "video_id": source.video_id,
    }


def _video_columns(source: Source) -> dict[str, object]:
    """A video that gave no clip."""
    return {**_source_columns(source), "clip_id": f"{source.identity}#{source.video_id}", "split": None}


def _video_row(source: Source, entry: Entry) -> dict[str, object]:
    """A rejected video, and its reason."""
    verdict = {"outcome": entry.outcome, "reason": entry.reason, "detail": entry.detail}
    return {**_video_columns(source), **verdict}
