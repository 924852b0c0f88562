"""Chinese verse for the lyric model: reader, characters as words, and their lexicon.

Conventions:
    A character is a word of one syllable. Lines are cut at every mark of punctuation; traditional texts are read as
    simplified ones. ci and qu are songs, qu counts as the modern register (spoken Yuan Chinese), everything else as the
    archaic one. Rhymes are told by the fourteen groups of modern Mandarin.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cocreate.model.lexicon import IntArray, Lexicon
from cocreate.model.lyric_corpus import Poem, VerseLine
from cocreate.model.lyric_words import WordTable, control_words
from cocreate.model.vocabulary import Vocabulary
from cocreate.music.chinese import GROUPS, PARTICLES, is_han, readings, simplified

CHARACTERS = 5_000
SHARES = {("song", "archaic"): 0.5, ("song", "modern"): 0.2, ("verse", "archaic"): 0.3}
_FILES = {  # file -> kind, register
    "songci.jsonl": ("song", "archaic"), "wudai_huajianji.jsonl": ("song", "archaic"),
    "wudai_nantang.jsonl": ("song", "archaic"), "nalanxingde.jsonl": ("song", "archaic"),
    "yuanqu.jsonl": ("song", "modern"), "quantangshi.jsonl": ("verse", "archaic"),
    "tangshi300.jsonl": ("verse", "archaic"),
}  # fmt: skip
_ENDS = {"。": "stop", "！": "stop", "；": "stop", "？": "ask", "，": "comma", "、": "comma", "：": "comma"}
_STANZA = 8
_LONGEST = 16
_SHORTEST = 2


def read_chinese(folder: Path) -> list[Poem]:
    """Every poem of ``chinese_poetry``, one print of each."""
    found: list[Poem] = []
    seen: set[tuple[str, ...]] = set()
    for name, (kind, register) in _FILES.items():
        path = folder / name
        if not path.is_file():
            continue
        for text in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(text)
            lines = list(_lines("".join(row.get("paragraphs") or row.get("para") or ())))
            key = tuple(lines[0].words + lines[-1].words) if lines else ()
            if len(lines) > 1 and key not in seen:
                seen.add(key)
                stanzas = tuple(tuple(lines[i : i + _STANZA]) for i in range(0, len(lines), _STANZA))
                found.append(Poem(f"chinese_poetry/{name}", kind, register, stanzas, work="".join(lines[0].words)))
    return found


def _lines(text: str) -> Iterator[VerseLine]:
    text = simplified(re.sub(r"[（(].*?[)）]|\s", "", text))
    for match in re.finditer(r"([^。！？；，、：]+)([。！？；，、：]?)", text):
        words = tuple(char for char in match.group(1) if is_han(char))
        if _SHORTEST <= len(words) <= _LONGEST and len(words) == len(match.group(1)):
            yield VerseLine(words, _ENDS.get(match.group(2), "run"))


def choose_characters(poems: Iterable[Poem], *, count: int = CHARACTERS) -> Vocabulary:
    """The vocabulary: controls, the fourteen groups, and the most frequent characters."""
    counts: Counter[str] = Counter()
    for poem in poems:
        if poem.split == "train":
            for line in poem.lines:
                counts.update(line.words)
    known = sorted(char for char, _ in counts.most_common(count))
    return Vocabulary((*control_words(tuple(GROUPS)), "Word_<unk>", *(f"Word_{char}" for char in known)))


@dataclass(frozen=True)
class HanTable(WordTable):
    """Characters: one stressed syllable each."""

    @cached_property
    def stresses(self) -> tuple[tuple[int, ...], ...]:
        """(1,) for a character."""
        return tuple((1,) if char else () for char in self.text)

    @cached_property
    def content(self) -> npt.NDArray[np.bool_]:
        """Characters that are no particle. Shape (V,)."""
        return np.array([bool(char) and char not in PARTICLES for char in self.text])


def chinese_rhymes(table: WordTable) -> IntArray:
    """Group and near group of each id, (V, 2), -1 for none; a group's number is its place among the class words."""
    names = {group: place for place, group in enumerate(GROUPS)}
    rows = np.full((len(table.words), 2), -1, dtype=np.int64)
    for place, char in enumerate(table.text):
        said = readings(char) if char else ()
        if said and said[0].group:
            rows[place] = names[said[0].group], names[said[0].near_group]
    return rows


def chinese_lexicon(table: WordTable) -> Lexicon:
    """Every character with its group and level as its endings."""
    count = len(table.words)
    names = {group: place for place, group in enumerate(GROUPS)}
    endings = np.full((count, 3), -1, dtype=np.int64)
    for place, char in enumerate(table.text):
        said = readings(char) if char else ()
        if said and said[0].group:
            group = names[said[0].group]
            endings[place] = 2 * group + (said[0].level == "仄"), group, names[said[0].near_group]
    own = np.arange(count)
    return Lexicon(
        table.text, tuple(((1,),) if char else () for char in table.text), endings, np.full(count, -1), own.copy(),
        own.copy(), own.copy(), table.content,
    )  # fmt: skip


def tone_table(lexicon: Lexicon) -> npt.NDArray[np.bool_]:
    """(2, V): characters that can be level, and characters that can be oblique, in their usual reading."""
    found = np.zeros((2, len(lexicon)), dtype=np.bool_)
    for place, char in enumerate(lexicon.text):
        said = readings(char) if char else ()
        if said:
            found[int(said[0].level == "仄"), place] = True
    return found
