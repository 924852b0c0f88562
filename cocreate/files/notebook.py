"""A song in a notebook: its piano roll and a player, both inside one piece of HTML that needs no network.

Conventions:
    The picture is PNG, the sound OGG, both as data URLs; a song longer than ``LONGEST_S`` seconds, or one that cannot
    be rendered, is shown without a player.
"""

from __future__ import annotations

import base64
import html

from cocreate.errors import CocreateError
from cocreate.files.audio import audio_bytes, render
from cocreate.files.picture import piano_roll_png
from cocreate.music.clock import clock_of
from cocreate.music.song import Song

LONGEST_S = 180.0


def song_html(song: Song) -> str:
    """HTML that shows and plays ``song``; an empty song is a line of text."""
    title = html.escape(song.title or "Untitled")
    try:
        picture = _data_url("image/png", piano_roll_png(song))
    except CocreateError as error:
        return f"<p>{title}: {html.escape(str(error))}</p>"
    parts = [f'<img alt="Piano roll of {title}" style="max-width:100%" src="{picture}"/>']
    if clock_of(song).at(song.end_ticks) <= LONGEST_S:
        try:
            sound = _data_url("audio/ogg", audio_bytes(render(song), ".ogg"))
            parts.append(f'<audio controls preload="none" style="display:block;width:28em" src="{sound}"></audio>')
        except CocreateError as error:
            parts.append(f"<p>{html.escape(str(error))}</p>")
    return f'<div class="cocreate-song">{"".join(parts)}</div>'


def _data_url(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"
