"""An interpolated n-gram model of words: a baseline for the network, a second opinion on a line, and a pen for tests.

Conventions:
    Ids are 0..size-1; a text is one array with breaks between its lines, contexts run over them. Interpolated
    Kneser-Ney with one discount an order (Chen and Goodman 1999): shorter contexts are counted by how many different
    words they follow. Contexts are numbered: the number of a longer one is its place among (number of the shorter one
    seen later, word before it), so five words never have to fit 64 bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
_FEW = 1e-12
_LEAST_DISCOUNT = 0.1  # where hardly anything was seen just once


@dataclass(frozen=True, slots=True)
class Order:
    """Counts of one order: ``keys`` context * size + word (sorted), ``counts`` beside them; per context its mass.

    ``contexts``: key of each context, shorter context * size + word before it (sorted); ``total`` and ``kinds``: how
    often each was seen and how many different words followed.
    """

    contexts: IntArray
    keys: IntArray
    counts: npt.NDArray[np.float32]
    total: npt.NDArray[np.float32]
    kinds: npt.NDArray[np.float32]
    discount: float


@dataclass(frozen=True, slots=True)
class WordNgrams:
    """Orders from 1 (no context) up."""

    size: int
    orders: tuple[Order, ...]

    @classmethod
    def fit(cls, texts: Sequence[npt.ArrayLike], *, size: int, order: int = 5, prune: int = 0) -> WordNgrams:
        """Count ``texts``; of orders above 2, n-grams seen at most ``prune`` times are forgotten."""
        pieces = [np.asarray(text, dtype=np.int64) for text in texts]
        ids = np.concatenate(pieces) if pieces else np.zeros(0, dtype=np.int64)
        room = np.concatenate([np.arange(len(piece)) for piece in pieces]) if pieces else np.zeros(0, dtype=np.int64)
        raw: list[tuple[IntArray, IntArray, IntArray]] = []  # context keys, n-gram keys, counts
        context = np.zeros(len(ids), dtype=np.int64)
        alive = np.ones(len(ids), dtype=np.bool_)
        for length in range(order):
            contexts = np.zeros(1, dtype=np.int64)
            if length:
                alive &= room >= length
                key = context * size + np.roll(ids, length)
                contexts = np.unique(key[alive])
                context = np.where(alive, np.searchsorted(contexts, key), 0)
            keys, counts = np.unique(context[alive] * size + ids[alive], return_counts=True)
            raw.append((contexts, keys, counts))
        return cls(size, tuple(_orders(raw, size, prune)))

    def nats_each(self, text: npt.ArrayLike) -> FloatArray:
        """Nats of each id of a text given those before it."""
        ids = np.asarray(text, dtype=np.int64)
        chance = np.full(len(ids), 1.0 / self.size)
        number = np.zeros(len(ids), dtype=np.int64)
        alive = np.ones(len(ids), dtype=np.bool_)
        for length, order in enumerate(self.orders):
            if length:
                before = np.roll(ids, length)
                alive &= np.arange(len(ids)) >= length
                number, found = _find(order.contexts, number * self.size + before)
                alive &= found
            chance = np.where(alive, _blend(order, number, ids, chance, self.size), chance)
        return np.asarray(-np.log(np.maximum(chance, _FEW)))

    def distribution(self, before: Sequence[int]) -> FloatArray:
        """Chance of every id after ``before``. Shape (size,)."""
        words = np.arange(self.size)
        chance = np.full(self.size, 1.0 / self.size)
        number = 0
        for length, order in enumerate(self.orders):
            if length:
                if len(before) < length:
                    break
                places, found = _find(order.contexts, np.array([number * self.size + before[-length]]))
                if not found[0]:
                    break
                number = int(places[0])
            chance = _blend(order, np.full(self.size, number), words, chance, self.size)
        return chance

    def share_after(self, before: Sequence[int]) -> FloatArray:
        """Of the different places where each id stands, the share right after one of ``before``. Shape (size,)."""
        order = self.orders[1]
        word = order.keys % self.size
        after = np.isin(order.contexts[order.keys // self.size], np.asarray(before))
        counts = [np.bincount(word, weights=order.counts * kept, minlength=self.size) for kept in (after, 1)]
        return np.asarray(counts[0] / np.maximum(counts[1], 1))

    def save(self, path: Path) -> None:
        """Write as a compressed npz."""
        arrays: dict[str, npt.NDArray[np.generic]] = {"size": np.array([self.size])}
        for place, order in enumerate(self.orders):
            arrays[f"{place}.contexts"] = np.diff(order.contexts, prepend=0).astype(np.uint64)
            arrays[f"{place}.keys"] = np.diff(order.keys, prepend=0).astype(np.uint64)
            arrays[f"{place}.counts"] = np.minimum(order.counts, 65_535).astype(np.uint16)
            arrays[f"{place}.total"] = order.total
            arrays[f"{place}.kinds"] = order.kinds
            arrays[f"{place}.discount"] = np.array([order.discount])
        np.savez_compressed(path, **arrays)  # type: ignore[arg-type]

    @classmethod
    def load(cls, path: Path) -> WordNgrams:
        """Read what ``save`` wrote."""
        with np.load(path, allow_pickle=False) as file:
            count = sum(name.endswith(".keys") for name in file.files)
            return cls(
                int(file["size"][0]),
                tuple(
                    Order(
                        np.cumsum(file[f"{n}.contexts"].astype(np.int64)),
                        np.cumsum(file[f"{n}.keys"].astype(np.int64)),
                        file[f"{n}.counts"].astype(np.float32), file[f"{n}.total"], file[f"{n}.kinds"],
                        float(file[f"{n}.discount"][0]),
                    )
                    for n in range(count)
                ),
            )  # fmt: skip


def _orders(raw: list[tuple[IntArray, IntArray, IntArray]], size: int, prune: int) -> list[Order]:
    found: list[Order] = []
    for place, (contexts, keys, counts) in enumerate(raw):
        seen = counts.astype(np.float64)
        if place + 1 < len(raw):
            seen = _kinds_before(raw, place, size)
        once, twice = float((seen == 1).sum()), float((seen == 2).sum())  # noqa: PLR2004 - Ney's estimate
        discount = max(_LEAST_DISCOUNT, once / max(1.0, once + 2 * twice))
        at = keys // size
        total = np.bincount(at, weights=seen, minlength=len(contexts))
        kinds = np.bincount(at, minlength=len(contexts)).astype(np.float64)
        if prune and place > 1:
            kept = counts > prune
            lost = np.bincount(at[~kept], weights=seen[~kept] - discount, minlength=len(contexts))
            kinds += lost / discount  # the mass of what is forgotten goes to the shorter context
        else:
            kept = np.ones(len(keys), dtype=np.bool_)
        left = seen[kept].astype(np.float32)
        found.append(Order(contexts, keys[kept], left, total.astype(np.float32), kinds.astype(np.float32), discount))
    return found


def _kinds_before(raw: list[tuple[IntArray, IntArray, IntArray]], place: int, size: int) -> FloatArray:
    """How many different words stand before each n-gram, read off the n-grams one longer; at least 1 at a beginning."""
    contexts, keys, _ = raw[place + 1]
    shorter = contexts[keys // size] // size  # number of the context without its first word
    inner = np.searchsorted(raw[place][1], shorter * size + keys % size)
    counts = np.bincount(inner, minlength=len(raw[place][1])).astype(np.float64)
    return np.maximum(counts, 1.0)


def _find(table: IntArray, keys: IntArray) -> tuple[IntArray, npt.NDArray[np.bool_]]:
    places = np.minimum(table.searchsorted(keys), len(table) - 1)
    return places, table[places] == keys


def _blend(order: Order, number: IntArray, ids: IntArray, shorter: FloatArray, size: int) -> FloatArray:
    places, found = _find(order.keys, number * size + ids)
    counts = np.where(found, order.counts[places] - order.discount, 0.0)
    total = np.maximum(order.total[number], _FEW)
    return np.asarray((np.maximum(counts, 0.0) + order.discount * order.kinds[number] * shorter) / total)


class Bonds:
    """How much likelier words become by what stands before them, remembered while a song is written.

    Backwards from a word the contexts of one order lie side by side, so one look finds all words that may precede it.
    """

    def __init__(self, model: WordNgrams) -> None:
        self._model = model
        order = model.orders[1]
        after = order.keys % model.size
        self._by_next = np.argsort(after, kind="stable")
        self._next = after[self._by_next]
        self._sparse: dict[tuple[int, ...], tuple[IntArray, FloatArray]] = {}

    def nats(self, words: IntArray, following: Sequence[int]) -> FloatArray:
        """Nats by which ``following`` becomes likelier when each of ``words`` stands right before it. Shape (n,).

        Words that the model does not know, which somebody brought, neither gain nor give.
        """
        total = np.zeros(len(words))
        told = tuple(takewhile(lambda word: word < self._model.size, following[: len(self._model.orders) - 1]))
        for count in range(1, len(told) + 1):
            before, gain = self._known(told[:count])
            if not len(before):
                break  # what never followed a word follows no longer context either
            places, found = _find(before, words)
            total += np.where(found, gain[places], 0.0)
        return total

    def _known(self, told: tuple[int, ...]) -> tuple[IntArray, FloatArray]:
        """Words seen before ``told`` (sorted), and by how many nats each makes its last word likelier."""
        if told not in self._sparse:
            if len(self._sparse) > _MOST_BONDS:
                self._sparse.clear()
            self._sparse[told] = self._look(told)
        return self._sparse[told]

    def _look(self, told: tuple[int, ...]) -> tuple[IntArray, FloatArray]:
        size, order, last = self._model.size, self._model.orders[len(told)], told[-1]
        number, shorter = self._shorter(told)
        if number < 0:
            return _NOTHING
        first, stop = np.searchsorted(order.contexts, [number * size, (number + 1) * size])
        contexts = np.arange(first, stop)
        counts = np.zeros(len(contexts))
        if len(told) == 1:
            low, high = np.searchsorted(self._next, [last, last + 1])
            places = self._by_next[low:high]
            counts[order.keys[places] // size] = np.maximum(order.counts[places] - order.discount, 0.0)
        else:
            low, high = np.searchsorted(order.keys, [first * size, stop * size])
            keys = order.keys[low:high]
            places = np.flatnonzero(keys % size == last)
            counts[keys[places] // size - first] = np.maximum(order.counts[low:high][places] - order.discount, 0.0)
        chance = (counts + order.discount * order.kinds[contexts] * shorter) / np.maximum(order.total[contexts], _FEW)
        return order.contexts[contexts] % size, np.log(np.maximum(chance, _FEW) / max(shorter, _FEW))

    def _shorter(self, told: tuple[int, ...]) -> tuple[int, float]:
        """The number of the words between as a context (-1: never seen), and the chance of the last after them."""
        number, chance = 0, 1.0 / self._model.size
        for length, order in enumerate(self._model.orders[: len(told)]):
            if length:
                at, seen = _find(order.contexts, np.array([number * self._model.size + told[-1 - length]]))
                if not seen[0]:
                    return -1, chance
                number = int(at[0])
            own = _blend(order, np.array([number]), np.array([told[-1]]), np.array([chance]), self._model.size)
            chance = float(own[0])
        return number, chance


_MOST_BONDS = 20_000
_NOTHING = (np.zeros(0, dtype=np.int64), np.zeros(0))
