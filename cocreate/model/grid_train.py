"""Training a grid network: every chorale in every key that its voices can sing, an epoch at a time, resumable.

Conventions:
    A loss is in nats a cell. What is kept is the running average of the weights at the epoch that did best on the
    validation pieces. Each epoch draws from its own generators, so a run that was stopped and resumed goes on as if
    nothing had happened (where no limit of minutes cuts it short).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from cocreate.errors import CheckpointError, InputError
from cocreate.model.grid import PAD, GridNet, GridPlan, batch, build, nats_each
from cocreate.model.grid_clues import IDS, Clues
from cocreate.model.precision import mixed

IntArray = npt.NDArray[np.int64]

_WARM_UP = 100  # updates
_FARTHEST = 6  # semitones that a piece is moved at most
_CLIP = 1.0  # norm of the gradient
_BETAS = (0.9, 0.98)


@dataclass(frozen=True, slots=True)
class GridProgress:
    """After an epoch; ``validation`` is nats a cell of the averaged weights, None where it was not measured."""

    epoch: int
    training: float
    validation: float | None
    elapsed_s: float


class _Run:
    """Everything that a stopped run needs to go on."""

    def __init__(self, plan: GridPlan) -> None:
        self.net = build(plan)
        self.mean = build(plan)  # running average of the weights
        self.kept = build(plan)  # the average that did best
        self.best = float("inf")
        self.epoch = self.updates = 0
        self.elapsed_s = 0.0
        heavy = [p for p in self.net.parameters() if p.ndim > 1]
        plain = [p for p in self.net.parameters() if p.ndim <= 1]
        groups = [{"params": heavy, "weight_decay": plan.decay}, {"params": plain, "weight_decay": 0.0}]
        self.optimiser = torch.optim.AdamW(groups, lr=plan.rate, betas=_BETAS)

    def save(self, path: Path) -> None:
        tensors = {f"{name}.{key}": value for name in _NETS for key, value in getattr(self, name).state_dict().items()}
        for place, moments in self.optimiser.state_dict()["state"].items():
            tensors |= {f"adam.{place}.{key}": value for key, value in moments.items()}
        numbers = {"best": self.best, "epoch": self.epoch, "updates": self.updates, "elapsed_s": self.elapsed_s}
        scratch = path.with_suffix(".tmp")
        save_file({k: v.contiguous().clone() for k, v in tensors.items()}, scratch, {"run": json.dumps(numbers)})
        scratch.replace(path)

    def load(self, path: Path) -> None:
        try:
            with safe_open(path, framework="pt") as file:
                numbers = json.loads((file.metadata() or {})["run"])
            tensors = load_file(path)
            for name in _NETS:
                prefix = f"{name}."
                own = {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
                getattr(self, name).load_state_dict(own)
        except (OSError, SafetensorError, KeyError, ValueError, RuntimeError) as error:
            raise CheckpointError(f"{path} must be a stopped run of the same plan, or be removed: {error}") from None
        state = self.optimiser.state_dict()
        for key, value in tensors.items():
            if key.startswith("adam."):
                _, place, moment = key.split(".")
                state["state"].setdefault(int(place), {})[moment] = value
        self.optimiser.load_state_dict(state)
        self.best, self.epoch = float(numbers["best"]), int(numbers["epoch"])
        self.updates, self.elapsed_s = int(numbers["updates"]), float(numbers["elapsed_s"])


_NETS = ("net", "mean", "kept")


def train_grid(
    training: Sequence[Clues],
    validation: Sequence[Clues],
    plan: GridPlan,
    state: Path | None = None,
    *,
    check_every: int = 4,
    watch: Callable[[GridProgress], None] = lambda _: None,
) -> GridNet:
    """Train a network.

    Args:
        state: kept after every check and gone on with where it is there; None keeps nothing.
        check_every: epochs between two looks at ``validation``.

    Raises:
        InputError: if there is no piece to train on.
        CheckpointError: if ``state`` is of another plan.
    """
    if not training or not validation:
        raise InputError(f"a grid network needs training and validation pieces, got {len(training)}, {len(validation)}")
    run = _Run(plan)
    if state is not None and state.is_file():
        run.load(state)
    before_s, begin = run.elapsed_s, time.monotonic()
    keys = _keys(training)
    while run.epoch < plan.epochs and run.elapsed_s < 60 * plan.minutes:
        loss = _epoch(run, training, keys, plan, begin=begin - before_s)
        run.epoch += 1
        run.elapsed_s = before_s + time.monotonic() - begin
        found = None
        last = run.epoch == plan.epochs or run.elapsed_s >= 60 * plan.minutes
        if last or run.epoch % check_every == 0:
            found = float(np.concatenate([nats_each(run.mean, piece) for piece in validation]).mean())
            if found < run.best:
                run.best = found
                run.kept.load_state_dict(run.mean.state_dict())
            if state is not None:
                run.save(state)
        watch(GridProgress(run.epoch, loss, found, run.elapsed_s))
    return run.kept.eval()


def _epoch(
    run: _Run, training: Sequence[Clues], keys: Sequence[tuple[int, int]], plan: GridPlan, *, begin: float
) -> float:
    """One pass over the pieces, each in a key of its own; returns the mean loss."""
    rng = np.random.default_rng((plan.seed, run.epoch))
    run.net.reseed(plan.seed, run.epoch)
    run.net.train()
    lengths = np.array([len(piece.grid) for piece in training]) * rng.uniform(0.8, 1.25, len(training))
    order = np.argsort(lengths)  # pieces of about one length go together: little padding
    groups = [order[at : at + plan.pieces] for at in range(0, len(order), plan.pieces)]
    losses = []
    for place in rng.permutation(len(groups)):
        spent = max(run.epoch / plan.epochs, (time.monotonic() - begin) / 60 / plan.minutes)
        warm = min(1.0, (run.updates + 1) / _WARM_UP)
        for group in run.optimiser.param_groups:
            group["lr"] = plan.rate * warm * 0.5 * (1 + np.cos(np.pi * min(1.0, spent)))
        chosen = [training[i].moved(int(rng.integers(keys[i][0], keys[i][1] + 1))) for i in groups[place]]
        losses.append(_update(run, chosen, plan))
    return float(np.mean(losses))


def _update(run: _Run, pieces: Sequence[Clues], plan: GridPlan) -> float:
    inputs, targets = batch(pieces)
    with mixed("cpu"):
        logits = run.net(*inputs)
    loss = nn.functional.cross_entropy(logits.flatten(0, 2), targets.flatten(), ignore_index=PAD)
    run.optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(run.net.parameters(), _CLIP)
    run.optimiser.step()
    run.updates += 1
    keep = min(plan.average, run.updates / (run.updates + 10))  # a young average forgets sooner
    with torch.no_grad():
        for slow, fast in zip(run.mean.parameters(), run.net.parameters(), strict=True):
            slow.lerp_(fast, 1 - keep)
    return float(loss.detach())


def _keys(pieces: Sequence[Clues]) -> list[tuple[int, int]]:
    """For each piece the lowest and highest shift that leave every voice in its range over all pieces."""
    lows = np.array([np.where(piece.grid > 0, piece.grid, IDS).min(axis=0) for piece in pieces])  # (N, 4)
    highs = np.array([piece.grid.max(axis=0) for piece in pieces])
    down = np.minimum((lows - lows.min(axis=0)).min(axis=1), _FARTHEST)
    up = np.minimum((highs.max(axis=0) - highs).min(axis=1), _FARTHEST)
    return [(-int(a), int(b)) for a, b in zip(down, up, strict=True)]
