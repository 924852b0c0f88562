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
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from cocreate.errors import InputError
from cocreate.model.decoder import Cache, Decoder, FloatArray

MAX_GUIDANCE = 5.0
STEERING = ("Taste", "Style", "Mood")  # what guidance makes stronger

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Sampling:
    """How adventurous the sampling is.

    ``guidance`` is how strongly style, mood and taste steer: 1 as trained, 0 not at all, 2 twice as much.
    """

    temperature: float = 1.0
    min_p: float = 0.05
    top_p: float = 1.0
    guidance: float = 1.0

    def __post_init__(self) -> None:
        if not self.temperature > 0 or not math.isfinite(self.temperature):
            raise InputError(f"temperature must be above 0, got {self.temperature}")
        for name, value in (("min_p", self.min_p), ("top_p", self.top_p)):
            if not 0 <= value <= 1:
                raise InputError(f"{name} must be in 0..1, got {value}")
        if not 0 <= self.guidance <= MAX_GUIDANCE:
            raise InputError(f"guidance must be in 0..{MAX_GUIDANCE:g}, got {self.guidance}")


class Writer(Protocol):
    """The rules of one candidate; ``bar`` counts the bar lines it has written, from -1."""

    @property
    def bar(self) -> int:
        """The bar that is being written."""
        ...

    @property
    def done(self) -> bool:
        """True after the end."""
        ...

    def allowed(self) -> BoolArray:
        """Mask (V,) of the ids that may come next; never empty before ``done``."""
        ...

    def push(self, token: int) -> None:
        """Take the id that was chosen; it must have been allowed."""
        ...


W = TypeVar("W", bound=Writer)


@dataclass(slots=True)
class Row(Generic[W]):
    """One candidate: what the network is fed first, its rules, and what must be fed before a bar (given chords).

    ``interlude(bar)`` gives ids to feed before bar line ``bar``; ``again()`` is a prompt, shorter than the context,
    that stands for all the row has been fed so far; ``nats`` collects the cost of what was chosen; ``taste`` is the
    content vector (F,) that the Taste ids of the prompt stand for, if it has any.
    """

    prompt: list[int]
    scribe: W
    interlude: Callable[[int], list[int]] = lambda _bar: []
    again: Callable[[], list[int]] | None = None
    nats: float = 0.0
    drawn: int = 0
    taste: FloatArray | None = None
    queue: deque[int] = field(default_factory=deque)


def decode(net: Decoder, rows: Sequence[Row[Any]], *, seed: int, sampling: Sampling | None = None) -> None:
    """Let every row's scribe write to its end. Rows are changed in place.

    With a guidance other than 1 a second cache runs beside the first, whose prompts name no style, mood or taste
    (classifier-free guidance; Ho and Salimans 2022): logits = plain + guidance * (told - plain).

    Raises:
        CheckpointError: if a sequence outgrows the network's context and its row has no ``again``.
    """
    if not rows:
        return
    sampling = sampling or Sampling()
    generators = [np.random.default_rng([seed, place]) for place in range(len(rows))]
    caches = [_Feed(net.start(len(rows), taste=_tastes(rows)), untold=frozenset())]
    if sampling.guidance != 1:
        untold = frozenset(i for kind in STEERING for i in net.words.type_ids.get(kind, np.zeros(0, int)).tolist())
        caches.append(_Feed(net.start(len(rows)), untold=untold))
    found = [feed.prompt(rows, [row.prompt for row in rows]) for feed in caches]
    bar_ids = set(net.words.type_ids["Bar"].tolist())
    while True:
        if any(feed.cache.length == net.context for feed in caches) and all(row.again for row in rows):
            prompts = [row.again() if row.again else [] for row in rows]
            found = [feed.prompt(rows, prompts) for feed in caches]
        logits = found[0] if len(found) == 1 else found[1] + sampling.guidance * (found[0] - found[1])
        step = np.zeros((len(rows), 1), dtype=np.int64)  # a finished row is fed PAD
        for place, row in enumerate(rows):
            if not row.scribe.done:
                step[place, 0] = _next(row, logits[place], generators[place], sampling, bar_ids)
        if all(row.scribe.done for row in rows):
            return
        found = [feed.cache.feed(step) for feed in caches]


@dataclass(slots=True)
class _Feed:
    """A cache and the ids that its prompts leave out."""

    cache: Cache
    untold: frozenset[int]

    def prompt(self, rows: Sequence[Row[Any]], prompts: Sequence[list[int]]) -> FloatArray:
        """Begin anew: feed what all prompts are long enough for at once, queue the rest; a finished row is fed PAD."""
        self.cache.length = 0
        left_out = len([i for i in prompts[0] if i in self.untold])
        shared = min(len(prompt) for row, prompt in zip(rows, prompts, strict=True) if not row.scribe.done)
        block = np.zeros((len(rows), shared - left_out), dtype=np.int64)
        for place, (row, prompt) in enumerate(zip(rows, prompts, strict=True)):
            if not row.scribe.done:
                told = [i for i in prompt[:shared] if i not in self.untold]
                # the same number for each row: one request names the same things for all its rows
                block[place, : len(told)] = told[: shared - left_out]
                row.queue = deque(prompt[shared:])
        return self.cache.feed(block)


def _tastes(rows: Sequence[Row[Any]]) -> FloatArray | None:
    """The rows' content vectors (B, F); 0 for a row that has none, None when no row has."""
    size = max((len(row.taste) for row in rows if row.taste is not None), default=0)
    if not size:
        return None
    blank = np.zeros(size, dtype=np.float32)
    return np.stack([blank if row.taste is None else row.taste for row in rows])


def _next(row: Row[Any], logits: FloatArray, rng: np.random.Generator, sampling: Sampling, bar_ids: set[int]) -> int:
    """The row's next id: from its queue, else drawn; the scribe hears of what it wrote itself."""
    if row.queue:
        return row.queue.popleft()
    allowed = row.scribe.allowed()
    only = np.flatnonzero(allowed)
    token = int(only[0])
    if len(only) > 1:
        token, nats = draw(logits, allowed, rng, sampling)
        row.nats += nats
        row.drawn += 1
    row.scribe.push(token)
    if token in bar_ids:
        given = row.interlude(row.scribe.bar)
        if given:
            row.queue.extend([*given[1:], token])
            return given[0]
    return token


def draw(logits: FloatArray, allowed: BoolArray, rng: np.random.Generator, sampling: Sampling) -> tuple[int, float]:
    """One id among ``allowed`` (V,), and its nats under the network restricted to them."""
    places = np.flatnonzero(allowed)
    raw = logits[places].astype(np.float64)
    raw -= raw.max()
    plain = np.exp(raw)
    plain /= plain.sum()
    chances = np.exp(raw / sampling.temperature)  # not a power of plain, which a low temperature would underflow to 0
    chances[plain < sampling.min_p * plain.max()] = 0
    chances /= chances.sum()
    if sampling.top_p < 1:
        order = np.argsort(-chances)
        beyond = np.cumsum(chances[order]) - chances[order] >= sampling.top_p
        beyond[0] = False
        chances[order[beyond]] = 0
        chances /= chances.sum()
    place = int(rng.choice(len(places), p=chances))
    return int(places[place]), float(-math.log(plain[place]))
