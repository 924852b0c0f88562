"""What a listener's events say about them: which pieces they like and dislike, and how much.

Conventions:
    A weight lies in [-1, 1]. The last verdict on an item (keep +1, skip -1, rating 1..5 as -1..+1) stands; each play
    adds 0.2 (at most 0.6) and each comment half its polarity. A fact fades by half in 180 days, counted back from the
    listener's latest event: a profile that rests does not fade. Events are the truth; a profile is never stored.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from cocreate.music.measures import Floats
from cocreate.taste.events import KINDS, Event, HeardItem, check_profile_name, comment_polarity
from cocreate.taste.feature_table import FEATURES
from cocreate.taste.features import DEFAULT_SCALE, FeatureScale, scaled

HALF_LIFE_DAYS = 180.0
PLAY_WEIGHT, MOST_PLAY_WEIGHT = 0.2, 0.6
COMMENT_WEIGHT = 0.5
_RATING_WEIGHTS = {1: -1.0, 2: -0.5, 3: 0.0, 4: 0.5, 5: 1.0}
_SECONDS_A_DAY = 86_400.0
_CLEAR_EFFECT = 0.6  # spreads; less is not worth a word in a description
_WORDS_A_SIDE = 4
_WORDS_A_GROUP = 2
_STEADY_PRIOR = 3.0  # pieces' worth of doubt about a mean
_ABSENCE_COUNTS = 0.6  # what is there is easier to hear than what is missing
_ABSENCE_WORDS = ("no ", "few ", "little ")


@dataclass(frozen=True, slots=True)
class Preference:
    """An item and how much the listener likes it, -1 to 1."""

    item: HeardItem
    weight: float


@dataclass(frozen=True, slots=True)
class Profile:
    """A listener: preferences (heard items, first met first) and how many events of each kind there were."""

    name: str
    preferences: tuple[Preference, ...] = ()
    counts: Mapping[str, int] = field(default_factory=lambda: MappingProxyType(dict.fromkeys(KINDS, 0)))

    @classmethod
    def from_events(cls, name: str, events: Iterable[Event]) -> Profile:
        """What ``events`` (in the order they happened) say.

        Raises:
            InputError: if the name may not name a profile.
        """
        check_profile_name(name)
        ordered = sorted(events, key=lambda event: event.time)  # stable: ties keep the order they came in
        by_item: dict[str, list[Event]] = {}
        for event in ordered:
            by_item.setdefault(event.item.id, []).append(event)
        latest = ordered[-1] if ordered else None
        preferences = tuple(
            Preference(found[-1].item, _weight(found, latest)) for found in by_item.values() if latest is not None
        )
        counts = Counter(event.kind for event in ordered)
        return cls(name, preferences, MappingProxyType({kind: counts[kind] for kind in KINDS}))

    @property
    def liked(self) -> tuple[Preference, ...]:
        """What has a weight above 0."""
        return tuple(p for p in self.preferences if p.weight > 0)

    @property
    def disliked(self) -> tuple[Preference, ...]:
        """What has a weight below 0."""
        return tuple(p for p in self.preferences if p.weight < 0)

    @property
    def is_empty(self) -> bool:
        """True when nothing is liked and nothing disliked."""
        return not self.liked and not self.disliked

    def vector(self, *, style: str = "") -> tuple[float, ...]:
        """Where this listener's liking lies in the space of ``features.scaled``, (F,); empty when nothing is liked.

        The mean of what is liked, by weight; of ``style`` alone where something of it is liked.
        """
        near = [p for p in self.liked if style and p.item.style == style] or self.liked
        if not near:
            return ()
        rows = np.array([scaled(p.item.features) for p in near])
        return tuple(np.average(rows, axis=0, weights=[p.weight for p in near]).tolist())

    def describe(self, *, scale: FeatureScale = DEFAULT_SCALE) -> str:
        """One line: "likes: dense, syncopation, seventh chords; avoids: compound metre (6/8)".

        A feature is named when the liked (or disliked) pieces lie clearly to one side of the ordinary and of the other
        pieces; a short profile names fewer.
        """
        if self.is_empty:
            return "no likes or dislikes yet"
        liked, disliked = _steady_mean(self.liked, scale), _steady_mean(self.disliked, scale)
        sides = (("likes", liked, disliked), ("avoids", disliked, liked))
        told = [(side, feature_words(_clearer(mean, other), most=_WORDS_A_SIDE)) for side, mean, other in sides]
        # "avoids: no triplets" says nothing that "likes" has not
        told[1] = ("avoids", [word for word in told[1][1] if not word.startswith(_ABSENCE_WORDS)])
        parts = [f"{side}: {', '.join(words)}" for side, words in told if words]
        return "; ".join(parts) or "likes and avoids nothing in particular yet"


def feature_words(effects: Floats, *, most: int, directions: Floats | None = None) -> list[str]:
    """The words of the features with the largest effects, at most two of a family.

    Args:
        effects: one number a feature; larger says more, below `_CLEAR_EFFECT` in size nothing.
        most: at most so many words.
        directions: positive for much of the feature, negative for little; None takes the sign of the effect.
    """
    towards = effects if directions is None else directions
    words = [f.high if towards[place] > 0 else f.low for place, f in enumerate(FEATURES)]
    sizes = np.abs(effects) * [_ABSENCE_COUNTS if word.startswith(_ABSENCE_WORDS) else 1.0 for word in words]
    chosen: list[str] = []
    families: Counter[str] = Counter()
    for place in np.argsort(-sizes, kind="stable"):
        family = FEATURES[int(place)].group
        if sizes[place] < _CLEAR_EFFECT or len(chosen) == most:
            break
        if families[family] < _WORDS_A_GROUP:
            families[family] += 1
            chosen.append(words[int(place)])
    return chosen


def _weight(events: list[Event], latest: Event) -> float:
    """The weight of one item from its events, oldest first."""

    def faded(event: Event) -> float:
        days = (latest.time - event.time).total_seconds() / _SECONDS_A_DAY
        return float(0.5 ** (days / HALF_LIFE_DAYS))

    verdict, plays, comments = 0.0, 0.0, 0.0
    for event in events:
        if event.kind == "play":
            plays += PLAY_WEIGHT * faded(event)
        elif event.kind == "comment":
            comments += COMMENT_WEIGHT * comment_polarity(event.text) * faded(event)
        elif event.rating is not None:
            verdict = _RATING_WEIGHTS[event.rating] * faded(event)
        else:
            verdict = (1.0 if event.kind == "keep" else -1.0) * faded(event)
    return max(-1.0, min(1.0, verdict + min(plays, MOST_PLAY_WEIGHT) + comments))


def _steady_mean(preferences: tuple[Preference, ...], scale: FeatureScale) -> Floats:
    """Weighted mean of the scaled features, pulled to 0 (the ordinary) when there are few pieces."""
    total = np.zeros(len(FEATURES))
    for preference in preferences:
        total += abs(preference.weight) * scaled(preference.item.features, scale)
    mean: Floats = total / (sum(abs(p.weight) for p in preferences) + _STEADY_PRIOR)
    return mean


def _clearer(mean: Floats, other: Floats) -> Floats:
    """How far ``mean`` lies from 0 and from ``other``, whichever is nearer; 0 where ``other`` lies further out."""
    apart = mean - other
    same_way = np.sign(mean) == np.sign(apart)
    result: Floats = np.where(same_way, np.sign(mean) * np.minimum(np.abs(mean), np.abs(apart)), 0.0)
    return result
