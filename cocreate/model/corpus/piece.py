"""A piece to train or test on: a song with where it comes from, what may be done with it, and its split.

Conventions:
    Tiers: ``A`` public domain or permissive, ``A*`` an open transcription of a song that is not the licensor's,
    ``B`` share-alike or GPL. A work is a tune, whatever collection prints it; splits are by work.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from dataclasses import dataclass

from cocreate.errors import InputError
from cocreate.music.song import Song

TIERS = ("A", "A*", "B")
SPLITS = ("train", "validation", "test")
_SPLIT_SLOTS = 20  # 0 is test, 1 is validation, the other 18 train


@dataclass(frozen=True, slots=True)
class Piece:
    """A song and its provenance.

    ``styles`` goes from general to special ("folk", "reel"); ``weight`` below 1 makes sampling rarer (synthetic
    pieces); ``name`` is what a person is told when an idea comes too near to it.
    """

    song: Song
    dataset: str
    work: str
    name: str
    licence: str
    tier: str
    styles: tuple[str, ...]
    split: str
    weight: float = 1.0

    def __post_init__(self) -> None:
        if self.tier not in TIERS:
            raise InputError(f"tier must be one of {', '.join(TIERS)}, got {self.tier!r}")
        if self.split not in SPLITS:
            raise InputError(f"split must be one of {', '.join(SPLITS)}, got {self.split!r}")
        if not self.styles:
            raise InputError("a piece needs at least one style, got none")


def work_key(title: str) -> str:
    """A title as every collection would write it: lower case, no accents, articles or rhythm names.

    Chinese and other scripts are kept as they are. Falls back to the bare title when nothing is left.
    """
    plain = unicodedata.normalize("NFKD", title.lower())
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    plain = re.sub(r"\(.*?\)|\[.*?\]", " ", plain)
    plain = re.sub(r"[\u2019'`]", "", plain)
    words = re.findall(r"\w+", plain)
    kept = [w for w in words if w not in _NOISE_WORDS]
    return " ".join(kept or words) or title.strip()


def split_of(work: str) -> str:
    """The split of a work by hash: ``crc32("cocreate:" + work) % 20``; 0 is test, 1 validation."""
    slot = zlib.crc32(f"cocreate:{work}".encode()) % _SPLIT_SLOTS
    return {0: "test", 1: "validation"}.get(slot, "train")


_NOISE_WORDS = frozenset((
    "the", "a", "an", "reel", "jig", "hornpipe", "strathspey", "waltz", "march", "polka", "clog", "quadrille", "slip",
    "walk", "schottische", "highland", "fling", "set", "first", "second", "third", "no",
))  # fmt: skip
