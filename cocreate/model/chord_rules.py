"""The rules of chord symbols: where they may change, which stay, how rich they may be, and that the last one closes.

Conventions:
    Frame and grid steps as in ``bar_rules``, places and classes as in ``chord_clues``. A *slot* is a step of a bar
    where a chord may begin. A chord sounds from the first bar on, pickups apart; in a bar none is followed by itself.
    ``complexity`` is 0..1: below `SEVENTHS_FROM` triads alone, below `EXTENSIONS_FROM` sixths and sevenths too, then
    everything; from `NO_TRIADS_FROM` on no chords of three notes. None leaves it to the style.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from cocreate.errors import InputError
from cocreate.model.bar_rules import BarLine
from cocreate.model.chord_clues import (
    ABSENT,
    CLASSES,
    HOLD,
    KINDS,
    NO_CHORD,
    PRESENT,
    UNKNOWN,
    Clues,
    IntArray,
)
from cocreate.model.rules import BoolArray
from cocreate.model.vocabulary import STEP_TICKS
from cocreate.music.theory import QUALITIES

RHYTHMS = ("bar", "half", "beat", "free")
SEVENTHS_FROM, EXTENSIONS_FROM, NO_TRIADS_FROM = 0.25, 0.5, 0.65
TRIADS = frozenset({"maj", "m", "dim", "aug"})
SEVENTHS = frozenset({"6", "m6", "7", "maj7", "m7", "mMaj7", "m7b5", "dim7", "7sus4"})
SUSPENDED = frozenset({"sus2", "sus4"})
POWER = frozenset({"5"})  # no third: neither simple nor rich, the style's own choice
_MAJOR_THIRD, _MINOR_THIRD = 4, 3
_FLAT_SEVENTH = 10


@dataclass(frozen=True, slots=True)
class ChartBar:
    """What the chords of a bar must be.

    Args:
        open: steps where the model may begin a chord.
        due: those of ``open`` where a chord must sound and, inside the bar, another must begin.
        kept: chords that stay, by step: their class and bass (see ``chord_clues``).
    """

    open: frozenset[int]
    due: frozenset[int] = frozenset()
    kept: Mapping[int, tuple[int, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Chart:
    """What the chords of a piece must be.

    Args:
        bars: one for each bar line.
        qualities: what the model may write.
        has_slashes: it may write a bass that is not the root.
        closing: (root, quality) that the last chord may have; empty asks for nothing.
    """

    bars: tuple[ChartBar, ...]
    qualities: frozenset[str]
    has_slashes: bool = True
    closing: frozenset[tuple[int, str]] = frozenset()

    def __post_init__(self) -> None:
        if not self.qualities:
            raise InputError("a chart must allow at least one chord quality, got none")

    @property
    def is_written(self) -> bool:
        """True when there is nothing left to write: every chord is kept."""
        return not any(bar.open for bar in self.bars)


def qualities_at(complexity: float | None) -> frozenset[str]:
    """The chord qualities of a complexity, 0..1 (see the module); all of them for None."""
    if complexity is None:
        return frozenset(QUALITIES)
    if complexity < SEVENTHS_FROM:
        return TRIADS
    if complexity < EXTENSIONS_FROM:
        return TRIADS | SUSPENDED | SEVENTHS
    rich = frozenset(QUALITIES) - POWER
    return rich if complexity < NO_TRIADS_FROM else rich - TRIADS - SUSPENDED


def slots(line: BarLine, rhythm: str) -> tuple[int, ...]:
    """The steps of a bar where chords of a rhythm begin.

    ``half`` is the middle of an even bar and the last beat but one half of an odd one (3/4: 2 + 1; 5/4: 3 + 2).

    Raises:
        InputError: if the rhythm is none of `RHYTHMS`.
    """
    if rhythm not in RHYTHMS:
        raise InputError(f"rhythm must be one of {', '.join(RHYTHMS)}, got {rhythm!r}")
    if rhythm == "bar":
        return (0,)
    if rhythm == "half":
        return (0, (len(line.beats) + 1) // 2 * line.beat_steps) if len(line.beats) > 1 else (0,)
    return tuple(line.beats)


def chart_bars(
    lines: Sequence[BarLine],
    kept: Mapping[int, Mapping[int, tuple[int, int]]],
    *,
    rhythm: str,
    last_onset: int | None = None,
) -> tuple[ChartBar, ...]:
    """The bars of a chart.

    Args:
        kept: bar -> step -> class and bass of a chord that stays; from the first of them on the bar has no others.
        last_onset: step of the piece where the melody's last note begins: no chord begins after the slot before it.
    """
    found: list[ChartBar] = []
    for place, line in enumerate(lines):
        stays = kept.get(place, {})
        steps = [step for step in slots(line, rhythm) if step < min(stays, default=line.steps)]
        if place == len(lines) - 1 and last_onset is not None and not stays:
            steps = [step for step in steps if line.start + step <= last_onset] or [0]
        if line.is_pickup:
            found.append(ChartBar(frozenset(steps), frozenset(), stays))
            continue
        due = {0} if rhythm == "free" else set(steps)
        found.append(ChartBar(frozenset(steps), frozenset(due & set(steps)), stays))
    return tuple(found)


def closing_chords(mode: str, last_pitch: int | None, qualities: frozenset[str]) -> frozenset[tuple[int, str]]:
    """What may close a piece in ``mode`` on C: a chord on the tonic, else one at rest that holds the last note.

    A piece in a dark mode may end in major. Should the last note be foreign to every tonic chord (an open end), the
    dominant, then any chord of the last note, may stand there.

    Args:
        last_pitch: the last melody note in the frame; None where there is none.
        qualities: what may be written.
    """
    dark = mode in ("minor", "dorian", "phrygian", "locrian")
    thirds = {_MINOR_THIRD, _MAJOR_THIRD} if dark else {_MAJOR_THIRD}

    def holds(root: int, quality: str) -> bool:
        return last_pitch is None or (last_pitch - root) % 12 in QUALITIES[quality]

    at_rest = frozenset(
        quality
        for quality in qualities
        if thirds & set(QUALITIES[quality]) and len({6, 8, 1} & set(QUALITIES[quality])) == 0
    )
    for roots, allowed in (((0,), at_rest), ((7, 5, 9), qualities), (range(12), qualities)):
        found = frozenset((root, quality) for root in roots for quality in allowed if holds(root, quality))
        if found:
            plain = frozenset(pair for pair in found if not {_MAJOR_THIRD, _FLAT_SEVENTH} <= set(QUALITIES[pair[1]]))
            return plain or found
    return frozenset((0, quality) for quality in qualities)


class ChordRules:
    """The rules of a `Chart`, place by place.

    Args:
        clues: its places must hold every slot and every kept chord of the chart.
    """

    def __init__(self, chart: Chart, lines: Sequence[BarLine], clues: Clues) -> None:
        assert len(chart.bars) == len(lines)
        self.chart = chart
        self.kept: dict[int, tuple[int, int]] = {}
        self._open: set[int] = set()
        self._due: set[int] = set()  # a chord must sound
        self._new: set[int] = set()  # another one than before must begin
        at = {int(start): place for place, start in enumerate(clues.starts)}
        for line, bar in zip(lines, chart.bars, strict=True):
            places = {step: at[(line.start + step) * STEP_TICKS] for step in (*bar.open, *bar.kept)}
            self.kept |= {places[step]: found for step, found in bar.kept.items()}
            self._open |= {places[step] for step in bar.open if step not in bar.kept}
            due = {places[step] for step in bar.due if step not in bar.kept}
            self._due |= due
            self._new |= {places[step] for step in bar.due if step and step not in bar.kept}
        last = max((*self._open, *self.kept), default=-1)
        self._closing = last if chart.closing and last in self._open else -1
        wanted = np.zeros((12, len(KINDS)), dtype=np.bool_)
        wanted[:, [KINDS.index(quality) for quality in chart.qualities]] = True
        self._wanted = np.append(wanted.ravel(), [False, False])
        self._closers = np.zeros(CLASSES, dtype=np.bool_)
        self._closers[[root * len(KINDS) + KINDS.index(quality) for root, quality in chart.closing]] = True

    def symbols(self, count: int) -> IntArray:
        """What is known of where symbols stand at each of ``count`` places."""
        found = np.full(count, ABSENT, dtype=np.int64)
        found[sorted(self._open)] = UNKNOWN
        found[sorted({*self._new, *self.kept})] = PRESENT
        return found

    def allowed(self, place: int, chord: int, bass: int) -> BoolArray:
        """Mask (C,) of what may be written at a place where nothing is kept, while a class and a bass sound."""
        mask = np.zeros(CLASSES, dtype=np.bool_)
        if place not in self._open:
            mask[HOLD] = True
            return mask
        closes = place == self._closing
        mask |= self._closers if closes else self._wanted
        if chord == HOLD:
            mask[HOLD] = place not in self._due
        elif closes:
            rests = bool(self._closers[chord]) and not bass
            mask[chord] &= bool(bass)
            mask[HOLD] = rests and (place not in self._new or not mask.any())
        else:
            mask[chord] = False
            mask[HOLD] = place not in self._new or not mask.any()
        return mask

    def basses(self, place: int, chord: int) -> BoolArray:
        """Mask (12,) of the basses that a class may have there, semitones above its root; always 0."""
        mask = np.zeros(12, dtype=np.bool_)
        mask[0] = True
        if self.chart.has_slashes and chord < NO_CHORD and place != self._closing:
            mask[list(QUALITIES[KINDS[chord % len(KINDS)]])] = True
        return mask
