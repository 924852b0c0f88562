"""Preference optimisation: a network learns from what a listener kept and skipped to write more of the one.

Conventions:
    An item is one or more lessons of one piece; its *ratio* is the mean log-probability a target token under the
    network minus that under its reference, in nats. A *margin* is the ratio of a kept item minus that of a skipped one.
    The drift from the reference is measured on music that the reference wrote, and never passes its bound.

Source:
    Rafailov et al., Direct Preference Optimization, NeurIPS 2023. We differ: ratios are means over tokens, since what
    people keep is not all of one length; kept and skipped pieces answer different requests, so each carries its own
    controls; and the kept piece's own loss is added (Pang et al., Iterative Reasoning Preference Optimization, 2024),
    without which both sides grow less likely.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from torch.nn import functional

from cocreate.errors import InputError
from cocreate.model.batches import IGNORED, Batch, Lesson, batch_of
from cocreate.model.conditioning import TasteNetwork
from cocreate.model.finetune import Learner, drift, rate_at, share_of, target_logits
from cocreate.model.train import Plan, Progress, State, sequence_nats

BETA = 10.0  # logits for a margin of one nat a token
LIKED_WEIGHT = 0.2  # of the kept pieces' own loss
MOST_DRIFT = 0.05  # nats a token, mean over what the reference wrote
DRIFT_WEIGHT = 1.0
RATE = 2.0  # times the peak of fine-tuning: a run has few steps, and the drift bounds them
PAIRS = 4  # in a step
FEWEST = 3  # kept, and skipped
HELD_OUT_SHARE = 0.25
LEARNED = 0.1  # running mean of the preference loss under which there is nothing left to learn
_NEWS_SHARE = 0.1  # of the newest loss in the running mean

Item = Sequence[Lesson]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Margins:
    """Pairs of a kept and a skipped item: mean margin in nats a token, share of the pairs with one above 0."""

    mean: float
    right: float
    pairs: int


@dataclass(frozen=True, slots=True)
class Preferred:
    """The network and what it was before, the held-out kept and skipped items, drift in nats a token, why it ended."""

    net: TasteNetwork
    reference: TasteNetwork
    state: State
    held_out: tuple[Sequence[Item], Sequence[Item]]
    drift: float
    ended: str


def prefer(
    net: TasteNetwork,
    kept: Sequence[Item],
    skipped: Sequence[Item],
    written: Sequence[Lesson],
    plan: Plan,
    *,
    watch: Callable[[Progress], None] = lambda _: None,
) -> Preferred:
    """Learn to tell ``kept`` from ``skipped``; a quarter of each, the last ones, is only measured.

    The network is the one of the last check at which the drift was within ``MOST_DRIFT``.

    Args:
        net: taken over and changed.
        written: what the reference wrote: half of it holds the network to the reference, the other measures the drift.

    Raises:
        InputError: if there are fewer than three of either, or fewer than two lessons written.
    """
    _check(kept, skipped, written)
    if plan.threads:
        torch.set_num_threads(plan.threads)
    rng = np.random.default_rng(plan.seed)
    learner = Learner(net, seed=plan.seed)
    (good, good_held), (bad, bad_held) = _parted(kept), _parted(skipped)
    held_to, heard = written[::2], batch_of(written[1::2])
    state, mean_loss, ended = State(), math.log(2), "budget"
    last, last_drift = learner.snapshot(), 0.0
    began = time.monotonic()
    net.train()
    while share_of(state, plan) < 1:
        liked, disliked = ([_any(_any(items, rng), rng) for _ in range(PAIRS)] for items in (good, bad))
        news = preference_loss(learner, liked, disliked)
        memory = batch_of([_any(held_to, rng) for _ in range(PAIRS)])
        loss = news + DRIFT_WEIGHT * drift(net, learner.reference, memory)
        learner.update(loss, rate=RATE * rate_at(share_of(state, plan), state.step))
        state.step += 1
        state.tokens += sum(len(lesson.ids) for lesson in (*liked, *disliked))
        state.curve.append((state.step, float(news.detach())))
        mean_loss += _NEWS_SHARE * (state.curve[-1][1] - mean_loss)
        state.elapsed_s = time.monotonic() - began
        check = None
        is_learned = mean_loss < LEARNED
        if is_learned or share_of(state, plan) >= 1 or state.step % plan.check_every == 0:
            check = _drift_nats(learner, heard)
            if check > MOST_DRIFT:
                ended = f"drift above {MOST_DRIFT} nats a token"
                break
            last, last_drift = learner.snapshot(), check
            state.checks.append((state.step, check))
        speed = state.tokens / max(1e-9, state.elapsed_s)
        watch(Progress(state.step, share_of(state, plan), state.curve[-1][1], speed, check))
        if is_learned:
            ended = "learned"
            break
    learner.restore(last)
    return Preferred(learner.merged(), learner.reference, state, (good_held, bad_held), last_drift, ended)


def preference_loss(learner: Learner, liked: Sequence[Lesson], disliked: Sequence[Lesson]) -> torch.Tensor:
    """Loss of pairs ``liked[i]``, ``disliked[i]``: -log sigmoid of the scaled margin, and the liked ones' own loss."""
    lessons = [*liked, *disliked]
    now = _mean_log_chances(learner.net, lessons)  # (2P,)
    with torch.no_grad():
        before = _mean_log_chances(learner.reference, lessons)
    ratios = now - before
    margin = ratios[: len(liked)] - ratios[len(liked) :]
    return -functional.logsigmoid(BETA * margin).mean() - LIKED_WEIGHT * ratios[: len(liked)].mean()


def margins(net: TasteNetwork, reference: TasteNetwork, kept: Sequence[Item], skipped: Sequence[Item]) -> Margins:
    """Margins of every pair of a kept and a skipped item."""
    good, bad = ([_ratio(net, reference, item) for item in items] for items in (kept, skipped))
    found = [one - other for one in good for other in bad]
    return Margins(math.fsum(found) / len(found), sum(value > 0 for value in found) / len(found), len(found))


def _ratio(net: TasteNetwork, reference: TasteNetwork, item: Item) -> float:
    tokens = sum(int(lesson.targets[1:].sum()) for lesson in item)
    return (math.fsum(sequence_nats(reference, item)) - math.fsum(sequence_nats(net, item))) / max(1, tokens)


def _mean_log_chances(net: TasteNetwork, lessons: Sequence[Lesson]) -> torch.Tensor:
    """Mean log-probability of the targets of each lesson, (B,)."""
    batch = batch_of(lessons)
    logits, wanted = target_logits(net, batch)
    counts = torch.from_numpy((batch.labels != IGNORED).sum(axis=1))  # (B,)
    rows = torch.repeat_interleave(torch.arange(len(lessons)), counts)
    nats = functional.cross_entropy(logits, wanted, reduction="none")  # (N,), row after row
    return -torch.zeros(len(lessons)).index_add(0, rows, nats) / counts.clamp(min=1)


def _drift_nats(learner: Learner, heard: Batch) -> float:
    learner.net.eval()
    with torch.no_grad():
        found = float(drift(learner.net, learner.reference, heard))
    learner.net.train()
    return found


def _check(kept: Sequence[Item], skipped: Sequence[Item], written: Sequence[Lesson]) -> None:
    for what, items in (("kept", kept), ("skipped", skipped)):
        if len(items) < FEWEST:
            raise InputError(f"adapting needs at least {FEWEST} pieces that were {what}, got {len(items)}")
    if len(written) < 2:  # noqa: PLR2004 - one to hold to, one to measure
        raise InputError(f"adapting needs 2 pieces that the checkpoint wrote, got {len(written)}")


def _parted(items: Sequence[Item]) -> tuple[Sequence[Item], Sequence[Item]]:
    """What is learned, and what is held out: the last quarter, at least one."""
    stop = len(items) - max(1, round(HELD_OUT_SHARE * len(items)))
    return items[:stop], items[stop:]


def _any(items: Sequence[T], rng: np.random.Generator) -> T:
    return items[int(rng.integers(len(items)))]
