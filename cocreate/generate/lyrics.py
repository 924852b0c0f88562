"""Lyrics: to a tune or to a count of syllables, several of them, each with the proof that it fits.

Conventions:
    A request's ``n`` lyrics differ in seed alone. Words that a person brings (``words``, ``keep``, ``title``,
    ``theme``) are added to the vocabulary where it lacks them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from cocreate.errors import InputError
from cocreate.generate.lyric_request import LyricRequest, SectionPlan, plan_sections
from cocreate.generate.lyric_writer import ROWS, SongWriter
from cocreate.model.lexicon import Addition, FloatArray
from cocreate.model.lyric_seat import LyricSeat
from cocreate.music.lyric import Lyric, LyricLine, LyricSection
from cocreate.music.prosody import Pronunciation, split_words
from cocreate.music.singing import sing
from cocreate.music.song import Song
from cocreate.music.unfold import moved_phrase, unfold

_PHONE = re.compile(r"[A-Z]{1,2}[012]?")
_TITLE_WORDS, _LEAST_TITLE = 5, 2
_BEGINS_NO_TITLE = frozenset(
    """and but or nor is are am was were be been has have had of that than as which who whose to so then will would
    shall should can could may might must than it its their his her he she they them him""".split()
)


@dataclass(frozen=True, slots=True)
class LyricDraft:
    """A lyric as it was drawn; ``song`` is the tune with the words under it, None where there was no tune."""

    lyric: Lyric
    song: Song | None
    seed: int

    @property
    def nats(self) -> float:
        """How surprising the model finds a word of it."""
        lines = self.lyric.own_lines
        return sum(line.nats for line in lines) / len(lines)

    @property
    def worth(self) -> float:
        """What its writer makes of a line."""
        lines = [line for line in self.lyric.own_lines if line.worth]  # lines that were given are worth what they are
        return sum(line.worth for line in lines) / max(1, len(lines))


def write_lyrics(
    seat: LyricSeat, request: LyricRequest, *, n: int | None = None, lean: FloatArray | None = None, rows: int = ROWS
) -> tuple[LyricDraft, ...]:
    """``n`` lyrics (by default as many as asked for), in the order they were drawn.

    Args:
        lean: a listener's wishes, nats for each word of the seat's vocabulary.

    Raises:
        InputError: if a word cannot be pronounced, or a kept line does not fit.
        UnmetError: if a line cannot be written at all.
    """
    additions = _additions(seat, request)
    seat = seat.with_words(additions, sorted(seat.lexicon.names))
    if lean is not None and len(lean) < len(seat.lexicon):
        import numpy as np

        lean = np.pad(lean, (0, len(seat.lexicon) - len(lean)))
    sections = plan_sections(request)
    writer = SongWriter(seat, request, sections, lean=lean, rows=rows)
    return tuple(_draft(writer.write(place), request, sections, place) for place in range(n or request.n))


def _draft(
    lines: dict[int, LyricLine], request: LyricRequest, sections: Sequence[SectionPlan], seed: int
) -> LyricDraft:
    own = [tuple(lines[line.number] for line in s.lines) if s.copy_of is None else () for s in sections]
    words = [own[s.copy_of] if s.copy_of is not None else own[place] for place, s in enumerate(sections)]
    song, moved = None, [0] * len(sections)
    if request.song is not None:
        song, moved = unfold(request.song, [s.bars for s in sections], [s.kind for s in sections])
    done = tuple(
        LyricSection(
            s.kind,
            tuple(
                replace(line, phrase=moved_phrase(line.phrase, ticks) if song is not None else line.phrase)
                for line in own_lines
            ),
            s.bars,
            s.copy_of is not None,
        )
        for s, own_lines, ticks in zip(sections, words, moved, strict=True)
    )
    title = request.title or title_of(done)
    lyric = Lyric(title, done, request.language, request.scheme, request.theme)
    if song is not None:
        song = replace(sing(song, [(line.phrase, line.syllables) for line in lyric.lines]), title=title)
    return LyricDraft(lyric, song, seed)


def title_of(sections: Sequence[LyricSection]) -> str:
    """A title from the words themselves: the end of the chorus's (or else the first section's) last line."""
    chosen = next((s for s in sections if s.kind == "chorus"), sections[0])
    line = chosen.lines[-1]
    if line.language == "zh":
        return line.text
    words = [word.text for word in line.words][-_TITLE_WORDS:]
    while len(words) > _LEAST_TITLE and words[0].lower() in _BEGINS_NO_TITLE:
        words = words[1:]
    return " ".join(word[:1].upper() + word[1:] for word in words)


def _additions(seat: LyricSeat, request: LyricRequest) -> list[Addition]:
    """Words to add: those brought by name, then every word of kept lines, title and theme that is not known."""
    if seat.language != "en":
        return []
    found = {one.word.lower(): one for one in (parse_word(text) for text in request.words)}
    for text in (*request.keep.values(), request.title, request.theme):
        for word in split_words(text):
            if word.lower() not in seat.lexicon.ids and word.lower() not in found:
                found[word.lower()] = Addition(word)
    for one in found.values():
        _ = one.pronunciations  # a word that cannot be said is refused now
    return list(found.values())


def parse_word(text: str) -> Addition:
    """A word to add: "Brightside", or with phones "Cobie=K OW1 B IY0".

    Raises:
        InputError: if a phone is no ARPAbet.
    """
    word, equals, phones = (part.strip() for part in text.partition("="))
    if not equals:
        return Addition(word)
    said = tuple(phones.split())
    if not said or not all(_PHONE.fullmatch(phone) for phone in said):
        raise InputError(f"a word's phones must be ARPAbet such as K OW1 B IY0, got {phones!r} for {word!r}")
    return Addition(word, (Pronunciation(said),))
