"""Verse, songs and prose to learn lyrics from: readers, cleaning, and the split by work.

Conventions:
    A ``Poem`` is stanzas of lines; a line is its words, lower case, apostrophes kept, and how it ends (``stop``,
    ``ask``, ``comma``, ``run``). Poems that share lines are one work and fall on one side of the split; a second print
    of a work is left out. Splits: crc32("cocreate:" + first line of the work) % 20, 0 test, 1 validation.
"""

from __future__ import annotations

import json
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cocreate.errors import InputError
from cocreate.music.prosody import look_up, split_words

ENDS = ("stop", "ask", "comma", "run")
KINDS = ("song", "verse", "prose")
REGISTERS = ("modern", "archaic")
ARCHAIC = frozenset(
    """thee thou thy thine thyself ye hath doth art wert hast dost didst shalt wilt canst couldst wouldst shouldst hadst
    wast doest dwelleth cometh goeth o'er e'er ne'er ere 'twas 'tis 'twere 'twill oft whilst yon yonder nigh hither
    thither whither whence thence hence forsooth methinks wherefore hark behold lo alas nay yea verily unto bade spake
    quoth anon betwixt morn eve e'en mine's beneath's steed swain damsel maiden maid fain hallowed clad wrought
    woe begone amid amidst beguile smote slain""".split()
)
STRONGLY_ARCHAIC = frozenset(
    """thee thou thy thine thyself ye hath doth art wert hast dost didst shalt wilt canst couldst wouldst shouldst
    hadst wast o'er e'er ne'er 'tis 'twas methinks spake quoth 'twere 'twill""".split()
)
_ARCHAIC_SHARE = 0.004  # of the words, from which a poem counts as archaic
_MOST_WORDS = 16  # in a line; longer ones are prose
_MOST_STANZA = 16  # lines; longer blocks are cut
_PROSE_LINE = 9  # words
_KNOWN_SHARE = 0.5  # of a poem's lines, from which it is another print of a known work
_JOINED = {"to-day": "today", "to-night": "tonight", "to-morrow": "tomorrow", "for-ever": "forever"}
_CLITIC = re.compile(r"^(i|he|she|we|they|you|it|who|that|there|what|'twou)'d$")


@dataclass(frozen=True, slots=True)
class VerseLine:
    """The words of a line and how it ends."""

    words: tuple[str, ...]
    end: str = "run"


@dataclass(frozen=True, slots=True)
class Poem:
    """A text: where it is from, what it is, and its stanzas. ``capitals``: words that stood capital inside a line."""

    source: str
    kind: str
    register: str
    stanzas: tuple[tuple[VerseLine, ...], ...]
    work: str = ""

    @property
    def lines(self) -> Iterator[VerseLine]:
        """All lines in order."""
        return (line for stanza in self.stanzas for line in stanza)

    @property
    def split(self) -> str:
        """``test``, ``validation`` or ``train``."""
        bucket = zlib.crc32(f"cocreate:{self.work}".encode()) % 20
        return {0: "test", 1: "validation"}.get(bucket, "train")


@dataclass(slots=True)
class Case:
    """How often each word stood inside a line, and how often capital there."""

    inside: Counter[str] = field(default_factory=Counter)
    capital: Counter[str] = field(default_factory=Counter)

    def names(self, *, share: float = 0.75, least: int = 8) -> list[str]:
        """Words that are written with a capital."""
        return sorted(w for w, n in self.capital.items() if n >= least and n >= share * self.inside[w])


def read_corpus(folders: Iterable[Path], *, case: Case | None = None) -> list[Poem]:
    """Every poem of the sets in ``folders`` (each a set, or a folder of sets), cleaned, one print of each work.

    Raises:
        InputError: if there is none.
    """
    poems: list[Poem] = []
    for folder in folders:
        for name, reader in _READERS.items():
            for place in (folder / name, folder if folder.name == name else None):
                if place is not None and place.is_dir():
                    poems += reader(place, case or Case())
    if not poems:
        raise InputError(f"a lyric corpus must hold one of {', '.join(_READERS)}, got none in the folders given")
    return _one_print_each(poems)


def clean_line(text: str, case: Case | None = None) -> VerseLine | None:
    """A line of print as words; None where it is no line of verse (a number, a note, a heading in capitals)."""
    text = text.replace("’", "'").replace("‘", "'").replace("_", "").strip()
    if re.search(r"[\d\[\]{}<>|*=@#/\\]", text) or not re.search(r"[a-z]", text):
        return None
    end = _end_of(text)
    words: list[str] = []
    for place, raw in enumerate(split_words(text.replace("--", " ").replace("—", " "))):
        for word in _normal(raw):
            words.append(word)
            if case is not None and place and word.isalpha():
                case.inside[word] += 1
                case.capital[word] += raw[:1].isupper()
    return VerseLine(tuple(words), end) if 0 < len(words) <= _MOST_WORDS else None


def _end_of(text: str) -> str:
    tail = re.sub(r"[\"'”)\s]+$", "", text)[-1:]
    if tail == "?":
        return "ask"
    return "stop" if tail in ".!;:" else "comma" if tail in ",—-" else "run"


def _normal(raw: str) -> list[str]:
    word = raw.lower()
    word = _JOINED.get(word, word)
    if "-" in word:
        return [part for piece in word.split("-") if piece for part in _normal(piece)]
    if not look_up(word):
        for bare in (word.lstrip("'"), word.rstrip("'"), word.strip("'")):
            if bare and bare != word and look_up(bare):
                return [bare]
        if word.endswith("'d") and not _CLITIC.match(word):
            for full in (f"{word[:-2]}ed", f"{word[:-1]}d", f"{word[:-2]}{word[-3:-2]}ed"):
                if look_up(full):
                    return [full]
    return [word.strip("-")]


def _poem(source: str, kind: str, stanzas: Iterable[Iterable[str]], case: Case, *, register: str = "") -> Poem | None:
    found: list[tuple[VerseLine, ...]] = []
    for stanza in stanzas:
        lines = [line for line in (clean_line(text, case) for text in stanza) if line is not None]
        found += [tuple(lines[i : i + _MOST_STANZA]) for i in range(0, len(lines), _MOST_STANZA)]
    kept = tuple(stanza for stanza in found if len(stanza) > 1)
    if not kept:
        return None
    words = [word for stanza in kept for line in stanza for word in line.words]
    old = sum(word in STRONGLY_ARCHAIC for word in words) / len(words) > _ARCHAIC_SHARE
    return Poem(source, kind, "archaic" if old or register == "archaic" else "modern", kept)


def _read_verse(folder: Path, case: Case) -> list[Poem]:
    poems: list[Poem] = []
    for row in _rows(folder / "verse.jsonl"):
        if not row["dialect"]:
            poem = _poem("verse_en", "verse", row["stanzas"][:40], case, register=row["register"])
            poems += [poem] if poem else []
    prose = folder / "prose.jsonl"
    for row in _rows(prose) if prose.is_file() else ():
        poems += _prose(row["paragraphs"], case)
    return poems


def _prose(paragraphs: list[str], case: Case) -> Iterator[Poem]:
    """Plain sentences cut where they breathe, so that the network learns everyday word order and talk."""
    group: list[list[str]] = []
    for paragraph in paragraphs:
        pieces = re.split(r"(?<=[,.;:!?])[\"”']?\s+|--|—", paragraph.replace("_", ""))
        group.append([part for piece in pieces for part in _shortened(piece)])
        if sum(len(lines) for lines in group) > 24:  # noqa: PLR2004 - lines in a lesson's worth of talk
            poem = _poem("verse_en/prose", "prose", group, case)
            group = []
            if poem:
                yield poem


def _shortened(piece: str) -> Iterator[str]:
    words = piece.split()
    while len(words) > _PROSE_LINE + 3:
        yield " ".join(words[:_PROSE_LINE])
        words = words[_PROSE_LINE:]
    if len(words) > 1:
        yield " ".join(words)


def _read_songs(folder: Path, case: Case) -> list[Poem]:
    found = (_poem("gutenberg_songs", "song", row["stanzas"], case) for row in _rows(folder / "songs.jsonl"))
    return [poem for poem in found if poem]


def _read_lyrics(folder: Path, case: Case) -> list[Poem]:
    found = []
    for row in _rows(folder / "lyrics.jsonl"):
        stanzas = [stanza.split("\n") for stanza in re.split(r"\n\s*\n", row["lyrics"])]
        if len(stanzas) == 1:
            lines = stanzas[0]
            stanzas = [lines[i : i + 8] for i in range(0, len(lines), 8)]
        poem = _poem("pd_song_lyrics", "song", stanzas, case)
        found += [poem] if poem else []
    return found


def _read_rhymedata(folder: Path, case: Case) -> list[Poem]:
    found: list[Poem] = []
    for path in sorted((folder / "english_raw").glob("*.txt")):
        for title in re.split(r"^TITLE .*$", path.read_text(encoding="utf-8", errors="replace"), flags=re.M)[1:]:
            blocks = re.split(r"^RHYME.*$", title, flags=re.M)
            stanzas = [[line for line in block.split("\n") if line.strip()] for block in blocks]
            poem = _poem("rhymedata", "verse", stanzas, case)
            found += [poem] if poem else []
    return found


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


_READERS = {
    "gutenberg_songs": _read_songs,
    "pd_song_lyrics": _read_lyrics,
    "verse_en": _read_verse,
    "rhymedata": _read_rhymedata,
}


def _one_print_each(poems: list[Poem]) -> list[Poem]:
    """Poems joined into works by the lines they share; of each work what is new, under the work's name."""
    owner: dict[tuple[str, ...], int] = {}
    parent = list(range(len(poems)))

    def root(place: int) -> int:
        while parent[place] != place:
            parent[place] = parent[parent[place]]
            place = parent[place]
        return place

    kept: list[int] = []
    for place, poem in enumerate(poems):
        long = [line.words for line in poem.lines if len(line.words) > 4]  # noqa: PLR2004 - short lines are anyone's
        shared = [owner[words] for words in long if words in owner]
        for other, count in Counter(shared).items():
            if count > 1:
                parent[root(place)] = root(other)
        if len(shared) < _KNOWN_SHARE * max(1, len(long)):
            kept.append(place)
        for words in long:
            owner.setdefault(words, place)
    names: dict[int, str] = {}
    for place, poem in enumerate(poems):
        names.setdefault(root(place), " ".join(next(poem.lines).words))
    return [replace(poems[place], work=names[root(place)]) for place in kept]
