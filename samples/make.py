"""Write the samples again: `python samples/make.py`. Each is the first idea of one command, with its pictures."""

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
MELODIES = {
    "jazz": "melody --style jazz --seed 7",
    "jazz_over_chords": 'melody --style swing --chords "Dm7 | G7 | Cmaj7 | A7" --bars 8 --seed 11',
    "folk_d_minor": 'melody --style folk --key "D minor" --meter 6/8 --tempo 96 --bars 16 --range D4-A5 --density 0.4'
    " --mood calm --seed 7",
    "reel": "melody --style reel --key D --bars 16 --seed 3",
    "pop": "melody --style pop --key F --tempo 96 --bars 8 --seed 5",
    "mandopop_over_chords": 'melody --style mandopop --chords "C | G/B | Am | Em | F | C/E | Dm7 | G" --bars 8'
    " --seed 2",
    "hymn": "melody --style hymn --key Eb --meter 3/4 --bars 16 --seed 4",
    "baroque": 'melody --style baroque --key "A minor" --meter 4/4 --bars 8 --seed 9',
    "art_song": 'melody --style "art song" --mood sad --bars 12 --seed 6',
    "blues": 'melody --style blues --chords "Bb7 | Eb7 | Bb7 | Bb7 | Eb7 | Eb7 | Bb7 | G7alt | Cm7 | F7 | Bb7 | F7"'
    " --bars 12 --seed 8",
}
PARTNERS = {
    "folk_tune_harmonised": "harmony sources/greensleeves.abc --style folk --rhythm half --seed 3",
    "jazz_head_arranged": "arrange 02_jazz_over_chords.mid --parts bass,piano,drums --style swing --seed 11",
    "chorale_completed": "harmony sources/old_hundredth.abc --voices satb --style chorale --seed 2",
    "pop_song": "song --style pop --form AABA --key G --seed 5",
    "ragtime_strain_varied": "vary sources/maple_leaf_rag.mid --bars 9-16 --amount 0.4 --style ragtime --seed 4",
}
HEAD = """# Samples

The first idea of each command, run in this folder, as the shipped checkpoints wrote it: nobody touched a note. Ours,
CC0. `python samples/make.py` writes them again.

What the partners were given is in `sources/`, all in the public domain: `greensleeves.abc` (traditional, typed by us),
`old_hundredth.abc` (Loys Bourgeois, 1551, the tune alone, typed by us), `maple_leaf_rag.mid` (Scott Joplin, 1899: the
first strain of the Mutopia Project's edition by Chris Sawer, Mutopia-2011/11/13-23, public domain).

`lyrics/` holds twelve finished songs, `catalogue/` the small catalogue of `cocreate recommend --profile example`."""


def main() -> None:
    """All ideas, their pictures and the page that says how each was made."""
    lines = [HEAD]
    for number, (name, command) in enumerate((MELODIES | PARTNERS).items(), start=1):
        target = HERE / f"{number:02d}_{name}.mid"
        with tempfile.TemporaryDirectory() as folder:
            _run(*shlex.split(command), "--out", folder)
            first = min(Path(folder).glob("01_*.mid"))
            shutil.copy(first, target)
            sidecar = json.loads(first.with_suffix(".json").read_text(encoding="utf-8")) | {"path": target.name}
            text = json.dumps(sidecar, indent=1, ensure_ascii=False) + "\n"
            target.with_suffix(".json").write_text(text, encoding="utf-8")
        draw_piano_roll(read_song(target), target.with_suffix(".png"), force=True)
        lines += ["", f"## {target.name}", "", f"    cocreate {command}", "", f"![{name}]({target.stem}.png)"]
        if name in PARTNERS:
            score = f"{target.stem}_score.png"
            _run("export", target.name, score, "--force")
            for page in HERE.glob(f"{target.stem}_score-*.png"):
                page.unlink()  # the first page is enough to look at
            lines += ["", f"![{name}, the first page]({score})"]
    (HERE / "README.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _run(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "cocreate.cli", *arguments], check=True, stdout=subprocess.DEVNULL, cwd=HERE)


if __name__ == "__main__":
    main()
