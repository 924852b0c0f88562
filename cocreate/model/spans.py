"""Which spans of eight words the training texts hold: the guard against copying, in a Bloom filter.

Conventions:
    A span is eight ids (of Chinese, five) that follow each other in singing order, over line ends, within one
    text. The filter never misses a span that is there; of spans that are not, about two
    in a hundred are refused for nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

SPAN_WORDS = 8
SPAN_CHARACTERS = 5  # a whole line of old verse is as short as that
_HASHES = 5
_BITS_A_SPAN = 8
_PRIMES = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F)  # odd constants of well-known mixers


@dataclass(frozen=True, slots=True)
class SpanIndex:
    """A Bloom filter over spans; ``bits`` packed, least first."""

    bits: npt.NDArray[np.uint8]
    size: int = SPAN_WORDS

    @classmethod
    def fit(cls, texts: Iterable[npt.ArrayLike], *, unknown: int, size: int = SPAN_WORDS) -> SpanIndex:
        """The spans of ``texts`` that have no ``unknown`` word."""
        keys: list[npt.NDArray[np.uint64]] = []
        for text in texts:
            ids = np.asarray(text, dtype=np.int64)
            if len(ids) >= size:
                rows = np.lib.stride_tricks.sliding_window_view(ids, size)
                keys.append(_keys(rows[(rows != unknown).all(axis=1)]))
        found = np.unique(np.concatenate(keys)) if keys else np.zeros(0, dtype=np.uint64)
        room = max(64, len(found) * _BITS_A_SPAN)
        flags = np.zeros(-(-room // 8) * 8, dtype=np.bool_)
        for places in _places(found, len(flags)):
            flags[places] = True
        return cls(np.packbits(flags, bitorder="little"), size)

    def holds_any(self, words: Sequence[int]) -> bool:
        """True when a whole span of the words stands so in a training text."""
        return self.longest(words) >= self.size

    def longest(self, words: Sequence[int]) -> int:
        """Words of the longest run of which every span is known; 0 when none is."""
        ids = np.asarray(words, dtype=np.int64)
        if len(ids) < self.size:
            return 0
        keys = _keys(np.lib.stride_tricks.sliding_window_view(ids, self.size))
        known = np.ones(len(keys), dtype=np.bool_)
        for places in _places(keys, len(self.bits) * 8):
            known &= (self.bits[places >> 3] >> (places & 7).astype(np.uint8)) & 1 == 1
        best = run = 0
        for hit in known:
            run = run + 1 if hit else 0
            best = max(best, run)
        return best + self.size - 1 if best else 0

    def save(self, path: Path) -> None:
        """Write as npz."""
        np.savez(path, bits=self.bits, size=np.array([self.size]))

    @classmethod
    def load(cls, path: Path) -> SpanIndex:
        """Read what ``save`` wrote."""
        with np.load(path, allow_pickle=False) as file:
            return cls(file["bits"], int(file["size"][0]) if "size" in file.files else SPAN_WORDS)


def _keys(rows: npt.NDArray[np.int64]) -> npt.NDArray[np.uint64]:
    found = np.zeros(len(rows), dtype=np.uint64)
    with np.errstate(over="ignore"):
        for column in range(rows.shape[1]):
            found = (found ^ rows[:, column].astype(np.uint64)) * np.uint64(_PRIMES[0])
            found ^= found >> np.uint64(29)
    return found


def _places(keys: npt.NDArray[np.uint64], size: int) -> Iterable[npt.NDArray[np.int64]]:
    with np.errstate(over="ignore"):
        other = (keys * np.uint64(_PRIMES[1])) | np.uint64(1)
        for turn in range(_HASHES):
            yield ((keys + np.uint64(turn) * other) % np.uint64(size)).astype(np.int64)
