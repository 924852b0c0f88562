"""What happened between a listener and a piece of music: plays, keeps, skips, ratings, comments.

Conventions:
    Events are facts: they are added, never changed. Times are UTC in ISO 8601 (``2026-01-31T12:00:00+00:00``).
    An item is known by its melody (`features.melody_id`), so that a file, a catalogue track and a fresh idea with the
    same notes are one item.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cocreate.errors import InputError
from cocreate.music.song import Song
from cocreate.taste.features import FeatureVector, features, melody_id

KINDS = ("play", "keep", "skip", "rate", "comment")
MIN_RATING, MAX_RATING = 1, 5
MAX_NAME_LENGTH = 64
MAX_COMMENT_LENGTH = 2_000  # a page; more is not a comment

# a first, small reading of comments; whoever reads them better replaces `comment_polarity`
_GOOD = (
    "like", "love", "nice", "great", "good", "beautiful", "lovely", "cool", "catchy", "wonderful", "excellent",
    "喜欢", "好听", "不错", "很棒", "太棒", "很美", "优美", "动听", "好美", "赞",
)  # fmt: skip
_BAD = (
    "dislike", "hate", "bad", "boring", "ugly", "noisy", "annoying", "awful", "dull", "terrible", "too fast",
    "too slow", "too busy", "too loud", "讨厌", "难听", "无聊", "太吵", "太快", "太慢", "太乱", "太闹",
    "单调", "一般般",
)  # fmt: skip
_NOT_EN = r"(?:not|never|no|don't|dont|doesn't|isn't|didn't)\s+(?:\w+\s+){0,2}$"
_NOT_ZH = r"[不没](?:太|是|很|怎么|那么)?$"


def utc_now() -> str:
    """Now, UTC, ISO 8601, to the microsecond (events of one second keep their order)."""
    return datetime.now(UTC).isoformat()


@dataclass(frozen=True, slots=True)
class HeardItem:
    """A piece that a listener met; ``path`` is empty for an idea that was never written."""

    id: str
    features: FeatureVector
    title: str = ""
    style: str = ""
    path: str = ""

    def __post_init__(self) -> None:
        if not self.id:
            raise InputError("an item needs an id, got an empty one; use features.melody_id")

    @classmethod
    def of(cls, song: Song, *, path: str = "") -> HeardItem:
        """The item of a song.

        Raises:
            InputError: if the melody has no note.
        """
        return cls(melody_id(song), features(song), song.title, song.style, path)


@dataclass(frozen=True, slots=True)
class Event:
    """One fact. ``rating`` (1..5) belongs to "rate" and ``text`` to "comment", and to nothing else."""

    kind: str
    item: HeardItem
    rating: int | None = None
    text: str = ""
    at: str = field(default_factory=utc_now)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InputError(f"an event must be one of {', '.join(KINDS)}, got {self.kind!r}")
        if (self.rating is not None) != (self.kind == "rate"):
            raise InputError(
                f"a rating belongs to the event 'rate' and to no other, got {self.rating} for {self.kind!r}"
            )
        if self.rating is not None and not MIN_RATING <= self.rating <= MAX_RATING:
            raise InputError(f"a rating must be in {MIN_RATING}..{MAX_RATING}, got {self.rating}")
        if bool(self.text.strip()) != (self.kind == "comment"):
            raise InputError(
                f"a text belongs to the event 'comment' and to no other, got {self.text!r} for {self.kind!r}"
            )
        if len(self.text) > MAX_COMMENT_LENGTH:
            raise InputError(f"a comment must be at most {MAX_COMMENT_LENGTH} characters, got {len(self.text)}")
        object.__setattr__(self, "at", _utc_iso(self.at))

    @property
    def time(self) -> datetime:
        """When it happened, UTC."""
        return datetime.fromisoformat(self.at)


def check_profile_name(name: str) -> str:
    """The name, if it may name a profile: 1 to 64 letters (of any script), digits, ``-`` or ``_``.

    Raises:
        InputError: otherwise.
    """
    if not 1 <= len(name) <= MAX_NAME_LENGTH or not all(c.isalnum() or c in "-_" for c in name):
        raise InputError(f"a profile name must be 1 to {MAX_NAME_LENGTH} letters, digits, - or _, got {name!r}")
    return name


def comment_polarity(text: str) -> float:
    """What a comment's plain words say: -1 (dislike) to 1 (like), 0 when they say nothing or both.

    English and Chinese key words, with "not" and 不 before them turned round. No more than that: irony, comparison and
    what exactly is liked are beyond it.
    """
    lower = text.lower()
    score = 0
    for words, sign in ((_GOOD, 1), (_BAD, -1)):
        for word in words:
            pattern = rf"\b{re.escape(word)}(?:s|d|ed)?\b" if word.isascii() else re.escape(word)
            for found in re.finditer(pattern, lower):
                before = lower[: found.start()]
                negated = re.search(_NOT_EN if word.isascii() else _NOT_ZH, before)
                score += -sign if negated else sign
    return float(max(-1, min(1, score)))


def _utc_iso(text: str) -> str:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"a time must be ISO 8601 such as 2026-01-31T12:00:00+00:00, got {text!r}") from error
    if moment.tzinfo is None:
        raise InputError(f"a time must say its zone (add +00:00 for UTC), got {text!r}")
    return moment.astimezone(UTC).isoformat()
