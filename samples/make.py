"""Write the samples again: `python samples/make.py`. Each is the first idea of one command, with its piano roll."""

import json
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from cocreate import read_song
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


def main() -> None:
    """Ten ideas, ten pictures and the page that says how each was made."""
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
    (HERE / "README.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
