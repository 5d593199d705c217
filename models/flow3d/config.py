"""Every choice of the network and its training, in one frozen tree; those with a name are in presets.py.

Plain dataclasses: training runs on machines that have torch and numpy and nothing else. Where pydantic is at hand
(`flows/train.py`), it reads the same classes, and an unknown key is an error.
"""

from dataclasses import asdict, dataclass, field, fields, replace
from typing import Literal

DESCRIPTOR = 73  # expression 64, angles 3, translation 3, crop 3
MAX_RADIUS = 13  # frames on either side: the window always has 27, whatever part of it is used

AdainSite = Literal["decoder", "encoder", "both"]
AlphaSource = Literal["rvm_on_refined", "head", "threshold"]
Norm = Literal["instance", "layer"]
Precision = Literal["float32", "bfloat16", "float16"]


@dataclass(frozen=True)
class NetworkConfig:
    """Sizes and switches of the network. The defaults are the paper's system at 256x256 with 61 M parameters."""

    image_px: int = 256  # side of the square picture; a power of two times 2^unet_levels
    style: int = 256  # length of the motion code T
    window_radius: int = 13  # 0: the centre frame 27 times (the paper's ablation)
    standardise: bool = True  # descriptors by mean and deviation of the training data; raw ones have tx near 100

    volume_channels: int = 32  # C
    volume_depth: int = 16  # D
    flow_dim: Literal[2, 3] = 3  # 2: channels and depth folded together, moved in the picture's plane only (ablation)
    flow_base: int = 32  # of the 2D lift
    flow_levels: tuple[int, ...] = (64, 128, 256)  # channels; each level halves depth and picture
    feature_base: int = 64
    feature_blocks: int = 3
    feature_spatial_stride: int = 1  # 2: the last block halves the picture (the paper's name for it suggests so)
    decoder_width: int = 256
    decoder_residuals: int = 6

    unet_base: int = 64
    unet_levels: int = 4
    adain_site: AdainSite = "decoder"  # the paper's text says encoder, its supplement decoder

    norm: Norm = "instance"  # where there is no AdaIN; layer: all channels together, which keeps a picture's tint

    refiner: bool = True  # False: the warped picture is composed (ablation)
    separate_background: bool = True  # False: whole frames everywhere, no inpainter (ablation)
    hole_mask: bool = True  # the inpainter sees which pixels nobody knows
    alpha_source: AlphaSource = "rvm_on_refined"  # of the face that was made: matted again, or predicted with it

    # Not the paper's, for short trainings:
    relative_motion: bool = False  # the code is that of the target minus that of the source: equal frames give 0
    affine_motion: bool = False  # an affine map of the volume, from the code alone, is added to the flow
    # The source's own person and background are laid over each other, moved; later stages draw over what they must.
    carry_pixels: bool = False

    def __post_init__(self) -> None:
        faults = {
            f"image_px {self.image_px} is not a multiple of {self.coarsest}": self.image_px % self.coarsest,
            f"volume_depth {self.volume_depth} cannot be halved {len(self.flow_levels)} times": self.flow_dim == 3
            and self.volume_depth % 2 ** len(self.flow_levels),
            f"window_radius {self.window_radius} is outside 0..{MAX_RADIUS}": not 0 <= self.window_radius <= MAX_RADIUS,
            f"feature_spatial_stride {self.feature_spatial_stride} is neither 1 nor 2": self.feature_spatial_stride
            not in (1, 2),
            "feature_spatial_stride 2 needs flow_dim 3": self.feature_spatial_stride == 2 and self.flow_dim == 2,
        }
        found = [fault for fault, present in faults.items() if present]
        if found:
            raise ValueError(f"network: {'; '.join(found)}")

    @property
    def coarsest(self) -> int:
        """What the side of the picture must be a multiple of: U-Net halvings; two of the lift and those of the flow."""
        return int(2 ** max(self.unet_levels, 2 + len(self.flow_levels)))

    @property
    def predicts_alpha(self) -> bool:
        return self.separate_background and self.alpha_source == "head"

    @property
    def planes(self) -> int:
        """Of a person: three colours, and the alpha where the network gives it."""
        return 4 if self.predicts_alpha else 3


@dataclass(frozen=True)
class LossConfig:
    """Weights of the paper's equations 2 to 9, and what it leaves open. 0 switches a term off."""

    perceptual_warp: float = 2.5  # eq. 2
    cyclic_warp: float = 2.5  # eq. 3; 0 also saves the second pass (ablation)
    warped_volume: float = 100.0  # eq. 4
    features: float = 100.0  # eq. 5
    inpaint: float = 2.5  # eq. 6
    perceptual_refine: float = 4.0  # eq. 7
    style_refine: float = 1000.0  # eq. 8
    alpha: float = 1.0  # only with alpha_source = head: L1 against the target's matte
    pyramid: int = 4  # scales of the perceptual terms: full, /2, /4, /8, as far as they keep 16 pixels
    pyramid_from: int = 0  # the first of them; 1 leaves the full side out, which is three quarters of VGG's work
    consistency_every: int = 1  # steps from one with eq. 3 and 5 to the next, which weighs that much more: passes saved
    pixels: float = 0.0  # not the paper's: L1 of every picture that has a perceptual term
    eyes_and_mouth: float = 0.0  # not the paper's: L1 inside their boxes, which are a hundredth of the picture
    landmark_flow: float = 0.0  # not the paper's, with carry_pixels: L1 of the flow at 68 landmarks to what they moved
    landmark_shape: float = 0.0  # the same of each eye, the brows and the mouth about their own middles: the expression
    detach_volume: bool = False  # True: eq. 4 does not train the encoder through the target's volume


@dataclass(frozen=True)
class PhaseConfig:
    """One of the phases; each starts with a fresh optimiser."""

    steps: int = 100_000
    learning_rate: float = 1e-4
    warm_up: int = 0  # steps in which the rate rises from 0
    drop_at: float = 0.5  # share of the steps after which the rate falls; the paper: epoch 50 of 100
    drop_by: float = 5.0


@dataclass(frozen=True)
class TrainingConfig:
    """How the network is trained. The paper's 100 epochs per phase are `paper_steps` of a dataset."""

    seed: int = 0
    pairs: int = 5  # source and target draws per step and process
    both_directions: bool = True  # each pair also the other way round: twice as many examples per step
    # Not the paper's: the flow alone, by landmarks and carried pixels, at a seventh of a step's price.
    phase_0: PhaseConfig = PhaseConfig(0)
    phase_1: PhaseConfig = field(default_factory=PhaseConfig)  # without the refiner, inpainter on true composites
    phase_2: PhaseConfig = field(default_factory=PhaseConfig)  # everything
    betas: tuple[float, float] = (0.5, 0.999)
    clip_norm: float | None = None  # of the gradient over all parameters; None: as the paper, unbounded
    ema_decay: float = 0.99778  # of the weights that are validated and rendered with; less in the first steps
    precision: Precision = "float32"  # on CUDA
    cpu_precision: Precision = "float32"  # bfloat16 pays where the processor multiplies in it (avx512_bf16)
    jitter: float = 0.0  # largest change of brightness and of each colour, the same in source and target
    channels_last: bool = False  # of the 2D convolutions
    threads: int = 2  # that read and decode ahead of the device
    log_every: int = 20  # steps
    checkpoint_minutes: float = 10.0
    validate_every: int = 2000  # steps; validation also happens at the end
    validation_pairs: int = 32
    strip_rows: int = 6

    @property
    def steps(self) -> int:
        return self.before_refiner + self.phase_2.steps

    @property
    def before_refiner(self) -> int:
        """Steps of the phases before the second."""
        return self.phase_0.steps + self.phase_1.steps


@dataclass(frozen=True)
class Flow3dConfig:
    """The whole tree."""

    network: NetworkConfig = field(default_factory=NetworkConfig)
    losses: LossConfig = field(default_factory=LossConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


class OtherTrainingError(ValueError):
    """A checkpoint of another configuration is where this training would go on."""


def changed(config: Flow3dConfig, changes: dict[str, dict[str, object]]) -> Flow3dConfig:
    """The tree with some values replaced, by section; the phases of `training` take tables of their own.

    Raises:
        ValueError: a section or key that does not exist, or a value out of its range.
    """
    sections: dict[str, object] = {}
    for name, values in changes.items():
        if name not in {section.name for section in fields(config)}:
            raise ValueError(f"no section {name!r}; there are: network, losses, training")
        sections[name] = _replaced(getattr(config, name), values, name)
    return replace(config, **sections)  # type: ignore[arg-type]


def from_dict(tree: dict[str, dict[str, object]]) -> Flow3dConfig:
    """The inverse of `as_dict`, for what a checkpoint says of itself."""
    return changed(Flow3dConfig(), tree)


def _replaced(section: object, values: dict[str, object], place: str) -> object:
    known = {item.name: getattr(section, item.name) for item in fields(section)}  # type: ignore[arg-type]
    for name, value in values.items():
        if name not in known:
            raise ValueError(f"{place} has no {name!r}; it has: {', '.join(known)}")
        if isinstance(known[name], PhaseConfig) and isinstance(value, dict):
            known[name] = _replaced(known[name], value, f"{place}.{name}")
        else:
            known[name] = tuple(value) if isinstance(value, list) else value
    return type(section)(**known)


def paper_steps(identities: int, pairs: int, epochs: int = 100, draws: int = 100) -> int:
    """Steps of one phase by the paper's schedule: an epoch draws every training person `draws` times."""
    return max(1, round(epochs * draws * identities / pairs))
