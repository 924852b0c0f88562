"""From poems to what the lyric model trains on: words, classes, vectors and valence, packed for one language."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cocreate.model.lyric_corpus import Poem
from cocreate.model.lyric_lessons import IntArray, PackedVerse, pack
from cocreate.model.lyric_words import WordTable
from cocreate.model.spans import SPAN_WORDS, SpanIndex
from cocreate.model.word_ngrams import WordNgrams
from cocreate.model.word_vectors import Vectors, company_vectors
from cocreate.music.prosody import look_up, valences

VECTOR_WIDTH = 64


def english_rhymes(table: WordTable) -> IntArray:
    """Perfect and family class of each id, (V, 2), -1 for none; classes with a control word have its place."""
    order = table.words.type_ids.get("Class", np.zeros(0, dtype=np.int64))
    perfect = {table.words.values[int(i)]: place for place, i in enumerate(order)}
    family: dict[str, int] = {}
    rows = np.full((len(table.words), 2), -1, dtype=np.int64)
    for place, word in enumerate(table.text):
        said = look_up(word) if word else ()
        if said:
            rhyme = said[0].rhyme
            rows[place] = perfect.setdefault(rhyme.perfect, len(perfect)), family.setdefault(rhyme.family, len(family))
    return rows


def stanza_words(poems: Sequence[Poem], table: WordTable) -> Iterator[list[int]]:
    """Content words of each training stanza, as places among all ids."""
    for poem in poems:
        if poem.split == "train":
            for stanza in poem.stanzas:
                ids = [table.ids.get(word, -1) for line in stanza for word in line.words]
                yield [i for i in ids if i >= 0 and table.content[i]]


def word_vectors_of(poems: Sequence[Poem], table: WordTable) -> Vectors:
    """Vectors (V, F) of the content words, zeros elsewhere."""
    first = min(table.ids.values())
    shifted = ([i - first for i in ids] for ids in stanza_words(poems, table))
    found = company_vectors(shifted, count=len(table.words) - first, width=VECTOR_WIDTH)
    whole = np.zeros((len(table.words), VECTOR_WIDTH), dtype=np.float32)
    whole[first:] = found
    whole[~table.content] = 0
    return whole


@dataclass(frozen=True, slots=True)
class Prepared:
    """The packed splits of a corpus and what they share."""

    table: WordTable
    vectors: Vectors
    splits: dict[str, PackedVerse]


def prepare(poems: Sequence[Poem], table: WordTable, vectors: Vectors, rhymes: IntArray) -> Prepared:
    """Packed verse of every split."""
    known = valences()
    valence = np.array([known.get(word, 0.0) for word in table.text], dtype=np.float32)
    splits = {
        name: pack(
            [poem for poem in poems if poem.split == name], table, rhymes=rhymes, valence=valence, vectors=vectors
        )
        for name in ("train", "validation", "test")
    }
    return Prepared(table, vectors, splits)


def sung_texts(verse: PackedVerse, *, breaks: bool) -> Iterator[npt.NDArray[np.int64]]:
    """Each poem's ids in singing order; with ``breaks`` a line end begins every line."""
    end = verse.table.words.id("Line")
    for poem in range(len(verse.poems) - 1):
        first, stop = verse.stanzas[verse.poems[poem]], verse.stanzas[verse.poems[poem + 1]]
        if not breaks:
            yield verse.ids[verse.lines[first] : verse.lines[stop]].astype(np.int64)
            continue
        row = [end]
        for line in range(first, stop):
            row += [*verse.ids[verse.lines[line] : verse.lines[line + 1]].tolist(), end]
        yield np.array(row, dtype=np.int64)


def second_opinion(verse: PackedVerse, *, register: str | None = "modern", order: int = 4) -> WordNgrams:
    """An n-gram model of the verse in singing order; of one register (and all songs) alone where one is named."""
    chosen = [
        text
        for text, (kind, own) in zip(sung_texts(verse, breaks=True), verse.kinds, strict=True)
        if register is None or own == register or kind == "song"
    ]
    return WordNgrams.fit(chosen, size=len(verse.table.words), order=order, prune=1)


def back_opinion(verse: PackedVerse, *, order: int = 4) -> WordNgrams:
    """An n-gram model of the verse with each line back to front, a line end after it: it can write."""
    end = verse.table.words.id("Line")
    texts = []
    for poem in range(len(verse.poems) - 1):
        rows = range(int(verse.stanzas[verse.poems[poem]]), int(verse.stanzas[verse.poems[poem + 1]]))
        lines = [verse.ids[verse.lines[row] : verse.lines[row + 1]][::-1].tolist() for row in rows]
        texts.append([end, *(i for line in lines for i in (*line, end))])
    return WordNgrams.fit(texts, size=len(verse.table.words), order=order, prune=1)


def guard(verse: PackedVerse, *, size: int = SPAN_WORDS) -> SpanIndex:
    """Every span of ``size`` words of the verse."""
    return SpanIndex.fit(sung_texts(verse, breaks=False), unknown=verse.table.unknown, size=size)
