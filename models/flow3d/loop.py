"""The training from its first or last step to its end: batches ahead, log, checkpoints, validation, samples."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from reenactory.models.flow3d.checkpoints import Outbox, resume, save_checkpoint
from reenactory.models.flow3d.curves import draw_curves
from reenactory.models.flow3d.examples import Batch, TrainingSource
from reenactory.models.flow3d.prefetch import batches_ahead
from reenactory.models.flow3d.trainer import Trainer
from reenactory.models.flow3d.validation import CHOSEN_BY, Validation
from reenactory.models.flow3d.weights import weights_bytes

LOG = "log.jsonl"
CURVES = "curves.png"
BEST, BEST_FACTS, FINAL = "best.pt", "best.json", "weights.pt"

Line = dict[str, float]


@dataclass(frozen=True)
class Pulse:
    """What a person is shown while it runs."""

    steps_done: int
    steps: int
    total: float  # the loss
    examples_per_second: float
    waiting: float  # share of the time in which the device waited for data
    seconds_left: float  # of the phase
    more: bool  # whether another phase follows; a step of it costs several times more or less, nobody knows before

    def line(self) -> str:
        """Steps, loss, rate, time left."""
        left = f"{self.seconds_left / 60:.1f} min left{' in this phase' if self.more else ''}"
        speed = f"{self.examples_per_second:.1f} examples/s, waiting {self.waiting:.0%}"
        return f"step {self.steps_done} of {self.steps} | loss {self.total:.3f} | {speed} | {left}"


@dataclass
class Loop:
    """One training. `folder`: where in the outbox it lies; `main`: False in all processes but the first."""

    trainer: Trainer
    source: TrainingSource
    outbox: Outbox
    folder: str
    validation: Validation | None = None
    report: Callable[[Pulse], None] = lambda pulse: None
    facts: Mapping[str, object] = field(default_factory=dict)  # plain values that the weights carry: their data
    main: bool = True
    processes: int = 1
    agree: Callable[[bool], bool] = lambda stop: stop  # several processes stop at the same step or wait for ever
    _lines: list[Line] = field(default_factory=list)
    _best: float = float("inf")

    def run(self, minutes: float | None = None) -> bool:
        """Go on until the schedule is through or the time is up; True when it is through.

        Either way the last step has a checkpoint, and the same call goes on from it.
        """
        if resume(self.outbox, self.folder, self.trainer):
            self._reread()
        began = saved = time.monotonic()
        training = self.trainer.config.training
        meter = _Meter(self.trainer.steps_done)
        ahead = batches_ahead(self.source, self.trainer.steps_done, training.steps, training.threads)
        try:
            while not self.trainer.finished:
                batch = meter.waited_for(lambda: next(ahead))
                terms = self.trainer.step(batch)
                done = self.trainer.steps_done
                if done % training.log_every == 0 or self.trainer.finished:
                    values = {name: float(term) for name, term in terms.items()}  # waits for the device
                    self._log(values, meter, len(batch.source) * self.processes)
                if done % training.validate_every == 0 or done == training.before_refiner:
                    self._validate()
                if time.monotonic() - saved > 60 * training.checkpoint_minutes:
                    self._save()
                    saved = time.monotonic()
                if minutes is not None and self.agree(time.monotonic() - began > 60 * minutes):
                    break
        finally:
            ahead.close()  # type: ignore[attr-defined]
        if self.trainer.finished:
            self._validate()
        self._save()
        return self.trainer.finished

    def _log(self, values: dict[str, float], meter: "_Meter", examples: int) -> None:
        trainer = self.trainer
        steps_per_second, waiting = meter.lap(trainer.steps_done)
        line: Line = {
            "step": trainer.steps_done,
            "phase": trainer.phase,
            "learning_rate": trainer.learning_rate,
            **{name: round(value, 6) for name, value in values.items()},
            "examples_per_second": round(steps_per_second * examples, 3),
            "waiting": round(waiting, 3),
        }
        self._lines.append(line)
        steps = trainer.config.training.steps
        left = (trainer.phase_ends - trainer.steps_done) / max(steps_per_second, 1e-9)
        rate, more = steps_per_second * examples, trainer.phase_ends < steps
        self.report(Pulse(trainer.steps_done, steps, values["total"], rate, waiting, left, more))

    def _validate(self) -> None:
        if self.validation is None or not self.main:
            return
        done = self.trainer.steps_done
        if any(line["step"] == done and CHOSEN_BY in line for line in self._lines):
            return  # the last step, validated by its number already
        phase = self.trainer.phase if done != self.trainer.config.training.before_refiner else 1
        scores = self.validation.scores(self.trainer.averaged, phase)
        self._lines.append({"step": done, "phase": phase, **{name: round(score, 5) for name, score in scores.items()}})
        rows = self.trainer.config.training.strip_rows
        strip = self.validation.strip(self.trainer.averaged, phase, rows)
        self.outbox.put(f"{self.folder}/samples/step-{done:08d}.png", png(strip))
        self.outbox.put(f"{self.folder}/{CURVES}", png(draw_curves(self._lines)))
        if scores[CHOSEN_BY] < self._best:
            self._best = scores[CHOSEN_BY]
            facts = {**self._facts(), "scores": scores}
            self.outbox.put(f"{self.folder}/{BEST}", weights_bytes(self.trainer.averaged, self.trainer.config, facts))
            self.outbox.put(f"{self.folder}/{BEST_FACTS}", json.dumps(facts, indent=1).encode())

    def _facts(self) -> dict[str, object]:
        return {
            **self.facts,
            "steps_done": self.trainer.steps_done,
            "perceptual_network": self.trainer.objective.vgg.network,
            "device": self.trainer.device.type,
        }

    def _save(self) -> None:
        """The log first: it is cut back to the checkpoint when both are read again."""
        if not self.main:
            return
        text = "".join(json.dumps(line) + "\n" for line in self._lines)
        self.outbox.put(f"{self.folder}/{LOG}", text.encode())
        facts = self._facts()
        weights = weights_bytes(self.trainer.averaged, self.trainer.config, facts)
        self.outbox.put(f"{self.folder}/{FINAL}", weights)
        save_checkpoint(self.outbox, self.folder, self.trainer)

    def _reread(self) -> None:
        lines = [json.loads(line) for line in self.outbox.get(f"{self.folder}/{LOG}").splitlines()]
        self._lines = [line for line in lines if line["step"] <= self.trainer.steps_done]
        scores = [line[CHOSEN_BY] for line in self._lines if CHOSEN_BY in line]
        self._best = min(scores, default=float("inf"))


class _Meter:
    """Steps per second since the last lap, and the share of that time spent waiting for data."""

    def __init__(self, steps_done: int) -> None:
        self._steps = steps_done
        self._began = time.monotonic()
        self._waited = 0.0

    def waited_for(self, get: Callable[[], Batch]) -> Batch:
        began = time.monotonic()
        batch = get()
        self._waited += time.monotonic() - began
        return batch

    def lap(self, steps_done: int) -> tuple[float, float]:
        now = time.monotonic()
        seconds = max(now - self._began, 1e-9)
        result = ((steps_done - self._steps) / seconds, self._waited / seconds)
        self._steps, self._began, self._waited = steps_done, now, 0.0
        return result


def png(picture: NDArray[np.uint8]) -> bytes:
    """(H, W, 3) uint8 RGB as a PNG file."""
    import cv2

    return bytes(cv2.imencode(".png", picture[..., ::-1])[1])


def validation_batches(source: TrainingSource, pairs: int, per_batch: int) -> Sequence[Batch]:
    """Batches that hold `pairs` examples in all, cut to that number."""
    batches: list[Batch] = []
    while sum(len(batch.source) for batch in batches) < pairs:
        rest = pairs - sum(len(batch.source) for batch in batches)
        batch = source.batch(len(batches))
        batches.append(batch.head(min(rest, per_batch)))
    return batches
