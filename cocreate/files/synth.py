"""Songs played by a sound font: our own synthesiser and font, and libfluidsynth where it is installed.

Conventions:
    48 kHz, two channels. The song is played from its MIDI file, so that what sounds is what a DAW gets; the end of the
    file is moved on, since a synthesiser stops there and the last notes must ring out.
    ``sounds/sonivox.sf2`` comes with the installation (Apache-2.0, its licence beside it).
"""

from __future__ import annotations

import io
import tempfile
import wave
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from cocreate.errors import FileError, InputError
from cocreate.files.audio import Sound
from cocreate.files.loudness import Samples
from cocreate.files.midi import midi_bytes, with_room
from cocreate.music.song import Song

RATE_HZ = 48_000
RING_S = 4.0  # what notes may ring on after the last bar line
MOST_FONT_BYTES = 2_000_000_000
_FULL_SCALE = 32768.0
_CLIPPED = 32_766 / _FULL_SCALE
_VOLUMES = (100, 50, 25)  # MIDI channel volume, General MIDI's own first; each next is 12 dB lower
_PIECE_FRAMES = 1 << 14
_LONGEST_RING_S = 20.0


def own_soundfont() -> bytes:
    """The sound font that comes with the installation."""
    return (resources.files("cocreate.files") / "sounds" / "sonivox.sf2").read_bytes()


class SoundFontSynth:
    """The engine "soundfont": a sound font played by midirenderer, which is a compiled synthesiser in a small wheel.

    Raises:
        FileError: if ``soundfont`` cannot be read.
    """

    def __init__(self, soundfont: Path | None = None) -> None:
        self._name = "our sound font" if soundfont is None else str(soundfont)
        self._font = own_soundfont() if soundfont is None else _read_font(soundfont)

    def __call__(self, song: Song, *, watch: Callable[[float], None] = lambda _share: None) -> Sound:
        """The song's sound; where it would clip, it is played softer.

        Raises:
            InputError: if the song has no notes or chords.
            FileError: if the sound font is broken.
        """
        watch(0.0)
        samples = np.zeros((1, 2), np.float32)
        for volume in _VOLUMES:
            samples = self._played(with_room(midi_bytes(song), seconds=RING_S, volume=volume))
            if np.abs(samples).max(initial=0.0) < _CLIPPED:
                break
        watch(1.0)
        return Sound(samples, RATE_HZ)

    def _played(self, midi: bytes) -> Samples:
        import midirenderer

        try:
            data = midirenderer.render_wave_from(self._font, midi)
        except (RuntimeError, ValueError) as error:
            raise FileError(f"{self._name} cannot be played ({error}); give another --soundfont") from error
        except BaseException as error:
            if type(error).__name__ != "PanicException":  # how a Rust library dies of a font that lies
                raise
            raise FileError(f"{self._name} is broken inside; give another --soundfont") from error
        with wave.open(io.BytesIO(data)) as file:
            if (file.getframerate(), file.getnchannels(), file.getsampwidth()) != (RATE_HZ, 2, 2):
                raise FileError(f"the synthesiser gave {file.getparams()}; install the version in constraints.txt")
            frames = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
        return np.asarray(frames / np.float32(_FULL_SCALE), np.float32)


class FluidSynth:
    """The engine "fluidsynth": libfluidsynth, where it and pyfluidsynth are installed; takes .sf3 fonts too.

    Raises:
        FileError: if either is not there, or ``soundfont`` cannot be read.
    """

    def __init__(self, soundfont: Path | None = None) -> None:
        try:
            import fluidsynth
        except ImportError as error:
            raise FileError(
                "the engine fluidsynth needs libfluidsynth and pyfluidsynth (apt-get install libfluidsynth3;"
                " pip install 'cocreate[fluidsynth]'); the engine soundfont needs neither"
            ) from error
        self._library: Any = fluidsynth
        self._font = None if soundfont is None else soundfont
        if soundfont is not None:
            _check_font(soundfont)

    def __call__(self, song: Song, *, watch: Callable[[float], None] = lambda _share: None) -> Sound:
        """The song's sound.

        Raises:
            InputError: if the song has no notes or chords.
            FileError: if the sound font is broken.
        """
        from cocreate.music.clock import clock_of

        end_s = clock_of(song).at(song.bars(at_least=1)[-1].end_ticks)
        with tempfile.TemporaryDirectory() as folder:
            midi = Path(folder) / "song.mid"
            midi.write_bytes(midi_bytes(song))
            font = self._font or Path(folder) / "own.sf2"
            if self._font is None:
                font.write_bytes(own_soundfont())
            settings = {"synth.lock-memory": 0, "player.timing-source": "sample"}
            synth = self._library.Synth(gain=0.4, samplerate=RATE_HZ, **settings)
            try:
                if synth.sfload(str(font)) < 0:
                    raise FileError(f"{font} cannot be played by fluidsynth; give another --soundfont")
                synth.play_midi_file(str(midi))
                pieces = self._pieces(synth, end_s, watch)
            finally:
                synth.delete()
        return Sound(np.concatenate(pieces), RATE_HZ)

    def _pieces(self, synth: Any, end_s: float, watch: Callable[[float], None]) -> list[Samples]:
        """Pieces of sound up to the end, and on while something rings."""
        pieces: list[Samples] = []
        for place in range(round((end_s + _LONGEST_RING_S) * RATE_HZ / _PIECE_FRAMES)):
            data = np.asarray(synth.get_samples(_PIECE_FRAMES), np.int16).reshape(-1, 2)
            pieces.append(np.asarray(data / np.float32(_FULL_SCALE), np.float32))
            now = (place + 1) * _PIECE_FRAMES / RATE_HZ
            watch(min(1.0, now / max(end_s, 1e-3)))
            if now > end_s and np.abs(pieces[-1]).max() < 4 / _FULL_SCALE:
                break
        return pieces


def _check_font(path: Path) -> None:
    if not path.is_file():
        raise FileError(f"a sound font must exist, but there is no file {path}; check --soundfont")
    if path.suffix.lower() not in (".sf2", ".sf3"):
        raise InputError(f"a sound font must end in .sf2 or .sf3, got {path}")
    if path.stat().st_size > MOST_FONT_BYTES:
        raise FileError(f"a sound font must have at most {MOST_FONT_BYTES} bytes, {path} has more")


def _read_font(path: Path) -> bytes:
    _check_font(path)
    if path.suffix.lower() == ".sf3":
        raise InputError(f"the engine soundfont plays .sf2 files, got {path}; try --engine fluidsynth")
    try:
        return path.read_bytes()
    except OSError as error:
        raise FileError(f"cannot read {path} ({error.strerror}); check --soundfont") from error
