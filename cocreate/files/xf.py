"""Yamaha XF chord events: chord symbols that MuseScore and Yamaha keyboards read from a plain MIDI file.

Conventions:
    An event is a sequencer-specific meta event ``43 7B 01 cr ct bn bt``. ``cr`` is the root (high digit: accidental,
    3 is natural; low digit: 1 is C .. 7 is B), ``ct`` the type 0..34, ``bn`` the bass spelled as ``cr`` or 7F for none.
    ``bt`` (a second chord type for the bass) is always 7F.

Source:
    Yamaha data lists, "Chord Control" (cr, ct, bn, bt); the type table is the same in the XF specification 2.01.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cocreate.music.song import Chord, Key
from cocreate.music.theory import LETTERS, QUALITIES, pitch_class_name

_PREFIX = (0x43, 0x7B, 0x01)
_NONE = 0x7F
_CANCEL_TYPE = 0x22
_NO_ROOT = 0x00  # a reserved value: a reader that shows roots without looking at the type shows nothing
_NATURAL = 3
_NOTES = "CDEFGAB"

# our quality -> type; several qualities share a type, and the first of them is what the type reads as
_TYPES = {
    "maj": 0, "6": 1, "maj7": 2, "maj7#11": 3, "add9": 4, "maj9": 5, "maj13": 5, "69": 6, "aug": 7, "m": 8, "m6": 9,
    "m7": 10, "m7b5": 11, "madd9": 12, "m9": 13, "m13": 13, "m11": 14, "mMaj7": 15, "dim": 17, "dim7": 18, "7": 19,
    "7sus4": 20, "9sus4": 20, "13sus4": 20, "7b5": 21, "9": 22, "11": 22, "7#11": 23, "13": 24, "7b9": 25, "7b13": 26,
    "7#9": 27, "7alt": 27, "maj7#5": 28, "7#5": 29, "5": 31, "sus4": 32, "sus2": 33,
}  # fmt: skip
_MORE_TYPES = {16: "mMaj7", 30: "5"}  # minor-major ninth; root in octaves: nearest qualities that we have


@dataclass(frozen=True, slots=True)
class XfChord:
    """A chord event as read: ``root`` None for a cancelled chord; ``qualities`` are those its type can mean."""

    start_ticks: int
    root: int | None
    qualities: tuple[str, ...] = ()
    bass: int | None = None

    def quality_of(self, tones: frozenset[int] | None) -> str:
        """The quality that sounds exactly ``tones`` (pitch classes), else the usual one of the type."""
        if self.root is None:
            return ""
        for quality in self.qualities:
            if tones == frozenset((self.root + step) % 12 for step in QUALITIES[quality]):
                return quality
        return self.qualities[0]


def xf_data(chord: Chord, *, key: Key | None = None) -> tuple[int, ...]:
    """The seven data bytes of ``chord``'s event, spelled for ``key``."""
    if chord.root is None:
        return (*_PREFIX, _NO_ROOT, _CANCEL_TYPE, _NONE, _NONE)
    bass = _NONE if chord.bass is None else _spelled(chord.bass, key)
    return (*_PREFIX, _spelled(chord.root, key), _TYPES[chord.quality], bass, _NONE)


def read_xf(start_ticks: int, data: Sequence[int]) -> XfChord | None:
    """The chord of an event's data bytes; None when it is no XF chord event or a reserved value."""
    if tuple(data[:3]) != _PREFIX or len(data) < 5:  # noqa: PLR2004 - prefix, root and type
        return None
    root, kind = _pitch_class(data[3]), data[4]
    if kind in (_CANCEL_TYPE, _NONE):
        return XfChord(start_ticks, None)
    qualities = tuple(name for name, number in _TYPES.items() if number == kind)
    if not qualities and kind in _MORE_TYPES:
        qualities = (_MORE_TYPES[kind],)
    if root is None or not qualities:
        return None
    bass = _pitch_class(data[5]) if len(data) > 5 else None  # noqa: PLR2004 - the byte after the type
    return XfChord(start_ticks, root, qualities, None if bass == root else bass)


def _spelled(pitch_class: int, key: Key | None) -> int:
    name = pitch_class_name(pitch_class, key=key)
    accidental = _NATURAL + name.count("#") - name.count("b")
    return accidental << 4 | _NOTES.index(name[0]) + 1


def _pitch_class(byte: int) -> int | None:
    accidental, note = byte >> 4, byte & 0x0F
    if not 1 <= note <= len(_NOTES) or accidental > 2 * _NATURAL:
        return None
    return (LETTERS[_NOTES[note - 1]] + accidental - _NATURAL) % 12
