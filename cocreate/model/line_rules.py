"""The exact rules of a line that is written back to front: which word may stand before what is there.

Conventions:
    A row of the table is the number of slots that are still empty, the last of which the next word ends on; a column is
    a word. -inf: never; else nats that are added. A word fits when one of its patterns has as many syllables as there
    is room for and, with two or more, its primary stress on a slot as strong as any it covers and no unstressed
    syllable on a downbeat. Whatever is left can be filled by words of one syllable, so a line that was begun can always
    be ended: only the last word, which is drawn first, can be out of reach.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cocreate.model.lexicon import BoolArray, FloatArray, Lexicon
from cocreate.music.singing import DOWNBEAT, fits, place_of_stress

NEVER = np.float32(-np.inf)


@dataclass(frozen=True, slots=True)
class Manner:
    """Soft wishes, in nats.

    ``weak_on_downbeat``, ``weak_on_strong``: a function word on a downbeat, on the strongest slot of a line without a
    tune; ``content_on_weak``: a word that means something on the
    weakest; ``ambiguous``: a word that may be said with more or fewer syllables; ``strict``: a stress that no other
    slot of the word equals.
    """

    weak_on_downbeat: float = -4.2
    weak_on_strong: float = -0.6
    content_on_weak: float = -0.25
    ambiguous: float = -1.2
    strict: float = 0.6


def line_table(strengths: Sequence[int], lexicon: Lexicon, manner: Manner, *, free: bool = False) -> FloatArray:
    """The rules of a line, (slots + 1, V); row 0 allows nothing. ``free``: only syllables count, stress does not."""
    count = len(strengths)
    table = np.full((count + 1, len(lexicon)), NEVER, dtype=np.float32)
    for left in range(1, count + 1):
        for number, pattern in enumerate(lexicon.known_patterns):
            size = len(pattern)
            if size > left:
                continue
            under = strengths[left - size : left]
            if free or fits(pattern, under):
                value = 0.0 if free or size == 1 or not _is_strict(pattern, under) else manner.strict
                row = table[left]
                np.maximum(row, np.where(lexicon.has_pattern[number], np.float32(value), NEVER), out=row)
        if not free:
            table[left] += _monosyllables(strengths[left - 1], max(strengths), lexicon, manner)
        table[left] += np.where(lexicon.is_ambiguous, np.float32(manner.ambiguous), np.float32(0))
    return table


def _is_strict(pattern: Sequence[int], under: Sequence[int]) -> bool:
    place = place_of_stress(pattern)
    return all(strength < under[place] for other, strength in enumerate(under) if other != place)


def _monosyllables(strength: int, strongest: int, lexicon: Lexicon, manner: Manner) -> FloatArray:
    found = np.zeros(len(lexicon), dtype=np.float32)
    if strength == strongest:
        found[lexicon.single & ~lexicon.content] = (
            manner.weak_on_downbeat if strength == DOWNBEAT else manner.weak_on_strong
        )
    elif strength <= 1 < strongest:
        found[lexicon.single & lexicon.content] = manner.content_on_weak
    return found


def chosen_pattern(
    lexicon: Lexicon, word: int, strengths: Sequence[int], left: int, *, free: bool = False
) -> tuple[int, ...] | None:
    """The pattern in which a word ends on slot ``left - 1``: the usual one if it fits; None where none does."""
    for pattern in lexicon.patterns[word]:
        if len(pattern) <= left and (free or fits(pattern, strengths[left - len(pattern) : left])):
            return pattern
    return None


def can_end(table: FloatArray, allowed: BoolArray) -> BoolArray:
    """Which of the allowed words may be the last of a line. Shape (V,)."""
    return np.asarray(allowed & np.isfinite(table[-1]))
