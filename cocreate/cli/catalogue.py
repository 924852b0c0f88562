"""``cocreate catalog add``, ``recommend``, ``explain`` and ``similar``: the catalogue, sorted by a listener's taste."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cocreate.cli.ideas import JsonOption, ProfileOption
from cocreate.cli.show import print_json, print_table, say
from cocreate.errors import InputError

if TYPE_CHECKING:
    from cocreate.collection import Collection
    from cocreate.taste.diversity import Choice

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_MOST_FAULTS = 5

catalog = typer.Typer(
    add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False,
    help="Music to recommend from: files of any kind, or lists.",
)  # fmt: skip


def open_collection(*, profile: str = "me") -> Collection:
    """The catalogue; its arithmetic runs on one thread."""
    for name in _THREADS:
        os.environ.setdefault(name, "1")  # read when numpy is loaded
    from cocreate.collection import Collection

    return Collection(profile=profile)


@catalog.callback()
def _begin() -> None:
    """Music to recommend from: files of any kind, or lists."""


@catalog.command("add")
def add(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FILES|FOLDERS...", help="MIDI, MusicXML, ABC, kern, audio or lyrics text."),
    ] = None,
    *,
    metadata: Annotated[
        Path | None,
        typer.Option(metavar="CSV", help="Columns file or title, and any of artist, album, style, year, tags, lyrics."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Hear files and put them into the catalogue."""
    from cocreate.cli.watch import counting

    with counting("heard") as watch:
        added = open_collection().add(paths or (), metadata=metadata, watch=watch)
    if as_json:
        print_json(added.as_dict())
        return
    typer.echo(f"{added.read} tracks, {added.new} of them new to the catalogue; {len(added.skipped)} left out")
    for path, why in list(added.skipped.items())[:_MOST_FAULTS]:
        say(f"{path}: {why}")


def recommend(
    *,
    profile: ProfileOption = "me",
    n: Annotated[int, typer.Option("-n", "--number", help="How many, 1 to 1000.")] = 20,
    scene: Annotated[str | None, typer.Option(help="work, sport, study, sleep or party.")] = None,
    mood: Annotated[str | None, typer.Option(help="happy, calm, sad or tense.")] = None,
    new: Annotated[bool, typer.Option("--new", help="Only what the listener never met.")] = False,
    artists: Annotated[bool, typer.Option("--artists", help="Artists instead of tracks.")] = False,
    styles: Annotated[bool, typer.Option("--styles", help="Styles instead of tracks.")] = False,
    albums: Annotated[bool, typer.Option("--albums", help="Albums instead of tracks.")] = False,
    diversity: Annotated[float, typer.Option(help="0 sorts by score alone, 1 looks for variety.")] = 0.2,
    as_json: JsonOption = False,
) -> None:
    """Recommend from the catalogue, best first, each with its reason."""
    kinds = [name for name, on in (("artists", artists), ("styles", styles), ("albums", albums)) if on]
    if len(kinds) > 1:
        raise InputError(f"one of --artists, --styles and --albums, got {' and '.join(kinds)}")
    found = open_collection(profile=profile).recommend(
        n=n, kind=kinds[0] if kinds else "tracks", scene=scene, mood=mood, new=new, diversity=diversity
    )
    if as_json:
        print_json({"profile": profile, "recommended": [one.as_dict() for one in found]})
    else:
        print_table(("", "score", "what", "style", "why"), [_row(one) for one in found], whole=("", "score"))


def explain(
    files: Annotated[list[Path], typer.Argument(metavar="FILES...", help="Music in any form a catalogue takes.")],
    *,
    profile: ProfileOption = "me",
    as_json: JsonOption = False,
) -> None:
    """Say why a file suits a listener or not: the parts of its score, which add up to it."""
    collection = open_collection(profile=profile)
    found = [collection.explain(path)[1] for path in files]
    if as_json:
        print_json({"profile": profile, "explained": [one.as_dict() for one in found]})
        return
    for path, one in zip(files, found, strict=True):
        typer.echo(f"{path}: {one.score:.0%} likely to be kept by {profile!r}")
        typer.echo(f"  {one.reason}")
        print_table(("part", "adds"), [(name, f"{value:+.3f}") for name, value in one.parts.items() if value])


def similar(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Music in any form a catalogue takes.")],
    *,
    n: Annotated[int, typer.Option("-n", "--number", help="How many.")] = 10,
    as_json: JsonOption = False,
) -> None:
    """The tracks of the catalogue that sound most like a file."""
    found = open_collection().similar(file, n=n)
    if as_json:
        rows = [
            {"title": item.title, "artist": item.artist, "style": item.style, "path": item.path or None,
             "likeness": round(alike, 4)}
            for item, alike in found
        ]  # fmt: skip
        print_json({"like": str(file), "similar": rows})
    elif not found:
        say("nothing in the catalogue was heard the way this file was")
    else:
        rows_shown = [(f"{alike:.2f}", item.title, item.artist, item.style) for item, alike in found]
        print_table(("likeness", "title", "artist", "style"), rows_shown)


def _row(one: Choice) -> Sequence[object]:
    if one.group:
        name = f"{one.group} ({one.tracks} {'track' if one.tracks == 1 else 'tracks'}; {one.item.title})"
    else:
        name = f"{one.item.artist}: {one.item.title}" if one.item.artist else one.item.title
    return (one.rank, f"{one.score:.2f}", name, one.item.style, one.reason)
