"""``cocreate harmony``: chords under a tune, and the parts that play them."""

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


def harmony(
    file: TuneFile,
    *,
    style: StyleOption = None,
    voices: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="Who plays: satb, strings, piano, guitar or bass, or several (piano,bass); none writes chord symbols"
            " alone. Else piano.",
        ),
    ] = None,
    rhythm: Annotated[str, typer.Option(help="Where chords may change: bar, half, beat or free.")] = "free",
    complexity: Annotated[
        float | None, typer.Option(help="0 (triads) to 1 (extended and altered); else as the style does.")
    ] = None,
    keep: Annotated[
        str | None,
        typer.Option(
            metavar="CHORDS",
            help='These stay: "1:Dm7 5:G7 C" in bars 1 and 5, "3.4:A7" on a beat, the song\'s own in bars "9-16",'
            " all or none. Else all where --voices is given.",
        ),
    ] = None,
    part: PartOption = None,
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
    """Write chords under a tune and parts that play them; every note of the file stays."""
    seed = draw_seed(seed)
    run_partner(
        lambda studio: studio.harmony(
            file, voices=voices, rhythm=rhythm, complexity=complexity, keep=keep, part=part, style=style,
            guidance=guidance, n=n, seed=seed, temperature=temperature,
        ),
        n=n, seed=seed, style=style, profile=profile, checkpoint=checkpoint, out=out, stems=stems, force=force,
        as_json=as_json,
    )  # fmt: skip
