"""What happened between a listener and a piece of music: plays, favourites, keeps, skips, ratings, comments.

Conventions:
    Events are facts: they are added or, when a listener wants them forgotten, erased; never changed. Times are UTC in
    ISO 8601 (``2026-01-31T12:00:00+00:00``). An item is known by its melody (`features.melody_id`), so that a file, a
    catalogue track and a fresh idea with the same notes are one item; a row of somebody's history, which has no notes,
    is known by artist and title (`work_of`), and is joined to the file of that name where the catalogue has one.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from cocreate.errors import InputError
from cocreate.music.song import Song
from cocreate.taste.features import NOTHING_HEARD, FeatureVector, features, melody_id

KINDS = ("play", "favourite", "keep", "skip", "rate", "comment")
MIN_RATING, MAX_RATING = 1, 5
MAX_NAME_LENGTH = 64
MAX_COMMENT_LENGTH = 2_000  # a page; more is not a comment

MAX_SECONDS = 86_400.0  # of one play: a day
MAX_COUNT = 1_000_000  # plays in one row of a history
_BRACKETS = re.compile(r"[(\[（【].*?[)\]）】]|\b(?:feat|ft)\b\.?.*$")


def utc_now() -> str:
    """Now, UTC, ISO 8601, to the microsecond (events of one second keep their order)."""
    return datetime.now(UTC).isoformat()


@dataclass(frozen=True, slots=True)
class HeardItem:
    """A piece that a listener met, or that stands in the catalogue; what is not known is empty.

    ``path`` is empty for an idea that was never written; ``traits`` are what else is heard in it (`content`): names to
    numbers; ``words`` are its lyrics; ``tags`` also name instruments.
    """

    id: str
    features: FeatureVector
    title: str = ""
    style: str = ""
    path: str = ""
    artist: str = ""
    album: str = ""
    year: int | None = None
    tags: tuple[str, ...] = ()
    traits: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    words: str = ""

    def __post_init__(self) -> None:
        if not self.id:
            raise InputError("an item needs an id, got an empty one; use features.melody_id")

    @classmethod
    def of(cls, song: Song, *, path: str = "") -> HeardItem:
        """The item of a song.

        Raises:
            InputError: if the melody has no note.
        """
        from cocreate.taste.content import instruments_of, traits_of, words_of

        return cls(
            melody_id(song), features(song), song.title, song.style, path,
            tags=instruments_of(song), traits=traits_of(song), words=words_of(song),
        )  # fmt: skip

    @classmethod
    def named(cls, artist: str, title: str, *, album: str = "", style: str = "", **more: Any) -> HeardItem:
        """The item of a row that has no notes.

        Raises:
            InputError: if there is no title, or nothing but marks in it.
        """
        work = work_of(artist, title)
        if not work:
            raise InputError(f"a track must have a title, got {title!r} by {artist!r}")
        name = "w" + hashlib.sha256(work.encode()).hexdigest()[:15]
        return cls(name, NOTHING_HEARD, title.strip(), style, artist=artist.strip(), album=album.strip(), **more)

    def completed(self, known: HeardItem) -> HeardItem:
        """The item; what it does not tell (who made it, album, style, year, tags, words) as ``known`` has it."""
        return replace(
            self, title=self.title or known.title, style=self.style or known.style, artist=self.artist or known.artist,
            album=self.album or known.album, year=known.year if self.year is None else self.year,
            tags=tuple(dict.fromkeys((*self.tags, *known.tags))), traits={**known.traits, **self.traits},
            words=self.words or known.words,
        )  # fmt: skip

    @property
    def is_heard(self) -> bool:
        """Whether its melody was heard: a row of a history has a name only."""
        return any(value is not None for value in self.features.values)

    @property
    def work(self) -> str:
        """Artist and title, folded (`work_of`)."""
        return work_of(self.artist, self.title)


@dataclass(frozen=True, slots=True)
class Event:
    """One fact. ``rating`` (1..5) belongs to "rate" and ``text`` to "comment", and to nothing else.

    Attributes:
        count: plays that this row stands for, from 1; only a play may have more than one.
        seconds: heard of one play; None is not known.
        place: where, as the source says it: device, country or scene.
        id: the event's number in the store; 0 before it is stored. Two events that differ in it alone are equal.
    """

    kind: str
    item: HeardItem
    rating: int | None = None
    text: str = ""
    at: str = field(default_factory=utc_now)
    count: int = 1
    seconds: float | None = None
    place: str = ""
    id: int = field(default=0, compare=False)

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
        if not 1 <= self.count <= (MAX_COUNT if self.kind == "play" else 1):
            raise InputError(f"a count must be 1, or for plays 1..{MAX_COUNT}, got {self.count} for {self.kind!r}")
        if self.seconds is not None and not 0 <= self.seconds <= MAX_SECONDS:
            raise InputError(f"seconds heard must be in 0..{MAX_SECONDS:.0f}, got {self.seconds}")
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


def work_of(artist: str, title: str) -> str:
    """Artist and title, folded so that spelling, brackets and "feat." do not part them; empty without a title."""
    whole = unicodedata.normalize("NFKC", title).casefold()
    name = _fold(_BRACKETS.sub(" ", whole)) or _fold(whole)
    return f"{_fold(unicodedata.normalize('NFKC', artist).casefold())}|{name}" if name else ""


def _fold(text: str) -> str:
    return " ".join("".join(c if c.isalnum() else " " for c in text).split())


def _utc_iso(text: str) -> str:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"a time must be ISO 8601 such as 2026-01-31T12:00:00+00:00, got {text!r}") from error
    if moment.tzinfo is None:
        raise InputError(f"a time must say its zone (add +00:00 for UTC), got {text!r}")
    return moment.astimezone(UTC).isoformat()
