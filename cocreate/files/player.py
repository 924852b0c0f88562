"""Songs out loud: through the loudspeakers, or note by note to a live MIDI port.

Conventions:
    Both wait until the song is over; Ctrl-C stops them, and a port is left silent. ``watch`` is told how many
    seconds were played.
    Ports need the extra ``live`` (python-rtmidi).
"""

from __future__ import annotations

import io
import os
import sys
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import mido

from cocreate.errors import FileError, InputError
from cocreate.files.audio import Sound, render
from cocreate.files.midi import midi_bytes
from cocreate.music.song import Song

_TICK_S = 0.05  # how often the waiting looks at the clock
_ALL_NOTES_OFF, _ALL_SOUND_OFF = 123, 120


def play(song: Song, *, port: str | None = None, watch: Callable[[float], None] = lambda _seconds: None) -> None:
    """Play ``song`` and return when it is over.

    Args:
        port: (a part of) the name of a MIDI port; by default the loudspeakers.

    Raises:
        InputError: if the song has no notes or chords, or no port has the name.
        FileError: if there is no loudspeaker, or ports cannot be opened here.
    """
    if port is None:
        play_sound(render(song), watch=watch)
    else:
        play_to_port(song, port, watch=watch)


def play_sound(
    sound: Sound, *, watch: Callable[[float], None] = lambda _seconds: None, backends: Sequence[Any] = ()
) -> None:
    """Play a sound through the loudspeakers; ``backends`` are miniaudio's, by default those of the system.

    Raises:
        FileError: if there is no loudspeaker.
    """
    import miniaudio

    done = [0]  # frames handed over

    def frames() -> Generator[bytes, int, None]:
        wanted = yield b""
        data = (sound.samples * 32767).astype("<i2")
        while done[0] < len(data):
            piece = data[done[0] : done[0] + wanted]
            done[0] += len(piece)
            wanted = yield piece.tobytes()

    stream = frames()
    next(stream)
    try:
        with _quiet():
            device = miniaudio.PlaybackDevice(
                output_format=miniaudio.SampleFormat.SIGNED16,
                nchannels=sound.samples.shape[1],
                sample_rate=sound.rate_hz,
                backends=list(backends) or None,
                app_name="cocreate",
            )
    except miniaudio.MiniaudioError as error:
        raise FileError(
            f"no loudspeaker can be opened here ({error.args[0]}); `cocreate render` writes a sound file instead"
        ) from error
    began = time.monotonic()
    try:
        device.start(stream)
        while done[0] < len(sound.samples) or time.monotonic() - began < sound.length_s:
            watch(min(sound.length_s, time.monotonic() - began))
            time.sleep(_TICK_S)
    finally:
        device.close()
    watch(sound.length_s)


def ports() -> tuple[str, ...]:
    """The names of the MIDI ports that can be played to.

    Raises:
        FileError: if the extra ``live`` is not installed, or the system has no MIDI.
    """
    return tuple(_ask(mido.get_output_names))


def play_to_port(song: Song, port: str, *, watch: Callable[[float], None] = lambda _seconds: None) -> None:
    """Play to the first port whose name holds ``port``, in time; whatever still sounds is silenced at the end.

    Raises:
        InputError: if no port has the name, or the song has no notes or chords.
        FileError: as ``ports``.
    """
    data = midi_bytes(song)
    names = ports()
    name = next((one for one in names if port.lower() in one.lower()), None)
    if name is None:
        raise InputError(f"no MIDI port is called {port!r}; there are {', '.join(names) or 'none'}")
    with _ask(lambda: mido.open_output(name)) as out:
        send(data, out, watch=watch)


def send(data: bytes, out: Any, *, watch: Callable[[float], None] = lambda _seconds: None) -> None:
    """Send a MIDI file's messages to an open port when they are due."""
    began, due = time.monotonic(), 0.0
    try:
        for message in mido.MidiFile(file=io.BytesIO(data)):
            due += message.time
            while (left := began + due - time.monotonic()) > 0:
                time.sleep(min(left, _TICK_S))
            if not message.is_meta:
                out.send(message)
            watch(due)
    finally:
        for channel in range(16):
            for control in (_ALL_NOTES_OFF, _ALL_SOUND_OFF):
                out.send(mido.Message("control_change", channel=channel, control=control, value=0))


@contextmanager
def _quiet() -> Iterator[None]:
    """What the system's sound library prints on standard error by itself goes nowhere."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _ask(question: Callable[[], Any]) -> Any:
    try:
        with _quiet():
            return question()
    except (ImportError, OSError, RuntimeError, SystemError) as error:  # rtmidi has errors of its own, all of them one
        raise FileError(
            f"MIDI ports cannot be opened here ({' '.join(str(error).split())}); pip install 'cocreate[live]', and see"
            " that the system has MIDI"
        ) from error
