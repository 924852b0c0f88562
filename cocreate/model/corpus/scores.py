"""Readers of the notation sets: fiddle tunes, lead sheets, art songs, quartets, hymns, Nottingham.

Conventions:
    Every reader takes the set's folder and yields ``Piece`` after ``Piece``, in a fixed order. What cannot be used is
    left out and counted by reason in ``drops``. Each section of a tune comes once, with its last ending. A melody is
    one line: of notes struck together the highest.
"""

from __future__ import annotations

import importlib.util
import re
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from cocreate.errors import FileError, InputError
from cocreate.files.layout import bottom_line, top_line
from cocreate.files.musicxml import is_sung, load_score, score_song
from cocreate.files.roles import is_one_voice
from cocreate.model.corpus.piece import Piece, split_of, work_key
from cocreate.model.corpus.tunes import (
    MAX_IRREGULAR_SHARE,
    MIN_NOTES,
    count_drop,
    fiddle_piece,
    read_fiddle_tunes_pd,
    read_nottingham,
    rows,
    tidy_title,
    usable_tunes,
)
from cocreate.music.song import Chord, Note, Part, Song
from cocreate.music.theory import name_chord, with_key

__all__ = [
    "chords_of_voices",
    "read_fiddle_tunes_pd",
    "read_music21_corpus",
    "read_nottingham",
    "read_openewld_pd",
    "read_openhymnal_pd",
    "read_openscore_lieder",
    "read_openscore_quartets",
]


_OPENEWLD_GENRES = (
    ("jazz", "jazz"), ("folk", "folk"), ("blues", "blues"), ("pop", "pop"), ("rock", "pop"), ("stage", "pop"),
)  # fmt: skip
_OPENEWLD_SUBSTYLES = (
    ("ragtime", "ragtime"), ("swing", "swing"), ("dixieland", "trad jazz"), ("big band", "swing"), ("gospel", "gospel"),
    ("country", "country"), ("bluegrass", "country"), ("musical", "musical"), ("celtic", "celtic"),
    ("ballad", "ballad"),
)  # fmt: skip


def read_openewld_pd(folder: Path, *, drops: Counter[str] | None = None) -> Iterator[Piece]:
    """Lead sheets: melody, chord symbols and syllables of songs from 1850 to 1930."""
    for row in rows(folder / "manifest.csv"):
        song = _score(folder / row["file"], drops, lead="first")
        if song is None:
            continue
        work = work_key(row["title"])
        yield Piece(
            song=replace(with_key(song), title=row["title"]),
            dataset="openewld_pd",
            work=work,
            name=row["title"],
            licence="public domain",
            tier="A",
            styles=_openewld_styles(row["genres"], row["styles"]),
            split=split_of(work),
        )


def _openewld_styles(genres: str, styles: str) -> tuple[str, ...]:
    """The labels describe recordings, the commonest first; a song nobody recorded in a known style is Tin Pan Alley."""
    counts = sorted(
        ((int(m[2]), m[1].lower()) for m in re.finditer(r"([^:;|]+):(\d+)", genres)), key=lambda pair: -pair[0]
    )
    main = next((ours for _, label in counts for word, ours in _OPENEWLD_GENRES if word in label), "pop")
    lowered = styles.lower()
    special = next((ours for word, ours in _OPENEWLD_SUBSTYLES if word in lowered), "tin pan alley")
    return (main,) if special == main else (main, special)


def _score(
    path: Path,
    drops: Counter[str] | None,
    *,
    lead: str,
    whole: bool = False,
    may_train: Callable[[ET.Element], bool] = lambda _root: True,
) -> Song | None:
    """A score whose melody is the line of the "first" or the "sung" part, None when it cannot be used.

    That part alone decides on bars, key and tempo; with ``whole`` the other parts go along, roles unsettled.
    """
    try:
        root = load_score(path, keep="all" if whole else lead)
        if not may_train(root):
            count_drop(drops, "rights line")
            return None
        if lead == "sung" and not is_sung(root):
            count_drop(drops, "nobody sings")
            return None
        song, bars, irregular = score_song(root, lead=lead, top_only=True, rests=False, trust_modes=False)
    except (FileError, InputError):
        count_drop(drops, "unreadable")
        return None
    melody = replace(top_line(song.parts[0]), role="melody", name="Melody")
    if len(melody.notes) < MIN_NOTES:
        count_drop(drops, f"fewer than {MIN_NOTES} notes")
    elif irregular > MAX_IRREGULAR_SHARE * bars:
        count_drop(drops, "bars do not fit the metre")
    else:
        return replace(song, parts=(melody, *(part for part in song.parts[1:] if part.notes)))
    return None


_ROMANTIC_FROM = 1795  # composers born from here on write as romantics (Schubert 1797 is the first of them)


def read_openscore_lieder(folder: Path, *, drops: Counter[str] | None = None) -> Iterator[Piece]:
    """Songs of the 18th to 20th century: the voice with its syllables, and what the piano plays under it."""
    for row in rows(folder / "manifest.csv"):
        song = _score(folder / row["file"], drops, lead="sung", whole=True)
        if song is not None:
            yield _openscore(row, "openscore_lieder", replace(song, parts=_with_piano(song.parts)))


def read_openscore_quartets(folder: Path, *, drops: Counter[str] | None = None) -> Iterator[Piece]:
    """String quartets: the first violin is the melody, the second and the viola are voices under it."""
    for row in rows(folder / "manifest.csv"):
        song = _score(folder / row["file"], drops, lead="first", whole=True)
        if song is not None:
            yield _openscore(row, "openscore_quartets", replace(song, parts=_strings(song.parts)))


def _openscore(row: dict[str, str], dataset: str, song: Song) -> Piece:
    composer = row["composer"].split(",")[0]
    work = work_key(f"{composer} {row['title']}")
    return Piece(
        song=replace(song, title=row["title"]),
        dataset=dataset,
        work=work,
        name=f"{row['title']} ({composer})",
        licence="CC0-1.0",
        tier="A",
        styles=_era_styles(dataset, row["born"]),
        split=split_of(work),
    )


_KEYBOARDS = range(24)  # General MIDI: pianos, mallets, organs
_SINGERS = (0, 52, 53, 54)  # choirs, and what files write that name no instrument


def _with_piano(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """The melody, other singers as voices, other players, and all keyboards as one part of both hands."""
    melody, *rest = parts
    keyboards = [part for part in rest if part.program in _KEYBOARDS and not is_one_voice(part)]
    found = [melody]
    for part in rest:
        if part in keyboards:
            continue
        sings = part.syllables or part.program in _SINGERS
        found.append(replace(top_line(part), role="voice") if sings else replace(part, role="other"))
    if keyboards:
        struck: dict[tuple[int, int], Note] = {}  # hands may share a key: the longer note stays
        for note in sorted((n for part in keyboards for n in part.notes), key=lambda n: n.length_ticks):
            struck[note.start_ticks, note.pitch] = note
        found.append(replace(keyboards[0], notes=tuple(struck.values()), role="comping", syllables=()))
    return tuple(found)


def _strings(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """One line each: the melody, voices under it and, of four or more, the last as bass."""
    last = len(parts) - 1 if len(parts) >= len(_HYMN_VOICES) else len(parts)
    inner = [replace(top_line(part), role="voice") for part in parts[1:last]]
    bass = [replace(bottom_line(part), role="bass") for part in parts[last:]]
    return (parts[0], *inner, *bass)


def _era_styles(dataset: str, born: str) -> tuple[str, ...]:
    era = "romantic" if int(born or _ROMANTIC_FROM) >= _ROMANTIC_FROM else "classical"
    if dataset == "openscore_lieder":
        return "art song", era
    return ("classical",) if era == "classical" else ("classical", era)


_HYMN_VOICES = ("Soprano", "Alto", "Tenor", "Bass")
_CHOIR_PROGRAM = 52  # General MIDI "choir aahs"


def read_openhymnal_pd(folder: Path, *, drops: Counter[str] | None = None) -> Iterator[Piece]:
    """Hymns in four voices with their words; the chords are named from the voices, beat by beat."""
    for row in rows(folder / "manifest.csv"):
        tune = next(usable_tunes(folder / row["file"], drops, top_line_only=False), None)
        if tune is None:
            continue
        work = work_key(row["title"])
        yield Piece(
            song=replace(_hymn(tune.song), title=row["title"], style="hymn"),
            dataset="openhymnal_pd",
            work=work,
            name=row["title"],
            licence="public domain",
            tier="A",
            styles=("hymn",),
            split=split_of(work),
        )


def _hymn(song: Song) -> Song:
    """Four lines of a hymn on four staves or on two (two voices on each), with chords."""
    lines = [top_line(part) for part in song.parts]
    if len(song.parts) == 2:  # noqa: PLR2004 - two staves
        lines = [line for part in song.parts for line in (top_line(part), bottom_line(part))]
    names = _HYMN_VOICES if len(lines) == len(_HYMN_VOICES) else tuple(part.name for part in song.parts)
    parts = tuple(
        replace(line, name=name, program=_CHOIR_PROGRAM, role="voice" if place else "melody", syllables=line.syllables)
        for place, (name, line) in enumerate(zip(names, lines, strict=True))
    )
    return replace(song, parts=parts, chords=chords_of_voices(song))


def chords_of_voices(song: Song) -> tuple[Chord, ...]:
    """A chord for each beat from what sounds on it, equal neighbours as one; a beat that names none goes on."""
    found: list[Chord] = []
    for bar in song.bars():
        notes = [
            note
            for part in song.parts
            for note in part.notes
            if note.start_ticks < bar.end_ticks and note.end_ticks > bar.start_ticks
        ]
        for at in range(bar.start_ticks, bar.end_ticks, bar.meter.beat_ticks):
            length = min(bar.meter.beat_ticks, bar.end_ticks - at)
            sounding = [n.pitch for n in notes if n.start_ticks <= at < n.end_ticks]
            named = name_chord(sounding)
            if named is None:
                if found and found[-1].end_ticks == at:
                    found[-1] = replace(found[-1], length_ticks=found[-1].length_ticks + length)
                continue
            fresh = Chord(at, length, *named, min(sounding) % 12)
            last = found[-1] if found else None
            if last and (last.root, last.quality, last.bass, last.end_ticks) == (
                fresh.root,
                fresh.quality,
                fresh.bass,
                at,
            ):
                found[-1] = replace(last, length_ticks=last.length_ticks + length)
            else:
                found.append(fresh)
    return tuple(found)


_MUSIC21_TUNES = ("ryansMammoth", "oneills1850", "airdsAirs")
# folder of quartets in movements (whole quartets in one file are longer than a piece may be) -> name, year of birth
_MUSIC21_QUARTETS = {
    "haydn": ("Haydn", "1732"),
    "mozart": ("Mozart", "1756"),
    "beethoven": ("Beethoven", "1770"),
    "schumann_robert": ("Schumann", "1810"),
}
# the part songs whose rights line says CC0 -> styles
_MUSIC21_CC0 = {
    "johnson_j_r/lift_every_voice.mxl": ("hymn",),
    "liliuokalani/aloha_oe.mxl": ("folk",),
    "lusitano/allor_che_ignuda.mxl": ("renaissance",),
}
_OPUS = re.compile(r"(?P<kind>op|k)(?:us)?(?P<number>\d+)(?:no(?P<part>\d+))?")  # "opus18no1", "k458"


def read_music21_corpus(folder: Path | None = None, *, drops: Counter[str] | None = None) -> Iterator[Piece]:
    """What the music21 package brings along and may train: fiddle books, Bach's chorales, quartets, CC0 part songs.

    ``folder`` is the package's ``corpus`` folder; None finds it (without importing music21).

    Raises:
        FileError: if music21 is not installed.
    """
    root = folder or _music21_folder()
    for collection in _MUSIC21_TUNES:
        for path in sorted((root / collection).glob("*.abc")):
            for tune in usable_tunes(path, drops):
                piece = fiddle_piece(tune, tidy_title(tune.song.title), tune.fields.get("R", ""), collection)
                yield replace(piece, dataset="music21")
    for path in sorted((root / "bach").glob("bwv*.mxl")):
        song = _chorale(path, drops)
        if song is not None:
            yield _music21_piece(song, song.title, styles=("classical", "chorale"))
    yield from _music21_quartets(root, drops)
    for name, styles in _MUSIC21_CC0.items():
        song = _score(root / name, drops, lead="first", whole=True, may_train=_is_cc0)
        if song is not None:
            parts = _with_piano(song.parts)
            yield _music21_piece(replace(song, parts=parts), song.title, styles=styles, licence="CC0-1.0")


def _music21_quartets(root: Path, drops: Counter[str] | None) -> Iterator[Piece]:
    for folder_name, (composer, born) in _MUSIC21_QUARTETS.items():
        for path in sorted((root / folder_name).glob("*/movement?.mxl")):
            song = _score(path, drops, lead="first", whole=True, may_train=_has_no_rights_line)
            if song is not None and _is_quartet(song, drops):
                opus, movement = _opus(path.parent.name), path.stem.removeprefix("movement")
                song = replace(song, parts=_strings(song.parts), title=f"String Quartet {opus}, movement {movement}")
                styles = _era_styles("music21", born)
                yield _music21_piece(song, f"{composer} String Quartet {opus}", styles=styles, composer=composer)


def _music21_piece(
    song: Song, work_title: str, *, styles: tuple[str, ...], composer: str = "", licence: str = "public domain"
) -> Piece:
    work = work_key(work_title)
    return Piece(
        song=song,
        dataset="music21",
        work=work,
        name=f"{song.title} ({composer})" if composer else song.title,
        licence=licence,
        tier="A",
        styles=styles,
        split=split_of(work),
    )


def _opus(folder_name: str) -> str:
    """A folder's name as people write it: "op. 18 no. 1", "K. 458"."""
    found = _OPUS.fullmatch(folder_name)
    if found is None:
        return folder_name
    number = f"K. {found['number']}" if found["kind"] == "k" else f"op. {found['number']}"
    return f"{number} no. {found['part']}" if found["part"] else number


def _is_quartet(song: Song, drops: Counter[str] | None) -> bool:
    if len(song.parts) == len(_HYMN_VOICES):
        return True
    count_drop(drops, "not in four voices")
    return False


def _rights(root: ET.Element) -> list[str]:
    return [line.text.strip() for line in root.findall("identification/rights") if line.text and line.text.strip()]


def _has_no_rights_line(root: ET.Element) -> bool:
    return not _rights(root)


def _is_cc0(root: ET.Element) -> bool:
    lines = _rights(root)
    return bool(lines) and all("CC0" in line for line in lines)


def _chorale(path: Path, drops: Counter[str] | None) -> Song | None:
    try:
        root = load_score(path)
        if not _has_no_rights_line(root):
            count_drop(drops, "rights line")
            return None
        song, bars, irregular = score_song(root)
    except (FileError, InputError):
        count_drop(drops, "unreadable")
        return None
    if not _is_quartet(song, drops):
        return None
    if irregular > MAX_IRREGULAR_SHARE * bars:
        count_drop(drops, "bars do not fit the metre")
        return None
    return replace(_hymn(song), title=song.title or path.stem, style="chorale")


def _music21_folder() -> Path:
    found = importlib.util.find_spec("music21")
    if found is None or found.origin is None:
        raise FileError("the music21 corpus needs the music21 package; install it with: pip install music21")
    return Path(found.origin).parent / "corpus"
