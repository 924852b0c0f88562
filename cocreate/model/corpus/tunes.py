"""Readers of the ABC tune books: Ryan, O'Neill and Aird; Nottingham; and what their tunes share.

Conventions:
    As in ``scores``. The second style of a tune is its rhythm, under one name for all spellings; "air" where no name
    is known.
"""

from __future__ import annotations

import csv
import re
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from cocreate.errors import FileError
from cocreate.files.abc import AbcTune, read_tune, split_tunes
from cocreate.model.corpus.piece import Piece, split_of, work_key
from cocreate.music.song import DEFAULT_TEMPO_BPM, Song, Tempo

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
    labels = {(row["file"], row["x"].lstrip("0")): row for row in rows(folder / "manifest.csv")}
    for path in sorted(folder.glob("*/*.abc")):
        name = f"{path.parent.name}/{path.name}"
        for tune in usable_tunes(path, drops):
            row = labels.get((name, tune.number.lstrip("0")))
            title = tidy_title(row["title"] if row else tune.song.title)
            label = row["rhythm"] if row else tune.fields.get("R", "")
            yield fiddle_piece(tune, title, label, path.parent.name)


def fiddle_piece(tune: AbcTune, title: str, label: str, collection: str) -> Piece:
    """A tune of ``collection`` as a piece; ``label`` is its R: field, "" for none."""
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


def usable_tunes(path: Path, drops: Counter[str] | None, *, top_line_only: bool = True) -> Iterator[AbcTune]:
    """The usable tunes of an ABC file, of notes struck together the highest; the first voice, or all."""
    for block in split_tunes(path.read_text(encoding="utf-8", errors="replace")):
        try:
            tune = read_tune(block, top_only=top_line_only)
        except FileError:
            count_drop(drops, "unreadable")
            continue
        if top_line_only:
            tune = replace(tune, song=replace(tune.song, parts=tune.song.parts[:1]))
        if len(tune.song.parts[0].notes) < MIN_NOTES:
            count_drop(drops, f"fewer than {MIN_NOTES} notes")
        elif tune.irregular_bars > MAX_IRREGULAR_SHARE * tune.bar_count:
            count_drop(drops, "bars do not fit the metre")
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


def _with_tempo(song: Song, rhythm: str) -> Song:
    """The written tempo where it is plausible, else the rhythm's own."""
    written = song.tempos[0].bpm
    if written != DEFAULT_TEMPO_BPM and MIN_TEMPO_BPM <= written <= MAX_TEMPO_BPM:
        return song
    bpm = RHYTHM_TEMPOS_BPM.get(rhythm, RHYTHM_TEMPOS_BPM["air"])
    if rhythm in _HALVED_IN_2_4 and str(song.meter) == "2/4":
        bpm /= 2
    return replace(song, tempos=(Tempo(0, bpm),))


def tidy_title(title: str) -> str:
    """Turn "Bashful Lover., The" into "The Bashful Lover"; the rhythm after a dash and a closing full stop go."""
    bare = re.split(r"\s+--?\s+", title.strip())[0].strip(" .,;")
    match = re.match(r"^(.*?)[\s.,]*,\s*(The|A|An)$", bare, flags=re.IGNORECASE)
    if match:
        bare = f"{match[2].capitalize()} {match[1]}"
    return (bare.title() if bare.isupper() else bare).replace("'S", "'s") or title


def rows(path: Path) -> list[dict[str, str]]:
    """The rows of a data set's manifest.

    Raises:
        FileError: if it cannot be read.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))
    except OSError as error:
        raise FileError(
            f"the data set's manifest {path} cannot be read: {error.strerror}; unpack the set again"
        ) from error


def count_drop(drops: Counter[str] | None, reason: str) -> None:
    """Count one piece left out for ``reason``, where somebody counts."""
    if drops is not None:
        drops[reason] += 1


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
        for tune in usable_tunes(path, drops):
            title = tidy_title(tune.song.title)
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
