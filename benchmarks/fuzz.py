"""Fuzz the readers with atheris: crashes, hangs over 5 s and files over 1 GB are findings.

Run:
    python benchmarks/fuzz.py --seconds 3600 [--kind midi|musicxml|mxl|abc|kern]

atheris (a coverage-guided fuzzer) is in no extra: pip install atheris. Whatever our readers refuse with an error of
ours is no finding; anything else stops the run and is written as crash-* beside the corpus.
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import atheris  # type: ignore[import-not-found]

with atheris.instrument_imports(include=["cocreate", "mido"]):
    from cocreate.errors import CocreateError
    from cocreate.files import read_song
    from cocreate.files.abc_write import abc_text
    from cocreate.files.kern_write import kern_text
    from cocreate.files.midi import midi_bytes
    from cocreate.files.musicxml_write import musicxml_bytes
    from cocreate.music.song import Song

MOST_SECONDS = 5.0
SUFFIXES = {"midi": ".mid", "musicxml": ".musicxml", "abc": ".abc", "mxl": ".mxl", "kern": ".krn"}


def packed(song: Song) -> bytes:
    """The song as packed MusicXML."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("score.musicxml", musicxml_bytes(song))
    return buffer.getvalue()


def main() -> None:
    """Fuzz one reader."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=3600)
    parser.add_argument("--kind", choices=list(SUFFIXES), default="midi")
    chosen = parser.parse_args()
    suffix = SUFFIXES[chosen.kind]
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    corpus = folder / "corpus"
    corpus.mkdir()
    write = {"midi": midi_bytes, "musicxml": musicxml_bytes, "mxl": packed, "abc": abc_text, "kern": kern_text}
    for path in sorted((Path(__file__).resolve().parent.parent / "samples").rglob("*.mid")):
        try:
            data = write[chosen.kind](read_song(path).slice_bars(0, 2))
        except CocreateError:
            continue  # kern has no drums alone and no odd lengths
        (corpus / f"{path.stem}{suffix}").write_bytes(data.encode() if isinstance(data, str) else data)
    target = folder / f"input{suffix}"

    def one(data: bytes) -> None:
        target.write_bytes(data)
        began = time.process_time()  # of the processor: a busy machine is no hang
        try:
            read_song(target)
        except CocreateError as error:
            if "\n" in str(error):
                raise AssertionError("a message must be one line") from error
        if time.process_time() - began > MOST_SECONDS:
            raise AssertionError("took too long")

    words = [
        sys.argv[0], str(corpus), f"-max_total_time={chosen.seconds}", "-timeout=120", "-rss_limit_mb=1024",
        f"-artifact_prefix={folder}/", "-print_final_stats=1", "-max_len=20000",
    ]  # fmt: skip
    print(f"{chosen.kind}: corpus and findings in {folder}")
    atheris.Setup(words, one)
    atheris.Fuzz()


main()
