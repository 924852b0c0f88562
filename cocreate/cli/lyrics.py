"""``cocreate lyrics``: words for a tune, or for a count of syllables, best first."""

from __future__ import annotations

import secrets
import shlex
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cocreate.cli.ideas import SEEDS, ForceOption, JsonOption, OutOption, ProfileOption, SeedOption, open_studio
from cocreate.cli.show import print_json, print_table, say

if TYPE_CHECKING:
    from cocreate.lyricist import LyricCandidate

_STRESS = ("weak", "strong")


def lyrics(
    song: Annotated[Path | None, typer.Argument(metavar="[TUNE]", help="MIDI, MusicXML, ABC or kern.")] = None,
    *,
    theme: Annotated[str, typer.Option(help='What it is about: "rain on the harbour".')] = "",
    mood: Annotated[
        str | None, typer.Option(help="wistful, sad, happy, hopeful, tender, calm, lonely, dark, angry, tense.")
    ] = None,
    rhyme: Annotated[str, typer.Option(help="A letter a line: ABAB; X rhymes with nothing.")] = "ABCB",
    tier: Annotated[str, typer.Option(help="The loosest rhyme: perfect, family or assonance.")] = "family",
    form: Annotated[str, typer.Option(help="verse, chorus, bridge ..., or V,C,V,C,B,C.")] = "verse",
    title: Annotated[str, typer.Option(help="The hook; the chorus ends on it.")] = "",
    syllables: Annotated[str, typer.Option(help="Of each line, without a tune.")] = "8,6,8,6",
    metre: Annotated[str, typer.Option(help="Without a tune: iambic, trochaic, anapestic, dactylic, free.")] = "iambic",
    keep: Annotated[
        list[str] | None, typer.Option(metavar="'N: WORDS'", help="A line that stays; may be given again.")
    ] = None,
    words: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Words to add, one a line, perhaps =PHONES.")
    ] = None,
    language: Annotated[str, typer.Option("--lang", help="en or zh.")] = "en",
    register: Annotated[str, typer.Option(help="modern or archaic.")] = "modern",
    tones: Annotated[str, typer.Option(help="Chinese: level and oblique places, such as 平平仄仄平.")] = "",
    strong: Annotated[bool, typer.Option("--strong-language", help="Allow swear words.")] = False,
    n: Annotated[int, typer.Option("-n", "--number", help="How many, 1 to 32.")] = 5,
    seed: SeedOption = None,
    temperature: Annotated[float, typer.Option("--temperature", help="Above 0.85 is more adventurous.")] = 0.85,
    profile: ProfileOption = "me",
    checkpoint: Annotated[str, typer.Option("--checkpoint", metavar="NAME|FOLDER", help="What writes.")] = "lyrics",
    out: OutOption = Path("words"),
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Write lyrics that fit a tune: text, MIDI, MusicXML, LRC and a certificate of each, best first."""
    began = time.monotonic()
    seed = secrets.randbelow(SEEDS) if seed is None else seed
    studio = open_studio(profile=profile)
    from cocreate.files.output import check_folder
    from cocreate.generate.lyric_request import parse_form, parse_keep, parse_scheme, parse_syllables
    from cocreate.lyricist import read_lines, save_lyrics

    check_folder(out)
    found = studio.lyrics(
        song, theme=theme, mood=mood, scheme=parse_scheme(rhyme), tier=tier, form=parse_form(form), title=title,
        syllables=parse_syllables(syllables), metre=metre, keep=parse_keep(keep or ()),
        words=tuple(read_lines(words)) if words else (), language=language, register=register, tones=tones,
        strong_language=strong, n=n, seed=seed, temperature=temperature, checkpoint=checkpoint,
    )  # fmt: skip
    found = save_lyrics(found, out, force=force)
    seconds = round(time.monotonic() - began, 2)
    if as_json:
        print_json({"lyrics": [one.as_dict() for one in found], "seed": seed, "out": str(out), "seconds": seconds})
        return
    _print(found)
    say(f"{len(found)} lyrics in {out} with seed {seed}, {seconds:.1f} s.")
    first = found[0].path
    if found[0].song is not None and first is not None:
        say(f"Next: listen, then `cocreate keep {shlex.quote(str(first.with_suffix('.mid')))}` (or skip).")


def _print(found: Sequence[LyricCandidate]) -> None:
    best = found[0]
    say(f"{best.lyric.title}\n\n{best.lyric.text}")
    rows = []
    for one in found:
        by_name = {finding.name: finding.value for finding in one.findings}
        relaxed = sum(bool(line.relaxed) for line in one.lyric.own_lines)
        shares = [_share(by_name[name]) for name in ("syllables_exact", "stress_match", "rhyme_kept")]
        rows.append((str(one.rank), one.lyric.title, f"{one.score:.3f}", *shares, str(relaxed), one.reason))
    print_table(("", "title", "score", "syllables", "stress", "rhyme", "relaxed", "why"), rows, whole=("score",))


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.0%}"
