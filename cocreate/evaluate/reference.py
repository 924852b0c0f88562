"""What generation needs to know of the training music: a table of styles, and the index of known melodies.

Conventions:
    Everything is measured on training pieces only, except the novelty limits, which say how much one human borrows
    from others and so need works outside the index: the validation split. Excerpts are 8 bars, as ideas are.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cocreate.generate.request import ANY
from cocreate.judge.melody import summarise
from cocreate.judge.novelty import NoveltyIndex
from cocreate.model.corpus.pack import Entry
from cocreate.model.tokens import SheetBar, meter_steps, song_of
from cocreate.model.vocabulary import STEPS_PER_QUARTER, Vocabulary
from cocreate.music.song import Key, Note, Song
from cocreate.music.theory import SCALES
from cocreate.taste.features import FeatureVector, features, measure_scale

MIN_PIECES = 8  # a style with fewer is not offered by name
EXCERPT_BARS = 8
EXCERPTS = 160  # a style, at most
MIN_NOTES = 8
_DECILES = np.linspace(0, 1, 11)


def melody_of(entry: Entry, words: Vocabulary, *, first: int = 0, stop: int | None = None) -> Song:
    """Bars of a packed piece as a song, in its own key."""
    sheet = entry.sheet
    bars: Sequence[SheetBar] = sheet.bars[first:stop]
    key = Key(0, -sheet.shift % 12, sheet.mode)
    return song_of(bars, words, key=key, tempo_bpm=sheet.tempo_bpm, shift=sheet.shift)


def excerpt(entry: Entry, words: Vocabulary, rng: np.random.Generator, *, bars: int = EXCERPT_BARS) -> Song | None:
    """Bars of a piece as an idea has them, from a multiple of four bars in, drawn at random.

    A piece that is shorter than ``bars`` is taken whole. None when the bars have fewer than ``MIN_NOTES`` notes.
    """
    last = max(0, len(entry.sheet.bars) - bars)
    first = 4 * int(rng.integers(0, last // 4 + 1))
    song = melody_of(entry, words, first=first, stop=first + bars)
    return song if len(song.melody.notes) >= MIN_NOTES else None


def excerpts(
    entries: Sequence[Entry], words: Vocabulary, rng: np.random.Generator, *, most: int = EXCERPTS
) -> list[Song]:
    """An `excerpt` of each of up to ``most`` pieces, drawn at random from at most twice as many."""
    drawn = (excerpt(entries[int(place)], words, rng) for place in rng.permutation(len(entries))[: 2 * most])
    return list(itertools.islice((song for song in drawn if song is not None), most))


def describe_styles(
    training: Sequence[Entry],
    words: Vocabulary,
    *,
    seed: int = 0,
    watch: Callable[[str], None] = lambda _style: None,
) -> dict[str, Any]:
    """``styles.json``: for each style its keys, metres, tempos, ranges, densities, metrics and features."""
    groups: dict[str, list[Entry]] = defaultdict(list)
    for entry in training:
        if entry.weight >= 1:  # synthetic pieces do not define a style
            groups[ANY].append(entry)
            for style in entry.styles:
                groups[style].append(entry)
    rng = np.random.default_rng(seed)
    everything: list[FeatureVector] = []
    rows: dict[str, Any] = {}
    for style, entries in sorted(groups.items()):
        if len(entries) < MIN_PIECES:
            continue
        watch(style)
        rows[style], vectors = style_row(entries, words, rng)
        everything += vectors if style != ANY else []
    scale = {name: [round(centre, 5), round(spread, 5)] for name, (centre, spread) in measure_scale(everything).items()}
    return {"styles": rows, "feature_scale": scale}


def style_row(
    entries: Sequence[Entry], words: Vocabulary, rng: np.random.Generator
) -> tuple[dict[str, Any], list[FeatureVector]]:
    """The row of one style, and the features of the excerpts that it was measured on."""
    songs = excerpts(entries, words, rng) or [melody_of(entry, words) for entry in entries]
    vectors = [features(song) for song in songs]
    row = _row(entries, words) | {
        "pieces": len(entries),
        "metrics": {name: [round(mean, 5), round(sd, 5)] for name, (mean, sd) in summarise(songs).items()},
        **_feature_rows(vectors),
    }
    return row, vectors


def novelty_index(training: Sequence[Entry], validation: Sequence[Entry], words: Vocabulary) -> NoveltyIndex:
    """The index of every training melody, its limits measured on the validation works."""
    index = NoveltyIndex.build((entry.name, _notes(entry, words)) for entry in training)
    return index.calibrated(_notes(entry, words) for entry in validation)


def chromatic_share(notes: Sequence[Note], key: Key) -> float:
    """Share of notes outside the key's scale (minor has both its sixths and sevenths), 0..1."""
    scale = {(key.tonic + step) % 12 for step in SCALES[key.mode]}
    return sum(note.pitch % 12 not in scale for note in notes) / max(1, len(notes))


def _notes(entry: Entry, words: Vocabulary) -> tuple[Note, ...]:
    return melody_of(entry, words).melody.notes


def _row(entries: Sequence[Entry], words: Vocabulary) -> dict[str, Any]:
    keys: Counter[tuple[int, str]] = Counter()
    meters: Counter[str] = Counter()
    lows, highs, densities, tempos, chromatic = [], [], [], [], []
    for entry in entries:
        song = melody_of(entry, words)
        notes = song.melody.notes
        pitches = [note.pitch for note in notes]
        assert song.key is not None
        keys[song.key.tonic, song.key.mode] += 1
        meters[Counter(bar.meter for bar in entry.sheet.bars).most_common(1)[0][0]] += 1
        low, high = np.quantile(pitches, [0.02, 0.98])
        lows.append(low)
        highs.append(high)
        quarters = sum(meter_steps(bar.meter) for bar in entry.sheet.bars) / STEPS_PER_QUARTER
        densities.append(len(notes) / quarters)
        tempos.append(entry.sheet.tempo_bpm)
        chromatic.append(chromatic_share(notes, song.key))
    low, high = round(float(np.median(lows))), round(float(np.median(highs)))
    while high - low < 12:  # noqa: PLR2004 - an octave: room for a tune in every key
        low, high = low - 1, high + 1
    return {
        "keys": [[tonic, mode, count] for (tonic, mode), count in keys.most_common(8)],
        "meters": [[word, count] for word, count in meters.most_common(4)],
        "tempo": [round(float(value), 1) for value in np.quantile(tempos, (0.05, 0.25, 0.5, 0.75, 0.95))],
        "range": [low, high],
        "density": [round(float(value), 3) for value in np.quantile(densities, _DECILES)],
        # an idea may be as chromatic as three quarters of the style's pieces
        "chromatic_share": round(float(np.quantile(chromatic, 0.75)), 4),
    }


def _feature_rows(vectors: Sequence[FeatureVector]) -> dict[str, list[float]]:
    table = np.array([[np.nan if value is None else value for value in vector.values] for vector in vectors])
    known = ~np.isnan(table).all(axis=0)
    mean, spread = np.zeros(table.shape[1]), np.ones(table.shape[1])
    mean[known], spread[known] = np.nanmean(table[:, known], axis=0), np.nanstd(table[:, known], axis=0)
    return {"feature_mean": [round(float(v), 5) for v in mean], "feature_sd": [round(float(v), 5) for v in spread]}
