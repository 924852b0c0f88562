"""``cocreate keep`` and ``skip``: what a listener said of ideas and files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cocreate.cli.ideas import ProfileOption, open_studio

if TYPE_CHECKING:
    from cocreate.taste.profile import Profile

FilesArgument = Annotated[list[Path], typer.Argument(metavar="FILES...", help="MIDI, MusicXML, ABC or kern.")]


def keep(files: FilesArgument, *, profile: ProfileOption = "me") -> None:
    """Tell the profile that you like these."""
    _report("kept", files, open_studio(profile=profile).keep(files))


def skip(files: FilesArgument, *, profile: ProfileOption = "me") -> None:
    """Tell the profile that you do not like these."""
    _report("skipped", files, open_studio(profile=profile).skip(files))


def _report(verb: str, files: Sequence[Path], now: Profile) -> None:
    counts = f"{now.counts['keep']} kept, {now.counts['skip']} skipped in all"
    typer.echo(f"{verb} {len(files)} {'file' if len(files) == 1 else 'files'}; profile {now.name!r}: {counts}")
    typer.echo(now.describe())
