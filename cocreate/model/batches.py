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
from cocreate.model.tokens import Controls, Sheet, SheetBar, controls_of, lay_out
from cocreate.model.tracks import lay_out_fill, lay_out_parts, raised, track
from cocreate.model.vocabulary import MAX_BARS_LEFT, TASKS, Vocabulary

STYLE_TEMPERATURE = 0.6  # 1 samples styles as they are, 0 all alike; small styles must be heard
WINDOW_TOKENS = 400  # a piece this many tokens long is one window's worth; longer ones are drawn more often
DROP_ALL, DROP_ONE, DROP_SUBSTYLE = 0.08, 0.15, 0.3
FROM_START, TO_END = 0.65, 0.25  # shares of lessons that begin with the piece or end with it; the rest lie anywhere
UNKNOWN_LENGTH = 0.1  # share of lessons that do not say how many bars are left
LEAD_SHEET = {"melody": 0.36, "over": 0.24, "under": 0.18, "lead": 0.08, "fill": 0.14}
TUNE = {"melody": 0.85, "fill": 0.15}
SEVERAL_TRACKS = 0.45  # share of lessons of a piece with further tracks that are about these
UNDER_MELODY, ALL_TRACKS = 0.35, 0.2  # of these, shares of the rest under the melody and of all from nothing
ONE_TRACK = 0.4  # share of lessons with given tracks that ask for one part alone
CHORDS_GIVEN, CHORDS_WANTED = 0.5, 0.15  # shares of these lessons that show the chord symbols or ask for them
NO_MELODY_WEIGHT = 0.35  # charts of chords and drum parts teach one track each
WINDOWS = (512, 1024, 2048)  # longest lessons, in ids: short ones are cheap, long ones teach what returns late
WINDOW_SHARES = (0.35, 0.4, 0.25)
GAPS = (1, 1, 2, 2, 4, 4, 8)  # bars that are cut out
SHOWN_SHARE = 0.6  # chance of each other track to be shown beside the one that is cut
GAP_ROOM = 0.75  # share of a window for what surrounds a gap
OCTAVE_JITTER, TEMPO_JITTER = 0.06, 0.06  # share of lessons an octave away; standard deviation of the log of the tempo
TASTE_SHARE = 0.6  # share of lessons that are told the piece's content vector
NEIGHBOUR_SHARE, NEIGHBOURS = 0.2, 6  # of these, the share that is told a near piece's instead, and how near
TASTE_NOISE = 0.25  # standard deviation, in the vector's spreads
TASTE_ALONE = 0.5  # share of these lessons in which the vector alone tells of style, mood, density and register
PARTIAL_TASTE = 0.3  # share of vectors of which half the features are left unknown (0)
POOL_BATCHES = 16
MOST_TRIES = 10_000  # pieces looked at for one that allows the tasks
WIDTH_STEP = 64  # batches come in few widths, since a CPU's kernels are prepared anew for each
SHORT_ENDINGS = (4, 8, 8, 8, 12, 16, 16, 32)  # lengths people ask for, in bars
IGNORED = -100  # what cross-entropy skips
_HEAD_IDS = 20  # at most, for the controls, the taste and the end
_BAR_IDS = 5  # at most, beside its notes and chords: the bar line, a metre, what comes ahead, track names

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Exercise:
    """What a lesson is about: a task, and for ``parts`` and ``fill`` the tracks.

    Args:
        given: tracks that are shown; for ``fill`` without the one that is cut.
        wanted: tracks to write; for ``fill`` the one that is cut.
        gap: for ``fill`` the bars that are cut, counted from the lesson's first.
    """

    task: str
    given: tuple[str, ...] = ()
    wanted: tuple[str, ...] = ()
    gap: range = range(0)

    @property
    def tracks(self) -> tuple[str, ...]:
        """Every track that takes room in the lesson."""
        if self.task in ("parts", "fill"):
            return (*self.wanted, *self.given)
        return ("melody",) if self.task == "melody" else ("melody", "chords")


@dataclass(frozen=True, slots=True)
class Lesson:
    """One sequence: ids (T,) and whether each is a target (T,); ``notes`` melody notes among the targets.

    ``taste`` is the content vector (F,) that its Taste ids stand for; None when it has none.
    """

    ids: IntArray
    targets: npt.NDArray[np.bool_]
    notes: int
    taste: FloatArray | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """ids (B, T) padded with 0, labels (B, T) with -100 where nothing is asked, taste (B, F) with 0 where unknown."""

    ids: IntArray
    labels: IntArray
    taste: FloatArray


class Lessons:
    """Draws lessons from entries, small styles more often than their share; of ``tasks`` alone when any are named."""

    def __init__(
        self,
        entries: Sequence[Entry],
        words: Vocabulary,
        *,
        seed: int,
        context: int = CONTEXT,
        tasks: Sequence[str] = (),
    ) -> None:
        if not entries:
            raise InputError("training needs at least one piece, got none; check --corpus and --tier")
        unknown = [task for task in tasks if task not in TASKS]
        if unknown:
            raise InputError(f"a task must be one of {', '.join(TASKS)}, got {', '.join(unknown)}")
        self.entries, self.words, self.seed, self.context = list(entries), words, seed, context
        self.tasks = tuple(tasks) or TASKS
        sums = np.cumsum(_chances(self.entries))
        self._sums = sums / sums[-1]
        self._kin = _neighbours(self.entries)

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
        for _ in range(MOST_TRIES):
            place = int(np.searchsorted(self._sums, rng.random(), side="right"))
            entry = self.entries[place]
            exercise = _exercise(entry.sheet, rng)
            if exercise.task in self.tasks:
                break
        else:
            raise InputError(f"the pieces must allow a task of {', '.join(self.tasks)}; none of them has the tracks")
        room = min(self.context, int(rng.choice(WINDOWS, p=WINDOW_SHARES)))
        first, stop = _window(entry.sheet, exercise, room, rng)
        if exercise.task == "fill":
            exercise = replace(exercise, gap=_gap(entry.sheet, exercise, first, stop, rng))
        return lesson_of(entry, exercise, first, stop, self.words, rng=rng, taste=self._taste(place, rng))

    def _taste(self, place: int, rng: np.random.Generator) -> FloatArray | None:
        """The content vector a lesson is told, blurred; None when it is told none."""
        if not self.entries[place].content or rng.random() >= TASTE_SHARE:
            return None
        if place in self._kin and rng.random() < NEIGHBOUR_SHARE:
            place = int(rng.choice(self._kin[place]))
        vector = np.array(self.entries[place].content, dtype=np.float32)
        vector += rng.normal(0, TASTE_NOISE, len(vector)).astype(np.float32)
        if rng.random() < PARTIAL_TASTE:
            vector[rng.integers(0, 2, len(vector)) == 0] = 0
        return vector


def lesson_of(
    entry: Entry,
    exercise: Exercise,
    first: int,
    stop: int,
    words: Vocabulary,
    *,
    rng: np.random.Generator | None = None,
    taste: FloatArray | None = None,
) -> Lesson:
    """Bars ``first`` to ``stop`` of an entry as a lesson; with ``rng`` controls are dropped and music is jittered."""
    sheet, bars = entry.sheet, entry.sheet.bars[first:stop]
    if rng is not None:
        sheet = replace(sheet, tempo_bpm=sheet.tempo_bpm * math.exp(rng.normal(0, TEMPO_JITTER)))
        if rng.random() < OCTAVE_JITTER:
            bars = raised(bars, int(rng.choice((-1, 1))), words) or bars
    controls = controls_of(bars, sheet, words, styles=entry.styles, mood=entry.mood)
    bars_left: int | None = len(sheet.bars) - stop
    controls = replace(controls, bars=min(MAX_BARS_LEFT + 1, len(bars) + (bars_left or 0)))
    if rng is not None:
        controls = _drop(controls, rng)
        if taste is not None and rng.random() < TASTE_ALONE:
            controls = replace(controls, styles=(), mood=None, density=None, register=None)
        if rng.random() < UNKNOWN_LENGTH:
            bars_left, controls = None, replace(controls, bars=None)
    pickup = sheet.has_pickup and first == 0
    if exercise.task == "parts":
        body, targets = lay_out_parts(
            sheet, bars, words, given=exercise.given, wanted=exercise.wanted, meter=controls.meter,
            bars_left=bars_left, has_pickup=pickup,
        )  # fmt: skip
    elif exercise.task == "fill":
        body, targets = lay_out_fill(
            sheet, bars, words, tracks=(*exercise.given, *exercise.wanted), cut=exercise.wanted[0], gap=exercise.gap,
            meter=controls.meter, bars_left=bars_left, has_pickup=pickup,
        )  # fmt: skip
    else:
        body, targets = lay_out(
            bars, exercise.task, words, meter=controls.meter, bars_left=bars_left, has_pickup=pickup
        )
    head = controls.ids(exercise.task, words, has_taste=taste is not None)
    row = head + body
    mask = [False] * len(head) + targets
    if stop == len(sheet.bars) and exercise.task != "fill":
        row.append(words.id("EOS"))
        mask.append(True)
    ids = np.array(row[:CONTEXT], dtype=np.int64)
    wanted = np.array(mask[:CONTEXT], dtype=np.bool_)
    pitches = words.type_ids["Pitch"]
    is_note = (ids >= pitches[0]) & (ids <= pitches[-1]) & wanted
    return Lesson(ids, wanted, int(is_note.sum()), taste)


def batch_of(lessons: Sequence[Lesson]) -> Batch:
    """Right-padded block of the lessons; labels[b, t] is the id that follows ids[b, t]."""
    longest = max(len(lesson.ids) for lesson in lessons)
    width = -(-longest // WIDTH_STEP) * WIDTH_STEP
    features = max((len(lesson.taste) for lesson in lessons if lesson.taste is not None), default=0)
    taste = np.zeros((len(lessons), features), dtype=np.float32)
    ids = np.zeros((len(lessons), width), dtype=np.int64)
    labels = np.full((len(lessons), width), IGNORED, dtype=np.int64)
    for place, lesson in enumerate(lessons):
        size = len(lesson.ids)
        ids[place, :size] = lesson.ids
        labels[place, : size - 1] = np.where(lesson.targets[1:], lesson.ids[1:], IGNORED)
        if lesson.taste is not None:
            taste[place] = lesson.taste
    return Batch(ids, labels, taste)


def whole_lessons(entry: Entry, exercise: Exercise, words: Vocabulary, *, context: int = CONTEXT) -> Iterator[Lesson]:
    """A whole piece as consecutive lessons that fit the context, every control given and no taste."""
    sheet, first = entry.sheet, 0
    while first < len(sheet.bars):
        stop = _last_that_fits(sheet, exercise, first, context - _HEAD_IDS)
        yield lesson_of(entry, exercise, first, stop, words)
        first = stop


def _exercise(sheet: Sheet, rng: np.random.Generator) -> Exercise:
    """What to practise on a piece, by the tracks it has."""
    names = (*(("melody",) if sheet.has_melody else ()), *sheet.others)
    several = SEVERAL_TRACKS if sheet.has_melody else 1 - TUNE["fill"]
    if (sheet.others or not sheet.has_melody) and rng.random() < several:
        return _tracks_exercise(sheet, names, rng)
    shares = LEAD_SHEET if sheet.has_chords else TUNE
    task = str(rng.choice(list(shares), p=list(shares.values()))) if sheet.has_melody else "fill"
    if task != "fill":
        return Exercise(task)
    chords = ("chords",) if sheet.has_chords else ()
    favoured = ("melody",) * len(names) if sheet.has_melody else ()  # half of what people want written anew
    cut = str(rng.choice((*names, *chords, *favoured)))
    shown = [name for name in (*names, *chords) if name != cut and rng.random() < SHOWN_SHARE]
    return Exercise("fill", tuple(map(str, rng.permutation(shown))), (cut,))


def _tracks_exercise(sheet: Sheet, names: tuple[str, ...], rng: np.random.Generator) -> Exercise:
    """All tracks from nothing, the others under the melody, or any from any; chords given, written or not there."""
    kind = rng.random()
    given: list[str] = []
    if kind < UNDER_MELODY and "melody" in names:
        given = ["melody"]
    elif kind > UNDER_MELODY + ALL_TRACKS:
        given = [name for name in names if rng.integers(0, 2)]
    given = given[: len(names) - 1]
    wanted = [name for name in names if name not in given]
    if given and rng.random() < ONE_TRACK:
        wanted = [str(rng.choice(wanted))]
    if sheet.has_chords:
        chance = rng.random()
        if chance < CHORDS_GIVEN and names:
            given.append("chords")
        elif chance < CHORDS_GIVEN + CHORDS_WANTED or not names:
            wanted.append("chords")
    return Exercise("parts", tuple(map(str, rng.permutation(given))), tuple(map(str, rng.permutation(wanted))))


def _window(sheet: Sheet, exercise: Exercise, room: int, rng: np.random.Generator) -> tuple[int, int]:
    """First bar of a lesson and the one after its last, so that it takes at most ``room`` ids."""
    draw = rng.random()
    if draw < FROM_START:
        first = 0
    elif draw < FROM_START + TO_END:
        first = max(0, len(sheet.bars) - int(rng.choice(SHORT_ENDINGS)))
    else:
        first = int(rng.integers(0, max(1, len(sheet.bars) - 3)))
    share = GAP_ROOM if exercise.task == "fill" else 1.0
    return first, _last_that_fits(sheet, exercise, first, round(share * room) - _HEAD_IDS)


def _gap(sheet: Sheet, exercise: Exercise, first: int, stop: int, rng: np.random.Generator) -> range:
    """Bars to cut out of a lesson, where the track has something to say if it has anywhere."""
    count = stop - first
    size = min(int(rng.choice(GAPS)), max(1, count // 2))
    starts = [
        start
        for start in range(count - size + 1)
        if any(track(sheet, sheet.bars[first + start + n], exercise.wanted[0]) for n in range(size))
    ]
    start = int(rng.choice(starts)) if starts else 0
    return range(start, start + size)


def _last_that_fits(sheet: Sheet, exercise: Exercise, first: int, room: int) -> int:
    """The bar after the last one that still fits; at least one bar is taken."""
    stop = first
    while stop < len(sheet.bars) and (room := room - _cost(sheet, sheet.bars[stop], exercise)) >= 0:
        stop += 1
    return max(stop, first + 1)


def _cost(sheet: Sheet, bar: SheetBar, exercise: Exercise) -> int:
    """Ids a bar takes at most."""
    names = exercise.tracks
    return _BAR_IDS + len(names) + sum(len(track(sheet, bar, name)) for name in names)


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
            entry.weight
            * (1.0 if entry.sheet.has_melody else NO_MELODY_WEIGHT)
            * min(
                8.0, max(1.0, sum(_BAR_IDS + len(b.melody) + len(b.chords) for b in entry.sheet.bars) / WINDOW_TOKENS)
            )
            for entry in entries
        ]
    )
    mass: dict[str, float] = defaultdict(float)
    for entry, value in zip(entries, windows, strict=True):
        mass[entry.style] += float(value)
    scale = {style: math.pow(value, STYLE_TEMPERATURE - 1) for style, value in mass.items()}
    chances = windows * np.array([scale[entry.style] for entry in entries])
    return np.asarray(chances / chances.sum())


def _neighbours(entries: Sequence[Entry]) -> dict[int, IntArray]:
    """For each entry with a content vector the places of the nearest ones of its style."""
    groups: dict[str, list[int]] = defaultdict(list)
    for place, entry in enumerate(entries):
        if entry.content:
            groups[entry.style].append(place)
    found: dict[int, IntArray] = {}
    for group in groups.values():
        if len(group) <= NEIGHBOURS:
            continue
        places = np.array(group)
        vectors = np.array([entries[place].content for place in group], dtype=np.float32)  # (n, F)
        squares = (vectors**2).sum(axis=1)
        apart = squares[:, None] + squares[None, :] - 2 * vectors @ vectors.T  # (n, n)
        np.fill_diagonal(apart, np.inf)
        nearest = np.argpartition(apart, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
        found.update((place, places[row]) for place, row in zip(group, nearest, strict=True))
    return found
