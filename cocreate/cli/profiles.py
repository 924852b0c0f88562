"""``cocreate profile``: new, show, import, like, forget, export; a bare name shows that profile."""

from __future__ import annotations

import difflib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from cocreate.cli.ideas import ForceOption, JsonOption, open_studio
from cocreate.cli.show import print_json, print_table, say
from cocreate.errors import InputError

if TYPE_CHECKING:
    from cocreate.taste.events import Event
    from cocreate.taste.profile import Profile

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Whose.")]


class _ShowsNames(TyperGroup):
    """``cocreate profile NAME`` is ``cocreate profile show NAME``, and without a name all are listed."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        first = next((word for word in args if not word.startswith("-")), None)
        if "--help" not in args and (first is None or first not in self.commands):
            args = ["show", *args]
        return super().parse_args(ctx, args)


profile = typer.Typer(
    cls=_ShowsNames, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False,
    help="What a listener likes: new, show, import, like, forget, export; a bare NAME shows it.",
)  # fmt: skip


@profile.command("new")
def new(name: NameArgument) -> None:
    """Begin an empty profile."""
    from cocreate.taste.store import Store

    if not Store().make_profile(name):
        raise InputError(f"a new profile must have a new name, got {name!r}, which is there; `profile show {name}`")
    typer.echo(f"profile {name!r} is empty; `cocreate keep FILE --profile {name}` or `profile import {name} FILE`")


@profile.command("show")
def show(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Whose; without it all are listed.")] = None,
    *,
    plot: Annotated[bool, typer.Option("--plot", help="Draw the taste as a picture, NAME_taste.png.")] = False,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="The picture's file.")] = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Show what a profile says of its listener."""
    found = [open_studio(profile=one).profile for one in (_stored() if name is None else (_known(name, shown=True),))]
    if plot:
        if name is None:
            raise InputError("--plot draws one profile; name it: cocreate profile show NAME --plot")
        _draw(found[0], out or Path(f"{name}_taste.png"), force=force)
    if as_json:
        described = [_as_dict(one) for one in found]
        print_json({"profiles": described} if name is None else described[0])
    elif not found:
        say("no profile yet; `cocreate keep FILE` begins one")
    else:
        rows = [(p.name, p.counts["keep"], p.counts["skip"], _others(p), p.describe()) for p in found]
        print_table(("profile", "kept", "skipped", "other events", "taste"), rows, whole=("profile",))


@profile.command("import")
def import_(
    name: NameArgument,
    files: Annotated[list[Path], typer.Argument(metavar="FILES...", help="CSV, JSON or JSON lines of any service.")],
    *,
    as_json: JsonOption = False,
) -> None:
    """Add listening histories, favourites, ratings and comments; the same row twice is one event."""
    from cocreate.cli.watch import counting
    from cocreate.taste.imports import import_history
    from cocreate.taste.store import Store

    store, reports = Store(), []
    for path in files:
        with counting(f"{path.name}: events stored") as watch:
            reports.append(import_history(store, name, path, watch=watch))
    if as_json:
        print_json({"profile": name, "files": [report.as_dict() for report in reports]})
        return
    for report in reports:
        for line in report.lines():
            typer.echo(line)


@profile.command("like")
def like(
    name: NameArgument,
    files: Annotated[list[Path], typer.Argument(metavar="FILES...", help="Music in any form a catalogue takes.")],
    *,
    comment: Annotated[
        str, typer.Option("--comment", help='What you say of it, in English or Chinese: "贝斯很好听".')
    ] = "",
) -> None:
    """Tell the profile that you like these, and what you like or miss in them."""
    from cocreate.cli.catalogue import open_collection
    from cocreate.taste.comments import opinions

    now = open_collection(profile=name).comment(files, text=comment)
    typer.echo(f"liked {len(files)} {'file' if len(files) == 1 else 'files'}; profile {name!r}")
    for one in opinions(comment):
        towards = f" ({', '.join(f'{k} {v:+.1f}' for k, v in one.pulls.items())})" if one.pulls else ""
        typer.echo(f"heard: {one.aspect or 'the whole'} {one.polarity:+.2f}{towards}")
    typer.echo(now.describe())


@profile.command("forget")
def forget(
    name: NameArgument,
    event: Annotated[
        int | None, typer.Argument(metavar="[EVENT]", help="Its number, as `profile export` tells it.")
    ] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Erase the whole profile.")] = False,
) -> None:
    """Erase an event or the whole profile; what is erased is overwritten on the disk."""
    from cocreate.taste.store import Store

    if (event is None) == (not everything):
        raise InputError("forget takes the number of an event or --all; `cocreate profile export NAME` numbers them")
    if event is None:
        Store().delete_profile(_known(name))
        typer.echo(f"profile {name!r} is erased")
    else:
        Store().forget(_known(name), event)
        typer.echo(f"event {event} of {name!r} is erased")


@profile.command("export")
def export(
    name: NameArgument,
    *,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Else it is printed.")] = None,
    force: ForceOption = False,
) -> None:
    """Everything that is stored of a listener, as JSON lines that `profile import` reads."""
    from cocreate.taste.store import Store

    lines = [json.dumps(_event_dict(event), ensure_ascii=False) for event in Store().events(_known(name))]
    text = "".join(f"{line}\n" for line in lines)
    if out is None:
        typer.echo(text, nl=False)
        return
    from cocreate.files.output import write_bytes

    write_bytes(out, text.encode("utf-8"), force=force)
    say(f"{len(lines)} events in {out}")


def _event_dict(event: Event) -> dict[str, Any]:
    item = event.item
    found: dict[str, Any] = {
        "event": event.id, "kind": event.kind, "at": event.at, "title": item.title, "artist": item.artist,
        "album": item.album, "style": item.style, "item": item.id, "path": item.path or None, "rating": event.rating,
        "text": event.text or None, "count": event.count, "seconds": event.seconds, "place": event.place or None,
    }  # fmt: skip
    return {name: value for name, value in found.items() if value not in (None, "")}


def _draw(one: Profile, path: Path, *, force: bool) -> None:
    from cocreate.files.picture import draw_radar
    from cocreate.taste.radar import axes_of

    draw_radar(axes_of(one), path, title=one.name, force=force)
    say(f"taste of {one.name!r} in {path}")


def _known(name: str, *, shown: bool = False) -> str:
    """``name``, if it is stored; the example can be ``shown`` though it never is."""
    names = _stored()
    if name in names:
        return name
    if shown:
        from cocreate.taste.example import NAME as EXAMPLE

        if name == EXAMPLE:
            return name
    if not names:
        raise InputError(f"there is no profile yet, got {name!r}; `cocreate keep FILE --profile {name}` begins one")
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else "; `cocreate keep FILE --profile NAME` begins one"
    raise InputError(f"a profile must be one of {', '.join(names)}, got {name!r}{hint}")


def _stored() -> Sequence[str]:
    from cocreate.taste.home import has_profile

    if not has_profile():
        return ()
    from cocreate.taste.store import Store

    return Store().profiles()


def _others(one: Profile) -> str:
    told = [f"{count} {kind}" for kind, count in one.counts.items() if count and kind not in ("keep", "skip")]
    return ", ".join(told)


def _as_dict(one: Profile) -> dict[str, Any]:
    return {
        "profile": one.name,
        "events": dict(one.counts),
        "liked": len(one.liked),
        "disliked": len(one.disliked),
        "asked_for": {name: round(pull, 3) for name, pull in one.pulls.items()},
        "description": one.describe(),
    }
