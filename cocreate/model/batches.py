"""Training and evaluation sequences drawn from a packed corpus.

Conventions:
    A *lesson* is one sequence: ids and a mask of the targets. A batch is a right-padded (B, T) block of at most
    ``tokens`` ids; lessons of like length share a batch. Every pool of batches is drawn from (seed, pool number)
    alone, so that training resumes on exactly the batch it would have seen.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from cocreate.errors import InputError
from cocreate.model.corpus.pack import Entry
from cocreate.model.network import CONTEXT
from cocreate.model.tokens import Controls, SheetBar, controls_of, lay_out
from cocreate.model.vocabulary import MAX_BARS_LEFT, Vocabulary

STYLE_TEMPERATURE = 0.6  # 1 samples styles as they are, 0 all alike; small styles must be heard
WINDOW_TOKENS = 400  # a piece this many tokens long is one window's worth; longer ones are drawn more often
DROP_ALL, DROP_ONE, DROP_SUBSTYLE = 0.08, 0.15, 0.3
FROM_START, TO_END = 0.65, 0.25  # shares of lessons that begin with the piece or end with it; the rest lie anywhere
UNKNOWN_LENGTH = 0.1  # share of lessons that do not say how many bars are left
TASK_SHARES = {"melody": 0.5, "over": 0.3, "under": 0.08, "lead": 0.12}
POOL_BATCHES = 16
WIDTH_STEP = 64  # batches come in few widths, since a CPU's kernels are prepared anew for each
SHORT_ENDINGS = (4, 8, 8, 8, 12, 16, 16, 32)  # lengths people ask for, in bars
IGNORED = -100  # what cross-entropy skips

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Lesson:
    """One sequence: ids (T,) and whether each is a target (T,); ``notes`` melody notes among the targets."""

    ids: IntArray
    targets: npt.NDArray[np.bool_]
    notes: int


@dataclass(frozen=True, slots=True)
class Batch:
    """ids (B, T) padded with 0, labels (B, T) with -100 where nothing is asked."""

    ids: IntArray
    labels: IntArray


class Lessons:
    """Draws lessons from entries, small styles more often than their share."""

    def __init__(self, entries: Sequence[Entry], words: Vocabulary, *, seed: int, context: int = CONTEXT) -> None:
        if not entries:
            raise InputError("training needs at least one piece, got none; check --corpus and --tier")
        self.entries, self.words, self.seed, self.context = list(entries), words, seed, context
        self._chances = _chances(self.entries)

    def pool(self, number: int, *, tokens: int) -> list[Batch]:
        """Pool ``number``: about ``POOL_BATCHES`` batches of at most ``tokens`` ids each, in random order."""
        rng = np.random.default_rng([self.seed, number])
        lessons: list[Lesson] = []
        total = 0
        while total < POOL_BATCHES * tokens * 0.95:
            lesson = self._draw(rng)
            lessons.append(lesson)
            total += len(lesson.ids)
        lessons.sort(key=lambda lesson: len(lesson.ids))
        batches: list[Batch] = []
        group: list[Lesson] = []
        for lesson in lessons:
            if group and len(lesson.ids) * (len(group) + 1) > tokens:
                batches.append(batch_of(group))
                group = []
            group.append(lesson)
        batches.append(batch_of(group))
        order = rng.permutation(len(batches))
        return [batches[place] for place in order]

    def _draw(self, rng: np.random.Generator) -> Lesson:
        entry = self.entries[int(rng.choice(len(self.entries), p=self._chances))]
        task = "melody"
        if entry.sheet.has_chords:
            task = str(rng.choice(list(TASK_SHARES), p=list(TASK_SHARES.values())))
        first, stop = self._window(entry, task, rng)
        return lesson_of(entry, task, first, stop, self.words, rng=rng)

    def _window(self, entry: Entry, task: str, rng: np.random.Generator) -> tuple[int, int]:
        bars = entry.sheet.bars
        draw = rng.random()
        if draw < FROM_START:
            first = 0
        elif draw < FROM_START + TO_END:
            first = max(0, len(bars) - int(rng.choice(SHORT_ENDINGS)))
        else:
            first = int(rng.integers(0, max(1, len(bars) - 3)))
        room = self.context - 16  # 16: the controls and the end
        stop = first
        while stop < len(bars):
            room -= _cost(bars[stop], task)
            if room < 0:
                break
            stop += 1
        return first, max(stop, first + 1)


def lesson_of(
    entry: Entry,
    task: str,
    first: int,
    stop: int,
    words: Vocabulary,
    *,
    rng: np.random.Generator | None = None,
) -> Lesson:
    """Bars ``first`` to ``stop`` of an entry as a lesson; with ``rng`` controls are dropped at random."""
    bars = entry.sheet.bars[first:stop]
    controls = controls_of(bars, entry.sheet, words, styles=entry.styles, mood=entry.mood)
    bars_left: int | None = len(entry.sheet.bars) - stop
    controls = replace(controls, bars=min(MAX_BARS_LEFT + 1, len(bars) + (bars_left or 0)))
    if rng is not None:
        controls = _drop(controls, rng)
        if rng.random() < UNKNOWN_LENGTH:
            bars_left, controls = None, replace(controls, bars=None)
    pickup = entry.sheet.has_pickup and first == 0
    body, targets = lay_out(bars, task, words, meter=controls.meter, bars_left=bars_left, has_pickup=pickup)
    head = controls.ids(task, words)
    row = head + body
    mask = [False] * len(head) + targets
    if stop == len(entry.sheet.bars):
        row.append(words.id("EOS"))
        mask.append(True)
    ids = np.array(row[:CONTEXT], dtype=np.int64)
    wanted = np.array(mask[:CONTEXT], dtype=np.bool_)
    pitches = words.type_ids["Pitch"]
    is_note = (ids >= pitches[0]) & (ids <= pitches[-1]) & wanted
    return Lesson(ids, wanted, int(is_note.sum()))


def batch_of(lessons: Sequence[Lesson]) -> Batch:
    """Right-padded block of the lessons; labels[b, t] is the id that follows ids[b, t]."""
    longest = max(len(lesson.ids) for lesson in lessons)
    width = -(-longest // WIDTH_STEP) * WIDTH_STEP
    ids = np.zeros((len(lessons), width), dtype=np.int64)
    labels = np.full((len(lessons), width), IGNORED, dtype=np.int64)
    for place, lesson in enumerate(lessons):
        size = len(lesson.ids)
        ids[place, :size] = lesson.ids
        labels[place, : size - 1] = np.where(lesson.targets[1:], lesson.ids[1:], IGNORED)
    return Batch(ids, labels)


def whole_lessons(entry: Entry, task: str, words: Vocabulary, *, context: int = CONTEXT) -> Iterator[Lesson]:
    """A whole piece as consecutive lessons that fit the context, every control given."""
    bars = entry.sheet.bars
    first = 0
    while first < len(bars):
        room, stop = context - 16, first
        while stop < len(bars) and (room := room - _cost(bars[stop], task)) >= 0:
            stop += 1
        stop = max(stop, first + 1)
        yield lesson_of(entry, task, first, stop, words)
        first = stop


def _cost(bar: SheetBar, task: str) -> int:
    """Ids a bar takes at most."""
    if task == "melody":
        return 2 + len(bar.melody)
    return 5 + len(bar.melody) + len(bar.chords)


def _drop(controls: Controls, rng: np.random.Generator) -> Controls:
    if rng.random() < DROP_ALL:
        return Controls()
    keep = rng.random(7) >= DROP_ONE
    styles = controls.styles if keep[0] else ()
    if len(styles) > 1 and rng.random() < DROP_SUBSTYLE:
        styles = styles[:1]
    elif len(styles) > 1 and rng.random() < DROP_SUBSTYLE:
        styles = styles[1:]
    names = ("mood", "mode", "meter", "tempo", "density", "register")
    gone = {name: None for name, kept in zip(names, keep[1:], strict=True) if not kept}
    return replace(controls, styles=styles, **gone)


def _chances(entries: Sequence[Entry]) -> npt.NDArray[np.float64]:
    """Chance of each entry: windows it holds, times the temperature of its style."""
    windows = np.array(
        [
            entry.weight * min(8.0, max(1.0, sum(_cost(bar, "lead") for bar in entry.sheet.bars) / WINDOW_TOKENS))
            for entry in entries
        ]
    )
    mass: dict[str, float] = defaultdict(float)
    for entry, value in zip(entries, windows, strict=True):
        mass[entry.style] += float(value)
    scale = {style: math.pow(value, STYLE_TEMPERATURE - 1) for style, value in mass.items()}
    chances = windows * np.array([scale[entry.style] for entry in entries])
    return np.asarray(chances / chances.sum())
