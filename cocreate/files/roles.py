"""Who plays what: the role of each part of a file that does not say.

Conventions:
    A name's whole words decide ("Bass" is a bass, "Bassoon" is not); drums are told by their channel or clef,
    which the reader knows.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from cocreate.music.song import Part

_WORDS = {
    "melody": "melody", "lead": "melody", "tune": "melody", "vocal": "melody", "vocals": "melody", "vox": "melody",
    "cantus": "melody", "旋律": "melody", "主旋律": "melody",
    "voice": "voice", "soprano": "voice", "alto": "voice", "tenor": "voice", "baritone": "voice", "choir": "voice",
    "chords": "chords", "chord": "chords", "harmony": "chords", "pad": "chords", "和弦": "chords",
    "comping": "comping", "comp": "comping", "accompaniment": "comping",
    "bass": "bass", "贝斯": "bass", "other": "other",
}  # fmt: skip
_OVERLAP_TICKS = 60  # a thirty-second: played legato, not a second voice
_MOSTLY = 0.9


def assign_roles(parts: Sequence[Part], drums: Sequence[bool]) -> list[Part]:
    """The parts with roles, drums where ``drums`` says so; unnamed parts get their role for a name.

    When no name says melody or voice, the first one-voiced part without a role by name is the melody; what is left is
    "other".
    """
    roles = ["drums" if is_drum else _named_role(part.name) for part, is_drum in zip(parts, drums, strict=True)]
    if "melody" not in roles and "voice" not in roles:
        for place, part in enumerate(parts):
            if roles[place] is None and is_one_voice(part):
                roles[place] = "melody"
                break
    found = []
    for part, role in zip(parts, roles, strict=True):
        known = role or "other"
        found.append(replace(part, role=known, name=part.name or known.capitalize()))
    return found


def is_one_voice(part: Part) -> bool:
    """True when at least nine notes in ten end before the next begins, give or take a thirty-second note."""
    if not part.notes:
        return False
    clear = sum(
        a.end_ticks <= b.start_ticks + _OVERLAP_TICKS and a.start_ticks < b.start_ticks for a, b in pairwise(part.notes)
    )
    return clear >= _MOSTLY * (len(part.notes) - 1)


def _named_role(name: str) -> str | None:
    for word in re.findall(r"[^\W\d_]+", name.lower()):
        if word in _WORDS:
            return _WORDS[word]
    return None
