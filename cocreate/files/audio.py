"""Sound: one way to render a song, whatever plays it, and WAV, OGG and FLAC in and out.

Conventions:
    A ``Sound`` is float samples (frames, channels), full scale 1.0. Engines: "soundfont" (comes with the installation,
    ``synth``), "fluidsynth" (where libfluidsynth is, ``synth``) and "musicgen" (an audio model's folder, ``musicgen``).
    What ``render`` gives is at the loudness target of ``loudness``, unclipped, without a silent tail; tick 0 is the
    first sample.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from cocreate.errors import FileError, InputError
from cocreate.files.loudness import TARGET_LUFS, Samples, normalised, without_tail
from cocreate.files.output import write_bytes
from cocreate.music.song import Song

ENGINES = ("soundfont", "fluidsynth", "musicgen")
AUDIO_SUFFIXES = (".wav", ".ogg", ".flac")
READ_SUFFIXES = (*AUDIO_SUFFIXES, ".mp3", ".aif", ".aiff")
LONGEST_S = 30 * 60  # of a file that is read, and of a song that is rendered
QUIETEST_LUFS, LOUDEST_LUFS = -40.0, -6.0
_FORMATS = {".wav": ("WAV", "PCM_16"), ".ogg": ("OGG", "VORBIS"), ".flac": ("FLAC", "PCM_16")}
_PIECE_FRAMES = 1 << 16  # libvorbis takes long buffers on its stack


@dataclass(frozen=True, slots=True, eq=False)
class Sound:
    """Samples (frames, channels) of full scale 1.0 at ``rate_hz``."""

    samples: Samples
    rate_hz: int

    @property
    def length_s(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.rate_hz


class Engine(Protocol):
    """What turns songs into sound."""

    def __call__(self, song: Song, *, watch: Callable[[float], None]) -> Sound:
        """The song as it comes out of the engine; ``watch`` is told the share that is done, 0..1."""


def engine_of(
    name: str = "soundfont",
    *,
    soundfont: Path | None = None,
    model: Path | None = None,
    prompt: str = "",
    seed: int = 0,
) -> Engine:
    """The engine called ``name`` (one of ``ENGINES``).

    Args:
        soundfont: another sound font than ours (.sf2; "fluidsynth" takes .sf3 too).
        model: the folder of an audio model; "musicgen" needs one.
        prompt: what "musicgen" is told, beside the song's melody where the model hears melodies.
        seed: of what "musicgen" draws.

    Raises:
        InputError: if no engine has the name, or an option does not go with it.
        FileError: if the sound font or the model's folder cannot be used, or the engine is not installed.
    """
    if name not in ENGINES:
        raise InputError(f"an engine must be one of {', '.join(ENGINES)}, got {name!r}")
    if name == "musicgen":
        if soundfont is not None:
            raise InputError("a sound font goes with the engines soundfont and fluidsynth, not with musicgen")
        from cocreate.files.musicgen import open_musicgen

        return open_musicgen(model, prompt=prompt, seed=seed)
    if model is not None or prompt:
        raise InputError(f"--model and --prompt go with the engine musicgen, got {name}")
    from cocreate.files.synth import FluidSynth, SoundFontSynth

    return SoundFontSynth(soundfont) if name == "soundfont" else FluidSynth(soundfont)


def render(
    song: Song,
    engine: Engine | None = None,
    *,
    target_lufs: float = TARGET_LUFS,
    watch: Callable[[float], None] = lambda _share: None,
) -> Sound:
    """The song as sound, at ``target_lufs`` (-40..-6), no peak above -1 dBFS, without a silent tail.

    Raises:
        InputError: if the song has no notes or chords, is longer than 30 minutes, or the target is out of range.
        FileError: if the engine fails.
    """
    if not QUIETEST_LUFS <= target_lufs <= LOUDEST_LUFS:
        raise InputError(f"loudness must be in {QUIETEST_LUFS:g}..{LOUDEST_LUFS:g} LUFS, got {target_lufs:g}")
    from cocreate.music.clock import clock_of

    length = clock_of(song).at(song.end_ticks)
    if length > LONGEST_S:
        raise InputError(f"a song to render must be at most {LONGEST_S // 60} minutes, got {length / 60:.0f}")
    heard = (engine or engine_of())(song, watch=watch)
    samples = normalised(heard.samples, heard.rate_hz, target_lufs=target_lufs)
    return Sound(without_tail(samples, heard.rate_hz), heard.rate_hz)


def audio_bytes(sound: Sound, suffix: str) -> bytes:
    """The bytes of a .wav (16 bits), .ogg (Vorbis) or .flac (16 bits) file.

    Raises:
        InputError: if the suffix is another.
    """
    import soundfile

    check_suffix(suffix)
    kind, subtype = _FORMATS[suffix.lower()]
    buffer = io.BytesIO()
    channels = sound.samples.shape[1]
    with soundfile.SoundFile(buffer, "w", sound.rate_hz, channels, subtype=subtype, format=kind) as file:
        for first in range(0, len(sound.samples), _PIECE_FRAMES):
            file.write(sound.samples[first : first + _PIECE_FRAMES])
    return buffer.getvalue()


def check_suffix(suffix: str) -> None:
    """Refuse what a sound file cannot end in.

    Raises:
        InputError: if it is none of ``AUDIO_SUFFIXES``.
    """
    if suffix.lower() not in AUDIO_SUFFIXES:
        raise InputError(f"a sound file must end in one of {', '.join(AUDIO_SUFFIXES)}, got {suffix or 'no suffix'}")


def write_audio(sound: Sound, path: Path, *, force: bool = False) -> None:
    """Write a sound file of the kind that ``path`` ends in.

    Raises:
        InputError: as ``audio_bytes``.
        FileError: if the file exists and ``force`` is false, or cannot be written.
    """
    write_bytes(path, audio_bytes(sound, path.suffix), force=force)


def read_audio(path: Path) -> Sound:
    """The sound of a file that libsndfile reads (WAV, OGG, FLAC, MP3, AIFF), at most 30 minutes and two channels of it.

    Raises:
        FileError: if it is missing, broken, empty or too long.
    """
    import soundfile

    if not path.is_file():
        raise FileError(f"a sound file must exist, but there is no file {path}; check the path")
    try:
        with soundfile.SoundFile(path) as file:
            if not file.frames:
                raise FileError(f"a sound file must hold sound, but {path} is empty; export it again")
            if file.frames > LONGEST_S * file.samplerate or file.channels > 32:  # noqa: PLR2004 - a mixing desk
                raise FileError(f"a sound file must last at most {LONGEST_S // 60} minutes, {path} is longer; cut it")
            rate = file.samplerate
            pieces = [piece[:, :2] for piece in file.blocks(_PIECE_FRAMES, dtype="float32", always_2d=True)]
    except (soundfile.LibsndfileError, OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise FileError(f"{path} is not a readable sound file ({reason}); export it again") from error
    if not pieces:
        raise FileError(f"a sound file must hold sound, but {path} has none; export it again")
    return Sound(np.nan_to_num(np.concatenate(pieces)), rate)
