"""``cocreate arrange``, ``song`` and ``blend``: rhythm sections, whole songs, and tunes between two."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cocreate.cli.ideas import (
    CheckpointOption,
    ForceOption,
    GuidanceOption,
    JsonOption,
    NumberOption,
    OutOption,
    ProfileOption,
    SeedOption,
    StemsOption,
    StyleOption,
    TemperatureOption,
)
from cocreate.cli.partners import PartOption, TuneFile, draw_seed, run_partner

HumaniseOption = Annotated[
    bool, typer.Option("--humanise", help="Play new notes a hair off the grid, with accents; else exactly on it.")
]
GrooveOption = Annotated[
    str | None,
    typer.Option("--style", help="One of `cocreate styles`, or bossa, samba, latin, funk, soul, reggae ..."),
]
PartsOption = Annotated[
    str, typer.Option(metavar="NAMES", help="Who plays, of bass, piano, guitar, strings, organ, drums.")
]


def arrange(
    file: TuneFile,
    *,
    parts: PartsOption = "bass,piano,drums",
    style: GrooveOption = None,
    keep: Annotated[
        str, typer.Option(metavar="CHORDS", help="The song's chords that stay: all, none, or as for `harmony`.")
    ] = "all",
    rhythm: Annotated[str, typer.Option(help="Where new chords may change: bar, half, beat or free.")] = "half",
    complexity: Annotated[
        float | None, typer.Option(help="Of new chords: 0 (triads) to 1 (altered); else as the style.")
    ] = None,
    part: PartOption = None,
    humanise: HumaniseOption = False,
    n: NumberOption = 5,
    seed: SeedOption = None,
    guidance: GuidanceOption = 1.0,
    temperature: TemperatureOption = 1.0,
    profile: ProfileOption = "me",
    checkpoint: CheckpointOption = "music",
    out: OutOption = Path("ideas"),
    stems: StemsOption = False,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Write a rhythm section under a tune; every note of the file stays."""
    seed = draw_seed(seed)
    run_partner(
        lambda studio: studio.arrange(
            file, parts=parts, style=style, keep=keep, rhythm=rhythm, complexity=complexity, part=part,
            humanise=humanise, guidance=guidance, n=n, seed=seed, temperature=temperature,
        ),
        n=n, seed=seed, style=style, profile=profile, checkpoint=checkpoint, out=out, stems=stems, force=force,
        as_json=as_json,
    )  # fmt: skip


def song(
    *,
    style: GrooveOption = None,
    form: Annotated[str, typer.Option(help="Such as AABA, ABAC, or words: verse chorus verse chorus.")] = "AABA",
    bars: Annotated[int, typer.Option("--bars-per-section", help="4 to 16.")] = 8,
    key: Annotated[str | None, typer.Option(help='Such as "D minor", Bb, "A dorian".')] = None,
    meter: Annotated[str | None, typer.Option(help="Such as 4/4 or 6/8.")] = None,
    tempo: Annotated[float | None, typer.Option(metavar="BPM", help="Quarter notes a minute, 20 to 400.")] = None,
    pitches: Annotated[
        str | None, typer.Option("--range", metavar="LOW-HIGH", help="Of the tune, such as D4-A5.")
    ] = None,
    density: Annotated[float | None, typer.Option(help="0 (sparse) to 1 (busy), within the style.")] = None,
    mood: Annotated[str | None, typer.Option(help="happy, sad, calm or tense.")] = None,
    chords: Annotated[str | None, typer.Option(help='Of each section: "C | Am | F | G".')] = None,
    parts: Annotated[
        str, typer.Option(metavar="NAMES", help="As for `arrange`, or none for a lead sheet alone.")
    ] = "bass,piano,drums",
    like: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="Write near to this; given twice, between the two.")
    ] = None,
    humanise: HumaniseOption = False,
    n: NumberOption = 3,
    seed: SeedOption = None,
    guidance: Annotated[
        float, typer.Option(help="How strongly style, mood and taste steer, 0 to 5; 1 is as trained.")
    ] = 2.0,
    temperature: TemperatureOption = 1.0,
    profile: ProfileOption = "me",
    checkpoint: CheckpointOption = "music",
    out: OutOption = Path("ideas"),
    stems: StemsOption = False,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Write whole songs: sections that return, melody, chords and a rhythm section."""
    seed = draw_seed(seed)
    run_partner(
        lambda studio: studio.song(
            style=style, form=form, bars_per_section=bars, key=key, meter=meter, tempo=tempo, range=pitches,
            density=density, mood=mood, chords=chords, parts=parts, like=like or (), humanise=humanise,
            guidance=guidance, n=n, seed=seed, temperature=temperature,
        ),
        n=n, seed=seed, style=style, profile=profile, checkpoint=checkpoint, out=out, stems=stems, force=force,
        as_json=as_json,
    )  # fmt: skip


def blend(
    first: TuneFile,
    second: TuneFile,
    *,
    at: Annotated[float, typer.Option(help="0 is the first tune, 1 the second.")] = 0.5,
    part: PartOption = None,
    second_part: Annotated[
        int | None, typer.Option("--second-part", metavar="N", help="The second tune's part, from 1; else it is found.")
    ] = None,
    style: StyleOption = None,
    n: NumberOption = 5,
    seed: SeedOption = None,
    guidance: GuidanceOption = 1.0,
    temperature: TemperatureOption = 1.0,
    profile: ProfileOption = "me",
    checkpoint: CheckpointOption = "music",
    out: OutOption = Path("ideas"),
    stems: StemsOption = False,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Write tunes between two, in the first one's key, metre and bars."""
    seed = draw_seed(seed)
    run_partner(
        lambda studio: studio.blend(
            first, second, at=at, part=part, second_part=second_part, style=style, guidance=guidance, n=n, seed=seed,
            temperature=temperature,
        ),
        n=n, seed=seed, style=style, profile=profile, checkpoint=checkpoint, out=out, stems=stems, force=force,
        as_json=as_json,
    )  # fmt: skip
