"""Lessons of the lyric model, drawn from packed poems.

Conventions:
    A lesson tells register, kind, mood, theme words and theme vector, then stanza by stanza the section, scheme and
    number of lines, and before each line its syllables or its mask of weak and strong places, what it rhymes with and
    its rhyme class; each is left out at random, and in ``BARE`` of the lessons all are. Targets are the words and the
    line ends. A mask shows what a tune might: stressed syllables mostly strong, with the confusions of
    art songs (OpenScore Lieder: 97.8 % of words of several syllables keep their stress, 83 % against 47 % of single
    syllables on downbeats are content words).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from cocreate.model.batches import POOL_BATCHES, Batch, Lesson, batch_of
from cocreate.model.lyric_corpus import ENDS, Poem
from cocreate.model.lyric_words import BACK, FREE, MASK_CHUNK, MOODS, MOST_SYLLABLES, NEW, SCHEMES, WordTable
from cocreate.model.vocabulary import Vocabulary
from cocreate.model.word_vectors import Vectors, unit

BARE = 0.12  # share of lessons without any control
DROP_HEAD, DROP_LINE = 0.3, 0.2  # chance of each control of the head, and of a line's rhyme, to be left out
MASK_SHARE, SYL_SHARE = 0.3, 0.5  # of the lines
CLASS_SHARE = 0.3
WINDOWS, WINDOW_SHARES = (160, 288, 480), (0.3, 0.4, 0.3)  # longest lessons, in ids
SHARES = {  # how often each kind is heard
    ("song", "modern"): 0.10, ("song", "archaic"): 0.05, ("verse", "modern"): 0.52, ("verse", "archaic"): 0.13,
    ("prose", "modern"): 0.20,
}  # fmt: skip
THEME_SHARE, THEME_NOISE = 0.6, 0.3
MOST_STANZAS = 1000
_THEME_WORDS = 3
_FROM_START = 0.6
_STRONG = {"stressed": 0.96, "weak": 0.04, "content": 0.75, "function": 0.3}  # chance of a strong place
_MOST_OF_A_POEM = 1500  # words; longer poems are drawn no more often
_WIDTH_STEP = 64
_LEAST = 1e-6

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class PackedVerse:
    """Poems as arrays: word ids, and where lines, stanzas and poems begin; what each poem is; and what prosody says.

    ``rhymes`` (V, 2): the perfect and the family class of each id, -1 for none. ``valence`` (V,): how glad a word is.
    """

    table: WordTable
    ids: npt.NDArray[np.uint16]
    ends: npt.NDArray[np.uint8]
    lines: IntArray
    stanzas: IntArray
    poems: IntArray
    kinds: tuple[tuple[str, str], ...]
    rhymes: IntArray
    valence: npt.NDArray[np.float32]
    vectors: Vectors  # (V, F), zeros for controls

    @cached_property
    def moods(self) -> npt.NDArray[np.int64]:
        """Mood of each poem, 0..4: fifths of the mean valence of its words that have one."""
        values = self.valence[self.ids]
        heard = np.where(values != 0, 1.0, 0.0)
        edges = self.lines[self.stanzas[self.poems]]
        means = np.add.reduceat(values, edges[:-1]) / (np.add.reduceat(heard, edges[:-1]) + 1)
        cuts = np.quantile(means, np.arange(1, len(MOODS)) / len(MOODS))
        return np.asarray(np.searchsorted(cuts, means), dtype=np.int64)


def pack(
    poems: Sequence[Poem],
    table: WordTable,
    *,
    rhymes: IntArray,
    valence: npt.NDArray[np.float32],
    vectors: Vectors,
) -> PackedVerse:
    """Poems as arrays; a line with more syllables than the vocabulary counts is left out."""
    ids: list[int] = []
    ends: list[int] = []
    lines, stanzas, starts, kinds = [0], [0], [0], []
    for poem in poems:
        for stanza in poem.stanzas:
            for line in stanza:
                row = [table.id(word) for word in line.words]
                if sum(len(table.stresses[i]) for i in row) <= MOST_SYLLABLES:
                    ids += row
                    ends.append(ENDS.index(line.end))
                    lines.append(len(ids))
            if len(lines) - 1 > stanzas[-1]:
                stanzas.append(len(lines) - 1)
        if len(stanzas) - 1 > starts[-1]:
            starts.append(len(stanzas) - 1)
            kinds.append((poem.kind, poem.register))
    return PackedVerse(
        table, np.array(ids, dtype=np.uint16), np.array(ends, dtype=np.uint8), np.array(lines), np.array(stanzas),
        np.array(starts), tuple(kinds), rhymes, valence, vectors,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Told:
    """Which controls a lesson tells; shares of lines, or certain (1) or never (0)."""

    head: float = 1 - DROP_HEAD
    mask: float = MASK_SHARE
    syllables: float = SYL_SHARE
    rhyme: float = 1 - DROP_LINE
    rhyme_class: float = CLASS_SHARE
    theme: float = THEME_SHARE


ALL_TOLD = Told(head=1, mask=1, syllables=0, rhyme=1, rhyme_class=0, theme=1)
NOTHING_TOLD = Told(head=0, mask=0, syllables=0, rhyme=0, rhyme_class=0, theme=0)


class LyricLessons:
    """Draws lessons: what ``train`` and ``stream`` ask of a source of batches."""

    def __init__(
        self, verse: PackedVerse, *, seed: int, shares: dict[tuple[str, str], float] | None = None,
        told: Told | None = None,
    ) -> None:  # fmt: skip
        self.verse, self.seed = verse, seed
        self._told = told or Told()
        self._words = verse.table.words
        sizes = np.diff(verse.lines[verse.stanzas[verse.poems]])
        chances = np.minimum(sizes, _MOST_OF_A_POEM).astype(np.float64)
        wanted = shares or SHARES
        for kind in set(verse.kinds):
            rows = np.array([own == kind for own in verse.kinds])
            chances[rows] *= wanted.get(kind, 0.0) / max(_LEAST, chances[rows].sum())
        self._sums = np.cumsum(chances) / chances.sum()
        self._mean = unit(verse.vectors[verse.table.content]).mean(axis=0)

    def pool(self, number: int, *, tokens: int) -> list[Batch]:
        """Pool ``number``: about ``POOL_BATCHES`` batches of at most ``tokens`` ids each, in random order."""
        rng = np.random.default_rng([self.seed, number])
        lessons: list[Lesson] = []
        total = 0
        while total < POOL_BATCHES * tokens:
            poem = int(np.searchsorted(self._sums, rng.random()))
            told = NOTHING_TOLD if rng.random() < BARE else self._told
            lesson = self.lesson(poem, rng, told, longest=int(rng.choice(WINDOWS, p=WINDOW_SHARES)))
            lessons.append(lesson)
            total += -(-len(lesson.ids) // _WIDTH_STEP) * _WIDTH_STEP
        return [batches for _, batches in _shuffled(_batches(lessons, tokens), rng)]

    def lesson(
        self,
        poem: int,
        rng: np.random.Generator,
        told: Told,
        *,
        longest: int,
        first: int | None = None,
        most: int = MOST_STANZAS,
    ) -> Lesson:
        """A lesson of a poem: at most ``most`` stanzas from ``first`` on (else from any), at most ``longest`` ids."""
        verse = self.verse
        start, stop = int(verse.poems[poem]), int(verse.poems[poem + 1])
        if first is not None:
            begin = start + first
        else:
            begin = start if rng.random() < _FROM_START else int(rng.integers(start, stop))
        body: list[int] = []
        marks: list[bool] = []
        content: list[int] = []
        for stanza in range(begin, min(stop, begin + most)):
            ids, targets, words = self._stanza(stanza, rng, told)
            if body and len(body) + len(ids) > longest:
                break
            body += ids
            marks += targets
            content += words
        head, taste = self._head(poem, content, rng, told)
        whole = [self._words.id("BOS"), *head, *body][: longest + 48]
        flags = [False] * (len(head) + 1) + marks
        return Lesson(np.array(whole), np.array(flags[: len(whole)]), notes=sum(flags), taste=taste)

    def _head(
        self, poem: int, content: list[int], rng: np.random.Generator, told: Told
    ) -> tuple[list[int], npt.NDArray[np.float32]]:
        words, verse = self._words, self.verse
        kind, register = verse.kinds[poem]
        ids: list[int] = []
        if rng.random() < told.head:
            ids.append(words.id("Register", register))
        if rng.random() < told.head:
            ids.append(words.id("Kind", kind))
        if rng.random() < told.head:
            ids.append(words.id("Mood", MOODS[int(verse.moods[poem])]))
        taste = np.zeros(verse.vectors.shape[1], dtype=np.float32)
        if content and rng.random() < told.theme:
            taste = self.theme_vector(content)
            taste += rng.normal(0, THEME_NOISE, taste.shape).astype(np.float32) if told.theme < 1 else 0
            ids += [words.id("Taste", place) for place in range(len(words.type_ids["Taste"]))]
        if content and rng.random() < told.theme:
            picked = rng.permutation(np.unique(content))[:_THEME_WORDS]
            ids += [words.id("Theme"), *(int(i) for i in picked)]
        return ids, taste

    def theme_vector(self, content: Sequence[int]) -> npt.NDArray[np.float32]:
        """What a few content words are about, as the network is told: (F,), each number about 1 in size."""
        mean = self.verse.vectors[np.asarray(content)].mean(axis=0) - self._mean
        return np.asarray(unit(mean) * np.sqrt(len(mean)), dtype=np.float32)

    def _stanza(self, stanza: int, rng: np.random.Generator, told: Told) -> tuple[list[int], list[bool], list[int]]:
        words, verse = self._words, self.verse
        rows = range(int(verse.stanzas[stanza]), int(verse.stanzas[stanza + 1]))
        own = [verse.ids[verse.lines[row] : verse.lines[row + 1]].astype(np.int64) for row in rows]
        partners = rhyme_partners([int(ids[-1]) for ids in own], verse.rhymes)
        ids = [words.id("Section", "verse")]
        if rng.random() < told.head:
            ids.append(words.id("Lines", len(own)))
        if rng.random() < told.head:
            ids.append(words.id("Scheme", scheme_of(partners)))
        targets = [False] * len(ids)
        content: list[int] = []
        for place, row in enumerate(rows):
            head = self._line_head(own[place], partners[place], ENDS[int(verse.ends[row])], rng, told)
            back = own[place][::-1].tolist()
            ids += [*head, *back, words.id("Line")]
            targets += [*[False] * len(head), *(i != verse.table.unknown for i in back), True]
            content += [i for i in back if verse.table.content[i]]
        return ids, targets, content

    def _line_head(self, ids: IntArray, partner: str, end: str, rng: np.random.Generator, told: Told) -> list[int]:
        words, table = self._words, self.verse.table
        found: list[int] = []
        drawn = rng.random()
        complete = all(table.stresses[i] for i in ids)
        if complete and drawn < told.mask + told.syllables:
            if drawn < told.mask:
                found += mask_ids(self._mask(ids, rng), words)
            else:
                found.append(words.id("Syl", sum(len(table.stresses[i]) for i in ids)))
        if rng.random() < told.rhyme:
            found.append(words.id("Rhyme", f"{partner}{end}"))
            if partner == NEW and rng.random() < told.rhyme_class:
                name = f"Class_{self._class_name(int(ids[-1]))}"
                found += [words.ids[name]] if name in words.ids else []
        return found

    def _class_name(self, word: int) -> str:
        return self.class_names.get(int(self.verse.rhymes[word, 0]), "")

    @cached_property
    def class_names(self) -> dict[int, str]:
        """Number of a perfect rhyme class -> its name, for the classes that have a control word."""
        names = self.verse.table.words.values
        order = self.verse.table.words.type_ids.get("Class", np.zeros(0, int))
        return {place: names[int(i)] for place, i in enumerate(order)}

    def _mask(self, ids: IntArray, rng: np.random.Generator) -> str:
        table = self.verse.table
        chances: list[float] = []
        for i in ids:
            stresses = table.stresses[i]
            if len(stresses) > 1:
                chances += [_STRONG["stressed"] if s == 1 else 0.4 if s else _STRONG["weak"] for s in stresses]
            else:
                chances.append(_STRONG["content" if table.content[i] else "function"])
        return "".join("s" if strong else "w" for strong in rng.random(len(chances)) < chances)


def mask_ids(mask: str, words: Vocabulary) -> list[int]:
    """A mask as control ids, cut from the line's end, the end first."""
    cuts = range(len(mask), 0, -MASK_CHUNK)
    return [words.id("Mask", mask[max(0, cut - MASK_CHUNK) : cut]) for cut in cuts]


def rhyme_partners(last: Sequence[int], rhymes: IntArray) -> list[str]:
    """Of each line what it rhymes with: so many lines back (the nearest), ``new`` (one comes back to it), ``free``."""

    def alike(a: int, b: int) -> bool:
        return a != b and bool(((rhymes[a] == rhymes[b]) & (rhymes[a] >= 0)).any())

    found: list[str] = []
    for place, word in enumerate(last):
        back = next((k for k in range(1, min(BACK, place) + 1) if alike(word, last[place - k])), 0)
        ahead = any(alike(word, other) for other in last[place + 1 : place + 1 + BACK])
        found.append(str(back) if back else NEW if ahead else FREE)
    return found


def scheme_of(partners: Sequence[str]) -> str:
    """The rhyme scheme of a stanza as a word of ``SCHEMES``."""
    letters: list[str] = []
    for place, partner in enumerate(partners):
        if partner.isdigit():
            letters.append(letters[place - int(partner)])
        else:
            letters.append(chr(ord("A") + len(set(letters))))
    text = "".join(letters)
    return text if text in SCHEMES else "other"


def _batches(lessons: list[Lesson], tokens: int) -> Iterator[Batch]:
    lessons = sorted(lessons, key=lambda lesson: len(lesson.ids))
    group: list[Lesson] = []
    for lesson in lessons:
        width = -(-len(lesson.ids) // _WIDTH_STEP) * _WIDTH_STEP
        if group and width * (len(group) + 1) > tokens:
            yield batch_of(group)
            group = []
        group.append(lesson)
    if group:
        yield batch_of(group)


def _shuffled(batches: Iterable[Batch], rng: np.random.Generator) -> list[tuple[float, Batch]]:
    keyed = [(float(rng.random()), batch) for batch in batches]
    return sorted(keyed, key=lambda pair: pair[0])
