"""Reasons: why an item stands where it stands, in words that name real features and real items.

Conventions:
    A reason says what counted most and nothing that did not count. Titles are those of items that the listener kept.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from cocreate.music.measures import Floats
from cocreate.taste.content import WIDE, WIDE_INDEX
from cocreate.taste.learned import Taste
from cocreate.taste.profile import feature_words
from cocreate.taste.table import FAMILY, ItemTable

_SCALE = 6.0  # from shares of a logit to the spreads that feature_words expects
_FOR, _AGAINST = 3, 2
_ALIKE = 0.3  # likeness from which an item may be named
_HEARD = 0.25  # spreads from the ordinary; less is no word
_SHARED = 0.5  # spreads; what both have beyond it is shared
_TELLING = 0.15  # log-odds; a part that says less is not told
_BPM_GAP = 8.0
_WORDS = 2
_TEMPO = WIDE_INDEX["tempo"]


def bare_reason(known: Mapping[str, float]) -> str:
    """Why an item stands where it does when nothing is known of the listener."""
    names = {"style": "style fit"}
    told = [f"{names.get(name, name)} {value:.0%}" for name, value in known.items()]
    if not told:
        return "no profile yet, and nothing else to rank by"
    listed = told[0] if len(told) == 1 else f"{', '.join(told[:-1])} and {told[-1]}"
    return f"no profile yet: ranked by {listed}"


def reason_of(taste: Taste, table: ItemTable, place: int, odds: Mapping[str, float]) -> str:
    """The items, features and words that counted most for or against a row."""
    parts = []
    if table.known[place].any() and (len(taste.liked) or len(taste.disliked)):
        parts += _by_ear(taste, table, place)
    if abs(odds["comments"]) >= _TELLING:
        words = feature_words(np.abs(taste.pulls * table.wide[place]) * _SCALE, most=_WORDS,
                              directions=table.wide[place].astype(np.float64))  # fmt: skip
        if words:
            head = "as you asked" if odds["comments"] > 0 else "not what you asked for"
            parts.append(f"{head}: {', '.join(words)}")
    if abs(odds["words"]) >= _TELLING:
        parts += _by_words(taste, table, place, liked=odds["words"] > 0)
    if odds["crowd"] >= _TELLING:
        parts.append("it suits listeners who share your likes")
    if abs(odds["scene"]) >= _TELLING:
        parts.append("its mood suits" if odds["scene"] > 0 else "its mood does not suit")
    if parts:
        return "; ".join(parts)
    return "neither close to what you kept nor far from it" if table.known[place].any() else _unheard(odds)


def _unheard(odds: Mapping[str, float]) -> str:
    return "nothing known of how it sounds" if not odds["words"] and not odds["crowd"] else "little known of it"


def _by_ear(taste: Taste, table: ItemTable, place: int) -> list[str]:
    values = table.wide[place].astype(np.float64)
    effects = taste.effects(table, place) - taste.pulls * values
    told = np.where(np.abs(values) >= _HEARD, effects, 0.0) * _SCALE
    towards = feature_words(np.maximum(told, 0.0), most=_FOR, directions=values)
    against = feature_words(np.maximum(-told, 0.0), most=_AGAINST, directions=values)
    near, far = "close to what you kept", "unlike"
    if not len(taste.liked):
        near, far = "unlike what you skipped", "close to it"
    found = taste.nearest(table, place)
    if found is not None and found[0].item.title and found[1] >= _ALIKE and towards:
        near = f"close to {found[0].item.title}, which you kept"
        shared = _shared(values, taste.liked.rows[list(taste.liked.items).index(found[0])], effects)
        towards = shared or towards
    parts = [f"{head}: {', '.join(words)}" for head, words in ((near, towards), (far, against)) if words]
    tempo = _tempo_gap(taste, values) if table.known[place][0] else ""
    return [*parts, tempo] if tempo else parts


def _shared(values: Floats, other: Floats, effects: Floats) -> list[str]:
    """Words of what two items have in common and the listener likes, strongest first."""
    both = np.where(np.sign(values) == np.sign(other), np.minimum(np.abs(values), np.abs(other)), 0.0)
    counted = np.where((both >= _SHARED) & (effects > 0), both * FAMILY * 2, 0.0)
    return feature_words(counted, most=_FOR, directions=values)


def _tempo_gap(taste: Taste, values: Floats) -> str:
    """How much faster or slower than what is liked, in bpm, where liked tempos agree and the gap is clear."""
    heard = taste.liked.known[:, 0] > 0 if len(taste.liked) else np.zeros(0, dtype=bool)
    if not heard.any():
        return ""
    feature = WIDE[_TEMPO]

    def bpm(value: float) -> float:
        return float(2 ** (value * feature.spread + feature.centre))

    rows, weights = taste.liked.rows[heard][:, _TEMPO], taste.liked.weights[heard]
    usual = bpm(float(np.average(rows, weights=weights)))
    spread = float(np.std([bpm(float(row)) for row in rows]))
    gap = bpm(float(values[_TEMPO])) - usual
    if abs(gap) < max(_BPM_GAP, 2 * spread):
        return ""
    return f"{abs(gap):.0f} bpm {'faster' if gap > 0 else 'slower'} than you like"


def _by_words(taste: Taste, table: ItemTable, place: int, *, liked: bool) -> list[str]:
    own = table.words_at(place)
    strong = sorted(own, key=lambda word: -abs(taste.words.get(word, 0.0)))
    told = [word.replace(":", " ", 1) for word in strong if (taste.words.get(word, 0.0) > 0) == liked]
    told = [word for word in told if taste.words.get(word.replace(" ", ":", 1), 0.0)][:_WORDS]
    return [f"{'you like' if liked else 'you pass over'} {' and '.join(told)}"] if told else []
