"""English words as a singer meets them: syllables, stress, rhyme.

Conventions:
    Phones are ARPAbet (``AY1``): a vowel ends in its stress, 1 primary, 2 secondary, 0 none. A word has one or more
    pronunciations, the first is the usual one. Words are lower case, apostrophes included (``don't``, ``runnin'``).
    The accent is General American, as the dictionary's. Rhyme tiers, best first: ``perfect`` (same sounds from the
    last stressed vowel on), ``family`` (same vowels, consonants of the same kind; or a weak last syllable sung
    strong), ``assonance`` (same vowels).

Source:
    CMU Pronouncing Dictionary data (BSD, Carnegie Mellon University) in ``data/cmudict.txt.gz``; words it lacks are
    spelled out by ``g2p``. Rhyme tiers after Pat Pattison, Songwriting: Essential Guide to Rhyming.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from cocreate.errors import InputError

DATA = Path(__file__).parent / "data"
TIERS = ("perfect", "family", "assonance")
_LONGEST_WORD = 40  # letters; longer is no word
_WORD = re.compile(r"'?[^\W\d_]+(?:['’\-][^\W\d_]+)*['’]?")
_KINDS = {  # consonants that pass for each other at the end of a sung line
    **dict.fromkeys("B D G".split(), "b"), **dict.fromkeys("P T K".split(), "p"),
    **dict.fromkeys("M N NG".split(), "m"),
    **dict.fromkeys("V DH Z ZH JH".split(), "v"), **dict.fromkeys("F TH S SH CH".split(), "f"),
    "L": "l", "R": "r", **dict.fromkeys("W Y HH".split(), "w"),
}  # fmt: skip
_BEFORE_R = {"IY": "IH", "OW": "AO", "UW": "UH", "EY": "EH"}  # here/near, more/for, tour/poor: r-coloured vowels
_ADDED = {  # what singers need and the dictionary lacks
    "o'er": "AO1 R", "e'er": "EH1 R", "'neath": "N IY1 TH", "'mid": "M IH1 D", "'gainst": "G EH1 N S T",
    "'til": "T IH1 L",
    "ev'ry": "EH1 V R IY0", "heav'n": "HH EH1 V N", "pow'r": "P AW1 R", "flow'r": "F L AW1 R", "ooh": "UW1",
    "'em": "AH0 M", "th'": "DH AH0", "an'": "AE1 N", "ol'": "OW1 L", "lil'": "L IH1 L", "mornin'": "M AO1 R N IH0 N",
    "nothin'": "N AH1 TH IH0 N", "thy": "DH AY1", "thine": "DH AY1 N", "whoa": "W OW1", "yeah": "Y AE1",
    "jagged": "JH AE1 G AH0 D", "baa": "B AA1",
}  # fmt: skip
_PREFERRED = {"a": "AH0", "the": "DH AH0", "to": "T UW1", "our": "AW1 ER0|AA1 R", "poem": "P OW1 AH0 M"}
_ALSO = {  # what others say with a syllable more or fewer than the dictionary
    "accursed": "AH0 K ER1 S AH0 D", "congenial": "K AH0 N JH IY1 N IY0 AH0 L", "genial": "JH IY1 N IY0 AH0 L",
    "convenient": "K AH0 N V IY1 N IY0 AH0 N T", "genius": "JH IY1 N IY0 AH0 S", "devilish": "D EH1 V AH0 L IH0 SH",
    "dower": "D AW1 ER0", "favourite": "F EY1 V R IH0 T", "hourly": "AW1 ER0 L IY0", "isle": "AY1 AH0 L",
    "isles": "AY1 AH0 L Z", "noblest": "N OW1 B AH0 L IH0 S T", "opera": "AA1 P ER0 AH0", "real": "R IY1 AH0 L",
    "rustling": "R AH1 S AH0 L IH0 NG", "seer": "S IY1 ER0", "squirrel": "S K W ER1 L", "unreal": "AH0 N R IY1 AH0 L",
    "startling": "S T AA1 R T AH0 L IH0 NG", "whistling": "W IH1 S AH0 L IH0 NG",
    "roseate": "R OW1 Z IY0 EY0 T|R OW1 Z EY0 T",
}  # fmt: skip
FUNCTION_WORDS = frozenset(
    """a an the and or but nor so yet if as than that this these those of to in on at by for with from into upon onto
    unto over under through down up out off about after before between among around against along across behind beside
    beneath below above near past since till until i me my mine myself you your yours yourself he him his himself she
    her hers herself it its itself we us our ours ourselves they them their theirs themselves who whom whose which what
    where when while why how there here am is are was were be been being do does did done doing have has had having
    will would shall should can could may might must ought not no don't won't can't i'm i'll i've i'd you're you'll
    you've you'd he's he'll he'd she's she'll she'd it's it'll we're we'll we've we'd they're they'll they've they'd
    that's there's what's who's isn't aren't wasn't weren't couldn't wouldn't shouldn't didn't doesn't hasn't haven't
    hadn't all any some each every both either neither such very too just then now ever never only even though although
    because like o oh ah thee thou thy thine ye hath doth art wert hast dost 'tis 'twas o'er e'er ne'er 'neath 'mid
    ere 'em let lets let's one more most much many own same other another few else also again still""".split()
)


@dataclass(frozen=True, slots=True)
class Rhyme:
    """How a pronunciation ends: a key for each tier; equal keys rhyme in that tier. ``onset`` is what comes before."""

    perfect: str
    family: str
    assonance: str
    onset: str


@dataclass(frozen=True)
class Pronunciation:
    """One way to say a word.

    Raises:
        InputError: if there is no vowel to sing.
    """

    phones: tuple[str, ...]

    def __post_init__(self) -> None:
        if not any(phone[-1].isdigit() for phone in self.phones):
            raise InputError(f"a sung word must have a vowel, got the phones {' '.join(self.phones) or '(none)'}")

    @cached_property
    def stresses(self) -> tuple[int, ...]:
        """Stress of each syllable: 1 primary, 2 secondary, 0 none."""
        return tuple(int(phone[-1]) for phone in self.phones if phone[-1].isdigit())

    @property
    def syllables(self) -> int:
        """Number of syllables, at least 1."""
        return len(self.stresses)

    @property
    def primary(self) -> int:
        """Place of the primary stress, from 0; the strongest syllable where none is primary."""
        for wanted in (1, 2, 0):
            if wanted in self.stresses:
                return self.stresses.index(wanted)
        raise AssertionError("a pronunciation has a vowel")

    @cached_property
    def rhyme(self) -> Rhyme:
        """The ending from the last stressed vowel on."""
        vowels = [place for place, phone in enumerate(self.phones) if phone[-1].isdigit()]
        stressed = [place for place in vowels if self.phones[place][-1] in "12"]
        return _ending(self.phones, stressed[-1] if stressed else vowels[-1])

    @cached_property
    def weak_rhyme(self) -> Rhyme | None:
        """The ending from an unstressed last syllable that a strong note lifts (memory/sea); None where none is."""
        vowels = [place for place, phone in enumerate(self.phones) if phone[-1].isdigit()]
        lifted = len(vowels) > 2 and [self.phones[place][-1] for place in vowels[-2:]] == ["0", "0"]
        return _ending(self.phones, vowels[-1]) if lifted else None


def _ending(phones: tuple[str, ...], start: int) -> Rhyme:
    parts = list(phones[start:])
    for place, phone in enumerate(parts):
        if phone[-1].isdigit():
            vowel = phone[:-1]
            if place + 1 < len(parts) and parts[place + 1] == "R":
                vowel = _BEFORE_R.get(vowel, vowel)
            if place and vowel in ("AH", "IH") and phone[-1] == "0":
                vowel = "AH"  # weak vowels blur
            parts[place] = vowel
    vowels = [part for part in parts if part not in _KINDS]
    family = [_KINDS.get(part, {"AO": "AA"}.get(part, part)) for part in parts]
    before = start - 1
    while before >= 0 and not phones[before][-1].isdigit():
        before -= 1
    return Rhyme(" ".join(parts), " ".join(family), " ".join(vowels), " ".join(phones[before + 1 : start]))


def rhyme_tier(first: Pronunciation, second: Pronunciation) -> str | None:
    """The best tier in which two endings rhyme, None where they do not.

    Equal sounds before the vowel too (night/knight, light/delight) make no perfect rhyme: that is the same word to an
    ear; such pairs have no tier.
    """
    best: str | None = None
    for own in filter(None, (first.rhyme, first.weak_rhyme)):
        for other in filter(None, (second.rhyme, second.weak_rhyme)):
            weak = own is not first.rhyme or other is not second.rhyme
            tier = _tier(own, other)
            if tier == "perfect" and weak:
                tier = "family"
            if tier is not None and (best is None or TIERS.index(tier) < TIERS.index(best)):
                best = tier
    return best


def _tier(own: Rhyme, other: Rhyme) -> str | None:
    if own.perfect == other.perfect:
        return "perfect" if own.onset != other.onset else None
    if own.family == other.family:
        return "family"
    return "assonance" if own.assonance == other.assonance else None


def words_rhyme(first: str, second: str) -> str | None:
    """The best tier in which two words rhyme in any pronunciations; None where they do not or are one word."""
    if first.lower() == second.lower():
        return None
    tiers = {rhyme_tier(a, b) for a in pronounce(first) for b in pronounce(second)}
    return next((tier for tier in TIERS if tier in tiers), None)


@cache
def _table() -> dict[str, str]:
    raw = gzip.decompress((DATA / "cmudict.txt.gz").read_bytes()).decode("utf-8")
    found = dict(line.split("\t") for line in raw.split("\n"))
    for word, phones in {**_ADDED, **_PREFERRED}.items():
        own = found.get(word, "").split("|") if word in _PREFERRED else []
        found[word] = "|".join(dict.fromkeys([*phones.split("|"), *filter(None, own)]))
    for word, phones in _ALSO.items():
        found[word] = f"{found[word]}|{phones}"
    return found


def dictionary_words() -> Iterable[str]:
    """Every word of the dictionary."""
    return _table().keys()


@cache
def look_up(word: str) -> tuple[Pronunciation, ...]:
    """What the dictionary says of a word, or of the word it is made from (``'s``, ``in'``); empty if nothing."""
    word = word.lower().replace("’", "'")
    table = _table()
    if word in table:
        return tuple(Pronunciation(tuple(phones.split())) for phones in table[word].split("|") if _vowel(phones))
    if word.endswith("in'") and f"{word[:-1]}g" in table:
        return tuple(Pronunciation((*p.phones[:-1], "N")) for p in look_up(f"{word[:-1]}g"))
    for ending in ("'s", "s'", "'"):
        stem = word.removesuffix(ending)
        if stem != word and stem in table:
            return tuple(_plural(p) if "s" in ending else p for p in look_up(stem))
    if "-" in word:
        return _compound([part for part in word.split("-") if part])
    return ()


def _vowel(phones: str) -> bool:
    return any(mark in phones for mark in "012")


def _plural(said: Pronunciation) -> Pronunciation:
    last = said.phones[-1]
    if last in ("S", "Z", "SH", "ZH", "CH", "JH"):
        return Pronunciation((*said.phones, "AH0", "Z"))
    return Pronunciation((*said.phones, "S" if last in ("P", "T", "K", "F", "TH") else "Z"))


def _compound(parts: list[str]) -> tuple[Pronunciation, ...]:
    """Parts said one after the other; the first keeps the primary stress."""
    said: list[str] = []
    for place, part in enumerate(parts):
        found = look_up(part)
        if not found:
            return ()
        said += [phone.replace("1", "2") if place else phone for phone in found[0].phones]
    return (Pronunciation(tuple(said)),) if said else ()


@cache
def pronounce(word: str) -> tuple[Pronunciation, ...]:
    """How a word is said, likeliest first: by the dictionary, else spelled out by the grapheme-to-phoneme model.

    Raises:
        InputError: if it is no word of letters.
    """
    plain = word.strip().lower().replace("’", "'")
    if not re.fullmatch(r"['\w\-]+", plain) or len(plain) > _LONGEST_WORD or not re.search(r"[^\W\d_]", plain):
        raise InputError(f"a word must be 1 to {_LONGEST_WORD} letters, got {word!r}")
    found = look_up(plain)
    if found:
        return found
    from cocreate.music.g2p import spell_out

    return (spell_out(plain),)


def split_words(line: str) -> list[str]:
    """The words of a line of text, apostrophes and case kept, punctuation gone."""
    return [word.replace("’", "'") for word in _WORD.findall(line.replace("‘", "'"))]


def syllable_counts(word: str) -> frozenset[int]:
    """Every number of syllables that some pronunciation of the word has."""
    return frozenset(said.syllables for said in pronounce(word))


@cache
def valences() -> dict[str, float]:
    """How glad (above 0) or sad a word is, -4..4. Source: VADER's lexicon (MIT; Hutto, Gilbert 2014)."""
    raw = gzip.decompress((DATA / "valence.txt.gz").read_bytes()).decode("utf-8")
    return {word: float(value) for word, value in (line.split("\t") for line in raw.split("\n") if line)}


def is_function_word(word: str) -> bool:
    """True for articles, pronouns, prepositions, auxiliaries and their like: a tune keeps them off its beats."""
    return word.lower() in FUNCTION_WORDS
