"""Writing safely: whole files or none, nothing overwritten unasked, and names that say what is inside.

Conventions:
    Bytes go to a hidden temporary file in the same folder, which is then renamed: a reader never sees half a file.
    Names are ASCII without spaces or ``#``, so that every system and DAW takes them.
"""

from __future__ import annotations

import re
import secrets
import unicodedata
from pathlib import Path

from cocreate.errors import FileError
from cocreate.music.song import Key
from cocreate.music.theory import short_key_name

# what has no decomposition into ASCII letters but an accepted spelling in them
_ASCII_SPELLINGS = str.maketrans(
    {
        "♯": "#", "♭": "b", "ß": "ss", "ø": "o", "Ø": "O", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ł": "l",
        "Ł": "L", "đ": "d", "ð": "d", "þ": "th", "ı": "i", "‘": "'", "’": "'", "“": '"', "”": '"', "–": "-", "—": "-",
    }
)  # fmt: skip


def to_ascii(text: str) -> str:
    """``text`` in printable ASCII: "Élégie" is "Elegie"; what has no spelling is left out, so "副歌" is ""."""
    plain = unicodedata.normalize("NFKD", text.translate(_ASCII_SPELLINGS))
    return " ".join("".join(c for c in plain if " " <= c <= "~" or c in "\t\n\r").split())


def idea_name(rank: int, style: str, art: str, key: Key, tempo_bpm: float, bars: int, seed: int) -> str:  # noqa: PLR0917 - the seven words of the name, in its order
    """File name of an idea: ``01_jazz_melody_Bb_132bpm_8bars_seed42.mid``.

    A drag into a DAW ignores the tempo and key inside the file, so the name carries them. F# is written ``Fs``;
    ``rank`` counts from 1, ``tempo_bpm`` is rounded to a whole number.
    """
    words = [re.sub(r"[^A-Za-z0-9]+", "-", to_ascii(word)).strip("-") or "any" for word in (style, art)]
    tonic = short_key_name(key).replace("#", "s")
    return f"{rank:02d}_{words[0]}_{words[1]}_{tonic}_{round(tempo_bpm)}bpm_{bars}bars_seed{seed}.mid"


def check_folder(path: Path) -> None:
    """Make sure, before long work starts, that files can be written into the folder ``path``; leaves no trace.

    A folder that does not exist yet is fine when the nearest one above it can be written.

    Raises:
        FileError: if a file stands in the way or the folder refuses a trial file.
    """
    try:
        place = path
        while not place.exists() and place != place.parent:
            place = place.parent
        if not place.is_dir():
            raise FileError(f"an output folder must be a folder, but {place} is a file; choose another --out")
        trial = place / f".cocreate-{secrets.token_hex(4)}"
        trial.touch(exist_ok=False)  # permission bits do not bind an administrator; only a trial tells
        trial.unlink()
    except (OSError, ValueError) as error:
        raise FileError(f"cannot write to the folder {path} ({_reason(error)}); choose another --out") from error


def write_bytes(path: Path, data: bytes, *, force: bool = False) -> None:
    """Write ``data`` to ``path`` whole or not at all; folders above it are made, and ``force`` replaces a file.

    Raises:
        FileError: if the file exists and ``force`` is false, or the place cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part") if path.name else path
    try:
        if path.is_dir():
            raise FileError(f"{path} is a folder; choose another --out")
        if path.exists() and not force:
            raise FileError(f"{path} exists already; choose another --out or give --force")
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            temporary.write_bytes(data)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except (OSError, ValueError) as error:
        raise FileError(f"cannot write {path} ({_reason(error)}); choose another --out") from error


def write_text(path: Path, text: str, *, force: bool = False) -> None:
    """Write ``text`` as UTF-8, as ``write_bytes`` does.

    Raises:
        FileError: as ``write_bytes``.
    """
    write_bytes(path, text.encode("utf-8"), force=force)


def _reason(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
