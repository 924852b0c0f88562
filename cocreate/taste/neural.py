"""A small neural network that weighs what the voices of a blend say of an item, and orders the best anew.

Conventions:
    *Evidence* is (listeners, candidates, E) numbers: what each voice says, on one scale for each listener, and what is
    known of the item and of the listener. The network is a perceptron with two hidden layers; it learns listwise, from
    a *rehearsal*: histories of which a part was held out, and models that were fitted without that part. It has some
    thousand weights, so numpy trains and runs it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from cocreate.taste.recommenders import Places, Sparse
from cocreate.taste.table import Singles

HIDDEN = (64, 32)
_EPOCHS, _BATCH = 15, 64  # a batch is of listeners
_RATE, _DECAY = 5e-3, 1e-3
_DROPOUT = 0.1  # of the hidden values, while it learns
_MOMENTUM, _MEMORY = 0.9, 0.999  # Adam's
_FURTHEST = 5.0  # spreads; evidence beyond is cut
_ROWS = 128

State = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """Histories of which a part was held out; the content is described without what the held-out part told."""

    left: Sparse
    held: Sequence[Places]
    content: Sparse

    @classmethod
    def of(cls, plays: Sparse, content: Sparse, *, share: float = 0.2, seed: int = 0) -> Rehearsal:
        """``share`` of each history held out by chance; content that does not tell who heard what stays as it is."""
        return cls(*hold_out(plays, share=share, seed=seed), content)


def hold_out(plays: Sparse, *, share: float, seed: int) -> tuple[Sparse, list[Places]]:
    """``share`` of each listener's items held out by chance: what is left and, by listener, what is held out."""
    rng, data, held = np.random.default_rng(seed), plays.data.copy(), []
    for first, stop in zip(plays.indptr[:-1], plays.indptr[1:], strict=True):
        chosen = rng.permutation(stop - first)[: round((stop - first) * share)] + first
        held.append(plays.indices[chosen].astype(np.int64))
        data[chosen] = 0
    left = sp.csr_matrix((data, plays.indices.copy(), plays.indptr.copy()), shape=plays.shape)
    left.eliminate_zeros()
    return left, held


def learn_order(evidence: Singles, wanted: npt.NDArray[np.bool_], *, seed: int = 0) -> State:
    """A network under which the wanted candidates of each listener come first.

    Args:
        evidence: (listeners, candidates, E).
        wanted: (listeners, candidates), which of them were held out; a listener without any teaches nothing.
        seed: of the weights and the order of the listeners.

    Returns:
        What `order_values` needs: ``mean`` and ``spread`` (E,), ``weight0``, ``bias0`` and so on. Empty if nothing is
        wanted.

    Source:
        Softmax cross-entropy over the list: Cao et al., Learning to Rank: From Pairwise Approach to Listwise Approach,
        ICML 2007. Adam with decoupled decay: Loshchilov and Hutter, ICLR 2019.
    """
    teaching = wanted.any(axis=1)
    if not teaching.any():
        return {}
    mean = evidence[teaching].mean(axis=(0, 1))
    spread = np.maximum(evidence[teaching].std(axis=(0, 1)), np.float32(1e-6))
    inputs = _scaled(evidence[teaching], mean, spread)
    targets = wanted[teaching].astype(np.float32)
    targets /= targets.sum(axis=1, keepdims=True)
    rng = np.random.default_rng(seed)
    widths = (inputs.shape[-1], *HIDDEN, 1)
    weights = [
        (rng.uniform(-1, 1, (width, after)) / np.sqrt(width)).astype(np.float32) for width, after in pairwise(widths)
    ]
    weights += [np.zeros(after, dtype=np.float32) for after in widths[1:]]
    batches = -(-len(inputs) // _BATCH)
    first, second = ([np.zeros_like(one) for one in weights] for _ in range(2))
    for step in range(_EPOCHS * batches):
        if step % batches == 0:
            order = rng.permutation(len(inputs))
        some = order[step % batches * _BATCH :][:_BATCH]
        rate = _RATE * min(1.0, (step + 1) / batches) * (1 - step / (_EPOCHS * batches))
        for place, slope in enumerate(_slopes(weights, inputs[some], targets[some], rng)):
            first[place] += (1 - _MOMENTUM) * (slope - first[place])
            second[place] += (1 - _MEMORY) * (slope**2 - second[place])
            moved = first[place] / (1 - _MOMENTUM ** (step + 1))
            moved /= np.sqrt(second[place] / (1 - _MEMORY ** (step + 1))) + 1e-8
            weights[place] -= rate * (moved + _DECAY * weights[place])
    layers = len(widths) - 1
    return {"mean": mean, "spread": spread} | {
        f"{'weight' if place < layers else 'bias'}{place % layers}": value for place, value in enumerate(weights)
    }


def order_values(state: State, evidence: Singles) -> Singles:
    """How much each candidate is wanted; larger is better, only the order counts. Shape (listeners, candidates)."""
    layers = len(HIDDEN) + 1
    weights = [state[f"{kind}{place}"] for kind in ("weight", "bias") for place in range(layers)]
    found = np.empty(evidence.shape[:2], dtype=np.float32)
    for start in range(0, len(evidence), _ROWS):
        part = slice(start, start + _ROWS)
        found[part] = _through(weights, _scaled(evidence[part], state["mean"], state["spread"]))[-1][..., 0]
    return found


def reordered(scores: Singles, candidates: Places, values: Singles) -> Singles:
    """Scores of which those of the candidates are dealt anew: the largest to the candidate of the largest value.

    Args:
        scores: (listeners, items).
        candidates: (listeners, C) places of items, best first.
        values: (listeners, C).
    """
    found = scores.copy()
    order = np.argsort(-values, axis=1, kind="stable")
    kept = np.take_along_axis(scores, candidates, axis=1)
    np.put_along_axis(found, np.take_along_axis(candidates, order, axis=1), kept, axis=1)
    return found


def _scaled(evidence: Singles, mean: Singles, spread: Singles) -> Singles:
    found: Singles = np.clip((evidence - mean) / spread, -_FURTHEST, _FURTHEST).astype(np.float32)
    return found


def _through(weights: Sequence[Singles], inputs: Singles, rng: np.random.Generator | None = None) -> list[Singles]:
    """The inputs and what each layer makes of them; the last is the values, (..., 1). With ``rng`` some are dropped."""
    layers = len(weights) // 2
    found = [inputs]
    for place in range(layers):
        out = found[-1] @ weights[place] + weights[layers + place]
        if place < layers - 1:
            out = np.maximum(out, 0)
            if rng is not None:
                out *= (rng.random(out.shape, dtype=np.float32) >= _DROPOUT) / np.float32(1 - _DROPOUT)
        found.append(out)
    return found


def _slopes(
    weights: Sequence[Singles], inputs: Singles, targets: Singles, rng: np.random.Generator | None
) -> list[Singles]:
    """How the mean loss of some lists changes with each weight, then with each bias."""
    layers = len(weights) // 2
    held = _through(weights, inputs, rng)
    shares = np.exp(held[-1][..., 0] - held[-1][..., 0].max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    back = ((shares - targets) / np.float32(len(inputs))).reshape(-1, 1)
    found: list[Singles] = [back] * len(weights)
    for place in reversed(range(layers)):
        below = held[place].reshape(len(back), -1)
        found[place], found[layers + place] = below.T @ back, back.sum(axis=0)
        if place:
            back = (back @ weights[place].T) * (below > 0)
            if rng is not None:
                back /= np.float32(1 - _DROPOUT)
    return found
