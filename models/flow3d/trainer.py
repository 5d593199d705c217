"""One training step after another: optimiser, schedule, mixed precision, averaged weights. No files."""

import copy
from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from reenactory.models.flow3d.config import Flow3dConfig, PhaseConfig
from reenactory.models.flow3d.examples import Batch, Examples, Statistics, jittered, to_examples
from reenactory.models.flow3d.network import Flow3d, initialised
from reenactory.models.flow3d.objective import Objective, Phase
from reenactory.models.perceptual.vgg import VggFeatures

Reduce = Callable[[list[Tensor]], None]  # averages gradients over processes, in place

# The average begins short and lengthens: at a fixed decay of 0.99778 it is three quarters first noise after 150 steps.
EMA_START = 9

DTYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16}


class Trainer:
    """State of a training: `step` is a pure function of it and of the batch (bit for bit on the CPU)."""

    def __init__(
        self,
        config: Flow3dConfig,
        features: VggFeatures,
        device: torch.device,
        statistics: Statistics | None = None,
        reduce: Reduce | None = None,
    ) -> None:
        """Args: statistics: of the training data's descriptors; reduce: where several processes train together."""
        self.config = config
        self.device = device
        self.steps_done = 0
        network = initialised(config.network, config.training.seed)
        if statistics is not None and config.network.standardise:
            network.mapping.standardise(torch.tensor(statistics.mean), torch.tensor(statistics.deviation))
        self.network: Flow3d = network.to(device)
        self.objective = Objective(self.network, features.to(device), config.losses)
        if config.training.channels_last:
            _channels_last(self.objective)
        self.averaged: Flow3d = copy.deepcopy(self.network).eval().requires_grad_(False)
        self._reduce = reduce
        training = config.training
        self._dtype = DTYPES.get(training.precision if device.type == "cuda" else training.cpu_precision)
        self._scaler = torch.amp.GradScaler(device.type, enabled=self._dtype is torch.float16)
        self._optimiser = self._begin_phase()

    @property
    def phase(self) -> Phase:
        training = self.config.training
        if self.steps_done < training.phase_0.steps:
            return 0
        return 1 if self.steps_done < training.before_refiner else 2

    @property
    def phase_ends(self) -> int:
        """Steps that are done when the phase of the next step is through."""
        training = self.config.training
        return (training.phase_0.steps, training.before_refiner, training.steps)[self.phase]

    @property
    def finished(self) -> bool:
        return self.steps_done >= self.config.training.steps

    @property
    def learning_rate(self) -> float:
        """Of the next step."""
        training = self.config.training
        phases = (training.phase_0, training.phase_1, training.phase_2)
        return rate_at(phases[self.phase], self.steps_done - sum(phase.steps for phase in phases[: self.phase]))

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """One step. Returns the weighted terms, their `total`, and `gradient` (norm); left on the device."""
        if self.steps_done and self._at_turn():
            self._optimiser = self._begin_phase()
        for group in self._optimiser.param_groups:
            group["lr"] = self.learning_rate
        self._optimiser.zero_grad(set_to_none=True)
        examples = to_examples(batch, self.device)
        if self.config.training.jitter:
            examples = jittered(examples, self.config.training.jitter, (self.config.training.seed, self.steps_done))
        terms = self._forward(examples)
        self._scaler.scale(terms["total"]).backward()  # type: ignore[no-untyped-call]
        self._scaler.unscale_(self._optimiser)
        weights = [weight for weight in self._trained() if weight.grad is not None]
        if self._reduce is not None:
            self._reduce([weight.grad for weight in weights if weight.grad is not None])
        limit = self.config.training.clip_norm
        norm = nn.utils.clip_grad_norm_(weights, float("inf") if limit is None else limit)
        self._scaler.step(self._optimiser)
        self._scaler.update()
        self.steps_done += 1
        self._average()
        return {name: term.detach() for name, term in terms.items()} | {"gradient": norm.detach()}

    def _at_turn(self) -> bool:
        """Whether the next step is the first of a phase."""
        training = self.config.training
        return self.steps_done in (training.phase_0.steps, training.before_refiner)

    def _forward(self, examples: Examples) -> dict[str, Tensor]:
        with torch.autocast(self.device.type, self._dtype, enabled=self._dtype is not None):
            terms: dict[str, Tensor] = self.objective(examples, self.phase, self.steps_done)
        return terms

    def _trained(self) -> list[nn.Parameter]:
        """What this phase trains: the refiner joins in the second."""
        resting = self.network.refiner if self.phase < 2 else None
        kept = set() if resting is None else {id(weight) for weight in resting.parameters()}
        return [weight for weight in self.network.parameters() if id(weight) not in kept]

    def _begin_phase(self) -> torch.optim.Adam:
        return torch.optim.Adam(self._trained(), self.learning_rate, self.config.training.betas)

    @torch.no_grad()
    def _average(self) -> None:
        pairs = zip(self.averaged.parameters(), self.network.parameters(), strict=True)
        averaged, current = zip(*pairs, strict=True)
        decay = min(self.config.training.ema_decay, self.steps_done / (self.steps_done + EMA_START))
        torch._foreach_lerp_(list(averaged), list(current), 1 - decay)

    def state_dict(self) -> dict[str, object]:
        """Everything that decides the steps to come, as tensors and plain values."""
        return {
            "config": self.config.as_dict(),
            "perceptual": self.objective.vgg.network,
            "steps_done": self.steps_done,
            "network": self.network.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "scaler": self._scaler.state_dict(),
        }

    def load_state_dict(self, state: dict[str, object]) -> None:
        """Go on from there.

        Raises:
            ValueError: the state was trained with another perceptual network, whose losses are on another scale.
        """
        if state["perceptual"] != self.objective.vgg.network:
            mine = self.objective.vgg.network
            raise ValueError(f"trained with {state['perceptual']}, not {mine}: give the same file")
        self.steps_done = int(str(state["steps_done"]))
        self.network.load_state_dict(state["network"])  # type: ignore[arg-type]
        self.averaged.load_state_dict(state["averaged"])  # type: ignore[arg-type]
        # A checkpoint at the very end of a phase still carries that phase's optimiser; `step` makes the new one.
        if not self._at_turn():
            self._optimiser = self._begin_phase()
            self._optimiser.load_state_dict(state["optimiser"])  # type: ignore[arg-type]
        self._scaler.load_state_dict(state["scaler"])  # type: ignore[arg-type]


def _channels_last(module: nn.Module) -> None:
    """Of the 2D convolutions alone: the format does not exist for the volume's."""
    for part in module.modules():
        if isinstance(part, nn.Conv2d | nn.ConvTranspose2d):
            part.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def rate_at(phase: PhaseConfig, step: int) -> float:
    """Learning rate of a phase's step, counted from 0."""
    if step < phase.warm_up:
        return phase.learning_rate * (step + 1) / phase.warm_up
    return phase.learning_rate if step < phase.drop_at * phase.steps else phase.learning_rate / phase.drop_by


def any_process(wish: bool) -> bool:
    """Whether one of the processes of torch's default group wishes so; the same answer in all of them."""
    votes = torch.tensor([float(wish)])
    torch.distributed.all_reduce(votes)
    return bool(votes.item())


def average_gradients(gradients: Iterable[Tensor]) -> None:
    """Mean over the processes of torch's default group, in one message."""
    listed = list(gradients)
    flat = torch.cat([gradient.flatten() for gradient in listed])
    torch.distributed.all_reduce(flat)
    flat /= torch.distributed.get_world_size()
    sizes = [gradient.numel() for gradient in listed]
    for gradient, part in zip(listed, torch.split(flat, sizes), strict=True):
        gradient.copy_(part.view_as(gradient))
