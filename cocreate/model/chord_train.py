"""Training the chord network: pieces with chords, with some of what is written there told, some hidden.

Conventions:
    A loss is in nats a free place: one where a chord could begin and that is neither told nor kept. The rate rises for
    a short while, stays, and falls to nothing as a cosine over the budget of minutes; what is kept is the running
    average of the weights. Every pass draws from (seed, pass) alone, and the state is kept after each, so that a
    stopped run goes on.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from cocreate.errors import CheckpointError, InputError
from cocreate.model.chord_clues import ABSENT, HOLD, NO_CHORD, UNKNOWN, UNKNOWN_MODE, UNKNOWN_RICHNESS, Clues, Told
from cocreate.model.chord_net import ChordBatch, ChordNet, ChordPlan, build
from cocreate.model.precision import mixed
from cocreate.model.train import Progress
from cocreate.model.weights import Tensors, read_tensors, write_tensors

WINDOW = 288  # places of a lesson, at most
BATCH_PLACES = 3_072
RATE, DECAY, CLIP, WARM_UP = 1.5e-3, 0.05, 1.0, 200
STEADY = 0.35  # share of the budget at the full rate
AVERAGE = 0.998
TOLD, TOLD_PART = 0.5, 0.2  # shares of lessons that know where all symbols stand, or where some do
KEPT = 0.35  # share of lessons in which some chords are kept
HIDE_STYLE, HIDE_MODE, HIDE_RICHNESS, HIDE_TASTE, HIDE_OTHERS = 0.15, 0.1, 0.5, 0.5, 0.5
OTHER_FRAME = 0.2  # share of lessons in another frame than that of the key, whose mode is not told
TASTE_NOISE = 0.25
BASS_WEIGHT = 0.25
PASS_PIECES = 1_000
STYLE_POWER = 0.7  # a set of n pieces is heard n ** STYLE_POWER times
_IGNORED = -100

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float32]
Chances = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ChordPiece:
    """A piece to learn from: its clues, the set it is of, its content vector (empty for none) and its weight."""

    clues: Clues
    dataset: str
    taste: tuple[float, ...] = ()
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Lesson:
    """A window of a piece: what is told of it, and the class that is asked at each place, -100 where none is, (P,)."""

    told: Told
    targets: IntArray


def lesson_of(
    piece: ChordPiece, *, features: int, rng: np.random.Generator | None = None, is_told: bool = True
) -> Lesson:
    """A window of a piece; without ``rng`` its first places, all told but chords and, unless ``is_told``, symbols."""
    clues = piece.clues
    taste = np.zeros(features, dtype=np.float32)
    if len(clues) > WINDOW:
        first = 0
        if rng is not None:
            bars = np.flatnonzero(np.diff(clues.bars, prepend=-1))
            first = int(rng.choice(bars[bars <= len(clues) - WINDOW // 2]))
        clues = clues.cut(first, min(len(clues), first + WINDOW))
    symbol, kept, kept_bass, hidden = _conditions(clues, rng, is_told=is_told)
    told = Told(clues, symbol, kept, kept_bass, clues.mode, UNKNOWN_RICHNESS, clues.styles, taste)
    if rng is not None:
        told = _blurred(told, piece.taste, rng)
    return Lesson(told, np.where(hidden, told.clues.chord, _IGNORED))


def _blurred(told: Told, taste: Sequence[float], rng: np.random.Generator) -> Told:
    """Some of what is told is hidden, and some songs are moved to a frame that is not their key's."""
    clues, kept, mode, styles = told.clues, told.kept, told.mode, told.styles
    if rng.random() < OTHER_FRAME:
        clues, mode = clues.moved(int(rng.integers(1, 12))), UNKNOWN_MODE
        kept = np.where(kept < NO_CHORD, clues.chord, kept)
    if rng.random() < HIDE_MODE:
        mode = UNKNOWN_MODE
    if rng.random() < HIDE_STYLE:
        styles = ()
    elif rng.random() < HIDE_STYLE:
        styles = styles[:1]
    richness = UNKNOWN_RICHNESS if rng.random() < HIDE_RICHNESS else clues.richness
    vector = told.taste
    if len(vector) and taste and rng.random() >= HIDE_TASTE:
        vector = (np.array(taste) + rng.normal(0, TASTE_NOISE, len(vector))).astype(np.float32)
    if rng.random() < HIDE_OTHERS:
        clues = without_others(clues)
    return replace(told, clues=clues, kept=kept, mode=mode, richness=richness, styles=styles, taste=vector)


def without_others(clues: Clues) -> Clues:
    """The clues of a song that has its tune alone."""
    tones, numbers = clues.tones.copy(), clues.numbers.copy()
    tones[:, 3:] = 0.0
    numbers[:, 6:] = 0.0
    return replace(clues, tones=tones, numbers=numbers)


def _conditions(
    clues: Clues, rng: np.random.Generator | None, *, is_told: bool
) -> tuple[IntArray, IntArray, IntArray, BoolArray]:
    """What is told of symbols, the kept classes and basses, and which places are free, (P,) each."""
    count = len(clues)
    symbol = clues.symbol.copy() if is_told else np.full(count, UNKNOWN)
    kept, kept_bass = np.full(count, HOLD), np.zeros(count, dtype=np.int64)
    stays = np.zeros(count, dtype=np.bool_)
    if rng is not None:
        kind = rng.random()
        if kind >= TOLD:
            hide = np.ones(count, dtype=np.bool_)
            if kind < TOLD + TOLD_PART:
                chosen = rng.random(int(clues.bars[-1]) + 1) < rng.random()
                hide = chosen[clues.bars]
            symbol[hide] = UNKNOWN
        if rng.random() < KEPT:
            share = rng.random() ** 2
            chosen = rng.random(int(clues.bars[-1]) + 1) < share
            stays = chosen[clues.bars]
            symbol[stays] = clues.symbol[stays]
            kept[stays], kept_bass[stays] = clues.chord[stays], clues.bass[stays]
    return symbol, kept, kept_bass, (symbol != ABSENT) & ~stays


def batch_of(lessons: Sequence[Lesson]) -> tuple[ChordBatch, torch.Tensor, torch.Tensor]:
    """Lessons side by side, the classes (B, P) that are asked, and the basses (B, P), -100 where none is."""
    widest = max(len(lesson.targets) for lesson in lessons)
    all_told = [lesson.told for lesson in lessons]

    def block(rows: Sequence[npt.NDArray[Any]], fill: int = 0) -> torch.Tensor:
        out = np.full((len(lessons), widest, *rows[0].shape[1:]), fill, dtype=rows[0].dtype)
        for at, row in enumerate(rows):
            out[at, : len(row)] = row
        return torch.from_numpy(out)

    basses = [
        np.where((lesson.targets >= 0) & (lesson.targets < NO_CHORD), lesson.told.clues.bass, _IGNORED)
        for lesson in lessons
    ]
    batch = ChordBatch(
        mask=block([np.ones(len(lesson.targets), dtype=np.bool_) for lesson in lessons]),
        tones=block([told.heard() for told in all_told]),
        numbers=block([told.clues.numbers for told in all_told]),
        places=block([told.places() for told in all_told]),
        pieces=torch.tensor([[told.mode, told.richness] for told in all_told]),
        styles=torch.from_numpy(np.stack([told.style_row() for told in all_told])),
        taste=torch.from_numpy(np.stack([told.taste for told in all_told])),
        state=block([np.stack(told.clues.state(), axis=1) for told in all_told]),
    )
    return batch, block([lesson.targets for lesson in lessons], _IGNORED), block(basses, _IGNORED)


def nats(net: ChordNet, pieces: Sequence[ChordPiece], *, is_told: bool = True) -> float:
    """Nats a free place of the pieces' first windows; with ``is_told`` it is known where symbols stand."""
    total = count = 0.0
    net.eval()
    with torch.no_grad():
        for group in _groups([lesson_of(p, features=net.plan.features, is_told=is_told) for p in pieces]):
            batch, targets, _ = batch_of(group)
            scores, _ = net(batch)
            total += float(nn.functional.cross_entropy(
                scores.flatten(0, 1), targets.flatten(), ignore_index=_IGNORED, reduction="sum"
            ))  # fmt: skip
            count += float((targets != _IGNORED).sum())
    return total / max(1.0, count)


def _groups(lessons: Sequence[Lesson]) -> list[list[Lesson]]:
    """Lessons of like length together, ``BATCH_PLACES`` places at most."""
    groups: list[list[Lesson]] = []
    for lesson in sorted(lessons, key=lambda one: len(one.targets)):
        if not groups or (len(groups[-1]) + 1) * len(lesson.targets) > BATCH_PLACES:
            groups.append([])
        groups[-1].append(lesson)
    return groups


class _Run:
    """Everything that a stopped run needs to go on."""

    def __init__(self, plan: ChordPlan, seed: int, start: Tensors | None) -> None:
        self.net, self.mean = build(plan, seed=seed), build(plan, seed=seed)
        if start is not None:
            self.net.load_state_dict(start)
            self.mean.load_state_dict(start)
        self.passes = self.updates = 0
        self.elapsed_s = 0.0
        heavy = [p for p in self.net.parameters() if p.ndim > 1]
        plain = [p for p in self.net.parameters() if p.ndim <= 1]
        groups = [{"params": heavy, "weight_decay": DECAY}, {"params": plain, "weight_decay": 0.0}]
        self.optimiser = torch.optim.AdamW(groups, lr=RATE, betas=(0.9, 0.98))

    def save(self, path: Path) -> None:
        tensors = {
            f"{name}.{key}": v for name in ("net", "mean") for key, v in getattr(self, name).state_dict().items()
        }
        for place, moments in self.optimiser.state_dict()["state"].items():
            tensors |= {f"adam.{place}.{key}": value for key, value in moments.items()}
        numbers = {"passes": self.passes, "updates": self.updates, "elapsed_s": self.elapsed_s}
        write_tensors({key: value.clone() for key, value in tensors.items()}, path, notes={"run": json.dumps(numbers)})

    def load(self, path: Path) -> None:
        tensors, notes = read_tensors(path)
        try:
            for name in ("net", "mean"):
                own = {k.removeprefix(f"{name}."): v for k, v in tensors.items() if k.startswith(f"{name}.")}
                getattr(self, name).load_state_dict(own)
            numbers = json.loads(notes["run"])
        except (KeyError, ValueError, RuntimeError) as error:
            raise CheckpointError(f"{path} must be a stopped run of the same plan, or be removed: {error}") from None
        state = self.optimiser.state_dict()
        for key, value in tensors.items():
            if key.startswith("adam."):
                _, place, moment = key.split(".")
                state["state"].setdefault(int(place), {})[moment] = value
        self.optimiser.load_state_dict(state)
        self.passes, self.updates = int(numbers["passes"]), int(numbers["updates"])
        self.elapsed_s = float(numbers["elapsed_s"])


def train_chord_net(
    training: Sequence[ChordPiece],
    validation: Sequence[ChordPiece],
    plan: ChordPlan,
    *,
    minutes: float,
    seed: int = 0,
    rate: float | None = None,
    start: Tensors | None = None,
    state: Path | None = None,
    watch: Callable[[Progress], None] = lambda _: None,
) -> ChordNet:
    """Train a network for so many minutes.

    Args:
        rate: the highest learning rate; None is `RATE`.
        start: weights to begin with.
        state: kept after every pass and gone on with where it is there; None keeps nothing.
        watch: told after each pass; a step is a pass, a token a place.

    Raises:
        InputError: if there is nothing to train on or no time.
        CheckpointError: if ``state`` is of another plan.
    """
    if not training or minutes <= 0:
        raise InputError(f"training needs pieces with chords and minutes > 0, got {len(training)} and {minutes:g}")
    run = _Run(plan, seed, start)
    if state is not None and state.is_file():
        run.load(state)
    begin = time.monotonic() - run.elapsed_s
    chances, budget_s = _chances(training), 60 * minutes
    while run.elapsed_s < budget_s:
        rng = np.random.default_rng((seed, run.passes))
        chosen = rng.choice(len(training), size=min(len(training), PASS_PIECES), p=chances)
        groups = _groups([lesson_of(training[at], features=plan.features, rng=rng) for at in chosen.tolist()])
        before_s = run.elapsed_s
        losses: list[float] = []
        for at in rng.permutation(len(groups)).tolist():
            spent = min(1.0, (time.monotonic() - begin) / budget_s)
            now = (rate or RATE) * min(1.0, (run.updates + 1) / WARM_UP) * _fade(spent)
            losses.append(_update(run, groups[at], now))
        run.passes, run.elapsed_s = run.passes + 1, time.monotonic() - begin
        places = sum(len(lesson.targets) for group in groups for lesson in group)
        if state is not None:
            run.save(state)
        watch(
            Progress(
                run.passes,
                min(1.0, run.elapsed_s / budget_s),
                float(np.mean(losses)),
                places / max(1e-9, run.elapsed_s - before_s),
                nats(run.mean, validation) if validation else None,
            )
        )
    return run.mean.eval()


def _fade(spent: float) -> float:
    """The rate at a share of the budget, as a share of the highest."""
    return 1.0 if spent < STEADY else 0.5 * (1 + math.cos(math.pi * (spent - STEADY) / (1 - STEADY)))


def _chances(pieces: Sequence[ChordPiece]) -> Chances:
    counts: dict[str, float] = {}
    for piece in pieces:
        counts[piece.dataset] = counts.get(piece.dataset, 0.0) + piece.weight
    weights = np.array([piece.weight * counts[piece.dataset] ** (STYLE_POWER - 1) for piece in pieces])
    return np.asarray(weights / weights.sum())


def _update(run: _Run, lessons: Sequence[Lesson], rate: float) -> float:
    batch, targets, basses = batch_of(lessons)
    run.net.train()
    with mixed("cpu"):
        scores, known = run.net(batch)
        low = run.net.bass_scores(known, targets.clamp(min=0), batch.tones)
    loss = nn.functional.cross_entropy(scores.float().flatten(0, 1), targets.flatten(), ignore_index=_IGNORED)
    whole = loss
    if bool((basses != _IGNORED).any()):
        whole = loss + BASS_WEIGHT * nn.functional.cross_entropy(
            low.float().flatten(0, 1), basses.flatten(), ignore_index=_IGNORED
        )
    for group in run.optimiser.param_groups:
        group["lr"] = rate
    run.optimiser.zero_grad()
    whole.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(run.net.parameters(), CLIP)
    run.optimiser.step()
    run.updates += 1
    keep = min(AVERAGE, run.updates / (run.updates + 10))  # a young average forgets sooner
    with torch.no_grad():
        for slow, fast in zip(run.mean.parameters(), run.net.parameters(), strict=True):
            slow.lerp_(fast, 1 - keep)
    return float(loss.detach())
