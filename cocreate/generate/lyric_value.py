"""What makes one draft of a line better than another: likely, to the point, on the beat, whole, and fresh.

Conventions:
    Everything is in nats, a word or a line; higher is better. The rules of form are not weighed here, they hold. A
    *verb* is a word that stands after a subject pronoun or a modal verb often enough in the second opinion's counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

import numpy as np

from cocreate.generate.lyric_request import MOODS, LinePlan, LyricRequest
from cocreate.model.lexicon import BoolArray, FloatArray
from cocreate.model.line_rules import chosen_pattern
from cocreate.model.lyric_corpus import STRONGLY_ARCHAIC
from cocreate.model.lyric_seat import LyricSeat
from cocreate.model.pens import LineDraft, Pen
from cocreate.model.word_vectors import unit
from cocreate.music.chinese import is_han, tone_agreement, tone_height
from cocreate.music.lyric import LyricLine
from cocreate.music.measures import skyline
from cocreate.music.prosody import split_words, valences
from cocreate.music.singing import STRONG as STRONG_SLOT
from cocreate.music.wordlists import BLOCKED, CLICHE_PHRASES, CLICHES, QUAINT, STRONG

_NEVER = np.float32(-np.inf)
_MOST_FIRST = 4  # lines that begin alike, after which one more makes no difference
_NEAR = 0.35  # cosine from which a word belongs to a theme
_TELLING = 0.5  # cosine from which a word names it
_VERB_SHARE = 0.06
_SUBJECTS = """i you he she we they who will would can could should may might must shall don't didn't can't won't i'll
    you'll he'll she'll we'll they'll i'd""".split()
_AUXILIARIES = frozenset(
    """am is are was were be been do does did has have had will would shall should can could may might must
    don't won't can't isn't aren't wasn't weren't couldn't wouldn't shouldn't didn't doesn't hasn't haven't hadn't let
    let's""".split()
)  # fmt: skip
_JOINED = ("'m", "'re", "'ll", "'d", "'ve")
_OPENERS = frozenset("when if as because though although until till while where since before after that who".split())
_BARE = _AUXILIARIES - {"do", "does", "did", "can", "will", "let", "let's", "don't"}  # begin no sentence of a song
_LINKS = frozenset("and but or nor then to for than that".split())  # begin no section
_HE, _SHE = (
    frozenset("he him his himself he's he'd he'll".split()),
    frozenset("she her hers herself she's she'd".split()),
)
_I, _ME = frozenset("i i'm i'll i've i'd we we'll we're we've".split()), frozenset("me us".split())


@dataclass(frozen=True, slots=True)
class Taste:
    """How strongly the wishes pull, in nats a word or a line."""

    theme: float = 3.6
    company: float = 1.2
    mood: float = 0.35
    cliche: float = -1.3
    quaint: float = -2.2
    archaic: float = -7.0
    name: float = -2.5
    used: float = -0.9
    own_word: float = 2.5
    second: float = 0.9
    line_theme: float = 1.1
    names_theme: float = 0.6
    urge: float = 2.0
    small_talk: float = -0.6
    beat: float = 0.8
    repeat: float = 0.6
    same_start: float = 0.5
    broken: float = 0.5
    same_first: float = 0.3
    common: float = 0.45
    same_frame: float = 0.6
    same_pair: float = 0.5
    no_verb: float = 0.2
    no_verb_again: float = 0.5
    hanging: float = 0.5
    person: float = 0.4
    own_object: float = 0.8
    headless: float = 0.5
    tones: float = 4.0


@dataclass(slots=True)
class Desk:
    """What lies on the desk while a song is written."""

    pen: Pen
    lines: dict[int, LyricLine] = field(default_factory=dict)
    ids: dict[int, tuple[int, ...]] = field(default_factory=dict)  # words of each line, for guard and second opinion
    used: Counter[int] = field(default_factory=Counter)  # stems of content words
    endings: dict[tuple[int, str], list[tuple[int, int]]] = field(default_factory=dict)  # group -> line, last word
    texts: set[tuple[int, ...]] = field(default_factory=set)
    openings: Counter[tuple[int, ...]] = field(default_factory=Counter)
    frames: Counter[tuple[int, ...]] = field(default_factory=Counter)  # lines with every content word left blank
    pairs: Counter[tuple[int, int]] = field(default_factory=Counter)
    closed: set[int] = field(default_factory=set)  # rhyme classes of the verses, which a bridge leaves alone
    people: Counter[str] = field(default_factory=Counter)  # he, she: how often the song spoke of them

    def before(self, number: int, count: int) -> list[int]:
        """The last words, so many at most, of what is written right before a line."""
        found: list[int] = []
        while len(found) < count and (number := number - 1) in self.ids:
            found = [*self.ids[number], *found]
        return found[-count:]

    def after(self, number: int, count: int) -> list[int]:
        """The first words of what is written right after a line."""
        found: list[int] = []
        while len(found) < count and (number := number + 1) in self.ids:
            found += self.ids[number]
        return found[:count]


class Ear:
    """Weighs drafts for one request; ``lean`` is a wish vector (V,) of a listener's, in nats a word."""

    def __init__(self, seat: LyricSeat, request: LyricRequest, taste: Taste, *, lean: FloatArray | None) -> None:
        self.seat, self.request, self.taste = seat, request, taste
        self._ids, self._text = seat.lexicon.ids, seat.lexicon.text
        self._stems = seat.lexicon.stem
        ids = [self._ids[w.lower()] for w in self.split(request.theme) if w.lower() in self._ids]
        self.theme_ids = [i for i in ids if seat.lexicon.content[i]] or ids
        self.theme = seat.near([i for i in self.theme_ids if i < len(seat.table.words)])
        self.bias = self._bias(lean)
        self._cliches = [tuple(self._ids.get(w, -1) for w in phrase) for phrase in CLICHE_PHRASES]

    def split(self, text: str) -> list[str]:
        """The words of a text, in Chinese its characters."""
        return [char for char in text if is_han(char)] if self.seat.language == "zh" else split_words(text)

    def _bias(self, lean: FloatArray | None) -> FloatArray:
        seat, request, taste = self.seat, self.request, self.taste
        bias = np.zeros(len(seat.lexicon), dtype=np.float32)
        bias += taste.theme * np.maximum(0, self.theme - _NEAR) * seat.lexicon.content
        if mood := MOODS.get(request.mood or ""):
            known = valences()
            glad = np.array([known.get(word, 0.0) for word in self._text], dtype=np.float32)
            bias += taste.mood * mood[2] * glad
            lit = seat.near([self._ids[w] for w in mood[1] if w in self._ids])
            bias += taste.theme * 0.4 * np.maximum(0, lit - 0.4)
        if lean is not None:
            bias += lean
        bias += taste.small_talk * np.maximum(0, self._common - _SMALL_TALK) * seat.lexicon.content
        own = {w.split("=")[0].strip().lower() for w in request.words}
        for place, word in enumerate(self._text):
            bias[place] += taste.own_word if word in own else self._manners(word)
        return bias

    def _manners(self, word: str) -> float:
        """What diction asks of a word: what is not written, what is old, worn out, or a name."""
        modern, taste = self.request.register == "modern", self.taste
        if word in BLOCKED or (word in STRONG and not self.request.strong_language):
            return float(_NEVER)
        if modern and word in STRONGLY_ARCHAIC:
            return taste.archaic
        if modern and word in QUAINT:
            return taste.quaint
        if word in CLICHES:
            return taste.cliche
        return taste.name if word in self.seat.lexicon.names and not is_i(word) else 0.0

    def pressure(self, desk: Desk, line: LinePlan) -> float:
        """How much the theme is wanted in a line: 0 right after it was named, more with each line that was silent."""
        silent, number = 0, line.number - 1
        while number in desk.ids and not self.names_theme(desk.ids[number]) and silent < _MOST_SILENT:
            silent, number = silent + 1, number - 1
        silent += number not in desk.ids  # a song tells at once what it is about
        return float(min(_MOST_SILENT, silent))

    def names_theme(self, words: Sequence[int]) -> bool:
        """Whether one of the words is of the theme or close to it."""
        return bool((self.theme[list(words)] >= _TELLING).any())

    def now(self, desk: Desk, line: LinePlan) -> FloatArray:
        """The wishes for a line: what keeps company with the lines before is drawn near, what was used is held back."""
        near_theme = np.maximum(0, self.theme - _NEAR) * self.seat.lexicon.content
        bias: FloatArray = self.bias + np.float32(self.taste.urge * self.pressure(desk, line)) * near_theme
        recent = [w for w in desk.before(line.number, _RECENT) if self.seat.lexicon.content[w]]
        if recent:
            near = self.seat.vectors @ unit(self.seat.vectors[recent].sum(axis=0))
            bias += self.taste.company * np.maximum(0, near - _NEAR) * self.seat.lexicon.content
        for stem, count in desk.used.items():
            bias[self._stems == stem] += self.taste.used * min(3, count)
        return bias

    def tones(self, words: Sequence[int], line: LinePlan) -> float | None:
        """How well a Chinese line's tones go with its tune, 0..1; None for other languages and without a tune."""
        if self.heights(line) is None:
            return None
        return tone_agreement("".join(self._text[w] for w in words), self._pitches(line))

    def heights(self, line: LinePlan) -> FloatArray | None:
        """How high each character is spoken, (V,), where it matters; None for other languages and without a tune."""
        return self._heights if self.seat.language == "zh" and line.phrase.is_timed else None

    def moves(self, line: LinePlan) -> tuple[int, ...]:
        """Which way the tune goes from each slot to the next: -1, 0, 1; empty where ``heights`` has nothing to say."""
        if self.heights(line) is None:
            return ()
        return tuple((b > a) - (b < a) for a, b in pairwise(self._pitches(line)))

    @cached_property
    def _heights(self) -> FloatArray:
        return np.array([tone_height(text) if text else 0 for text in self._text], dtype=np.float32)

    def _pitches(self, line: LinePlan) -> tuple[int, ...]:
        return tuple(self._pitch_at[slot.start_ticks] for slot in line.phrase.slots)

    @cached_property
    def _pitch_at(self) -> dict[int, int]:
        song = self.request.song
        return {note.start_ticks: note.pitch for note in skyline(song.melody.notes)} if song is not None else {}

    def value(self, desk: Desk, draft: LineDraft, line: LinePlan) -> float:
        """What a draft is worth as the song's next line."""
        taste, lexicon = self.taste, self.seat.lexicon
        words = draft.words
        content = [w for w in words if lexicon.content[w]]
        value = -draft.nats / (len(words) + 1) + self._likely(desk, words, line)
        if content and self.theme.any():
            near = np.minimum(0.8, self.theme[content])
            value += taste.line_theme * float(np.mean(np.maximum(0, near - 0.15)))
            value += taste.names_theme * self.names_theme(content) * self.pressure(desk, line)
        value += float(np.mean(self.bias[list(words)])) * 0.5
        value += taste.beat * self._on_beat(words, line) + taste.tones * (self.tones(words, line) or 0)
        value -= taste.repeat * sum(desk.used[int(self._stems[w])] for w in content) / max(1, len(words)) * 2
        value -= taste.same_frame * desk.frames[self.frame(words)]
        value -= taste.same_pair * sum(desk.pairs[pair] > 0 for pair in self.pairs(words))
        value -= taste.same_start * desk.openings[words[:2]]
        value -= taste.same_first * min(_MOST_FIRST, desk.openings[words[:1]])
        value -= 0.8 * sum(_has(words, phrase) for phrase in self._cliches)
        return value - (self._loose_ends(desk, words, line) if self.seat.language == "en" else 0.0)

    def _likely(self, desk: Desk, words: Sequence[int], line: LinePlan) -> float:
        """What the second opinion thinks of a line where it stands."""
        second, taste = self.seat.second, self.taste
        if second is None or max(words) >= second.size:
            return 0.0
        end = self.seat.table.words.id("Line")
        context = [*desk.before(line.number, 2), end]
        nats = second.nats_each([*context, *words, end])[len(context) :]
        # a word that is less likely here than anywhere breaks the sentence
        broken = float(np.maximum(0, nats + self._common[[*words, end]]).sum())
        dull = float(self._common[list(words)].mean())
        return -taste.second * float(nats.mean()) - taste.broken * broken - taste.common * dull

    def _on_beat(self, words: Sequence[int], line: LinePlan) -> float:
        """Share of the strong slots that a word that means something stands on."""
        strengths, left = line.phrase.strengths, len(line.phrase)
        hits = 0
        for word in words[::-1]:
            size = len(chosen_pattern(self.seat.lexicon, word, strengths, left) or (1,))
            strong = sum(strength >= STRONG_SLOT for strength in strengths[left - size : left])
            hits += strong * bool(self.seat.lexicon.content[word])
            left -= size
        return hits / max(1, sum(strength >= STRONG_SLOT for strength in strengths))

    def _loose_ends(self, desk: Desk, words: Sequence[int], line: LinePlan) -> float:
        """What is wrong with a line as part of a sentence and of a story."""
        taste, text = self.taste, [self._text[w] for w in words]
        earlier = desk.ids.get(line.number - 1, ()) if not line.is_first else ()
        cost = 0.0
        if not self.has_verb(words):
            cost += taste.no_verb if not earlier or self.has_verb(earlier) else taste.no_verb_again
        if _hangs(text) and (line.is_last or (earlier and _hangs([self._text[w] for w in earlier]))):
            cost += taste.hanging
        cost += taste.headless * (text[0] in _BARE or (line.is_first and text[0] in _LINKS))
        told = people(text)
        for one, other in (("he", "she"), ("she", "he")):
            cost += taste.person * (one in told and other not in told and desk.people[other] > 0 == desk.people[one])
        first = next((place for place, word in enumerate(text) if word in _I), len(text))
        second = next((place for place, word in enumerate(text) if word in _ME), 0)
        between = set(text[first + 1 : second]) & _OTHERS
        return cost + taste.own_object * (first < second and not between)

    def has_verb(self, words: Sequence[int]) -> bool:
        """Whether something happens in a line."""
        return any(self._verbs[w] for w in words)

    def pairs(self, words: Sequence[int]) -> list[tuple[int, int]]:
        """Neighbours of which one means something: "used to", "summer day"."""
        content = self.seat.lexicon.content
        return [(a, b) for a, b in pairwise(words) if content[a] or content[b]]

    def frame(self, words: Sequence[int]) -> tuple[int, ...]:
        """The last function words of a line: "in the ... of the ..." again and again is no song."""
        return tuple(w for w in words if not self.seat.lexicon.content[w])[-3:]

    @cached_property
    def _common(self) -> FloatArray:
        """(V,): log of how often each word is said; small talk is likely everywhere and means little."""
        size = self.seat.second.size if self.seat.second else 0
        found = np.full(len(self.seat.lexicon), -10.0, dtype=np.float32)
        if self.seat.second is not None:
            found[:size] = np.log(np.maximum(self.seat.second.distribution([]), 1e-6))
        return np.maximum(found, -10.0)

    @cached_property
    def _verbs(self) -> BoolArray:
        found = np.array([word in _AUXILIARIES or word.endswith(_JOINED) for word in self._text])
        if self.seat.second is not None:
            subjects = [self._ids[word] for word in _SUBJECTS if word in self._ids]
            share = self.seat.second.share_after(subjects)
            found[: len(share)] |= (share >= _VERB_SHARE) & self.seat.lexicon.content[: len(share)]
        return found


_MOST_SILENT = 3  # lines without the theme, after which it is wanted as much as can be
_SMALL_TALK = -7.5  # log chance of a word from which it is on everybody's lips
_RECENT = 24  # words: about three lines
_OTHERS = frozenset("you he she they it that who which to for let lets".split())


def people(text: Sequence[str]) -> set[str]:
    """Whom a line speaks of, among he and she."""
    return {name for name, forms in (("he", _HE), ("she", _SHE)) if not forms.isdisjoint(text)}


def is_i(text: str) -> bool:
    """True for I and its contractions, which are always written with a capital."""
    return text == "i" or text.startswith("i'")


def _hangs(text: Sequence[str]) -> bool:
    """True for a line that begins a side clause: alone it is no sentence."""
    return any(word in _OPENERS for word in text[:3])


def _has(words: Sequence[int], phrase: Sequence[int]) -> bool:
    return any(tuple(words[n : n + len(phrase)]) == tuple(phrase) for n in range(len(words) - len(phrase) + 1))
