"""What a listener's events say about them: which pieces they like and dislike, how much, and what they ask for.

Conventions:
    A weight lies in [-1, 1]. The last verdict on an item (keep or favourite +1, skip -1, rating 1..5 as -1..+1) stands;
    each play of half a minute or more adds 0.2 (at most 0.6), shorter ones less; each comment adds half its liking of
    the whole. What a comment says of one aspect is a *pull* on that aspect's features instead (`comments`). A fact
    fades by half in 180 days, counted back from the listener's latest event: a profile that rests does not fade.
    Events are the truth; a profile is never stored.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from cocreate.music.measures import Floats
from cocreate.taste.comments import ASPECTS, opinions
from cocreate.taste.content import WIDE, WIDE_INDEX, wide
from cocreate.taste.events import KINDS, Event, HeardItem, check_profile_name
from cocreate.taste.feature_table import FEATURES
from cocreate.taste.features import DEFAULT_SCALE, FeatureScale, scaled

HALF_LIFE_DAYS = 180.0
PLAY_WEIGHT, MOST_PLAY_WEIGHT = 0.2, 0.6
FULL_PLAY_S = 30.0  # what streaming services count as a play
COMMENT_WEIGHT = 0.5
PULL_STEP = 0.5  # spreads that a pull of 1 moves the taste vector by
_MOST_PULL = 2.0
_RATING_WEIGHTS = {1: -1.0, 2: -0.5, 3: 0.0, 4: 0.5, 5: 1.0}
_SECONDS_A_DAY = 86_400.0
_CLEAR_EFFECT = 0.6  # spreads; less is not worth a word in a description
_CLEAR_PULL = 0.25
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
    """A listener: preferences (items, first met first), how many events of each kind there were, pulls of comments.

    ``pulls`` maps names of wide features (`content.WIDE`) to how strongly more (or, below 0, less) of it is wished.
    """

    name: str
    preferences: tuple[Preference, ...] = ()
    counts: Mapping[str, int] = field(default_factory=lambda: MappingProxyType(dict.fromkeys(KINDS, 0)))
    pulls: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def from_events(cls, name: str, events: Iterable[Event]) -> Profile:
        """What ``events`` (in the order they happened) say.

        Raises:
            InputError: if the name may not name a profile.
        """
        check_profile_name(name)
        ordered = sorted(events, key=lambda event: event.at)  # UTC throughout; stable: ties keep their order
        by_item: dict[str, list[Event]] = {}
        for event in ordered:
            by_item.setdefault(event.item.id, []).append(event)
        latest = ordered[-1] if ordered else None
        preferences = tuple(
            Preference(found[-1].item, _weight(found, latest)) for found in by_item.values() if latest is not None
        )
        counts = Counter(event.kind for event in ordered)
        pulls: dict[str, float] = defaultdict(float)
        for event in ordered:
            if event.kind == "comment" and latest is not None:
                for feature, strength in _pulls(event).items():
                    pulls[feature] += strength * _faded(event, latest)
        bounded = {name: max(-_MOST_PULL, min(_MOST_PULL, value)) for name, value in pulls.items() if value}
        totals = MappingProxyType({kind: counts[kind] for kind in KINDS})
        return cls(name, preferences, totals, MappingProxyType(bounded))

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
        """True when nothing is liked, nothing disliked and nothing asked for."""
        return not self.liked and not self.disliked and not self.pulls

    def vector(self, *, style: str = "") -> tuple[float, ...]:
        """Where this listener's liking lies in the space of ``features.scaled``, (F,); empty when nothing is known.

        The mean of what is liked, by weight (of ``style`` alone where something of it is liked), moved by what
        comments ask for.
        """
        heard = [p for p in self.liked if p.item.is_heard]
        near = [p for p in heard if style and p.item.style == style] or heard
        pulled = np.array([self.pulls.get(f.name, 0.0) for f in FEATURES])
        if not near and not pulled.any():
            return ()
        mean = np.zeros(len(FEATURES))
        if near:
            rows = np.array([scaled(p.item.features) for p in near])
            mean = np.average(rows, axis=0, weights=[p.weight for p in near])
        return tuple(np.clip(mean + PULL_STEP * pulled, -3.0, 3.0).tolist())

    def describe(self, *, scale: FeatureScale = DEFAULT_SCALE) -> str:
        """One line: "likes: dense, syncopation, seventh chords; avoids: compound metre (6/8); asked for: slow".

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
        told.append(("asked for", self._asked_for()))
        parts = [f"{side}: {', '.join(words)}" for side, words in told if words]
        return "; ".join(parts) or "likes and avoids nothing in particular yet"

    def _asked_for(self) -> list[str]:
        strongest = sorted(self.pulls.items(), key=lambda pair: -abs(pair[1]))[:_WORDS_A_SIDE]
        found = [(WIDE[WIDE_INDEX[name]], value) for name, value in strongest if abs(value) >= _CLEAR_PULL]
        return [feature.high if value > 0 else feature.low for feature, value in found]


def feature_words(effects: Floats, *, most: int, directions: Floats | None = None) -> list[str]:
    """The words of the features with the largest effects, at most two of a family.

    Args:
        effects: one number a feature, of the content space or of the wide one; larger says more, below
            `_CLEAR_EFFECT` in size nothing.
        most: at most so many words.
        directions: positive for much of the feature, negative for little; None takes the sign of the effect.
    """
    towards = effects if directions is None else directions
    table = WIDE[: len(effects)]
    clear = np.flatnonzero(np.abs(effects) >= _CLEAR_EFFECT).tolist()
    words = {place: table[place].high if towards[place] > 0 else table[place].low for place in clear}
    sizes = {
        place: abs(effects[place]) * (_ABSENCE_COUNTS if word.startswith(_ABSENCE_WORDS) else 1.0)
        for place, word in words.items()
    }
    chosen: list[str] = []
    families: Counter[str] = Counter()
    for place in sorted(clear, key=lambda place: -sizes[place]):
        family = table[place].group
        if sizes[place] < _CLEAR_EFFECT or len(chosen) == most:
            break
        if families[family] < _WORDS_A_GROUP:
            families[family] += 1
            chosen.append(words[place])
    return chosen


def _faded(event: Event, latest: Event) -> float:
    days = (latest.time - event.time).total_seconds() / _SECONDS_A_DAY
    return float(0.5 ** (days / HALF_LIFE_DAYS))


def _weight(events: list[Event], latest: Event) -> float:
    """The weight of one item from its events, oldest first."""
    verdict, plays, comments = 0.0, 0.0, 0.0
    for event in events:
        faded = _faded(event, latest)
        if event.kind == "play":
            heard = 1.0 if event.seconds is None else min(1.0, event.seconds / FULL_PLAY_S)
            plays += PLAY_WEIGHT * event.count * heard * faded
        elif event.kind == "comment":
            whole = [one.polarity for one in opinions(event.text) if not _speaks_of_features(one.aspect, one.pulls)]
            comments += COMMENT_WEIGHT * float(np.mean(whole)) * faded if whole else 0.0
        elif event.rating is not None:
            verdict = _RATING_WEIGHTS[event.rating] * faded
        else:
            verdict = (-1.0 if event.kind == "skip" else 1.0) * faded
    return max(-1.0, min(1.0, verdict + min(plays, MOST_PLAY_WEIGHT) + comments))


def _speaks_of_features(aspect: str, pulls: Mapping[str, float]) -> bool:
    return bool(pulls) or bool(aspect and ASPECTS[aspect][1])


def _pulls(event: Event) -> dict[str, float]:
    """What a comment asks for: as it says, or as the item has it where it says only that an aspect is liked."""
    found: dict[str, float] = defaultdict(float)
    values: Floats | None = None
    for one in opinions(event.text):
        for name, wish in one.pulls.items():
            found[name] += wish
        if one.aspect and not one.pulls:
            if values is None:
                values = wide(event.item.features, event.item.traits)
            for name in ASPECTS[one.aspect][1]:
                found[name] += one.polarity * float(np.clip(values[WIDE_INDEX[name]], -1.0, 1.0))
    return found


def _steady_mean(preferences: tuple[Preference, ...], scale: FeatureScale) -> Floats:
    """Weighted mean of the wide features, pulled to 0 (the ordinary) when there are few pieces."""
    total = np.zeros(len(WIDE))
    for preference in preferences:
        total += abs(preference.weight) * wide(preference.item.features, preference.item.traits, scale)
    mean: Floats = total / (sum(abs(p.weight) for p in preferences) + _STEADY_PRIOR)
    return mean


def _clearer(mean: Floats, other: Floats) -> Floats:
    """How far ``mean`` lies from 0 and from ``other``, whichever is nearer; 0 where ``other`` lies further out."""
    apart = mean - other
    same_way = np.sign(mean) == np.sign(apart)
    result: Floats = np.where(same_way, np.sign(mean) * np.minimum(np.abs(mean), np.abs(apart)), 0.0)
    return result
