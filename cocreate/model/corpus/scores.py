"""Readers of the notation sets: fiddle tunes, lead sheets, art songs, quartets, hymns, Nottingham.

Conventions:
    Every reader takes the set's folder and yields ``Piece`` after ``Piece``, in a fixed order. What cannot be used is
    left out and counted by reason in ``drops``. Each section of a tune comes once, with its last ending. A melody is
    one line: of notes struck together the highest.
"""

from __future__ import annotations

import csv
import importlib.util
import re
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from cocreate.errors import FileError, InputError
from cocreate.files.abc import AbcTune, read_tune, split_tunes
from cocreate.files.layout import bottom_line, top_line
from cocreate.files.musicxml import is_sung, load_score, score_song
from cocreate.model.corpus.piece import Piece, split_of, work_key
from cocreate.music.song import Chord, Song, Tempo
from cocreate.music.theory import name_chord, with_key

# a tune with more bars off its metre than this is more likely a slip of the encoder than music
MAX_IRREGULAR_SHARE = 0.05
MIN_NOTES = 16  # shorter is a call or a fragment
MIN_TEMPO_BPM, MAX_TEMPO_BPM = 40.0, 300.0  # beyond is a slip in the length unit

# usual session tempos, quarter notes a minute (a jig's 174 is a dotted quarter at 116)
RHYTHM_TEMPOS_BPM = {
    "reel": 208.0, "jig": 174.0, "slip jig": 180.0, "slide": 190.0, "hornpipe": 160.0, "strathspey": 140.0,
    "fling": 150.0, "clog": 150.0, "march": 110.0, "quickstep": 116.0, "waltz": 150.0, "polka": 120.0, "minuet": 120.0,
    "quadrille": 120.0, "gavotte": 120.0, "walkaround": 130.0, "morris": 120.0, "carol": 100.0, "air": 80.0,
}  # fmt: skip
# bars of 2/4 hold what others write in 2/2: half as many quarters a minute
_HALVED_IN_2_4 = {"reel", "hornpipe", "strathspey", "fling", "clog"}
_RHYTHM_WORDS = (
    (r"slip\s*jig|hop\s*jig", "slip jig"), (r"jigg?\b", "jig"), (r"reel", "reel"), (r"hornpipe", "hornpipe"),
    (r"strathsp?e?y", "strathspey"), (r"fling", "fling"), (r"clog", "clog"), (r"quick\s*-?step", "quickstep"),
    (r"march", "march"), (r"walt[sz]", "waltz"), (r"polka", "polka"), (r"quadrille|cotillion", "quadrille"),
    (r"minuet|minuett?o", "minuet"), (r"gavott?e?", "gavotte"), (r"walk\s*-?around", "walkaround"), (r"slide", "slide"),
)  # fmt: skip


def read_fiddle_tunes_pd(folder: Path, *, drops: Counter[str] | None = None) -> Iterator[Piece]:
    """Ryan 1883, O'Neill 1903 and Aird 1782: melodies with a rhythm name as second style (third for O'Neill)."""
    labels = {(row["file"], row["x"].lstrip("0")): row for row in _rows(folder / "manifest.csv")}
    for path in sorted(folder.glob("*/*.abc")):
        name = f"{path.parent.name}/{path.name}"
        for tune in _tunes(path, drops):
            row = labels.get((name, tune.number.lstrip("0")))
            title = _tidy(row["title"] if row else tune.song.title)
            label = row["rhythm"] if row else tune.fields.get("R", "")
            yield _fiddle_piece(tune, title, label, path.parent.name)


def _fiddle_piece(tune: AbcTune, title: str, label: str, collection: str) -> Piece:
    rhythm = _rhythm(f"{label} ; {title}") or _rhythm_by_metre(tune.song, collection)
    work = work_key(title)
    return Piece(
        song=_with_tempo(replace(tune.song, title=title, style="folk", chords=()), rhythm),
        dataset="fiddle_tunes_pd",
        work=work,
        name=title,
        licence="public domain",
        tier="A",
        styles=("folk", "celtic", rhythm) if collection == "oneills1850" else ("folk", rhythm),
        split=split_of(work),
    )


def _tunes(path: Path, drops: Counter[str] | None, *, top_line_only: bool = True) -> Iterator[AbcTune]:
    """The usable tunes of an ABC file, of notes struck together the highest; the first voice, or all."""
    for block in split_tunes(path.read_text(encoding="utf-8", errors="replace")):
        try:
            tune = read_tune(block, top_only=top_line_only)
        except FileError:
            _count(drops, "unreadable")
            continue
        if top_line_only:
            tune = replace(tune, song=replace(tune.song, parts=tune.song.parts[:1]))
        if len(tune.song.parts[0].notes) < MIN_NOTES:
            _count(drops, f"fewer than {MIN_NOTES} notes")
        elif tune.irregular_bars > MAX_IRREGULAR_SHARE * tune.bar_count:
            _count(drops, "bars do not fit the metre")
        else:
            yield tune


def _rhythm(text: str) -> str:
    """The first rhythm name in ``text``, "" for none."""
    lowered = text.lower()
    return next((name for pattern, name in _RHYTHM_WORDS if re.search(pattern, lowered)), "")


def _rhythm_by_metre(song: Song, collection: str) -> str:
    """O'Neill's tunes without a name are his airs; elsewhere a quick 6/8 is a jig, a quick 9/8 a slip jig."""
    quick = song.tempo_bpm >= 140  # noqa: PLR2004 - a dotted quarter at 94
    if collection != "oneills1850" and quick:
        return {"6/8": "jig", "9/8": "slip jig"}.get(str(song.meter), "air")
    return "air"


def _with_tempo(song: Song, rhythm: str, *, given: bool = False) -> Song:
    """The written tempo where it is plausible, else the rhythm's own."""
    written = song.tempos[0].bpm
    if (given or written != _ABC_DEFAULT_BPM) and MIN_TEMPO_BPM <= written <= MAX_TEMPO_BPM:
        return song
    bpm = RHYTHM_TEMPOS_BPM.get(rhythm, RHYTHM_TEMPOS_BPM["air"])
    if rhythm in _HALVED_IN_2_4 and str(song.meter) == "2/4":
        bpm /= 2
    return replace(song, tempos=(Tempo(0, bpm),))


_ABC_DEFAULT_BPM = 120.0  # what a song has when no Q: was given


def _tidy(title: str) -> str:
    """ "Bashful Lover., The" as "The Bashful Lover"; the rhythm after a dash and a closing full stop go."""
    bare = re.split(r"\s+--?\s+", title.strip())[0].strip(" .,;")
    match = re.match(r"^(.*?)[\s.,]*,\s*(The|A|An)$", bare, flags=re.IGNORECASE)
    if match:
        bare = f"{match[2].capitalize()} {match[1]}"
    return (bare.title() if bare.isupper() else bare).replace("'S", "'s") or title


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))
    except OSError as error:
        raise FileError(
            f"the data set's manifest {path} cannot be read: {error.strerror}; unpack the set again"
        ) from error


def _count(drops: Counter[str] | None, reason: str) -> None:
    if drops is not None:
        drops[reason] += 1


_OPENEWLD_GENRES = (
    ("jazz", "jazz"), ("folk", "folk"), ("blues", "blues"), ("pop", "pop"), ("rock", "pop"), ("stage", "pop"),
)  # fmt: skip
_OPENEWLD_SUBSTYLES = (
    ("ragtime", "ragtime"), ("swing", "swing"), ("dixieland", "trad jazz"), ("big band", "swing"), ("gospel", "gospel"),
    ("country", "country"), ("bluegrass", "country"), ("musical", "musical"), ("celtic", "celtic"), ("ballad", "ballad"),
)  # fmt: skip


def read_openewld_pd(folder: Path, *, drops: Counter[str] | None = None) -> Iterator[Piece]:
    """Lead sheets: melody, chord symbols and syllables of songs from 1850 to 1930."""
    for row in _rows(folder / "manifest.csv"):
        song = _score(folder / row["file"], drops, part="first")
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
        ((int(m[2]), m[1].lower()) for m in re.finditer(r"([^:;,|]+):(\d+)", genres)), key=lambda pair: -pair[0]
    )
    main = next((ours for _, label in counts for word, ours in _OPENEWLD_GENRES if word in label), "pop")
    lowered = styles.lower()
    special = next((ours for word, ours in _OPENEWLD_SUBSTYLES if word in lowered), "tin pan alley")
    return (main,) if special == main else (main, special)


def _score(path: Path, drops: Counter[str] | None, *, part: str) -> Song | None:
    """The one line of a score that is asked for ("sung", "first"; "" is all parts), None when it cannot be used."""
    try:
        root = load_score(path, keep=part or "all")
        if part == "sung" and not is_sung(root):
            _count(drops, "nobody sings")
            return None
        song, bars, irregular = score_song(root, top_only=bool(part), rests=not part)
    except (FileError, InputError):
        _count(drops, "unreadable")
        return None
    if part:
        song = replace(song, parts=(replace(top_line(song.parts[0]), role="melody", name="Melody"),))
    if len(song.parts[0].notes) < MIN_NOTES:
        _count(drops, f"fewer than {MIN_NOTES} notes")
    elif irregular > MAX_IRREGULAR_SHARE * bars:
        _count(drops, "bars do not fit the metre")
    else:
        return song
    return None


_ROMANTIC_FROM = 1795  # composers born from here on write as romantics (Schubert 1797 is the first of them)


def read_openscore_lieder(
    folder: Path, *, voices_only: bool = True, drops: Counter[str] | None = None
) -> Iterator[Piece]:
    """Songs of the 18th to 20th century: the voice with its syllables, or with ``voices_only=False`` the piano too."""
    yield from _openscore(folder, "openscore_lieder", part="sung" if voices_only else "", drops=drops)


def read_openscore_quartets(
    folder: Path, *, voices_only: bool = True, drops: Counter[str] | None = None
) -> Iterator[Piece]:
    """String quartets: the first violin, or with ``voices_only=False`` all four."""
    yield from _openscore(folder, "openscore_quartets", part="first" if voices_only else "", drops=drops)


def _openscore(folder: Path, dataset: str, *, part: str, drops: Counter[str] | None) -> Iterator[Piece]:
    for row in _rows(folder / "manifest.csv"):
        song = _score(folder / row["file"], drops, part=part)
        if song is None:
            continue
        work = work_key(f"{row['composer'].split(',')[0]} {row['title']}")
        era = "romantic" if int(row["born"] or _ROMANTIC_FROM) >= _ROMANTIC_FROM else "classical"
        yield Piece(
            song=replace(song, title=row["title"]),
            dataset=dataset,
            work=work,
            name=f"{row['title']} ({row['composer'].split(',')[0]})",
            licence="CC0-1.0",
            tier="A",
            styles=("art song", era)
            if dataset == "openscore_lieder"
            else ("classical", era)[: 1 + (era != "classical")],
            split=split_of(work),
        )


_HYMN_VOICES = ("Soprano", "Alto", "Tenor", "Bass")
_CHOIR_PROGRAM = 52  # General MIDI "choir aahs"


def read_openhymnal_pd(folder: Path, *, drops: Counter[str] | None = None) -> Iterator[Piece]:
    """Hymns in four voices with their words; the chords are named from the voices, beat by beat."""
    for row in _rows(folder / "manifest.csv"):
        tune = next(_tunes(folder / row["file"], drops, top_line_only=False), None)
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


_NOTTINGHAM_RHYTHMS = {
    "jigs": "jig", "reels": "reel", "hpps": "hornpipe", "morris": "morris", "slip": "slip jig", "waltzes": "waltz",
    "xmas": "carol", "ashover": "air", "playford": "playford",
}  # fmt: skip
_HELD_OUT = 5  # crc32 of the file name, one fifth held out: the split the published numbers use


def read_nottingham(folder: Path, *, drops: Counter[str] | None = None) -> Iterator[Piece]:
    """Dance tunes with chord symbols; GPL-3.0, so for evaluation and one's own machine.

    The split is by the crc32 of a tune's file name ("jigs107.mid"): remainder 0 of 5 is test.
    """
    for path in sorted(folder.glob("abc/*.abc")):
        kind = next((name for stem, name in _NOTTINGHAM_RHYTHMS.items() if path.stem.startswith(stem)), "air")
        for tune in _tunes(path, drops):
            title = _tidy(tune.song.title)
            rhythm = _rhythm(title) or kind if kind in ("air", "playford") else kind
            work = work_key(title)
            file_name = f"{path.stem}{tune.number}.mid"
            held = zlib.crc32(file_name.encode()) % _HELD_OUT == 0
            split = "test" if held else "validation" if split_of(work) == "validation" else "train"
            yield Piece(
                song=_with_tempo(replace(tune.song, title=title, style="folk"), rhythm),
                dataset="nottingham",
                work=work,
                name=f"{title} ({file_name})",
                licence="GPL-3.0",
                tier="B",
                styles=("folk", rhythm),
                split=split,
            )


_MUSIC21_TUNES = ("ryansMammoth", "oneills1850", "airdsAirs")


def read_music21_corpus(folder: Path | None = None, *, drops: Counter[str] | None = None) -> Iterator[Piece]:
    """What the music21 package brings along and may train: three fiddle books and Bach's chorales.

    ``folder`` is the package's ``corpus`` folder; None finds it (without importing music21).

    Raises:
        FileError: if music21 is not installed.
    """
    root = folder or _music21_folder()
    for collection in _MUSIC21_TUNES:
        for path in sorted((root / collection).glob("*.abc")):
            for tune in _tunes(path, drops):
                piece = _fiddle_piece(tune, _tidy(tune.song.title), tune.fields.get("R", ""), collection)
                yield replace(piece, dataset="music21")
    for path in sorted((root / "bach").glob("bwv*.mxl")):
        song = _chorale(path, drops)
        if song is not None:
            work = work_key(song.title)
            yield Piece(
                song=song,
                dataset="music21",
                work=work,
                name=song.title,
                licence="public domain",
                tier="A",
                styles=("classical", "chorale"),
                split=split_of(work),
            )


def _chorale(path: Path, drops: Counter[str] | None) -> Song | None:
    try:
        root = load_score(path)
        if root.findtext("identification/rights"):
            _count(drops, "rights line")
            return None
        song, bars, irregular = score_song(root)
    except (FileError, InputError):
        _count(drops, "unreadable")
        return None
    if len(song.parts) != len(_HYMN_VOICES):
        _count(drops, "not in four voices")
        return None
    if irregular > MAX_IRREGULAR_SHARE * bars:
        _count(drops, "bars do not fit the metre")
        return None
    return replace(_hymn(song), title=song.title or path.stem, style="chorale")


def _music21_folder() -> Path:
    found = importlib.util.find_spec("music21")
    if found is None or found.origin is None:
        raise FileError("the music21 corpus needs the music21 package; install it with: pip install music21")
    return Path(found.origin).parent / "corpus"
