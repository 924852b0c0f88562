"""``cocreate melody`` and ``cocreate rank``: candidates, best first."""

from __future__ import annotations

import os
import secrets
import shlex
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cocreate.cli.show import console, print_json, print_table, say

if TYPE_CHECKING:
    from cocreate.studio import Candidate, Studio

DEFAULT_CHECKPOINT = "music"
SEEDS = 100_000  # a drawn seed has at most five digits: it stands in every file name
NARROW = 110  # columns; below, key, tempo and bars are read in the file's name
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

ProfileOption = Annotated[str, typer.Option("--profile", metavar="NAME", help="Whose taste.")]
CheckpointOption = Annotated[str, typer.Option("--checkpoint", metavar="NAME|FOLDER", help="What writes.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
StyleOption = Annotated[
    str | None, typer.Option("--style", help="One of `cocreate styles`; else the song's own or any.")
]
NumberOption = Annotated[int, typer.Option("-n", "--number", help="How many ideas, 1 to 64.")]
SeedOption = Annotated[int | None, typer.Option("--seed", help="The same seed gives the same ideas; else a new one.")]
GuidanceOption = Annotated[
    float, typer.Option("--guidance", help="How strongly style and taste steer, 0 to 5; 1 is as trained.")
]
TemperatureOption = Annotated[float, typer.Option("--temperature", help="Above 1 is more adventurous, below 1 safer.")]
OutOption = Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Where the files go.")]
StemsOption = Annotated[bool, typer.Option("--stems", help="One file a part too, in a folder beside each idea.")]
ForceOption = Annotated[bool, typer.Option("--force", help="Replace files of the same name.")]


def open_studio(*, profile: str = "me", checkpoint: str = "music") -> Studio:
    """A studio whose arithmetic runs on one thread: small matrices lose time when they are shared out."""
    for name in _THREAD_VARIABLES:
        os.environ.setdefault(name, "1")  # read when numpy is loaded
    from cocreate.studio import Studio

    return Studio(profile=profile, checkpoint=checkpoint)


def home_of(style: str | None, checkpoint: str) -> str:
    """The checkpoint folder that is named like ``style``, if there is one and no other was asked for."""
    if style is None or checkpoint != DEFAULT_CHECKPOINT:
        return checkpoint
    from cocreate.errors import CheckpointError
    from cocreate.model.checkpoint import find

    try:
        folder = find(style)
    except CheckpointError:
        return checkpoint
    return str(folder) if (folder / "styles.json").is_file() else checkpoint


def melody(
    *,
    style: Annotated[str | None, typer.Option(help="One of `cocreate styles`; else any.")] = None,
    key: Annotated[str | None, typer.Option(help='Such as "D minor", Bb, "A dorian".')] = None,
    meter: Annotated[str | None, typer.Option(help="Such as 4/4 or 6/8.")] = None,
    tempo: Annotated[float | None, typer.Option(metavar="BPM", help="Quarter notes a minute, 20 to 400.")] = None,
    bars: Annotated[int, typer.Option(help="New bars, 1 to 64.")] = 8,
    pitches: Annotated[str | None, typer.Option("--range", metavar="LOW-HIGH", help="Such as D4-A5.")] = None,
    density: Annotated[float | None, typer.Option(help="0 (sparse) to 1 (busy), within the style.")] = None,
    mood: Annotated[str | None, typer.Option(help="happy, sad, calm or tense.")] = None,
    n: NumberOption = 8,
    seed: SeedOption = None,
    start: Annotated[Path | None, typer.Option("--from", metavar="FILE", help="Go on from these bars.")] = None,
    chords: Annotated[str | None, typer.Option(help='Write over these: "Dm7 | G7 | Cmaj7 | A7".')] = None,
    like: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="Write near to this; given twice, between the two.")
    ] = None,
    guidance: Annotated[
        float, typer.Option(help="How strongly style, mood and taste steer, 0 to 5; 1 is as trained.")
    ] = 2.0,
    words: Annotated[Path | None, typer.Option("--lyrics", metavar="FILE", help="A tune for these lines.")] = None,
    temperature: TemperatureOption = 1.0,
    profile: ProfileOption = "me",
    checkpoint: CheckpointOption = "music",
    out: OutOption = Path("ideas"),
    stems: StemsOption = False,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Write melodies as MIDI files, best first."""
    began = time.monotonic()
    seed = secrets.randbelow(SEEDS) if seed is None else seed
    studio = open_studio(profile=profile, checkpoint=home_of(style, checkpoint))
    from cocreate.files.output import check_folder

    check_folder(out)
    if words is not None:
        from cocreate.lyricist import read_lines, tune_for

        plan = tune_for(read_lines(words), meter=meter or "4/4", tempo_bpm=tempo or 100.0, key=key)
        ideas = studio.vary(
            plan, keep="rhythm", style=style, guidance=guidance, n=n, seed=seed, temperature=temperature
        )
        ideas = studio.save(ideas, out, force=force)
        print_ideas(studio, ideas, began=began, n=n, seed=seed, style=style, out=out, as_json=as_json)
        return
    ideas = studio.melody(
        style=style, key=key, meter=meter, tempo=tempo, bars=bars, range=pitches, density=density, mood=mood,
        chords=chords, start=start, like=like or (), guidance=guidance, n=n, seed=seed, temperature=temperature,
    )  # fmt: skip
    ideas = studio.save(ideas, out, force=force, stems=stems)
    print_ideas(studio, ideas, began=began, n=n, seed=seed, style=style, out=out, as_json=as_json)


def print_ideas(
    studio: Studio,
    ideas: Sequence[Candidate],
    *,
    began: float,
    n: int,
    seed: int,
    style: str | None,
    out: Path,
    as_json: bool,
) -> None:
    """What was written to ``out``: one JSON object, or a table and what may come next.

    ``began`` is when the command did, on the monotonic clock; ``n`` is how many ideas were asked for.
    """
    seconds = round(time.monotonic() - began, 2)
    if as_json:
        print_json(
            {
                "candidates": [idea.as_dict() for idea in ideas],
                "seed": seed,
                "style": style,
                "profile": studio.profile_name,
                "checkpoint": str(studio.checkpoint.folder),
                "out": str(out),
                "seconds": seconds,
            }
        )
        return
    _print_candidates(ideas, folder=out)
    say(f"{len(ideas)} ideas in {out} with seed {seed}, {seconds:.1f} s.")
    if len(ideas) < n:
        say(f"{n - len(ideas)} more came out the same again or too near to known tunes; try another --seed.")
    first = shlex.quote(str(ideas[0].path))
    whose = "" if studio.profile_name == "me" else f" --profile {studio.profile_name}"
    say(f"Next: listen, then `cocreate keep {first}{whose}` (or skip): the next ideas are ranked by what you keep.")


def rank(
    files: Annotated[list[Path], typer.Argument(metavar="FILES...", help="MIDI, MusicXML, ABC or kern.")],
    *,
    style: Annotated[str | None, typer.Option(help="Rank as music of this style.")] = None,
    profile: ProfileOption = "me",
    checkpoint: CheckpointOption = "music",
    as_json: JsonOption = False,
) -> None:
    """Rank song files by your taste."""
    studio = open_studio(profile=profile, checkpoint=checkpoint)
    candidates = studio.rank(files, style=style)
    if as_json:
        print_json({"candidates": [one.as_dict() for one in candidates], "style": style, "profile": profile})
    else:
        _print_candidates(candidates)


def _print_candidates(candidates: Sequence[Candidate], *, folder: Path | None = None) -> None:
    """The table; with ``folder``, in which all files are, names are shown without it."""
    rows = []
    narrow = folder is not None and console().width < NARROW
    for one in candidates:
        assert one.path is not None
        name = str(one.path) if folder is None else one.path.name
        facts = [] if narrow else [one.key, one.meter, f"{one.tempo_bpm:.0f}", one.bars]
        rows.append([one.rank, name, f"{one.score:.2f}", *facts, one.reason])
    heads = [] if narrow else ["key", "metre", "tempo", "bars"]
    print_table(["", "file", "score", *heads, "why"], rows, whole=["", "file", "score", *heads])
