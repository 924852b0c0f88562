"""Are the ideas like the music of their style? Ideas as they are drawn, against excerpts of held-out real pieces.

Conventions:
    Ideas come from a `Writer`; nothing ranks them, and none is drawn again for being a copy. Real pieces are cut as in
    ``evaluate.reference``, up to three times each; synthetic pieces (weight below 1) are no real music. Chord symbols
    are taken away on both sides: ideas without given chords have none. Figures that depend on the size of a set
    (overlap, divergence, Fréchet) compare sets of one size: real excerpts are split in two by piece, ten times over,
    one half stands against as many ideas (the writer's row) and against the other half (the row "real": what other
    real music gets), and the mean of the ten is shown.

Metrics:
    *Overlap* and *divergence* of ``evaluate.distance`` for each metric of ``judge.melody``: distances within the real
    half against distances from it to the other set. Overlap is in [0, 1], divergence in nats; tables show the mean over
    all metrics but `chromatic_share`, which repeats another, and those that have one value everywhere.
    *Fréchet*: between the scaled features of ``taste.features``, without those of chords.
    *Repeats*: share of the bars that repeat the bar four or eight before: onsets and scale degrees, or onsets alone.
    *Longest match*: with the training music, as in ``evaluate.music``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from cocreate.errors import InputError
from cocreate.evaluate.distance import frechet_distance, overlap_and_divergence
from cocreate.evaluate.music import TUNING_TOKENS, count_copies, fit_ngram, up_to
from cocreate.evaluate.reference import EXCERPT_BARS, excerpt
from cocreate.generate.melody import write_melodies
from cocreate.generate.request import ANY, MAX_CANDIDATES, MelodyRequest
from cocreate.judge.melody import METRICS, measure
from cocreate.judge.novelty import NoveltyIndex
from cocreate.model.baselines import CachedNgram
from cocreate.model.batches import Exercise, whole_lessons
from cocreate.model.checkpoint import Checkpoint
from cocreate.model.corpus.pack import Entry
from cocreate.model.decoder import Decoder
from cocreate.model.vocabulary import Vocabulary
from cocreate.music.measures import Floats, bar_signatures, line_of
from cocreate.music.song import Song
from cocreate.taste.feature_table import FEATURES
from cocreate.taste.features import DEFAULT_SCALE, FeatureScale, features, melody_id, scaled

Writer = Callable[[str, int, int, int], list[Song]]  # (style, ideas, bars, seed) -> so many ideas

MIN_PIECES = 12  # a style with fewer held-out pieces is not measured
CUTS_A_PIECE = 3
SPLITS_IN_TWO = 10
REAL = "real"
NGRAM_TOKENS = 1_500_000
_ROOMY_CONTEXT = 1 << 20
_MELODIC = np.array([f.group != "chords" for f in FEATURES])  # features that a melody alone has


@dataclass(frozen=True, slots=True)
class SetRow:
    """One style and one set: the real music against itself, or what a writer wrote against the real music.

    Repeats are None where no melody is long enough; matches are in notes; ``metrics`` gives (overlap, divergence)
    of each metric.
    """

    style: str
    who: str
    pieces: int
    melodies: int
    overlap: float
    divergence: float
    frechet: float
    repeats_4: float | None
    rhythm_repeats_4: float | None
    repeats_8: float | None
    rhythm_repeats_8: float | None
    match_notes: float
    match_notes_p95: float
    over_limit: float
    metrics: Mapping[str, tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Comparison:
    """All rows, style by style; ``left_out`` gives the held-out pieces of styles that have too few."""

    checkpoint: str
    bars: int
    seed: int
    rows: tuple[SetRow, ...]
    left_out: Mapping[str, int]
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def checkpoint_writer(checkpoint: Checkpoint) -> Writer:
    """Ideas of a checkpoint as they are drawn, the style choosing everything but the number of bars."""
    return _writer(Decoder(checkpoint), checkpoint)


def ngram_writer(
    checkpoint: Checkpoint,
    training: Sequence[Entry],
    validation: Sequence[Entry],
    *,
    tokens: int = NGRAM_TOKENS,
    seed: int = 0,
) -> Writer:
    """The n-gram baseline in the checkpoint's place: same controls, same rules, same sampler.

    Args:
        tokens: it is fitted on whole pieces drawn at random up to this many ids; 1.5 million take half a minute.
    """
    words = checkpoint.words
    rng = np.random.default_rng(seed)
    kinds = sorted(words.type_ids)
    lessons, tuning = (
        up_to([list(whole_lessons(entry, Exercise("melody"), words)) for entry in entries], most, rng)
        for entries, most in ((training, tokens), (validation, TUNING_TOKENS))
    )
    model = fit_ngram(lessons, tuning, words, np.array([kinds.index(kind) for kind in words.types]))
    return _writer(cast("Decoder", _NgramNet(model, words)), checkpoint)  # it has all that sampling asks of a decoder


def compare_generated(
    checkpoint: Checkpoint,
    held_out: Sequence[Entry],
    *,
    styles: Sequence[str] | None = None,
    n: int = 64,
    bars: int = EXCERPT_BARS,
    seed: int = 0,
    writers: Mapping[str, Writer] | None = None,
    watch: Callable[[str], None] = lambda _doing: None,
) -> Comparison:
    """Set ideas of each style against held-out real music.

    Args:
        checkpoint: gives words, feature scale and the index of known melodies, and writes when ``writers`` is None.
        held_out: pieces that nothing was trained on.
        styles: by default every style of the checkpoint with at least ``MIN_PIECES`` held-out pieces.
        n: ideas a style and writer, >= 8.
        bars: of excerpts and ideas; repeats at a distance of eight bars need 16.
        writers: name to writer, each a row of its own.
        watch: told what is being done.

    Raises:
        InputError: if ``n`` is below 8, a style named has too few held-out pieces, or no style has enough.
    """
    began = time.monotonic()
    if n < 8:  # noqa: PLR2004 - a distribution of fewer is none
        raise InputError(f"n must be 8 ideas or more, got {n}")
    described = checkpoint.extra("styles.json")
    index = NoveltyIndex.load(checkpoint.folder / "novelty.npz")
    scale = scale_of(checkpoint)
    writers = writers or {"ideas": checkpoint_writer(checkpoint)}
    pieces = real_pieces(held_out)
    by_style = {
        style: [entry for entry in pieces if style in entry.styles]
        for style in styles or sorted(set(described["styles"]) - {ANY})
    }
    left_out = {style: len(found) for style, found in by_style.items() if len(found) < MIN_PIECES}
    if (styles and left_out) or len(left_out) == len(by_style):
        raise InputError(f"a style needs {MIN_PIECES} held-out pieces to be measured, got {left_out}")
    rows: list[SetRow] = []
    for style, entries in by_style.items():
        if style in left_out:
            continue
        watch(f"{style}: {len(entries)} held-out pieces")
        rng = np.random.default_rng(seed)
        real = [cuts(entry, checkpoint.words, rng, bars=bars) for entry in entries]
        sets = {REAL: [song for songs in real for song in songs]}
        for who, write in writers.items():
            watch(f"{style}: {who}")
            sets[who] = [replace(song, chords=()) for song in write(style, n, bars, seed)]
        rows += _rows(style, [len(songs) for songs in real], sets, index, scale, seed=seed)
    return Comparison(
        checkpoint=str(checkpoint.card.get("name", checkpoint.folder.name)),
        bars=bars,
        seed=seed,
        rows=tuple(rows),
        left_out=left_out if styles is None else {},
        seconds=round(time.monotonic() - began, 1),
    )


def real_pieces(entries: Sequence[Entry]) -> list[Entry]:
    """The pieces that people wrote and that have a melody."""
    return [entry for entry in entries if entry.weight >= 1 and entry.sheet.has_melody]


def cuts(
    entry: Entry, words: Vocabulary, rng: np.random.Generator, *, bars: int = EXCERPT_BARS, most: int = CUTS_A_PIECE
) -> list[Song]:
    """Up to ``most`` different excerpts of a piece, without chords; they may share bars."""
    found = {}
    for _ in range(most):
        song = excerpt(entry, words, rng, bars=bars)
        if song is not None:
            found[melody_id(song)] = replace(song, chords=())
    return list(found.values())


def scale_of(checkpoint: Checkpoint) -> FeatureScale:
    """How the checkpoint's scorer compares features."""
    table = checkpoint.extra("styles.json").get("feature_scale")
    return FeatureScale.from_mapping(table) if table else DEFAULT_SCALE


def bar_repeats(song: Song, *, lag_bars: int, pitched: bool) -> float | None:
    """Share of the bars with notes that equal the bar ``lag_bars`` before; None when no two such bars have notes."""
    bars = bar_signatures(line_of(song), pitched=pitched)
    same = [before == bar for before, bar in zip(bars, bars[lag_bars:], strict=False) if before and bar]
    return float(np.mean(same)) if same else None


def format_comparison(report: Comparison) -> str:
    """The comparison as plain text."""
    lines = [
        f"{report.checkpoint}: {report.bars} bars beside held-out music, seed {report.seed}, {report.seconds:.0f} s",
        f"{'':<38}{'over-':>8}{'diver-':>8}{'':>9}{'as 4 before':>18}{'as 8 before':>15}{'match':>16}{'over':>7}",
        (
            f"{'style':<16}{'who':<12}{'melodies':>10}{'lap':>8}{'gence':>8}{'Fréchet':>9}{'exact':>10}{'rhythm':>8}"
            f"{'exact':>8}{'rhythm':>7}{'mean':>9}{'95th':>7}{'limit':>7}"
        ),
    ]
    for row in report.rows:
        repeats = (row.repeats_4, row.rhythm_repeats_4, row.repeats_8, row.rhythm_repeats_8)
        shown = ["-" if value is None else f"{value:.1%}" for value in repeats]
        lines.append(
            f"{row.style:<16}{row.who:<12}{row.melodies:>10}{row.overlap:>8.3f}{row.divergence:>8.3f}{row.frechet:>9.2f}"
            f"{shown[0]:>10}{shown[1]:>8}{shown[2]:>8}{shown[3]:>7}"
            f"{row.match_notes:>9.1f}{row.match_notes_p95:>7.0f}{row.over_limit:>7.1%}"
        )
    if report.left_out:
        few = ", ".join(f"{style} {count}" for style, count in report.left_out.items())
        lines.append(f"Too few held-out pieces: {few}")
    return "\n".join(lines)


# --- writing


def _writer(net: Decoder, checkpoint: Checkpoint) -> Writer:
    table = checkpoint.extra("styles.json")["styles"]

    def write(style: str, n: int, bars: int, seed: int) -> list[Song]:
        songs: list[Song] = []
        while len(songs) < n:
            count = min(MAX_CANDIDATES, n - len(songs))
            request = MelodyRequest(style=style, bars=bars, n=count, seed=seed + len(songs))
            songs += [draft.song for draft in write_melodies(net, table, request)]
        return songs

    return write


class _NgramNet:
    """What sampling needs of a decoder, from an n-gram; it knows no taste."""

    context = _ROOMY_CONTEXT
    features = 0

    def __init__(self, model: CachedNgram, words: Vocabulary) -> None:
        self.model, self.words = model, words

    def start(self, batch: int, *, taste: Floats | None = None) -> _NgramCache:
        assert taste is None, "nobody hands a taste to a net without features"
        return _NgramCache(self, batch)


class _NgramCache:
    """The ids of each row so far; a finished row, which is fed PAD, is not looked at."""

    def __init__(self, net: _NgramNet, batch: int) -> None:
        self.length = 0  # set back to 0 by who begins anew
        self._net, self._ids = net, np.zeros((batch, 0), dtype=np.int64)

    def feed(self, ids: npt.NDArray[np.int64]) -> Floats:
        self._ids = np.concatenate([self._ids[:, : self.length], ids], axis=1)
        self.length = self._ids.shape[1]
        logits = np.zeros((len(ids), len(self._net.words)))
        pad = self._net.words.id("PAD")
        for place, row in enumerate(self._ids):
            if row[-1] != pad:
                logits[place] = np.log(self._net.model.distribution(row))
        return logits


# --- measuring


def _rows(
    style: str,
    cuts_a_piece: Sequence[int],
    sets: Mapping[str, Sequence[Song]],
    index: NoveltyIndex,
    scale: FeatureScale,
    *,
    seed: int,
) -> list[SetRow]:
    """The row of each set; the first is the real one, whose songs come piece by piece."""
    points = {who: np.array([scaled(features(song), scale)[_MELODIC] for song in songs]) for who, songs in sets.items()}
    values = _metric_values(sets)
    piece = np.repeat(np.arange(len(cuts_a_piece)), cuts_a_piece)
    rng = np.random.default_rng(seed)
    near: dict[str, list[tuple[float, dict[str, tuple[float, float]]]]] = {who: [] for who in sets}
    for _ in range(SPLITS_IN_TWO):
        chosen = rng.permutation(len(cuts_a_piece))[: len(cuts_a_piece) // 2]
        sides = [rng.permutation(np.flatnonzero(np.isin(piece, chosen) == side)) for side in (True, False)]
        size = min(map(len, (*sides, *sets.values())))
        one = sides[0][:size]
        for who, songs in sets.items():
            other = sides[1][:size] if who == REAL else rng.permutation(len(songs))[:size]
            distance = frechet_distance(points[REAL][one], points[who][other])
            shared = {
                name: overlap_and_divergence(values[REAL][name][one], values[who][name][other]) for name in values[who]
            }
            near[who].append((distance, shared))
    rows: list[SetRow] = []
    for who, songs in sets.items():
        metrics = {
            name: (
                round(float(np.mean([shared[name][0] for _, shared in near[who]])), 4),
                round(float(np.mean([shared[name][1] for _, shared in near[who]])), 4),
            )
            for name in values[who]
        }
        copies = count_copies(who, [song.melody.notes for song in songs], index)
        rows.append(
            SetRow(
                style=style,
                who=who,
                pieces=len(cuts_a_piece) if who == REAL else len(songs),
                melodies=len(songs),
                overlap=round(float(np.mean([overlap for overlap, _ in metrics.values()])), 4),
                divergence=round(float(np.mean([divergence for _, divergence in metrics.values()])), 4),
                frechet=round(float(np.mean([distance for distance, _ in near[who]])), 3),
                repeats_4=_mean_repeats(songs, lag_bars=4, pitched=True),
                rhythm_repeats_4=_mean_repeats(songs, lag_bars=4, pitched=False),
                repeats_8=_mean_repeats(songs, lag_bars=8, pitched=True),
                rhythm_repeats_8=_mean_repeats(songs, lag_bars=8, pitched=False),
                match_notes=copies.mean_notes,
                match_notes_p95=copies.p95_notes,
                over_limit=copies.over_limit,
                metrics=metrics,
            )
        )
    return rows


def _metric_values(sets: Mapping[str, Sequence[Song]]) -> dict[str, dict[str, Floats]]:
    """For each set, the values of each metric that tells something of these songs."""
    measured = {who: [measure(song) for song in songs] for who, songs in sets.items()}
    everything = [row for rows in measured.values() for row in rows]
    names = [
        name
        for name in METRICS
        if name != "chromatic_share"
        and all(name in row for row in everything)
        and len({row[name] for row in everything}) > 1
    ]
    return {who: {name: np.array([row[name] for row in rows]) for name in names} for who, rows in measured.items()}


def _mean_repeats(songs: Sequence[Song], *, lag_bars: int, pitched: bool) -> float | None:
    shares = [bar_repeats(song, lag_bars=lag_bars, pitched=pitched) for song in songs]
    known = [share for share in shares if share is not None]
    return round(float(np.mean(known)), 4) if known else None
