"""The rules of chord symbols: where they may change, which stay, how rich they may be, and that the last one closes.

Conventions:
    Frame and grid steps as in ``bar_rules``. A *slot* is a step of a bar where a chord may begin. Each bar but a
    pickup restates the chord it begins with; inside a bar a chord is never followed by itself.
    ``complexity`` is 0..1: below `SEVENTHS_FROM` triads alone, below `EXTENSIONS_FROM` sixths and sevenths too, then
    everything; from `NO_TRIADS_FROM` on no chords of three notes. None leaves it to the style.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from cocreate.errors import InputError
from cocreate.model.bar_rules import BarLine, Pen
from cocreate.model.rules import BoolArray
from cocreate.model.tokens import merge_chords
from cocreate.model.vocabulary import STEP_TICKS, Vocabulary
from cocreate.music.song import Chord
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
        due: those of ``open`` where it must.
        kept: chords that stay, by step: their ids after the position.
    """

    open: frozenset[int]
    due: frozenset[int] = frozenset()
    kept: Mapping[int, tuple[int, ...]] = field(default_factory=dict)


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
    kept: Mapping[int, Mapping[int, tuple[int, ...]]],
    *,
    rhythm: str,
    last_onset: int | None = None,
) -> tuple[ChartBar, ...]:
    """The bars of a chart.

    Args:
        kept: bar -> step -> ids of a chord that stays; from the first of them on the bar has no others.
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
        if place == len(lines) - 1 and steps:
            due.add(steps[-1])  # the chord that closes
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


@dataclass(frozen=True, slots=True)
class Written:
    """A chord that was written: bar, step of the bar, root in the frame (None: N.C.), quality, bass."""

    bar: int
    step: int
    root: int | None = None
    quality: str = ""
    bass: int | None = None


class ChordPen(Pen):
    """Writes the chords of a `Chart`."""

    def __init__(self, chart: Chart, lines: Sequence[BarLine], words: Vocabulary) -> None:
        super().__init__("chords", lines, words)
        assert len(chart.bars) == len(lines)
        self.chart = chart
        self.chords: list[Written] = []
        self._stage = "position"
        self._step = -1  # of the latest chord in this bar
        self._kept: deque[int] = deque()  # ids of a chord that stays, not written yet
        self._may_have_bass = False

    def begin(self, bar: int) -> None:
        """Bar ``bar`` comes next."""
        super().begin(bar)
        self._step, self._may_have_bass = -1, False

    def allow(self, mask: BoolArray) -> bool:
        """Mark the ids that may come next; True when no chord is due any more in this bar."""
        if self._kept:
            mask[self._kept[0]] = True
        elif self._stage == "root":
            mask[[self.first["ChordRoot"] + root for root in self._roots()]] = True
        elif self._stage == "quality":
            mask[[self.words.id("ChordQuality", quality) for quality in self._qualities()]] = True
        else:
            bar = self.chart.bars[self.bar]
            due = min((step for step in (*bar.due, *bar.kept) if step > self._step), default=None)
            last = self.line.steps if due is None else due
            steps = [step for step in {*bar.open, *bar.kept} if self._step < step <= last]
            mask[[self.first["Position"] + step for step in steps]] = True
            if self._may_have_bass:
                self._allow_bass(mask)
            return due is None
        return False

    def push(self, token: int) -> None:
        """Take the id that was chosen."""
        kind, value = self.words.types[token], self.words.values[token]
        if self._kept:
            self._kept.popleft()
        if kind == "Position":
            self._step = int(value)
            self._kept.extend(self.chart.bars[self.bar].kept.get(self._step, ()))
            self._stage = "root"
            self._may_have_bass = False
            self.chords.append(Written(self.bar, self._step))
            return
        chord = self.chords[-1]
        if kind == "ChordRoot":
            self._stage = "position" if value == "N" else "quality"
            self.chords[-1] = replace(chord, root=None if value == "N" else int(value))
        elif kind == "ChordQuality":
            is_kept = self._step in self.chart.bars[self.bar].kept
            self._stage, self._may_have_bass = "position", self.chart.has_slashes and not is_kept
            self.chords[-1] = replace(chord, quality=value)
        else:
            self._may_have_bass = False
            self.chords[-1] = replace(chord, bass=int(value))

    def song_chords(self, shift: int, *, stay: Mapping[tuple[int, int], Chord] | None = None) -> tuple[Chord, ...]:
        """The chords in ticks and in the song's key; each lasts until the next, a chord said again goes on.

        Args:
            shift: semitones from the song to the frame.
            stay: (bar, step of the bar) -> the chord that was kept there, taken as it is.
        """
        found: list[Chord] = []
        end = self.lines[-1].end * STEP_TICKS
        for written in reversed(self.chords):
            kept = (stay or {}).get((written.bar, written.step))
            start = (self.lines[written.bar].start + written.step) * STEP_TICKS
            root = None if written.root is None else (written.root - shift) % 12
            bass = None if written.bass is None else (written.bass - shift) % 12
            found.append(kept or Chord(start, end - start, root, written.quality, bass))
            end = found[-1].start_ticks
        return merge_chords(found[::-1])

    @property
    def _closes(self) -> bool:
        """True for the last chord of the piece."""
        bar = self.chart.bars[-1]
        return bool(self.chart.closing) and self.is_last_bar and self._step == max((*bar.open, *bar.kept), default=-1)

    @property
    def _before(self) -> Written | None:
        """The chord before this one in its bar."""
        before = self.chords[-2] if len(self.chords) > 1 else None
        return before if before is not None and before.bar == self.bar else None

    def _roots(self) -> list[int]:
        return sorted({root for root, _ in self.chart.closing}) if self._closes else list(range(12))

    def _qualities(self) -> list[str]:
        root, before = self.chords[-1].root, self._before
        found = self.chart.qualities
        if self._closes:
            found = frozenset(quality for tonic, quality in self.chart.closing if tonic == root)
        if before is not None and before.root == root and len(found) > 1:
            found -= {before.quality}
        return sorted(found)

    def _allow_bass(self, mask: BoolArray) -> None:
        chord = self.chords[-1]
        if chord.root is not None and not self._closes:
            tones = {(chord.root + step) % 12 for step in QUALITIES[chord.quality]} - {chord.root}
            mask[[self.first["ChordBass"] + tone for tone in tones]] = True
