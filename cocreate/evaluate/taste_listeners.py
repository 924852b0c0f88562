"""Listeners made of labelled music: does the scorer find their taste from five likes, and are its scores chances?

Conventions:
    A made listener likes two styles and one trait: of the pieces of the two styles they like those in the upper (or
    lower) half of the trait, and keep nothing else: not the other half either. Five likes are told, then five skips
    too. Ranked are other held-out pieces, as many liked as not, by ear alone: no style or title is told. AUC is the
    chance that a liked one stands above one that is not. The calibration error (ECE) is over ten bins of equal counts;
    the scores are as shipped (`taste.learned.CALIBRATION`, fitted on other draws of listeners of the same pieces).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from cocreate.errors import CocreateError, InputError
from cocreate.model.corpus.piece import Piece
from cocreate.music.measures import Floats
from cocreate.taste.events import Event, HeardItem
from cocreate.taste.feature_table import FEATURE_NAMES
from cocreate.taste.features import scaled
from cocreate.taste.profile import Profile
from cocreate.taste.scorer import PARTS, Item, Scorer
from cocreate.taste.table import ItemTable

TRAITS = (
    "syncopation",
    "mean_interval",
    "notes_per_beat",
    "chromatic",
    "tempo",
    "minor_key",
    "repeated_notes",
    "triplets",
)
LIKES = 5
RANKED = 40  # pieces of each side that are ranked
FEWEST = 24  # pieces that a style needs
Places: TypeAlias = npt.NDArray[np.int64]
_NEIGHBOURS = 7
_BINS = 10
_DAY = "2026-01-01T12:00:00+00:00"


@dataclass(frozen=True, slots=True)
class ListenerReport:
    """AUC after five likes (against all else, and other styles alone) and with five skips too; ECE of the latter.

    ``style_accuracy`` is the share of pieces whose style is that of most of the pieces they are most like, each style
    counting alike; ``styles`` is how many there are.
    """

    listeners: int
    pieces: int
    likes_auc: float
    likes_half_width: float
    other_styles_auc: float
    both_auc: float
    ece: float
    style_accuracy: float
    styles: int

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {name: round(v, 4) if isinstance(v, float) else v for name, v in asdict(self).items()}

    def text(self) -> str:
        """The lines."""
        return (
            f"made listeners: {self.listeners} of {self.pieces} held-out pieces\n"
            f"AUC after 5 likes, content alone: {self.likes_auc:.3f} ±{self.likes_half_width:.3f} (goal 0.85)\n"
            f"  the same, against pieces of other styles: {self.other_styles_auc:.3f}\n"
            f"AUC after 5 likes and 5 skips: {self.both_auc:.3f}\n"
            f"calibration error (ECE) after both: {self.ece:.3f} (goal 0.03)\n"
            f"style told by the {_NEIGHBOURS} pieces most alike: {self.style_accuracy:.3f} of {self.styles} styles "
            f"(chance {1 / self.styles:.3f})\n"
            "mood: by rule alone; no set here has ratings of mood, so how often it is right is not known"
        )


@dataclass(frozen=True, slots=True)
class Labelled:
    """A held-out piece: what is heard, and its styles."""

    item: HeardItem
    styles: tuple[str, ...]


def labelled(pieces: Iterable[Piece], *, splits: Sequence[str] = ("test", "validation")) -> list[Labelled]:
    """The pieces of the held-out splits that have a melody."""
    found = []
    for piece in pieces:
        if piece.split in splits:
            try:
                found.append(Labelled(HeardItem.of(piece.song), piece.styles))
            except (CocreateError, ValueError):
                continue
    return found


def measure_listeners(pieces: Sequence[Labelled], *, listeners: int = 200, seed: int = 0) -> ListenerReport:
    """Make listeners and measure.

    Raises:
        InputError: if fewer than three styles have enough pieces.
    """
    table = ItemTable.of([_bare(piece.item) for piece in pieces])
    likes, both = [], []
    odds: list[tuple[Floats, Floats]] = []
    easy = []
    for good, bad in draw_listeners(pieces, listeners, np.random.default_rng(seed)):
        told, skipped = good[:LIKES], bad[:LIKES]
        size = min(RANKED, len(good) - LIKES, len(bad) - LIKES)  # as many of each
        shown = np.concatenate([good[LIKES : LIKES + size], bad[LIKES : LIKES + size]])
        liked = np.isin(shown, good).astype(np.float64)
        scored = [_log_odds(pieces, told, skips, table)[shown] for skips in (skipped[:0], skipped)]
        likes.append(_auc(scored[0], liked))
        both.append(_auc(scored[1], liked))
        odds.append((scored[1], liked))
        own_style = np.isin([pieces[int(i)].styles[0] for i in shown], [pieces[int(i)].styles[0] for i in good])
        other = (liked == 1) | ~own_style
        if (liked[other] == 0).any():
            easy.append(_auc(scored[0][other], liked[other]))
    held = [np.concatenate(column) for column in zip(*odds, strict=True)]
    width = 1.96 * float(np.std(likes, ddof=1)) / len(likes) ** 0.5
    return ListenerReport(
        len(likes),
        len(pieces),
        float(np.mean(likes)),
        width,
        float(np.mean(easy)),
        float(np.mean(both)),
        _ece(held[0], held[1]),
        *_style_accuracy(pieces, table),
    )


def draw_listeners(
    pieces: Sequence[Labelled], count: int, rng: np.random.Generator, *, traits: Sequence[str] = TRAITS
) -> Iterator[tuple[Places, Places]]:
    """Places of what each made listener likes and of what they do not, shuffled; one with too little is left out.

    Raises:
        InputError: if fewer than three styles have enough pieces.
    """
    values = np.array([scaled(piece.item.features) for piece in pieces])
    by_style = _styles(pieces)
    if len(by_style) < 3:  # noqa: PLR2004 - two that are liked and one that is not
        raise InputError(f"made listeners need three styles of {FEWEST} pieces, got {', '.join(by_style)}")
    every = np.unique(np.concatenate(list(by_style.values())))
    for _ in range(count):
        names = rng.choice(sorted(by_style), 2, replace=False)
        trait = FEATURE_NAMES.index(str(rng.choice(traits)))
        sign = float(rng.choice((-1.0, 1.0)))
        own = np.unique(np.concatenate([by_style[str(name)] for name in names]))
        good = own[sign * (values[own, trait] - np.median(values[own, trait])) > 0]
        rest = np.setdiff1d(every, good)
        if len(good) >= 2 * LIKES and len(rest) >= 2 * LIKES:
            yield rng.permutation(good), rng.permutation(rest)


def profile_of(pieces: Sequence[Labelled], liked: Iterable[int], skipped: Iterable[int]) -> Profile:
    """The profile of a made listener."""
    sides = (("keep", liked), ("skip", skipped))
    return Profile.from_events("made", [Event(k, pieces[int(i)].item, at=_DAY) for k, side in sides for i in side])


def _log_odds(pieces: Sequence[Labelled], liked: Places, skipped: Places, table: ItemTable) -> Floats:
    parts = Scorer(profile_of(pieces, liked, skipped)).log_odds(table)
    return sum((parts[name] for name in PARTS), np.zeros(len(table))).astype(np.float64) + parts["base"]


def _bare(item: HeardItem) -> Item:
    """By ear alone: no style, no artist."""
    return Item(item.id, item.features, traits=tuple(item.traits.items()))


def _styles(pieces: Sequence[Labelled]) -> dict[str, Places]:
    found: dict[str, list[int]] = {}
    for place, piece in enumerate(pieces):
        found.setdefault(piece.styles[0], []).append(place)
    return {style: np.array(places) for style, places in found.items() if len(places) >= FEWEST}


def _auc(scores: Floats, liked: Floats) -> float:
    a, b = scores[liked == 1][:, None], scores[liked == 0][None, :]
    return float((a > b).mean() + 0.5 * (a == b).mean())


def _style_accuracy(pieces: Sequence[Labelled], table: ItemTable) -> tuple[float, int]:
    """Mean over the styles of the share that is told right, each piece by the others; and how many styles there are."""
    by_style = _styles(pieces)
    names = np.array([piece.styles[0] if piece.styles[0] in by_style else "" for piece in pieces])
    right = np.zeros(len(pieces))
    for place in np.flatnonzero(names != ""):
        alike = table.some_alike(table.wide[place], table.known[place])
        alike[place] = -1.0
        alike[names == ""] = -1.0
        near = names[np.argsort(-alike, kind="stable")[:_NEIGHBOURS]]
        found, counts = np.unique(near, return_counts=True)
        right[place] = found[np.argmax(counts)] == names[place]
    return float(np.mean([right[places].mean() for places in by_style.values()])), len(by_style)


def _ece(odds: Floats, liked: Floats) -> float:
    chance = 1 / (1 + np.exp(-odds))
    order = np.argsort(chance, kind="stable")
    gaps = [abs(chance[part].mean() - liked[part].mean()) * len(part) for part in np.array_split(order, _BINS)]
    return float(sum(gaps) / len(order))


# a comment in each language, said of pieces that have much (or little) of the feature it is about
REMARKS: dict[str, tuple[str, str, str, str]] = {
    "tempo": ("too slow", "love how fast this is", "太慢了", "很快，我喜欢"),
    "notes_per_beat": ("too empty", "great and busy", "太空了", "密得好听"),
    "mean_pitch": ("too low", "the high register is lovely", "音太低了", "高亢，好听"),
    "syncopation": ("not enough syncopation", "love the syncopation", "切分不够", "切分很棒"),
    "chromatic": ("needs more chromatic notes", "the chromaticism is wonderful", "希望多半音", "半音很好听"),
    "triple_metre": ("I want more waltz", "I love the waltz", "希望多一点三拍", "喜欢圆舞曲"),
}


@dataclass(frozen=True, slots=True)
class CommentOrders:
    """Of each aspect and language: Spearman's rho between the score and the commented feature, held-out pieces."""

    rows: Sequence[tuple[str, str, float]]

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {f"{aspect}, {language}": round(rho, 4) for aspect, language, rho in self.rows}

    def text(self) -> str:
        """The table and the means."""
        lines = ["profiles of comments alone, Spearman's rho with the commented feature (goal 0.5)"]
        lines += [f"{aspect:<16}{language:<9}{rho:>7.3f}" for aspect, language, rho in self.rows]
        for language in ("English", "Chinese"):
            lines.append(f"mean, {language}: {np.mean([rho for _, own, rho in self.rows if own == language]):.3f}")
        return "\n".join(lines)


def comment_orders(pieces: Sequence[Labelled], *, comments: int = 3, seed: int = 0) -> CommentOrders:
    """Profiles of ``comments`` remarks about one aspect each, in each language, and how they order other pieces."""
    from scipy.stats import spearmanr

    rng = np.random.default_rng(seed)
    values = np.array([scaled(piece.item.features) for piece in pieces])
    rows = []
    for aspect, remarks in REMARKS.items():
        column = values[:, FEATURE_NAMES.index(aspect)]
        for language, (little, much) in (("English", remarks[:2]), ("Chinese", remarks[2:])):
            order = np.argsort(column + rng.normal(0, 1e-6, len(column)))
            told = [(int(i), little) for i in rng.choice(order[: len(order) // 4], comments, replace=False)]
            told += [(int(i), much) for i in rng.choice(order[-len(order) // 4 :], comments, replace=False)]
            events = [Event("comment", pieces[i].item, text=text, at=_DAY) for i, text in told]
            rest = np.setdiff1d(np.arange(len(pieces)), [i for i, _ in told])
            scorer = Scorer(Profile.from_events("made", events))
            scores = scorer.values(ItemTable.of([_bare(pieces[int(i)].item) for i in rest]))
            rho = float(spearmanr(scores, column[rest]).statistic)
            rows.append((aspect, language, 0.0 if np.isnan(rho) else rho))
    return CommentOrders(rows)
