"""Several tracks written bar by bar under rules: who writes next, and what stands between the tracks.

Conventions:
    Everything is in the frame (tonic C) and in grid steps. A ``BarLine`` is a bar to fill, a ``Pen`` the rules of one
    track, a ``BarScribe`` one candidate being written: bar line, metre where it changes, then each pen in turn. By
    construction there is always at least one allowed id, and every path ends.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cocreate.model.rules import BoolArray, strong_steps
from cocreate.model.tokens import bar_id
from cocreate.model.vocabulary import STEP_TICKS, Vocabulary, nearest_meter
from cocreate.music.song import Meter, Song


@dataclass(frozen=True, slots=True)
class BarLine:
    """A bar to fill.

    Args:
        start: its first step in the piece.
        steps: its length.
        beat_steps: steps of a felt beat.
        strong: steps of the bar where the beat is strong.
        meter: its metre as the model is told.
    """

    start: int
    steps: int
    beat_steps: int
    strong: tuple[int, ...]
    meter: str
    is_pickup: bool = False

    @property
    def end(self) -> int:
        """First step of the piece after the bar."""
        return self.start + self.steps

    @property
    def beats(self) -> range:
        """Steps of the bar where a beat begins."""
        return range(0, self.steps, self.beat_steps)


def bar_lines(song: Song) -> tuple[BarLine, ...]:
    """The bars of a song that the grid can hold (see ``tokens.sheet_of``, which refuses the others)."""
    return tuple(
        BarLine(
            bar.start_ticks // STEP_TICKS,
            bar.length_ticks // STEP_TICKS,
            _beat_steps(bar.meter),
            strong_steps(bar.meter),
            nearest_meter(bar.meter),
            is_pickup=bar.index == 0 and song.pickup_ticks > 0,
        )
        for bar in song.bars()
    )


def _beat_steps(meter: Meter) -> int:
    """Steps of a felt beat; the whole bar where the beat is off the grid."""
    return (meter.bar_ticks if meter.beat_ticks % STEP_TICKS else meter.beat_ticks) // STEP_TICKS


class Pen(ABC):
    """The rules of one track. It is told of each bar by ``begin`` and of each id it wrote by ``push``."""

    def __init__(self, name: str, lines: Sequence[BarLine], words: Vocabulary) -> None:
        self.name, self.lines, self.words = name, lines, words
        self.bar = -1
        self.first = {kind: int(ids[0]) for kind, ids in words.type_ids.items()}

    @property
    def line(self) -> BarLine:
        """The bar that is being written."""
        return self.lines[self.bar]

    @property
    def is_last_bar(self) -> bool:
        """True in the last bar of the piece."""
        return self.bar == len(self.lines) - 1

    def begin(self, bar: int) -> None:
        """Bar ``bar`` comes next."""
        self.bar = bar

    @abstractmethod
    def allow(self, mask: BoolArray) -> bool:
        """Mark the ids that may come next; True when the track may also leave this bar here."""

    @abstractmethod
    def push(self, token: int) -> None:
        """Take the id that was chosen."""


class BarScribe:
    """Fills every bar, one pen after the other.

    Args:
        pens: in the order in which they write each bar.
        meter: the metre that the controls name; a bar of another one says so.
        names_tracks: a track's name stands before its ids; a single pen may do without (task "under").
    """

    def __init__(
        self,
        lines: Sequence[BarLine],
        pens: Sequence[Pen],
        words: Vocabulary,
        *,
        meter: str | None,
        names_tracks: bool = True,
    ) -> None:
        assert names_tracks or len(pens) == 1
        self.lines, self.pens, self.words = lines, pens, words
        self.bar = -1
        self.done = False
        self.written: list[list[int]] = []  # of each bar the ids after its line
        self._meter = meter
        self._names_tracks = names_tracks
        self._pen = -1  # which pen writes; -1 before the first of a bar
        self._metre_id = -1  # the metre that must be said now, if any

    def bar_id(self, place: int) -> int:
        """Id of the line before bar ``place``."""
        return bar_id(len(self.lines) - 1 - place, 0, self.words, is_pickup=self.lines[place].is_pickup)

    def allowed(self) -> BoolArray:
        """Mask (V,) of the ids that may come next; never empty before ``done``."""
        mask = np.zeros(len(self.words), dtype=np.bool_)
        if self._metre_id >= 0:
            mask[self._metre_id] = True
        elif self._pen < 0 or self.pens[self._pen].allow(mask):
            mask[self._following()] = True
        return mask

    def push(self, token: int) -> None:
        """Take the id that was chosen; it must have been allowed."""
        kind = self.words.types[token]
        if kind == "EOS":
            self.done = True
        elif kind == "Bar":
            self._begin_bar()
        else:
            self.written[-1].append(token)
            if kind == "TimeSig":
                self._metre_id = -1
            elif kind == "Track":
                self._pen += 1
            else:
                self.pens[self._pen].push(token)

    def _begin_bar(self) -> None:
        self.bar += 1
        self.written.append([])
        self._pen = -1 if self._names_tracks else 0
        meter = self.lines[self.bar].meter
        if meter != self._meter:
            self._meter, self._metre_id = meter, self.words.id("TimeSig", meter)
        for pen in self.pens:
            pen.begin(self.bar)

    def _following(self) -> int:
        """The id that ends what is being written: a track's name, a bar line or the end."""
        if self.bar >= 0 and self._pen + 1 < len(self.pens):
            return self.words.id("Track", self.pens[self._pen + 1].name)
        if self.bar + 1 < len(self.lines):
            return self.bar_id(self.bar + 1)
        return self.words.id("EOS")
