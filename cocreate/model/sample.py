"""Sampling: a batch of candidates, each under its own rules, from one key-value cache.

Conventions:
    A row draws from its own generator, seeded by (seed, row), so that the first n of 2n candidates are the n
    candidates. ``temperature`` > 0; ``min_p`` drops ids below that share of the likeliest one, ``top_p`` keeps the
    smallest set that holds that much probability; both in 0..1, and the likeliest id always stays. When the
    network's context is full, every row is prompted again with the end of what it has so far; since rows are fed
    one id each at a time, that comes at the same place for a row whatever rows stand beside it.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from cocreate.errors import InputError
from cocreate.model.decoder import Cache, Decoder, FloatArray
from cocreate.model.rules import Scribe

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Taste:
    """How adventurous the sampling is."""

    temperature: float = 1.0
    min_p: float = 0.05
    top_p: float = 1.0

    def __post_init__(self) -> None:
        if not self.temperature > 0 or not math.isfinite(self.temperature):
            raise InputError(f"temperature must be above 0, got {self.temperature}")
        for name, value in (("min_p", self.min_p), ("top_p", self.top_p)):
            if not 0 <= value <= 1:
                raise InputError(f"{name} must be in 0..1, got {value}")


@dataclass(slots=True)
class Row:
    """One candidate: what the network is fed first, its rules, and what must be fed before a bar (given chords).

    ``interlude(bar)`` gives ids to feed before bar line ``bar``; ``again()`` is a prompt, shorter than the context,
    that stands for all the row has been fed so far; ``nats`` collects the cost of what was chosen.
    """

    prompt: list[int]
    scribe: Scribe
    interlude: Callable[[int], list[int]] = lambda _bar: []
    again: Callable[[], list[int]] | None = None
    nats: float = 0.0
    drawn: int = 0
    queue: deque[int] = field(default_factory=deque)


def decode(net: Decoder, rows: Sequence[Row], *, seed: int, taste: Taste | None = None) -> None:
    """Let every row's scribe write to its end. Rows are changed in place.

    Raises:
        CheckpointError: if a sequence outgrows the network's context and its row has no ``again``.
    """
    if not rows:
        return
    taste = taste or Taste()
    generators = [np.random.default_rng([seed, place]) for place in range(len(rows))]
    cache = net.start(len(rows))
    logits = _prompt(cache, rows, [row.prompt for row in rows])
    bar_ids = set(net.words.type_ids["Bar"].tolist())
    while True:
        if cache.length == net.context and all(row.again for row in rows):
            cache.length = 0
            logits = _prompt(cache, rows, [row.again() if row.again else [] for row in rows])
        step = np.zeros((len(rows), 1), dtype=np.int64)  # a finished row is fed PAD
        for place, row in enumerate(rows):
            if not row.scribe.done:
                step[place, 0] = _next(row, logits[place], generators[place], taste, bar_ids)
        if all(row.scribe.done for row in rows):
            return
        logits = cache.feed(step)


def _prompt(cache: Cache, rows: Sequence[Row], prompts: Sequence[list[int]]) -> FloatArray:
    """Feed what all prompts are long enough for at once, and queue the rest; a finished row is fed PAD."""
    shared = min(len(prompt) for row, prompt in zip(rows, prompts, strict=True) if not row.scribe.done)
    block = np.zeros((len(rows), shared), dtype=np.int64)
    for place, (row, prompt) in enumerate(zip(rows, prompts, strict=True)):
        if not row.scribe.done:
            block[place] = prompt[:shared]
            row.queue = deque(prompt[shared:])
    return cache.feed(block)


def _next(row: Row, logits: FloatArray, rng: np.random.Generator, taste: Taste, bar_ids: set[int]) -> int:
    """The row's next id: from its queue, else drawn; the scribe hears of what it wrote itself."""
    if row.queue:
        return row.queue.popleft()
    allowed = row.scribe.allowed()
    only = np.flatnonzero(allowed)
    token = int(only[0])
    if len(only) > 1:
        token, nats = draw(logits, allowed, rng, taste)
        row.nats += nats
        row.drawn += 1
    row.scribe.push(token)
    if token in bar_ids:
        given = row.interlude(row.scribe.bar)
        if given:
            row.queue.extend([*given[1:], token])
            return given[0]
    return token


def draw(logits: FloatArray, allowed: BoolArray, rng: np.random.Generator, taste: Taste) -> tuple[int, float]:
    """One id among ``allowed`` (V,), and its nats under the network restricted to them."""
    places = np.flatnonzero(allowed)
    raw = logits[places].astype(np.float64)
    raw -= raw.max()
    plain = np.exp(raw)
    plain /= plain.sum()
    chances = np.exp(raw / taste.temperature)  # not a power of plain, which a low temperature would underflow to 0
    chances[plain < taste.min_p * plain.max()] = 0
    chances /= chances.sum()
    if taste.top_p < 1:
        order = np.argsort(-chances)
        beyond = np.cumsum(chances[order]) - chances[order] >= taste.top_p
        beyond[0] = False
        chances[order[beyond]] = 0
        chances /= chances.sum()
    place = int(rng.choice(len(places), p=chances))
    return int(places[place]), float(-math.log(plain[place]))
