"""Training one member: what is minimised, how, and how a run goes on after it was killed.

A run is a folder: `state.pt` (everything needed to go on), `log.csv` (one line an epoch). Order of the rows, learning
rate and averages depend only on the step, so a run that was killed and resumed ends with the weights of an unbroken
one, bit for bit.
"""

import copy
import csv
import io
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from threading import Event
from typing import Any, Generic

import torch
from torch import Tensor, nn

from understudy.datasets.whole_files import room_for, write_bytes
from understudy.surrogate.learnable import Kind, Learnable
from understudy.surrogate.model import NetworkConfig, network_words
from understudy.surrogate.networks.convolution import ConvolutionConfig

STATE, LOG = "state.pt", "log.csv"
COLUMNS = ("epoch", "step", "seconds", "learning_rate", "loss", "validation")  # of the log, before the errors

Progress = Callable[[int, int, float], None]


class StateError(ValueError):
    """A state file that belongs to another run or cannot be read."""


@dataclass(frozen=True)
class TrainingConfig:
    """How a member is trained.

    network: kind and size.
    epochs: passes over the training rows.
    batch: rows a step, over all processes.
    learning_rate: its peak; a linear warm-up leads to it and a cosine to zero.
    seed: of the initial weights and the order of the rows.

    Rarely needed:
    weight_decay: of matrices and kernels. warm_up: part of the steps. average: decay of the weights' running average a
    step.
    patience: epochs without a better validation loss before the run stops; the best weights are kept in any case.
    clip: largest norm of the gradient of a member.
    bfloat16: run the network in mixed precision; saves time on processors with matrix units for it.
    compiled: fuse with torch.compile; pays on a GPU.
    save_every: seconds between states on disk; one is always saved at the end of an epoch and on an interrupt.
    """

    network: NetworkConfig = field(default_factory=ConvolutionConfig)
    epochs: int = 40
    batch: int = 64
    learning_rate: float = 4e-3
    seed: int = 0
    weight_decay: float = 1e-2
    warm_up: float = 0.05
    average: float = 0.998
    patience: int = 20
    clip: float = 5.0
    bfloat16: bool = False
    compiled: bool = False
    save_every: float = 120.0

    def __post_init__(self) -> None:
        for name in ("epochs", "batch", "learning_rate", "patience", "clip"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be positive; got {getattr(self, name)}")
        if not 0 <= self.average < 1:
            raise ValueError(f"average must be at least 0 and below 1; got {self.average}")

    def words(self) -> dict[str, Any]:
        """JSON-ready words."""
        return {**asdict(self), "network": network_words(self.network)}


@dataclass(frozen=True)
class Trained(Generic[Kind]):
    """A trained member with the validation loss of its best epoch, infinite where nothing validated."""

    member: Kind
    validation_loss: float
    epochs: int


def train(
    data: Learnable[Kind],
    validation: Learnable[Kind] | None,
    config: TrainingConfig,
    folder: Path | None = None,
    *,
    start: Kind | None = None,
    progress: Progress | None = None,
) -> Trained[Kind]:
    """Train one member, or go on where the run in `folder` stopped.

    Args:
        data, validation: training rows, and rows of other shape families, which choose the epoch and stop the run.
            Where there are none all epochs are run and the last one stands.
        config: of the run; a folder that holds a run of another configuration is refused.
        folder: where state and log are kept; without one an interrupt loses the run.

    Rarely needed:
        start: weights and normalisation to start from instead of random ones, for fine-tuning.
        progress: called after every epoch with the epoch, their number and the validation loss, or the training loss
            where nothing validates.

    Under `torchrun` every process takes its share of each batch and the gradients are averaged.

    Raises:
        StateError: the folder holds another run.
        DiskFullError: no room for the state; the one before is kept.
        KeyboardInterrupt: Ctrl-C or SIGTERM, after the state was saved.
    """
    run = _Run(data, config, start)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        run.restore(folder / STATE)
    with _interrupt_between_steps() as interrupted:
        while run.epoch < config.epochs and run.epochs_without_gain < config.patience:
            loss = run.finish_epoch(data, None if folder is None else folder / STATE, interrupted)
            errors = {} if validation is None else validate(run.averaged, validation, config.batch)
            run.note(errors.get("validation"))
            if folder is not None and run.rank == 0:
                _log(folder / LOG, run, {"loss": loss, **errors})
                run.save(folder / STATE)
            if progress is not None:
                progress(run.epoch, config.epochs, errors.get("validation", loss))
    return Trained(run.best_member(), run.best_loss, run.epoch)


@torch.no_grad()
def validate(member: Kind, data: Learnable[Kind], batch: int) -> dict[str, float]:
    """Mean loss and mean absolute errors of a member."""
    sums = dict.fromkeys(("validation", *data.numbers), 0.0)
    for start in range(0, len(data), 4 * batch):
        part = data[start : start + 4 * batch]
        loss, errors = part.judged(member)
        for name, value in {"validation": loss, **errors}.items():
            sums[name] += float(value) * len(part) / len(data)
    return sums


class _LossModule(nn.Module, Generic[Kind]):
    """A member that answers with its loss: what DDP and torch.compile wrap."""

    def __init__(self, member: Kind) -> None:
        super().__init__()
        self.member = member

    def forward(self, data: Learnable[Kind]) -> Tensor:
        return data.judged(self.member)[0]


class _Run(Generic[Kind]):
    """Everything that changes while a member is trained."""

    def __init__(self, data: Learnable[Kind], config: TrainingConfig, start: Kind | None) -> None:
        self.config, self.rows, self.numbers, self.members = config, len(data), data.numbers, data.members
        self.rank, self.processes = _place_among_processes()
        self.steps_per_epoch = max(1, len(data) // config.batch)
        generator_state = torch.get_rng_state()
        torch.manual_seed(config.seed)
        member = data.fresh(config.network) if start is None else copy.deepcopy(start)
        torch.set_rng_state(generator_state)
        self.member = member.to(data.device).requires_grad_(True)
        self.averaged = copy.deepcopy(self.member).requires_grad_(False)
        self.weights: list[Tensor] = list(self.member.parameters())
        self.averages: list[Tensor] = list(self.averaged.parameters())
        self.best = copy.deepcopy(self.averaged.state_dict())
        self.optimizer = _optimizer(self.member, config)
        self.loss = _distributed(_LossModule(self.member), self.processes)
        if config.compiled:
            self.loss = torch.compile(self.loss)  # type: ignore[assignment]
        self.step = self.epochs_without_gain = 0
        self.best_loss, self.seconds, self.epoch_loss = math.inf, 0.0, 0.0

    @property
    def epoch(self) -> int:
        """Epochs that are complete."""
        return self.step // self.steps_per_epoch

    def finish_epoch(self, data: Learnable[Kind], state: Path | None, interrupted: Event) -> float:
        """Take what steps are left of the epoch; the mean loss of a member. Saves and stops when interrupted."""
        started = saved = time.monotonic()
        device = data.device.type
        for rows in self._batches():
            with torch.autocast(device, torch.bfloat16) if self.config.bfloat16 else nullcontext():
                loss = self.loss(data[rows.to(data.device)])
            self._descend(loss)
            due = interrupted.is_set() or time.monotonic() - saved > self.config.save_every
            if due and state is not None and self.rank == 0:
                self.save(state)
                saved = time.monotonic()
            if interrupted.is_set():
                raise KeyboardInterrupt
        self.seconds += time.monotonic() - started
        mean, self.epoch_loss = self.epoch_loss / (self.steps_per_epoch * self.members), 0.0
        return mean

    def _batches(self) -> Iterator[Tensor]:
        """Rows of the steps that are left of this epoch, for this process."""
        epoch, first = divmod(self.step, self.steps_per_epoch)
        order = torch.randperm(self.rows, generator=torch.Generator().manual_seed(1_000_003 * self.config.seed + epoch))
        for step in range(first, self.steps_per_epoch):
            yield order[step * self.config.batch : (step + 1) * self.config.batch][self.rank :: self.processes]

    def _descend(self, loss: Tensor) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.step, self.config, self.steps_per_epoch)
        self.optimizer.zero_grad()
        loss.backward()
        _clip(self.weights, self.config.clip, self.members)
        self.optimizer.step()
        self.step += 1
        self.epoch_loss += float(loss.detach())
        decay = min(self.config.average, self.step / (self.step + 20))
        with torch.no_grad():
            torch._foreach_lerp_(self.averages, self.weights, 1 - decay)

    def note(self, validation_loss: float | None) -> None:
        """Keep the averaged weights if they are the best so far, or if nothing tells which are."""
        if validation_loss is None:
            self.best = copy.deepcopy(self.averaged.state_dict())
        elif validation_loss < self.best_loss:
            self.best_loss, self.epochs_without_gain = validation_loss, 0
            self.best = copy.deepcopy(self.averaged.state_dict())
        else:
            self.epochs_without_gain += 1

    def best_member(self) -> Kind:
        """The averaged weights of the best epoch."""
        self.averaged.load_state_dict(self.best)
        return self.averaged.eval()

    def save(self, path: Path) -> None:
        """Write the state so that a kill or a full disk at any moment leaves the old or the new one."""
        state = {
            "config": repr(self.config.words()),
            "rows": self.rows,
            "members": self.members,
            "member": self.member.state_dict(),
            "averaged": self.averaged.state_dict(),
            "best": self.best,
            "optimizer": self.optimizer.state_dict(),
            "progress": {name: getattr(self, name) for name in _PROGRESS},
        }
        image = io.BytesIO()
        torch.save(state, image)
        write_bytes(path, image.getvalue())

    def restore(self, path: Path) -> None:
        """Go on from a state, if there is one."""
        if not path.exists():
            return
        try:
            state = torch.load(path, weights_only=True, map_location=next(self.member.parameters()).device)
        except Exception as error:  # torch raises many kinds for a damaged file
            raise StateError(f"{path} cannot be read ({error}); remove it to start afresh") from error
        made_for = (state["config"], state["rows"], state.get("members", 1))
        if made_for != (repr(self.config.words()), self.rows, self.members):
            raise StateError(f"{path} belongs to a run with other settings or data; choose another folder or remove it")
        self.member.load_state_dict(state["member"])
        self.averaged.load_state_dict(state["averaged"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.best = state["best"]
        for name in _PROGRESS:
            setattr(self, name, state["progress"][name])


_PROGRESS = ("step", "epochs_without_gain", "best_loss", "seconds", "epoch_loss")


@contextmanager
def _interrupt_between_steps() -> Iterator[Event]:
    """While inside, Ctrl-C or SIGTERM sets the event instead of stopping amid a step, where the state is no state."""
    interrupted = Event()
    if threading.current_thread() is not threading.main_thread():
        yield interrupted  # only the main thread may, and need, handle signals
        return
    before = {number: signal.signal(number, lambda *_: interrupted.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield interrupted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def epochs_logged(folder: Path) -> tuple[int, float]:
    """Epochs that a run has completed in its folder, and the loss of the last one, NaN before that."""
    if not (folder / LOG).is_file():
        return 0, math.nan
    with (folder / LOG).open(newline="") as file:
        lines = list(csv.DictReader(file))
    last = lines[-1] if lines else {}
    return len(lines), float(last.get("validation") or last.get("loss") or math.nan)


def learning_rate(step: int, config: TrainingConfig, steps_per_epoch: int) -> float:
    """Linear warm-up, then half a cosine to zero."""
    total = config.epochs * steps_per_epoch
    warm = max(1.0, config.warm_up * total)
    if step < warm:
        return config.learning_rate * (step + 1) / warm
    return 0.5 * config.learning_rate * (1 + math.cos(math.pi * min(1.0, (step - warm) / max(1.0, total - warm))))


def _clip(weights: Sequence[Tensor], largest: float, members: int) -> None:
    """Shorten the gradient of each member that is longer than this, as if it learnt alone."""
    if members == 1:
        nn.utils.clip_grad_norm_(weights, largest)
        return
    gradients = [weight.grad for weight in weights if weight.grad is not None]
    squares = torch.stack([gradient.flatten(1).square().sum(1) for gradient in gradients])
    shares = (largest / (squares.sum(0).sqrt() + 1e-6)).clamp(max=1.0)
    for gradient in gradients:
        gradient.mul_(shares.view(-1, *(1,) * (gradient.ndim - 1)))


def _optimizer(member: nn.Module, config: TrainingConfig) -> torch.optim.AdamW:
    weights = [p for p in member.parameters() if p.ndim > 1]
    biases = [p for p in member.parameters() if p.ndim <= 1]
    groups = [{"params": weights, "weight_decay": config.weight_decay}, {"params": biases, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, 0.99), fused=True)


def _place_among_processes() -> tuple[int, int]:
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    return 0, 1


def _distributed(module: nn.Module, processes: int) -> nn.Module:
    return nn.parallel.DistributedDataParallel(module) if processes > 1 else module


def _log(path: Path, run: _Run, values: dict[str, float]) -> None:
    rate = learning_rate(max(0, run.step - 1), run.config, run.steps_per_epoch)
    row = {"epoch": run.epoch, "step": run.step, "seconds": run.seconds, "learning_rate": rate, **values}
    fresh = not path.exists()
    with room_for(path), path.open("a", newline="") as file:
        writer = csv.DictWriter(file, (*COLUMNS, *run.numbers))
        if fresh:
            writer.writeheader()
        writer.writerow({name: f"{value:.6g}" for name, value in row.items()})
