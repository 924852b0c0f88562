"""``cocreate keep``, ``skip`` and ``profile``: what a listener said, and what it says of them."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cocreate.cli.ideas import JsonOption, ProfileOption, open_studio
from cocreate.cli.show import print_json, print_table, say
from cocreate.errors import InputError

if TYPE_CHECKING:
    from cocreate.taste.profile import Profile

FilesArgument = Annotated[list[Path], typer.Argument(metavar="FILES...", help="MIDI, MusicXML, ABC or kern.")]


def keep(files: FilesArgument, *, profile: ProfileOption = "me") -> None:
    """Tell the profile that you like these."""
    _report("kept", files, open_studio(profile=profile).keep(files))


def skip(files: FilesArgument, *, profile: ProfileOption = "me") -> None:
    """Tell the profile that you do not like these."""
    _report("skipped", files, open_studio(profile=profile).skip(files))


def profile(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Whose; without it all are listed.")] = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Show what a profile says of its listener."""
    names = _stored()
    if name is not None and name not in names:
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else "; `cocreate keep FILE --profile NAME` begins one"
        raise InputError(f"a profile must be one of {', '.join(names) or 'none yet'}, got {name!r}{hint}")
    found = [open_studio(profile=one).profile for one in (names if name is None else (name,))]
    if as_json:
        described = [_as_dict(one) for one in found]
        print_json({"profiles": described} if name is None else described[0])
    elif not found:
        say("no profile yet; `cocreate keep FILE` begins one")
    else:
        rows = [(p.name, p.counts["keep"], p.counts["skip"], p.describe()) for p in found]
        print_table(("profile", "kept", "skipped", "taste"), rows, whole=("profile",))


def _stored() -> Sequence[str]:
    from cocreate.taste.home import has_profile

    if not has_profile():
        return ()
    from cocreate.taste.store import Store

    return Store().profiles()


def _report(verb: str, files: Sequence[Path], now: Profile) -> None:
    counts = f"{now.counts['keep']} kept, {now.counts['skip']} skipped in all"
    typer.echo(f"{verb} {len(files)} {'file' if len(files) == 1 else 'files'}; profile {now.name!r}: {counts}")
    typer.echo(now.describe())


def _as_dict(one: Profile) -> dict[str, Any]:
    return {
        "profile": one.name,
        "events": dict(one.counts),
        "liked": len(one.liked),
        "disliked": len(one.disliked),
        "description": one.describe(),
    }
