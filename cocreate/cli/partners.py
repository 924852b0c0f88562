"""``cocreate fill``, ``vary`` and ``continue``: other bars in a person's own tune."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cocreate.cli.ideas import (
    SEEDS,
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
    open_studio,
    print_ideas,
)

if TYPE_CHECKING:
    from cocreate.studio import Candidate, Studio

TuneFile = Annotated[Path, typer.Argument(metavar="FILE", help="MIDI, MusicXML, ABC or kern.")]
PartOption = Annotated[
    int | None, typer.Option("--part", metavar="N", help="The tune's part, from 1; else it is found.")
]
RangeOption = Annotated[
    str | None,
    typer.Option("--range", metavar="LOW-HIGH", help="Of what is written, such as D4-A5; else as the tune's."),
]


def fill(
    file: TuneFile,
    *,
    bars: Annotated[str, typer.Option(metavar="FIRST-LAST", help="Such as 9-12; a pickup that is written is bar 0.")],
    range_: RangeOption = None,
    part: PartOption = None,
    style: StyleOption = None,
    n: NumberOption = 8,
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
    """Write the tune in some bars, as if they were empty; all else stays note for note."""
    seed = draw_seed(seed)
    run_partner(
        lambda studio: studio.fill(
            file, bars=bars, range=range_, part=part, style=style, guidance=guidance, n=n, seed=seed,
            temperature=temperature,
        ),
        n=n, seed=seed, style=style, profile=profile, checkpoint=checkpoint, out=out, stems=stems, force=force,
        as_json=as_json,
    )  # fmt: skip


def vary(
    file: TuneFile,
    *,
    bars: Annotated[str | None, typer.Option(metavar="FIRST-LAST", help="Such as 5-8; else the whole tune.")] = None,
    amount: Annotated[
        float | None, typer.Option(help="Share of notes written anew, 0 to 1; else 0.5, with --keep all.")
    ] = None,
    keep: Annotated[str | None, typer.Option(metavar="SIDE", help="What stays: rhythm, contour or harmony.")] = None,
    range_: RangeOption = None,
    part: PartOption = None,
    style: StyleOption = None,
    n: NumberOption = 8,
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
    """Write variations of a tune or of some of its bars; all else stays note for note."""
    seed = draw_seed(seed)
    run_partner(
        lambda studio: studio.vary(
            file, bars=bars, amount=amount, keep=keep, range=range_, part=part, style=style, guidance=guidance, n=n,
            seed=seed, temperature=temperature,
        ),
        n=n, seed=seed, style=style, profile=profile, checkpoint=checkpoint, out=out, stems=stems, force=force,
        as_json=as_json,
    )  # fmt: skip


def continue_(
    file: TuneFile,
    *,
    bars: Annotated[int, typer.Option(help="New bars, 1 to 64.")] = 8,
    range_: RangeOption = None,
    part: PartOption = None,
    style: StyleOption = None,
    n: NumberOption = 8,
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
    """Go on with a tune after its last bar."""
    seed = draw_seed(seed)
    run_partner(
        lambda studio: studio.continue_tune(
            file, bars=bars, range=range_, part=part, style=style, guidance=guidance, n=n, seed=seed,
            temperature=temperature,
        ),
        n=n, seed=seed, style=style, profile=profile, checkpoint=checkpoint, out=out, stems=stems, force=force,
        as_json=as_json,
    )  # fmt: skip


def draw_seed(seed: int | None) -> int:
    """The seed that was given, else a new one."""
    return secrets.randbelow(SEEDS) if seed is None else seed


def run_partner(
    write: Callable[[Studio], tuple[Candidate, ...]],
    *,
    n: int,
    seed: int,
    style: str | None,
    profile: str,
    checkpoint: str,
    out: Path,
    stems: bool = False,
    force: bool,
    as_json: bool,
) -> None:
    """Open a studio, write, save and print."""
    began = time.monotonic()
    studio = open_studio(profile=profile, checkpoint=checkpoint)
    from cocreate.files.output import check_folder

    check_folder(out)
    ideas = studio.save(write(studio), out, force=force, stems=stems)
    print_ideas(studio, ideas, began=began, n=n, seed=seed, style=style, out=out, as_json=as_json)
