"""Trains from a pack, with torch and numpy alone (OpenCV for compressed frames and for samples).

    python -m reenactory.models.flow3d.train_packed PACK --out FOLDER --preset small --minutes 20

For machines that have an accelerator and nothing of this project: this folder, `models/perceptual`,
`models/face_model/motion.py` and the pack are all that it needs. The same command goes on from the last checkpoint.
`weights.pt` holds the averaged weights of the last step, `best.pt` those with the lowest perceptual distance on
held-out people.
"""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import NamedTuple

import torch

from reenactory.models.flow3d.checkpoints import Outbox
from reenactory.models.flow3d.config import Flow3dConfig, changed
from reenactory.models.flow3d.loop import Loop, Pulse, validation_batches
from reenactory.models.flow3d.mixed_source import MixedSource
from reenactory.models.flow3d.pack import HEAD, Pack
from reenactory.models.flow3d.packed_source import PackedSource
from reenactory.models.flow3d.presets import ABLATIONS, PRESETS, preset
from reenactory.models.flow3d.trainer import Trainer, any_process, average_gradients
from reenactory.models.flow3d.validation import Validation
from reenactory.models.flow3d.weights import load_weights
from reenactory.models.perceptual.vgg import VggFeatures
from reenactory.models.perceptual.weights import load_half

VGG = "vgg.npz"  # in the pack
SYNTHETIC = "synthetic"  # in the pack: a second one, of people who were rendered
SHARE = 0.5  # of them among the pairs
RESIDENT_BYTES = 8 << 30  # 30,000 frames of 256 px


class Synthetic(NamedTuple):
    """A second pack, and its share of the pairs."""

    pack: Pack
    share: float


class Folder:
    """A local folder as an outbox: files appear whole or not at all."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, path: str, data: bytes) -> None:
        target = self._root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = target.with_name(f".tmp-{target.name}")
        with unfinished.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(target)

    def get(self, path: str) -> bytes:
        return (self._root / path).read_bytes()

    def exists(self, path: str) -> bool:
        return (self._root / path).is_file()

    def delete(self, path: str) -> None:
        (self._root / path).unlink(missing_ok=True)


def main(arguments: list[str] | None = None) -> int:
    chosen = _parser().parse_args(arguments)
    torch.set_num_threads(chosen.threads)
    torch.backends.cudnn.benchmark = True  # the shapes never change
    torch.set_flush_denormal(True)  # of Adam's second moments, on the CPU
    try:
        return _train(chosen)
    finally:  # a setting of the whole process, which may go on with other work
        torch.set_flush_denormal(False)


def _train(chosen: argparse.Namespace) -> int:
    device = torch.device(chosen.device if chosen.device != "auto" else _best_device())
    pack = Pack(chosen.pack, RESIDENT_BYTES)
    config = configured(chosen, pack)
    beside = chosen.pack / SYNTHETIC
    rendered = chosen.synthetic or (beside if (beside / HEAD).is_file() else None)
    synthetic = Synthetic(Pack(rendered, RESIDENT_BYTES), chosen.share) if rendered else None
    features = load_half(chosen.vgg or chosen.pack / VGG)
    loop = packed_loop(pack, config, features, device, Folder(chosen.out), synthetic=synthetic)
    loop.report = _say
    if chosen.start is not None:
        start_from(loop.trainer, chosen.start)
    finished = loop.run(chosen.minutes)
    sys.stderr.write(f"{'finished' if finished else 'stopped, to be continued'}: {chosen.out}\n")
    return 0


def configured(chosen: argparse.Namespace, pack: Pack) -> Flow3dConfig:
    """The preset with the changes of the command line; its side must be the pack's."""
    config = preset(chosen.preset)
    for change in chosen.ablation:
        config = changed(config, ABLATIONS[change])
    for text in chosen.set:
        place, _, value = text.partition("=")
        section, *keys = place.split(".")
        nested: object = json.loads(value)
        for key in reversed(keys):
            nested = {key: nested}
        if not isinstance(nested, dict):
            raise SystemExit(f"--set {text}: expected section.key=value, such as training.pairs=8")
        config = changed(config, {section: nested})
    if config.network.image_px != pack.image_px:
        raise SystemExit(
            f"the pack has frames of {pack.image_px} px, preset {chosen.preset} wants {config.network.image_px}"
        )
    return config


def packed_loop(
    pack: Pack,
    config: Flow3dConfig,
    features: VggFeatures,
    device: torch.device,
    outbox: Outbox,
    folder: str = "training",
    rank: int = 0,
    processes: int = 1,
    synthetic: Synthetic | None = None,
) -> Loop:
    """A training of this pack, its files in `folder` of the outbox. Validation is on its held-out people.

    With several processes (in torch's default group) each draws batches of its own and gradients are averaged: a step
    sees `processes` times as many examples.
    """
    training = config.training
    several = processes > 1
    facts = {"pack": pack.facts.get("key"), "extractor": pack.facts.get("extractor")}
    real = _training_source(pack, config, rank)
    source: PackedSource | MixedSource = real
    if synthetic is not None:
        _check_alike(pack, synthetic.pack)
        source = MixedSource(real, _training_source(synthetic.pack, config, rank), synthetic.share)
        facts |= {"synthetic": synthetic.pack.facts.get("key"), "synthetic_share": synthetic.share}
    trainer = Trainer(config, features, device, source.statistics(), average_gradients if several else None)
    validation = None
    if any(clip.held_out for clip in pack.clips):
        held_out = PackedSource(pack, training.pairs, 0, held_out=True, both_directions=False)
        batches = validation_batches(held_out, training.validation_pairs, training.pairs)
        validation = Validation(batches, trainer.objective.vgg, device)
    facts["people"] = source.identities
    loop = Loop(trainer, source, outbox, folder, validation, facts=facts, main=rank == 0, processes=processes)
    if several:
        loop.agree = any_process
    return loop


def _training_source(pack: Pack, config: Flow3dConfig, rank: int) -> PackedSource:
    training = config.training
    return PackedSource(
        pack,
        training.pairs,
        training.seed,
        both_directions=training.both_directions,
        rank=rank,
        within_clips=config.network.relative_motion,
    )


def _check_alike(pack: Pack, synthetic: Pack) -> None:
    """Coefficients of two extractors mean different things; frames of two sizes do not fit one batch.

    Raises:
        ValueError: they differ.
    """
    for what, one, other in (
        ("frames of", f"{pack.image_px} px", f"{synthetic.image_px} px"),
        ("coefficients of", pack.facts.get("extractor"), synthetic.facts.get("extractor")),
    ):
        if one != other:
            raise ValueError(
                f"the pack has {what} {one}, the synthetic one {what} {other}: they cannot be mixed. Rendered people "
                "have coefficients of the open extractor (`reenactory preprocess --set face3d.extractor=open`)"
            )


def start_from(trainer: Trainer, weights: Path) -> None:
    """Begin with trained weights in place of the first ones; a checkpoint, where there is one, goes before them.

    Raises:
        ValueError: they belong to a network of other sizes.
    """
    network, config, _ = load_weights(weights, trainer.device)
    if config.network != trainer.config.network:
        raise ValueError(f"{weights} holds another network: {config.network}, not {trainer.config.network}")
    trainer.network.load_state_dict(network.state_dict())
    trainer.averaged.load_state_dict(network.state_dict())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pack", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--synthetic", type=Path, help=f"a pack of rendered people; default: {SYNTHETIC} in the pack")
    parser.add_argument("--share", type=float, default=SHARE, help="of rendered people among the pairs")
    parser.add_argument("--preset", choices=sorted(PRESETS), default="small")
    parser.add_argument("--ablation", choices=sorted(ABLATIONS), action="append", default=[])
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=JSON")
    parser.add_argument("--minutes", type=float, help="stop after so long, with a checkpoint; default: the schedule")
    parser.add_argument("--start", type=Path, help="weights to begin with, where there is no checkpoint")
    parser.add_argument("--vgg", type=Path, help=f"default: {VGG} in the pack")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=1, help="of torch's operators on the CPU")
    return parser


def _best_device() -> str:
    return "cuda" if torch.cuda.is_available() else "cpu"


def _say(pulse: Pulse) -> None:
    sys.stderr.write(f"{pulse.line()}\n")


if __name__ == "__main__":
    sys.exit(main())
