"""Write the samples again: `python samples/make.py`. Each is the first idea of one command, with its piano roll."""

import json
import shlex
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from cocreate import Song, read_song
from cocreate.files.notation import write_musicxml
from cocreate.files.picture import draw_piano_roll

HERE = Path(__file__).resolve().parent
COMMANDS = {
    "jazz": "--style jazz --seed 7",
    "jazz_over_chords": '--style swing --chords "Dm7 | G7 | Cmaj7 | A7" --bars 8 --seed 11',
    "folk_d_minor": '--style folk --key "D minor" --meter 6/8 --tempo 96 --bars 16 --range D4-A5 --density 0.4'
    " --mood calm --seed 7",
    "reel": "--style reel --key D --bars 16 --seed 3",
    "pop": "--style pop --key F --tempo 96 --bars 8 --seed 5",
    "mandopop_over_chords": '--style mandopop --chords "C | G/B | Am | Em | F | C/E | Dm7 | G" --bars 8 --seed 2',
    "hymn": "--style hymn --key Eb --meter 3/4 --bars 16 --seed 4",
    "baroque": '--style baroque --key "A minor" --meter 4/4 --bars 8 --seed 9',
    "art_song": '--style "art song" --mood sad --bars 12 --seed 6',
    "blues": '--style blues --chords "Bb7 | Eb7 | Bb7 | Bb7 | Eb7 | Eb7 | Bb7 | G7alt | Cm7 | F7 | Bb7 | F7"'
    " --bars 12 --seed 8",
}


ENSEMBLES = {  # whole commands; notation shows the tune and its chords
    "jazz_head_arranged": "arrange samples/02_jazz_over_chords.mid --style swing --parts bass,piano,drums --seed 4",
    "bossa": "arrange samples/10_blues.mid --style bossa --parts bass,guitar,drums --seed 2",
    "pop_song": "song --style pop --form AABA --key G --seed 5",
}


def ensembles(first: int) -> list[str]:
    """Arrangements and songs with piano roll and notation; the lines of the page about them."""
    lines: list[str] = []
    for number, (name, command) in enumerate(ENSEMBLES.items(), start=first):
        target = HERE / f"{number:02d}_{name}.mid"
        write_first(command, target)
        song = read_song(target)
        draw_piano_roll(song, target.with_suffix(".png"), force=True)
        draw_notation(replace(song, parts=song.parts[:1]), target.with_suffix(".svg"))
        lines += ["", f"## {target.name}", "", f"    cocreate {command}", "", f"![{name}]({target.stem}.png)"]
        lines += ["", f"![{name}, notation]({target.stem}.svg)"]
    return lines


def write_first(command: str, target: Path) -> None:
    """The first idea of a command and its sidecar, at ``target``."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = [sys.executable, "-m", "cocreate.cli", *shlex.split(command), "-n", "1", "--out", folder]
        subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL, cwd=HERE.parent)
        first = min(Path(folder).glob("01_*.mid"))
        shutil.copy(first, target)
        sidecar = json.loads(first.with_suffix(".json").read_text(encoding="utf-8")) | {"path": target.name}
        text = json.dumps(sidecar, indent=1, ensure_ascii=False) + "\n"
        target.with_suffix(".json").write_text(text, encoding="utf-8")


def draw_notation(song: Song, path: Path) -> None:
    """The first page of a song as printed music, SVG (verovio, of the extra ``dev``)."""
    import verovio

    with tempfile.TemporaryDirectory() as folder:
        write_musicxml(song, Path(folder) / "song.musicxml")
        page = verovio.toolkit()
        page.setOptions({"pageWidth": 2100, "pageHeight": 2970, "scale": 40, "adjustPageHeight": True, "header": "none",
                         "footer": "none", "smuflTextFont": "embedded"})  # fmt: skip
        page.loadFile(str(Path(folder) / "song.musicxml"))
        path.write_text(page.renderToSVG(1), encoding="utf-8")


def main() -> None:
    """Ten ideas, the ensembles, their pictures and the page that says how each was made."""
    lines = [
        "# Samples",
        "",
        "The first idea of each command, as the shipped checkpoint wrote it: nobody touched a note. Ours, CC0.",
        "`python samples/make.py` writes them again.",
    ]
    for number, (name, options) in enumerate(COMMANDS.items(), start=1):
        target = HERE / f"{number:02d}_{name}.mid"
        with tempfile.TemporaryDirectory() as folder:
            arguments = [sys.executable, "-m", "cocreate.cli", "melody", *shlex.split(options), "--out", folder]
            subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL)
            first = min(Path(folder).glob("01_*.mid"))
            shutil.copy(first, target)
            sidecar = json.loads(first.with_suffix(".json").read_text(encoding="utf-8")) | {"path": target.name}
            text = json.dumps(sidecar, indent=1, ensure_ascii=False) + "\n"
            target.with_suffix(".json").write_text(text, encoding="utf-8")
        draw_piano_roll(read_song(target), target.with_suffix(".png"), force=True)
        lines += ["", f"## {target.name}", "", f"    cocreate melody {options}", "", f"![{name}]({target.stem}.png)"]
    lines += ensembles(len(COMMANDS) + 1)
    (HERE / "README.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
