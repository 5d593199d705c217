"""What a machine decides, not a run: REENACTORY_* environment variables. None of it changes any output byte."""

import os
import subprocess
from pathlib import Path

import platformdirs
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Machine settings. Unknown REENACTORY_ names are not errors: weights and tests have their own."""

    model_config = SettingsConfigDict(env_prefix="REENACTORY_", extra="ignore", frozen=True)

    cache: Path = Field(
        default=Path(platformdirs.user_cache_dir("reenactory")),
        description="Folder for fetched weights, downloads from S3 and scratch files. Put it on a fast local disk.",
    )
    threads: int = Field(
        default=1,
        ge=1,
        description="Threads of torch, onnxruntime and ffmpeg in one worker. Two workers with two threads each on two "
        "cores were 3.7 times slower than with one each: raise it only when there are fewer workers than cores.",
    )
    ray_address: str | None = Field(
        default=None, description="A running Ray cluster ('auto' or host:port). Default: a local one for the run."
    )
    gpus_per_worker: float = Field(
        default=1.0, gt=0, description="Share of a GPU that a worker reserves with --device cuda."
    )
    memory_mb_per_worker: int | None = Field(
        default=None, gt=0, description="Ray reserves this much memory for a worker, which bounds workers per node."
    )
    s3_timeout_s: float = Field(
        default=60.0, gt=0, description="A request to S3 that stands still for so long is broken off and sent again."
    )
    s3_attempts: int = Field(
        default=6,
        ge=1,
        description="How often a request to S3 is sent before the store counts as away (back-off doubles).",
    )

    price_per_hour: float | None = Field(
        default=None, ge=0, description="What one worker costs per hour: `plan` and the last lines then say the cost."
    )

    @property
    def cache_folder(self) -> Path:
        return self.cache.expanduser()


def default_workers(device: str = "cpu") -> int:
    """Cores divided by the threads of a worker, at least one; on GPUs as many as their shares allow."""
    if device == "cuda":
        return max(1, int(_gpu_count() / Settings().gpus_per_worker))
    return max(1, len(os.sched_getaffinity(0)) // Settings().threads)


def _gpu_count() -> int:
    listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=30, check=False).stdout
    return sum(line.startswith("GPU ") for line in listed.splitlines())
