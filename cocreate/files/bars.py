"""Printed measures laid on a regular grid of bars, for ABC and MusicXML alike.

Conventions:
    Time here is in fine ticks, ``FINE`` to a tick, so that tuplets stay whole numbers. Printed measures are not bars:
    a repeat sign may cut a bar in two, a section may begin with a pickup. ``lay_out`` joins the halves, pads a pickup
    on the left and counts what still does not fit as irregular.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from cocreate.music.song import TICKS_PER_QUARTER, Key

FINE = 420  # 4 * 3 * 5 * 7: triplets, quintuplets and septuplets of short notes are whole numbers
WHOLE = 4 * TICKS_PER_QUARTER * FINE
_FEW_MEASURES = 4  # fewer say nothing about the metre


@dataclass(slots=True)
class Event:
    """A note, a chord of notes or (no pitches) a rest, ``at`` fine ticks into its measure."""

    at: int
    length: int
    pitches: tuple[int, ...] = ()
    ties: tuple[bool, ...] = ()
    syllables: list[tuple[int, str, bool]] = field(default_factory=list)  # verse, text, joins the next
    velocity: int | None = None  # where the file says it


@dataclass(slots=True)
class Measure:
    """What stands between two bar lines."""

    meter: tuple[int, int]
    events: list[Event] = field(default_factory=list)
    length: int = 0
    chords: list[tuple[int, str]] = field(default_factory=list)
    key: Key | None = None
    tempo_bpm: float | None = None
    label: str = ""
    opens: bool = False  # a repeat begins here
    closes: bool = False  # a repeat ends here
    double: bool = False  # ends with a double bar
    ending: int = 0  # the number of the ending that begins here

    @property
    def bar(self) -> int:
        """Length of a full bar."""
        return self.meter[0] * WHOLE // self.meter[1]


@dataclass(frozen=True, slots=True)
class Layout:
    """Where each measure of the playing order begins; ``end`` is the last bar line."""

    order: tuple[int, ...]
    starts: tuple[int, ...]
    meters: tuple[tuple[int, tuple[int, int]], ...]
    pickup: int
    end: int
    irregular: int


def playing_order(measures: list[Measure], *, expand: bool) -> list[int]:
    """Indexes of measures as played.

    Without ``expand`` each section comes once, with its last ending: that ending leads on to what is printed next,
    while the first leads back. With it, repeats are played twice, each pass with its own ending.
    """
    return _expanded(measures) if expand else _once(measures)


def lay_out(measures: list[Measure], order: list[int]) -> Layout:
    """Bar-line positions for ``order``; see the module's conventions."""
    played = [measures[i] for i in order]
    grid = _Grid(played)
    place = 0
    while place < len(played):
        place += grid.add(place)
    return Layout(
        tuple(order), tuple(grid.starts), tuple(grid.meters), grid.pickup, grid.position, irregular=grid.irregular
    )


def settle_meters(measures: list[Measure]) -> None:
    """Where nearly every measure has one length and the written metre another, believe the measures."""
    counts = Counter(m.length for m in measures if m.length)
    if len(measures) < _FEW_MEASURES or not counts or len({m.meter for m in measures}) > 1:
        return
    (common, times), first = counts.most_common(1)[0], measures[0]
    beats, rest = divmod(common * first.meter[1], WHOLE)
    fits = sum(counts.get(first.bar * n, 0) for n in (1, 2))
    if rest == 0 and times >= 0.7 * len(measures) and fits < 0.2 * len(measures) and 2 <= beats <= 24:  # noqa: PLR2004 - clear majority
        for measure in measures:
            measure.meter = (beats, first.meter[1])


@dataclass(slots=True)
class _Grid:
    played: list[Measure]
    starts: list[int] = field(default_factory=list)
    meters: list[tuple[int, tuple[int, int]]] = field(default_factory=list)
    position: int = 0
    pickup: int = 0
    irregular: int = 0

    def add(self, place: int) -> int:
        """Place one measure, or two that make one bar; returns how many."""
        now = self.played[place]
        if not self.meters or self.meters[-1][1] != now.meter:
            self.meters.append((self.position, now.meter))
        if now.length and now.length % now.bar == 0:
            return self._put(now.length)
        if now.length > now.bar:
            self.irregular += 1
            return self._put(-(-now.length // now.bar) * now.bar)
        if place == 0 and len(self.played) > 1:
            self.pickup = now.length
            return self._put_late(now)
        if place + 1 < len(self.played):
            after = self.played[place + 1]
            if after.meter == now.meter and now.length + after.length == now.bar:
                self.starts += [self.position, self.position + now.length]
                self.position += now.bar
                return 2
        return self._put_short(place)

    def _put_short(self, place: int) -> int:
        now, before = self.played[place], self.played[place - 1]
        last = place + 1 == len(self.played)
        opens = now.opens or before.closes or before.double
        if opens and not last:  # a section's pickup: it takes its time from the bar before, as players do
            tail = before.events[-1] if before.events else None
            if tail is not None and (tail.length > now.length or (not tail.pitches and tail.length >= now.length)):
                self.starts.append(self.position - now.length)
                return 1
            self.irregular += 1
            return self._put_late(now)
        if not (last or now.closes or now.double or self.played[place + 1].opens or self.played[place + 1].ending):
            self.irregular += 1
        return self._put(now.bar)

    def _put(self, advance: int) -> int:
        self.starts.append(self.position)
        self.position += advance
        return 1

    def _put_late(self, measure: Measure) -> int:
        self.starts.append(self.position + measure.bar - measure.length)
        self.position += measure.bar
        return 1


def _once(measures: list[Measure]) -> list[int]:
    dropped: set[int] = set()
    first: int | None = None
    for index, measure in enumerate(measures):
        if measure.ending > 1 and first is not None:
            dropped.update(range(first, index))
            first = index
        elif measure.ending == 1:
            first = index
        elif measure.opens or (index and measures[index - 1].double and not measures[index - 1].closes):
            first = None
    return [i for i in range(len(measures)) if i not in dropped]


def _expanded(measures: list[Measure]) -> list[int]:
    order: list[int] = []
    start, index, again, leaving = 0, 0, False, False  # leaving: in the second ending, which leads on
    while index < len(measures):
        measure = measures[index]
        if measure.opens and (leaving or not again):
            start, again, leaving = index, False, False
        if again and not leaving and measure.ending == 1:
            second = next((j for j in range(index + 1, len(measures)) if measures[j].ending > 1), None)
            if second is not None:
                index, measure, leaving = second, measures[second], True
        order.append(index)
        index += 1
        if measure.closes and not again:
            index, again = start, True
        elif measure.closes or (measure.double and (leaving or not again)):
            start, again, leaving = index, False, False
    return order
