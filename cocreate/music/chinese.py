"""Chinese characters as a singer meets them: pinyin, tones, rhyme groups.

Conventions:
    One character is one syllable. Tones are 1..4, 5 for the neutral one. Level (平) are tones 1 and 2, oblique (仄) 3
    and 4. A final is written in full (``iou`` for *-iu*, ``v`` for ü, ``ii`` for the vowel of *zhi* and *zi*). Rhyme
    groups are the fourteen of the New Rhymes of China (中华新韵, 2005), by modern Mandarin; old verse often rhymes by
    older sounds.

Source:
    Readings: pypinyin's character table (MIT) in ``data/pinyin.txt.gz``, the usual reading first; simplified forms:
    OpenCC's table (Apache-2.0) in ``data/simplified.txt.gz``.
"""

from __future__ import annotations

import gzip
import unicodedata
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

from cocreate.music.prosody import DATA

GROUPS: dict[str, tuple[str, ...]] = {
    "麻": ("a", "ia", "ua"), "波": ("o", "e", "uo"), "皆": ("ie", "ve", "ê"), "开": ("ai", "uai"), "微": ("ei", "uei"),
    "豪": ("ao", "iao"), "尤": ("ou", "iou"), "寒": ("an", "ian", "uan", "van"), "文": ("en", "in", "uen", "vn"),
    "唐": ("ang", "iang", "uang"), "庚": ("eng", "ing", "ueng", "ong", "iong"), "齐": ("i", "er", "v"), "支": ("ii",),
    "姑": ("u",),
}  # fmt: skip
_NEAR = {"文": "庚", "支": "齐", "皆": "波"}  # groups that songs let pass for each other
_GROUP_OF = {final: group for group, finals in GROUPS.items() for final in finals}
_INITIALS = ("zh", "ch", "sh", *"bpmfdtnlgkhjqxrzcs")
_SHORT = {"iu": "iou", "ui": "uei", "un": "uen", "ue": "ve"}
_MARKS = {"̄": 1, "́": 2, "̌": 3, "̀": 4}
PARTICLES = frozenset(
    "之乎者也矣焉哉兮不的了着过与而于以为其且若乃则即便又亦还更最只都在是有无何谁我你他她它们这那此彼被把向从如似得地吗呢吧啊莫未已曾将个"
)
LEVEL, OBLIQUE, EITHER = "平", "仄", "中"


@dataclass(frozen=True, slots=True)
class Reading:
    """How a character is said: initial ("" for none), final in full, tone 1..5."""

    initial: str
    final: str
    tone: int

    @property
    def group(self) -> str:
        """The rhyme group, "" for a sound outside them (m, ng)."""
        return _GROUP_OF.get(self.final, "")

    @property
    def near_group(self) -> str:
        """The group with those that songs let pass for it."""
        return _NEAR.get(self.group, self.group)

    @property
    def level(self) -> str:
        """平 or 仄; a neutral tone counts as 平."""
        return OBLIQUE if self.tone in (3, 4) else LEVEL


@cache
def _table() -> dict[str, str]:
    raw = gzip.decompress((DATA / "pinyin.txt.gz").read_bytes()).decode("utf-8")
    return dict(line.split("\t") for line in raw.split("\n"))


@cache
def _simple() -> dict[int, str]:
    raw = gzip.decompress((DATA / "simplified.txt.gz").read_bytes()).decode("utf-8")
    return {ord(old): new for old, new in (line.split("\t") for line in raw.split("\n"))}


def is_han(char: str) -> bool:
    """True for a character that can be read aloud."""
    return char in _table()


def simplified(text: str) -> str:
    """The text in simplified characters."""
    return text.translate(_simple())


@cache
def readings(char: str) -> tuple[Reading, ...]:
    """How a character may be said, the usual way first; empty for what is none."""
    return tuple(read_pinyin(one) for one in _table().get(char, "").split(",") if one)


def read_pinyin(text: str) -> Reading:
    """A syllable of pinyin with its tone mark.

    >>> read_pinyin("xióng"), read_pinyin("yuè")
    (Reading(initial='x', final='iong', tone=2), Reading(initial='', final='ve', tone=4))
    """
    tone, letters = 5, ""
    for letter in unicodedata.normalize("NFD", text.lower()):
        if letter in _MARKS:
            tone = _MARKS[letter]
        elif letter == "̈":
            letters = letters[:-1] + "v"
        elif letter != "̂":
            letters += letter
    initial = next((start for start in _INITIALS if letters.startswith(start) and len(letters) > len(start)), "")
    final = letters[len(initial) :]
    if not initial and final[:1] in ("y", "w"):
        final = _without_glide(final)
    elif initial in ("j", "q", "x") and final.startswith("u"):
        final = "v" + final[1:]
    elif final == "i" and initial in ("zh", "ch", "sh", "r", "z", "c", "s"):
        final = "ii"
    return Reading(initial, _SHORT.get(final, final), tone)


def _without_glide(final: str) -> str:
    if final.startswith("yu"):
        return "v" + final[2:]
    if final.startswith("y"):
        rest = final[1:]
        return rest if rest.startswith("i") else "iou" if rest == "ou" else "i" + rest
    rest = final[1:]
    return rest if rest.startswith("u") else {"ei": "uei", "en": "uen"}.get(rest, "u" + rest)


def rhymes(first: str, second: str) -> str | None:
    """The best tier in which two characters rhyme: perfect (group and level alike), family (group), assonance."""
    if first == second or not readings(first) or not readings(second):
        return None
    own, other = readings(first)[0], readings(second)[0]
    if own.group and own.group == other.group:
        return "perfect" if own.level == other.level else "family"
    return "assonance" if own.near_group and own.near_group == other.near_group else None


# where a tone begins and ends, 1 low to 5 high (Chao 1930), the third tone as it sounds before another syllable
_HEIGHTS = {1: (5, 5), 2: (3, 5), 3: (2, 1), 4: (5, 1), 5: (3, 3)}


def tone_height(char: str) -> float:
    """Mean height of a character's tone in its usual reading, 1 low to 5 high."""
    said = readings(char)
    return sum(_HEIGHTS[said[0].tone if said else 5]) / 2


def tone_agreement(characters: str, pitches: tuple[int, ...]) -> float:
    """Share of neighbouring syllables whose tones do not fight the tune: 1 is best, 1.0 when there is one syllable.

    From one syllable to the next the tones move from mean height to mean height; the tune may go the same way or stay.

    Args:
        pitches: MIDI pitch of each character's first note.
    """
    heights = [tone_height(char) for char in characters]
    good = total = 0
    for (a, b), (low, high) in zip(pairwise(heights), pairwise(pitches), strict=False):
        total += 1
        good += (b - a) * (high - low) >= 0
    return good / total if total else 1.0
