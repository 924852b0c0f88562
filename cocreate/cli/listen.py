"""``cocreate play`` and ``show``: a song heard and seen."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from cocreate.cli.desk import SongFile
from cocreate.cli.ideas import ForceOption
from cocreate.cli.show import console, say, share_bar


def play(
    file: Annotated[Path | None, typer.Argument(metavar="FILE", help="MIDI, MusicXML, ABC, kern, or sound.")] = None,
    *,
    port: Annotated[
        str | None, typer.Option("--port", metavar="NAME", help="A MIDI port, such as 'IAC Bus 1'; else the speakers.")
    ] = None,
    list_ports: Annotated[bool, typer.Option("--ports", help="List the MIDI ports and leave.")] = False,
) -> None:
    """Play a song through the loudspeakers, or live to a MIDI port of a DAW."""
    from cocreate.errors import InputError
    from cocreate.files.player import play_sound, play_to_port, ports

    if list_ports:
        for name in ports():
            typer.echo(name)
        return
    if file is None:
        raise InputError("give a file to play, or --ports to see where to")
    from cocreate.files import SUFFIXES, read_song
    from cocreate.files.audio import read_audio, render

    if file.suffix.lower() not in SUFFIXES and port is None:
        sound = read_audio(file)
    else:
        song = read_song(file)
        if port is not None:
            play_to_port(song, port)
            return
        sound = render(song)
    with share_bar("playing") as watch:
        play_sound(sound, watch=lambda seconds: watch(seconds / max(sound.length_s, 1e-3)))


def show(
    file: SongFile,
    *,
    png: Annotated[Path | None, typer.Option("--png", metavar="FILE", help="Draw a picture instead.")] = None,
    bars: Annotated[int | None, typer.Option(min=1, help="Only the first so many.")] = None,
    width: Annotated[int | None, typer.Option(help="Columns; else as wide as the terminal.")] = None,
    force: ForceOption = False,
) -> None:
    """Draw a song's piano roll in the terminal, or as a picture."""
    from cocreate.files import read_song

    song = read_song(file)
    if png is not None:
        from cocreate.files.picture import draw_piano_roll

        draw_piano_roll(song, png, force=force)
        say(f"Picture in {png}.")
        return
    from cocreate.files.roll import NARROWEST, text_roll

    colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    wide = width if width is not None else max(NARROWEST, console().width)
    typer.echo(text_roll(song, width=wide, bars=bars, colour=colour), nl=False, color=colour)
