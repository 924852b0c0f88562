"""Do ideas sound like the style that was asked for? A classifier that knows only held-out real pieces is the judge.

Conventions:
    The judge is a multinomial logistic regression, trained on excerpts of real pieces of the validation split; excerpts
    of the test split say what real pieces get, then it hears ideas. It takes no part in training, ranking or steering,
    and it hears none of what ``taste.features`` measures as such: its features are the metrics of ``judge.melody`` and
    hashed counts of intervals, lengths, places in the bar and scale degrees (one and two in a row). Neither tempo, key
    nor register is heard: a style's table hands them to its ideas.
    Classes weigh the same in training, whatever their size, and accuracy is the mean over classes of the share that is
    right. Several styles may make one class (baroque, classical, romantic); ideas are then asked of each in turn.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from types import MappingProxyType
from typing import Any

import numpy as np

from cocreate.errors import InputError
from cocreate.evaluate.generated import CUTS_A_PIECE, MIN_PIECES, Writer, cuts, real_pieces
from cocreate.evaluate.reference import EXCERPT_BARS
from cocreate.judge.melody import METRICS
from cocreate.model.corpus.pack import Entry, of_split
from cocreate.model.vocabulary import Vocabulary
from cocreate.music.measures import Floats, Ints, line_of
from cocreate.music.song import TICKS_PER_QUARTER, Song

STYLE_CLASSES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "jazz": ("jazz",),
        "folk": ("folk",),
        "pop": ("pop",),
        "rock": ("rock",),
        "hymn": ("hymn",),
        "chorale": ("chorale",),
        "classical": ("baroque", "classical", "romantic"),
        "art song": ("art song",),
    }
)
TRAINING_CUTS = 8  # a piece: the judge has few pieces, and some are long
_SLOTS = 64  # of the hash of each kind of count
_STEP_TICKS = TICKS_PER_QUARTER // 12
_LONGEST_STEPS = 48  # a whole note
_WIDEST = 12  # semitones
_CLIP = 4.0  # standard deviations
_RIDGE = 1e-3  # real test excerpts get 80 % from 3e-4 to 1e-3, 78 % at 3e-3
_DESCENTS = 600


@dataclass(frozen=True, slots=True, eq=False)
class StyleClassifier:
    """Logistic regression on `describe`; ``slopes`` is (features + 1, classes), its last row the bias."""

    classes: tuple[str, ...]
    centre: Floats
    spread: Floats
    slopes: Floats

    @classmethod
    def fit(cls, songs: Sequence[Song], labels: Sequence[str]) -> StyleClassifier:
        """Learn from ``songs`` (chords are not heard) of two classes or more.

        Raises:
            InputError: if there is one class only.
        """
        classes = tuple(sorted(set(labels)))
        if len(classes) < 2:  # noqa: PLR2004 - nothing to tell apart
            raise InputError(f"a classifier needs songs of two styles or more, got {', '.join(classes) or 'none'}")
        table = np.array([describe(song) for song in songs])
        centre, spread = table.mean(axis=0), np.maximum(table.std(axis=0), _CLIP * 1e-3)
        wanted = np.array([classes.index(label) for label in labels])
        return cls(classes, centre, spread, _softmax_slopes(_inputs(table, centre, spread), wanted, len(classes)))

    def classify(self, songs: Sequence[Song]) -> list[str]:
        """The likeliest class of each song."""
        if not songs:
            return []
        rows = _inputs(np.array([describe(song) for song in songs]), self.centre, self.spread)
        return [self.classes[int(place)] for place in (rows @ self.slopes).argmax(axis=1)]


@dataclass(frozen=True, slots=True)
class StyleAccuracy:
    """How often each style is recognised.

    ``real`` and ``ideas`` are means over classes, in [0, 1]; a confusion counts, for each true or asked class (row),
    what the judge heard (column), in the order of ``classes``. ``pieces`` gives each class's validation and test
    pieces, ``left_out`` the same of classes that have too few.
    """

    classes: tuple[str, ...]
    bars: int
    seed: int
    real: float
    ideas: float
    real_confusion: tuple[tuple[int, ...], ...]
    idea_confusion: tuple[tuple[int, ...], ...]
    pieces: Mapping[str, tuple[int, int]]
    left_out: Mapping[str, tuple[int, int]]
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def style_accuracy(
    write: Writer,
    entries: Sequence[Entry],
    *,
    words: Vocabulary,
    classes: Mapping[str, Sequence[str]] = STYLE_CLASSES,
    n: int = 40,
    bars: int = EXCERPT_BARS,
    seed: int = 0,
    watch: Callable[[str], None] = lambda _doing: None,
) -> StyleAccuracy:
    """Train the judge, measure it on real test pieces, then on ideas.

    Args:
        write: asked for ``n`` ideas of each class.
        entries: a corpus with its validation and test splits, of the tiers that may be used.
        classes: name to the general styles in it; one with fewer than ``MIN_PIECES`` pieces in a split is left out.
        n: ideas a class, at least one for each of its styles.
        watch: told what is being done.

    Raises:
        InputError: if fewer than two classes have enough pieces.
    """
    began = time.monotonic()
    rng = np.random.default_rng(seed)
    splits = [real_pieces(of_split(entries, split)) for split in ("validation", "test")]
    members = {name: [[e for e in split if e.style in styles] for split in splits] for name, styles in classes.items()}
    counts = {name: (len(validation), len(test)) for name, (validation, test) in members.items()}
    names = tuple(sorted(name for name, found in counts.items() if min(found) >= MIN_PIECES))
    left_out = {name: found for name, found in counts.items() if name not in names}
    if len(names) < 2:  # noqa: PLR2004 - nothing to tell apart
        raise InputError(
            f"two classes must have {MIN_PIECES} validation and test pieces each, got (validation, test) {counts}"
        )
    watch(f"training the judge on {', '.join(names)}")
    validation, test = (
        {
            name: [song for e in members[name][side] for song in cuts(e, words, rng, bars=bars, most=most)]
            for name in names
        }
        for side, most in enumerate((TRAINING_CUTS, CUTS_A_PIECE))
    )
    judge = StyleClassifier.fit(
        [song for songs in validation.values() for song in songs],
        [name for name, songs in validation.items() for _ in songs],
    )
    ideas: dict[str, list[Song]] = {}
    for name in names:
        watch(f"writing {name}")
        styles = tuple(classes[name])
        each = [len(range(place, n, len(styles))) for place in range(len(styles))]
        ideas[name] = [
            song for style, count in zip(styles, each, strict=True) for song in write(style, count, bars, seed)
        ]
    real_confusion, idea_confusion = (_confusion(judge, names, songs) for songs in (test, ideas))
    return StyleAccuracy(
        classes=names,
        bars=bars,
        seed=seed,
        real=_accuracy(real_confusion),
        ideas=_accuracy(idea_confusion),
        real_confusion=real_confusion,
        idea_confusion=idea_confusion,
        pieces={name: counts[name] for name in names},
        left_out=left_out,
        seconds=round(time.monotonic() - began, 1),
    )


def describe(song: Song) -> Floats:
    """What the judge hears of a melody: metrics, then counts as square roots of shares. Shape (features,).

    Raises:
        InputError: if the melody has no note.
    """
    line = line_of(replace(song, chords=()))
    metrics = [metric(line) or 0.0 for metric in METRICS.values()]
    steps = np.clip(line.intervals, -_WIDEST, _WIDEST).tolist()
    lengths = np.minimum(line.iois // _STEP_TICKS, _LONGEST_STEPS).tolist()
    places = (line.offsets // _STEP_TICKS).tolist()
    degrees = list(zip(line.degrees.tolist(), (line.weights > 0).tolist(), strict=True))
    kinds: tuple[Sequence[Hashable], ...] = (
        *(steps, list(pairwise(steps)), lengths, list(pairwise(lengths))),
        *(places, degrees, list(zip(steps, lengths, strict=True))),
    )
    return np.concatenate([metrics, *(_hashed(kind) for kind in kinds)])


def format_style_accuracy(report: StyleAccuracy) -> str:
    """The accuracies and both confusion matrices as plain text."""
    head = f"Style recognised, {report.bars} bars, seed {report.seed} ({report.seconds:.0f} s)"
    lines = [f"{head}: real test excerpts {report.real:.1%}, ideas {report.ideas:.1%}"]
    for title, confusion in (("real", report.real_confusion), ("ideas", report.idea_confusion)):
        lines += ["", f"{title + ': is / heard as':<24}" + "".join(f"{name:>11}" for name in report.classes)]
        for place, (name, row) in enumerate(zip(report.classes, confusion, strict=True)):
            right = row[place] / max(1, sum(row))
            lines.append(f"{name:<24}" + "".join(f"{count:>11}" for count in row) + f"{right:>9.1%}")
    if report.left_out:
        few = ", ".join(f"{name} {validation}+{test}" for name, (validation, test) in report.left_out.items())
        lines.append(f"Too few pieces (validation + test): {few}")
    return "\n".join(lines)


def _hashed(symbols: Sequence[Hashable]) -> Floats:
    """Square root of the share of the symbols that fall into each slot."""
    counts = np.zeros(_SLOTS)
    for symbol in symbols:
        counts[zlib.crc32(repr(symbol).encode()) % _SLOTS] += 1
    roots: Floats = np.sqrt(counts / max(1, len(symbols)))
    return roots


def _inputs(table: Floats, centre: Floats, spread: Floats) -> Floats:
    """Standardised features, of length about 1 a row whatever their number, and a 1 for the bias."""
    rows = np.clip((table - centre) / spread, -_CLIP, _CLIP) / np.sqrt(table.shape[1])
    return np.concatenate([rows, np.ones((len(rows), 1))], axis=1)


def _softmax_slopes(rows: Floats, wanted: Ints, classes: int) -> Floats:
    """Slopes (columns, classes) of a class-balanced multinomial logistic regression with a ridge, the bias left free.

    Source:
        Nesterov's accelerated gradient, 1983, with the step 1 / Lipschitz constant (Böhning 1992: half the largest
        eigenvalue of the weighted second moments).
    """
    trust = (1.0 / np.bincount(wanted, minlength=classes)[wanted] / classes)[:, None]  # sums to 1
    right = np.eye(classes)[wanted]
    ridge = np.full((rows.shape[1], 1), _RIDGE)
    ridge[-1] = 0.0
    step = 1.0 / (0.5 * float(np.linalg.eigvalsh((rows * trust).T @ rows)[-1]) + _RIDGE)
    slopes = ahead = np.zeros((rows.shape[1], classes))
    pace = 1.0
    for _ in range(_DESCENTS):
        logits = rows @ ahead
        chances = np.exp(logits - logits.max(axis=1, keepdims=True))
        chances /= chances.sum(axis=1, keepdims=True)
        fresh = ahead - step * (rows.T @ (trust * (chances - right)) + ridge * ahead)
        faster = (1 + np.sqrt(1 + 4 * pace**2)) / 2
        ahead = fresh + (pace - 1) / faster * (fresh - slopes)
        slopes, pace = fresh, faster
    return slopes


def _confusion(
    judge: StyleClassifier, names: Sequence[str], songs: Mapping[str, Sequence[Song]]
) -> tuple[tuple[int, ...], ...]:
    heard = {name: judge.classify(songs[name]) for name in names}
    return tuple(tuple(heard[name].count(other) for other in names) for name in names)


def _accuracy(confusion: Sequence[Sequence[int]]) -> float:
    """Mean over the classes that have songs."""
    shares = [row[place] / sum(row) for place, row in enumerate(confusion) if sum(row)]
    return round(float(np.mean(shares)), 4)
