"""The rules of a drum part: where hits may be, what two hands and two feet can play, fills, and how it ends.

Conventions:
    Steps of the piece as in ``bar_rules``. A *point* is a place of the grid: a 16th, or a third of a quarter where the
    feel is swung. A soft hit (a ghost note) is written one step after its point, as in ``corpus.band``; what is kept
    is the point. Velocities are those of drummers, `LOUDNESS`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cocreate.model.bar_rules import BarLine, Pen
from cocreate.model.rules import BoolArray
from cocreate.model.vocabulary import DRUMS, STEPS_PER_QUARTER, Vocabulary

STRAIGHT, SWUNG = 6, 8  # steps between points: a 16th, a triplet quaver
FEET = (36, 44)  # bass drum, pedal hi-hat
CRASHES = (49,)
HIGH_TOMS, FLOOR_TOM = (45, 48, 50), 43
SNARES = (37, 38, 39)  # cross-stick, snare, clap
HANDS = 2
COMMON_BAR = 4 * STEPS_PER_QUARTER
BACKBEATS = (STEPS_PER_QUARTER, 3 * STEPS_PER_QUARTER)
MOST_IN_BAR = 128  # hits: what a bar of the finest points can hold
MAX_SILENT_BARS = 1

# mean velocity of hits of the Groove MIDI Dataset's training drummers: on the bar's strong beats, on its other beats,
# on quavers between, elsewhere; and of those below 50, the soft ones
LOUDNESS = {
    36: (86, 82, 78, 68, 31), 37: (70, 74, 71, 72, 34), 38: (97, 111, 99, 91, 29), 39: (95, 105, 95, 90, 40),
    42: (92, 98, 86, 83, 32), 43: (98, 102, 99, 94, 38), 44: (76, 76, 79, 72, 33), 45: (106, 107, 93, 90, 39),
    46: (100, 104, 100, 91, 40), 48: (80, 102, 89, 87, 42), 49: (96, 96, 91, 91, 40), 50: (107, 106, 97, 99, 40),
    51: (84, 91, 79, 72, 37), 53: (98, 102, 98, 90, 40),
}  # fmt: skip
_OTHERS = (84, 84, 78, 72, 36)


@dataclass(frozen=True, slots=True)
class Hit:
    """A drum at a point: step of the piece, General MIDI key, and whether it is a ghost note."""

    onset: int
    key: int
    is_soft: bool = False


@dataclass(frozen=True, slots=True)
class Beat:
    """What a drum part must be.

    Args:
        unit: steps between points.
        keys: the drums that may be hit.
        fills: bars whose second half may be a fill; elsewhere high toms stay silent.
        crashes: bars that may begin with a crash, and begin with a hit.
        last_onset: the last step of the piece where a hit may be.
        has_backbeat: a bar of four quarters has a snare on its second beat, and on its fourth where no fill is.
    """

    unit: int
    keys: frozenset[int]
    fills: frozenset[int]
    crashes: frozenset[int]
    last_onset: int
    has_backbeat: bool = False


class DrumPen(Pen):
    """Writes the hits of a `Beat`: each drum once a point, no more of them than two hands and two feet can play."""

    def __init__(self, beat: Beat, lines: Sequence[BarLine], words: Vocabulary) -> None:
        super().__init__("drums", lines, words)
        self.beat = beat
        self.hits: list[Hit] = []
        self._step = -1  # of the bar, the latest that was written
        self._open = False  # a position was written, and no hit yet
        self._silent = 0  # bars before this one without a hit
        self._struck: list[int] = []  # drums of the latest point
        self._lowest = 0  # words of one position come in order

    def begin(self, bar: int) -> None:
        """Bar ``bar`` comes next."""
        if self.bar >= 0:
            self._silent = 0 if self._step >= 0 else self._silent + 1
        super().begin(bar)
        self._step, self._open, self._struck, self._lowest = -1, False, [], 0

    def allow(self, mask: BoolArray) -> bool:
        """Mark the ids that may come next; True when the part may leave this bar here."""
        due = self._next_backbeat()
        if self._step >= 0:
            keys = [key for key in self._keys(self._point(self._step)) if key > self._lowest]
            if due == self._step:  # words of one position come in order: nothing above the snare before it
                keys = [key for key in keys if key in SNARES or key < min(SNARES)]
            mask[[self.first["Drum"] + DRUMS.index(key) for key in keys]] = True
        if self._open or due == self._step >= 0:
            return False
        steps = [step for step in self._steps() if due is None or step <= due]
        mask[[self.first["Position"] + step for step in steps]] = True
        return not steps or (due is None and not self._is_due)

    def push(self, token: int) -> None:
        """Take the id that was chosen."""
        kind, value = self.words.types[token], int(self.words.values[token])
        if kind == "Position":
            if self._step < 0 or self._point(value) != self._point(self._step):
                self._struck = []
            self._step, self._open, self._lowest = value, True, 0
            return
        self._open, self._lowest = False, value
        self._struck.append(value)
        point = self._point(self._step)
        self.hits.append(Hit(self.line.start + point, value, is_soft=self._step > point))

    @property
    def _is_due(self) -> bool:
        """True when the bar may not end yet."""
        if self.line.is_pickup or self._step >= 0:
            return False
        return self._silent >= MAX_SILENT_BARS or self.is_last_bar or self.bar in self.beat.crashes

    def _next_backbeat(self) -> int | None:
        """The next beat of this bar where a snare must still come."""
        line = self.line
        if not self.beat.has_backbeat or line.steps != COMMON_BAR or line.is_pickup or self.is_last_bar:
            return None
        beats = BACKBEATS[:1] if self.bar in self.beat.fills else BACKBEATS
        struck = {hit.onset - line.start for hit in self.hits[-MOST_IN_BAR:] if hit.key in SNARES and not hit.is_soft}
        return next((beat for beat in beats if beat not in struck), None)

    def _point(self, step: int) -> int:
        return step // self.beat.unit * self.beat.unit

    def _steps(self) -> list[int]:
        """Steps of the bar where the next hits may be written: points, and for soft hits the steps after them."""
        line, unit = self.line, self.beat.unit
        if line.is_pickup:
            return []
        stop = min(line.steps, self.beat.last_onset + 1 - line.start)
        if self._step < 0 and (self.is_last_bar or self.bar in self.beat.crashes):
            stop = 1  # it begins on the one
        points = [point for point in range(0, stop, unit) if point + 1 > self._step]
        found = [point for point in points if point > self._step and self._keys(point)]
        if stop > 1:
            found += [point + 1 for point in points if point + 1 < line.steps and self._keys(point)]
        return found

    def _keys(self, point: int) -> list[int]:
        """Drums that may still be hit at a point of the bar."""
        struck = self._struck if self._step >= 0 and point == self._point(self._step) else []
        hands = sum(key not in FEET for key in struck)
        is_fill = self.bar in self.beat.fills and point * 2 >= self.line.steps
        return [
            key
            for key in DRUMS
            if key in self.beat.keys
            and key not in struck
            and (key in FEET or hands < HANDS)
            and (key not in CRASHES or (point == 0 and self.bar in self.beat.crashes))
            and (key not in HIGH_TOMS or is_fill)
        ]


def velocity_of(hit: Hit, line: BarLine) -> int:
    """How loud a drummer plays a hit of a bar, 1..127."""
    loudness = LOUDNESS.get(hit.key, _OTHERS)
    here = hit.onset - line.start
    if hit.is_soft:
        return loudness[-1]
    if here in line.strong:
        return loudness[0]
    if here in line.beats:
        return loudness[1]
    half = STEPS_PER_QUARTER // 2
    return loudness[2] if here % half == 0 or here % STEPS_PER_QUARTER == 2 * SWUNG else loudness[3]
