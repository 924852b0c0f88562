"""The printed page: a song engraved as PDF, PNG or SVG.

Conventions:
    A played song is printed as a copyist writes it (``legible``). The page is drawn by Verovio from our MusicXML and
    set by Typst; A4 upright, smaller the more staves there are; a section that comes twice in a row has repeat signs.
    PDF holds all pages; PNG and SVG hold one a file. Letters that the page's fonts lack (Chinese) come from the fonts
    of the system.
"""

from __future__ import annotations

import re
import tempfile
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from cocreate.errors import FileError, InputError
from cocreate.files.legible import legible
from cocreate.files.musicxml_write import musicxml_bytes
from cocreate.files.output import write_bytes
from cocreate.music.song import Song

PAGE_SUFFIXES = (".pdf", ".png", ".svg")
_FORMATS: dict[str, Literal["pdf", "png", "svg"]] = {".pdf": "pdf", ".png": "png", ".svg": "svg"}
_WIDTH_MM, _HEIGHT_MM, _HEAD_MM = 210, 297, 24
_TENTHS = 10  # Verovio counts in tenths of a millimetre
_SCALES = ((2, 100), (3, 88), (5, 80), (99, 64))  # staves at most, percent; 100 is a staff 6.6 mm high
_DOTS_AN_INCH = 150.0
# glyphs of music fonts in private places, as letters that text fonts have
_LETTERS = str.maketrans({
    "\ueca2": "𝅝", "\ueca3": "𝅗𝅥", "\ueca5": "♩", "\ueca7": "♪", "\uecb7": ".", "\ued60": "b", "\ued61": "♮",
    "\ued62": "#", "\ue260": "b", "\ue261": "♮", "\ue262": "#", "♯": "#", "♭": "b",
    "\uea64": "b", "\uea65": "♮", "\uea66": "#",
})  # fmt: skip
# signs in chord symbols: as large as the letters beside them
_SIGN = re.compile(r'<tspan font-family="Leipzig" font-size="\d+px">([#b♮])</tspan>')
_NAMESPACES = {"": "http://www.w3.org/2000/svg", "xlink": "http://www.w3.org/1999/xlink"}
_HREF = "{http://www.w3.org/1999/xlink}href"
_PERCUSSION_CLEF = "E069"  # its glyph in music fonts
_SHEET = """
#set document(title: sys.inputs.title)
#set page(width: {width}mm, height: {height}mm, margin: 0mm)
#set text(font: ("Libertinus Serif", "Noto Serif CJK SC", "Songti SC", "SimSun"), size: 17pt)
#place(top + center, dy: 14mm, sys.inputs.title)
{images}
"""


def page_svgs(song: Song) -> tuple[str, ...]:
    """Each page as SVG, without the title.

    Raises:
        InputError: if the song has no notes.
    """
    import verovio

    if not any(part.notes for part in song.parts):
        raise InputError("a page needs at least one note, got an empty song")
    verovio.enableLog(verovio.LOG_OFF)
    toolkit: Any = verovio.toolkit()
    song = legible(replace(song, title="", parts=tuple(sorted(song.parts, key=lambda part: part.role == "drums"))))
    score = musicxml_bytes(song, repeats=True).decode("utf-8")
    staves = score.count("</clef>")
    scale = next(percent for most, percent in _SCALES if staves <= most or percent == _SCALES[-1][1])
    margin = 120 * 100 // scale  # 12 mm, whatever the scale
    toolkit.setOptions(
        {
            "pageWidth": _WIDTH_MM * _TENTHS, "pageHeight": (_HEIGHT_MM - _HEAD_MM) * _TENTHS, "scale": scale,
            "scaleToPageSize": True, "header": "none", "footer": "none", "svgViewBox": True, "breaks": "auto",
            "pageMarginLeft": margin, "pageMarginRight": margin, "pageMarginTop": 30, "pageMarginBottom": margin,
            "lyricWordSpace": 2.0, "xmlIdSeed": 1,
        }
    )  # fmt: skip
    if not toolkit.loadData(score):
        raise FileError("the page could not be engraved; export MusicXML instead and open it in a notation program")
    pages = (toolkit.renderToSVG(page).translate(_LETTERS) for page in range(1, toolkit.getPageCount() + 1))
    if any(part.role == "drums" for part in song.parts) and len(song.keys) > 1:
        pages = (_without_drum_signatures(page) for page in pages)
    return tuple(_SIGN.sub(r'<tspan font-size="405px">\1</tspan>', page) for page in pages)


def _without_drum_signatures(svg: str) -> str:
    """The page as it should be: Verovio gives a change of key to every staff, drums too."""
    for prefix, name in _NAMESPACES.items():
        ET.register_namespace(prefix, name)
    root = ET.fromstring(svg)  # noqa: S314 - Verovio's own
    percussion: set[int] = set()
    for measure in root.iterfind(".//*[@class='measure']"):
        for number, staff in enumerate(measure.iterfind("*[@class='staff']")):
            if any(_PERCUSSION_CLEF in use.get(_HREF, "") for use in staff.iterfind(".//*[@class='clef']/*")):
                percussion.add(number)
            if number in percussion:
                for above in staff.findall(".//*[@class='keySig']/.."):
                    for signature in above.findall("*[@class='keySig']"):
                        above.remove(signature)
    return ET.tostring(root, encoding="unicode")


def page_bytes(song: Song, suffix: str) -> tuple[bytes, ...]:
    """The files of the song's pages: one PDF, or a PNG or SVG a page.

    Raises:
        InputError: if the suffix is none of ``PAGE_SUFFIXES``, or the song has no notes.
    """
    import typst

    if suffix.lower() not in PAGE_SUFFIXES:
        raise InputError(f"a page must end in one of {', '.join(PAGE_SUFFIXES)}, got {suffix or 'no suffix'}")
    pages = page_svgs(song)
    images = "\n#pagebreak()\n".join(
        f'#place(top + left, dy: {_HEAD_MM}mm, image("page{number}.svg", width: 100%))'
        + (f"\n#place(top + right, dx: -12mm, dy: 14mm, text(size: 11pt)[{number}])" if number > 1 else "")
        for number in range(1, len(pages) + 1)
    )
    sheet = _SHEET.format(width=_WIDTH_MM, height=_HEIGHT_MM, images=images)
    with tempfile.TemporaryDirectory() as folder:
        for number, svg in enumerate(pages, start=1):
            (Path(folder) / f"page{number}.svg").write_text(svg, encoding="utf-8")
        main = Path(folder) / "main.typ"
        main.write_text(sheet, encoding="utf-8")
        made: Any = typst.compile(
            main, format=_FORMATS[suffix.lower()], ppi=_DOTS_AN_INCH, sys_inputs={"title": " ".join(song.title.split())}
        )
    return tuple(made) if isinstance(made, list) else (made,)


def write_page(song: Song, path: Path, *, force: bool = False) -> tuple[Path, ...]:
    """Write the song's pages; of several PNG or SVG pages the second is ``name-2.png``. Returns the files.

    Raises:
        InputError: as ``page_bytes``.
        FileError: if a file exists and ``force`` is false, or cannot be written; none is written then.
    """
    made = page_bytes(song, path.suffix)
    places = [path.with_stem(path.stem + (f"-{number}" if number > 1 else "")) for number in range(1, len(made) + 1)]
    for place in places:
        if place.exists() and not force:
            raise FileError(f"{place} exists already; choose another name or give --force")
    for place, data in zip(places, made, strict=True):
        write_bytes(place, data, force=force)
    return tuple(places)
