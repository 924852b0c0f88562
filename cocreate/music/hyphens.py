"""Words cut into as many pieces as they have syllables, for the words under the notes.

Conventions:
    The pieces joined are the word, letter for letter. English spelling only hints at where syllables begin: each piece
    gets one group of vowel letters and as many of the consonants before it as can begin a word.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

_VOWELS = "aeiouyàáâäæèéêëìíîïòóôöùúûü"
_ONSETS = frozenset(
    """b bl br c ch chr cl cr d dr dw f fl fr g gh gl gn gr h j k kn l m n p ph pl pr q qu r rh s sc sch scr sh shr sk
    sl sm sn sp sph spl spr squ st str sw t th thr tr tw v w wh wr x y z""".split()
)
_SPLIT_PAIRS = tuple("ia io iu eo ua ue uo ui oi oe ea ie ei ya yi ao ii ae".split())


def split_syllables(word: str, count: int) -> tuple[str, ...]:
    """``word`` in ``count`` pieces (fewer only when it has fewer letters).

    >>> split_syllables("harbour", 2), split_syllables("remember", 3), split_syllables("loved", 1)
    (('har', 'bour'), ('re', 'mem', 'ber'), ('loved',))
    """
    if count <= 1 or len(word) <= 1:
        return (word,)
    groups = _vowel_groups(word.lower())
    while len(groups) > count:
        groups = _merged(word.lower(), groups)
    while len(groups) < count and (more := _parted(word.lower(), groups)):
        groups = more
    if len(groups) < count:
        return _even(word, count)
    cuts = [0, *(_onset(word.lower(), a[1], b[0]) for a, b in pairwise(groups)), len(word)]
    return tuple(word[a:b] for a, b in pairwise(cuts))


def _vowel_groups(word: str) -> list[tuple[int, int]]:
    found = [match.span() for match in re.finditer(f"[{_VOWELS}]+", word)]
    if found and found[0] == (0, 1) and word[0] == "y" and len(found) > 1:
        found = found[1:]  # "young": the y is a consonant
    if word.startswith("y") and found and found[0][0] == 0 and found[0][1] > 1:
        found[0] = (1, found[0][1])
    return [(a + 1, b) if word[a] == "u" and a and word[a - 1] == "q" and b - a > 1 else (a, b) for a, b in found]


def _merged(word: str, groups: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """One group fewer: a silent e goes first (at the end, before s or d, before a suffix), else the last group."""
    silent = re.search(r"e(?=$|s$|d$|'s$|ly$|ful|less|ment|ness|some)", word)
    places = [n for n, (a, b) in enumerate(groups) if silent and a == silent.start() and b == a + 1 and n]
    plain = next((n for n, (a, b) in enumerate(groups) if n and word[a:b] == "e"), len(groups) - 1)
    gone = places[-1] if places else plain
    return [group for n, group in enumerate(groups) if n != gone]


def _parted(word: str, groups: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """One group more: a pair of vowels that are often said apart, else any pair; [] where there is none."""
    for pair in _SPLIT_PAIRS:
        for n, (a, b) in enumerate(groups):
            at = word[a:b].find(pair)
            if at >= 0:
                return [*groups[:n], (a, a + at + 1), (a + at + 1, b), *groups[n + 1 :]]
    for n, (a, b) in enumerate(groups):
        if b - a > 1:
            return [*groups[:n], (a, a + 1), (a + 1, b), *groups[n + 1 :]]
    return []


def _onset(word: str, end: int, start: int) -> int:
    """Where the next piece begins, between the end of a vowel group and the start of the next."""
    for cut in range(end, start):
        run = word[cut:start]
        if run in _ONSETS and not (cut == end and len(run) > 1 and run[0] in "s" and start - end > 1):
            return cut if start - end == 1 or cut > end or run in ("ch", "sh", "th", "ph", "wh", "qu") else end
    return start if start == end else max(end, start - 1)


def _even(word: str, count: int) -> tuple[str, ...]:
    count = min(count, len(word))
    cuts = [round(place * len(word) / count) for place in range(count + 1)]
    return tuple(word[a:b] for a, b in pairwise(cuts))
