"""Configurations by name, and what the paper switched off one at a time."""

from reenactory.models.flow3d.config import Flow3dConfig, LossConfig, NetworkConfig, PhaseConfig, TrainingConfig

PRESETS: dict[str, Flow3dConfig] = {
    "paper": Flow3dConfig(training=TrainingConfig(precision="bfloat16", channels_last=True)),
    # Under 10 M parameters: 20 MB as float16.
    "small": Flow3dConfig(
        NetworkConfig(
            image_px=128,
            volume_channels=16,
            volume_depth=8,
            flow_base=16,
            flow_levels=(32, 64, 96),
            feature_base=32,
            decoder_width=128,
            decoder_residuals=4,
            unet_base=20,
            norm="layer",
            alpha_source="head",
        ),
        LossConfig(),
        TrainingConfig(
            pairs=16,
            phase_1=PhaseConfig(20_000),
            phase_2=PhaseConfig(40_000),
            precision="bfloat16",
            channels_last=True,
        ),
    ),
    # Learns on one core of a CPU, in an hour and a half (demo/MODEL_CARD.md).
    "demo": Flow3dConfig(
        NetworkConfig(
            image_px=128,
            style=128,
            volume_channels=8,
            volume_depth=4,
            flow_base=8,
            flow_levels=(24, 48),
            feature_base=8,
            decoder_width=48,
            decoder_residuals=2,
            unet_base=12,
            unet_levels=4,
            norm="layer",
            alpha_source="head",
            relative_motion=True,
            affine_motion=True,
            carry_pixels=True,
        ),
        LossConfig(
            perceptual_warp=1.0,
            cyclic_warp=5.0,
            warped_volume=5.0,
            features=0.5,
            inpaint=1.0,
            perceptual_refine=1.0,
            style_refine=50.0,
            alpha=10.0,
            pyramid_from=1,
            consistency_every=4,
            pixels=20.0,
            eyes_and_mouth=8.0,
            landmark_flow=400.0,
            landmark_shape=1000.0,
        ),
        TrainingConfig(
            pairs=4,
            both_directions=False,
            phase_0=PhaseConfig(5_000, learning_rate=1e-3, warm_up=30, drop_at=0.5),
            phase_1=PhaseConfig(200, learning_rate=1e-3, warm_up=20, drop_at=0.8),
            phase_2=PhaseConfig(1_700, learning_rate=6e-4, warm_up=20, drop_at=0.6),
            betas=(0.9, 0.999),
            clip_norm=1000.0,
            ema_decay=0.995,
            channels_last=True,
            cpu_precision="bfloat16",
            jitter=0.2,
            checkpoint_minutes=5.0,
            validate_every=500,
            validation_pairs=24,
        ),
    ),
    "tiny": Flow3dConfig(
        NetworkConfig(
            image_px=64,
            volume_channels=4,
            volume_depth=4,
            flow_base=8,
            flow_levels=(8, 16),
            feature_base=8,
            decoder_width=16,
            decoder_residuals=2,
            unet_base=8,
            unet_levels=2,
            norm="layer",
            alpha_source="head",
        ),
        LossConfig(),
        TrainingConfig(
            pairs=2,
            phase_1=PhaseConfig(2_000),
            phase_2=PhaseConfig(2_000),
            validate_every=500,
            validation_pairs=8,
        ),
    ),
}

# What the paper switched off one at a time.
ABLATIONS: dict[str, dict[str, dict[str, object]]] = {
    "flow_2d": {"network": {"flow_dim": 2}},
    "no_refiner": {"network": {"refiner": False}},
    "no_cyclic_loss": {"losses": {"cyclic_warp": 0.0}},
    "no_separation": {"network": {"separate_background": False}},
    "one_frame": {"network": {"window_radius": 0}},
}
FULL = "full"
PUBLISHED_FID: dict[str, tuple[float, float]] = {  # of the paper: self, cross
    FULL: (51.87, 224.57),
    "flow_2d": (55.27, 234.91),
    "no_refiner": (54.42, 226.61),
    "no_cyclic_loss": (53.03, 225.61),
    "no_separation": (81.97, 241.91),
    "one_frame": (54.27, 227.24),
}


def preset(name: str) -> Flow3dConfig:
    """A preset by name; ValueError lists those that exist."""
    if name not in PRESETS:
        raise ValueError(f"no preset {name!r}; there are: {', '.join(PRESETS)}")
    return PRESETS[name]
