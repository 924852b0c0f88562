"""Recordings: what is heard in an audio file, as named numbers, and what its name says. librosa lives here.

Conventions:
    At most the ninety seconds from the middle are heard, in mono at 22,050 Hz. Names and units are those of
    `cocreate.taste.content.AUDIO`: tempo, brightness and roll-off as log2, loudness in dB below full scale.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import numpy as np

from cocreate.errors import FileError, InputError

RATE_HZ = 22_050
MOST_SECONDS = 90.0
_MFCC = 13
# how well each pitch class fits a key, from the tonic up; Krumhansl and Kessler, 1982
_MAJOR = np.array([6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88])
_MINOR = np.array([6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17])


@dataclass(frozen=True, slots=True)
class Recording:
    """What is heard in a file. ``digest`` is 15 hex digits over its sound."""

    digest: str
    traits: Mapping[str, float]
    title: str = ""
    artist: str = ""
    album: str = ""
    style: str = ""
    year: int | None = None


def listen(path: Path) -> Recording:
    """Hear a recording.

    Raises:
        InputError: if librosa is not installed or the recording is silent.
        FileError: if the file is missing or no recording that we can read.
    """
    import soundfile

    try:
        import librosa
    except ImportError as error:
        raise InputError("recordings need librosa: pip install 'cocreate[audio]'") from error
    if not path.is_file():
        raise FileError(f"a recording must exist, but there is no file {path}; check the path")
    try:
        with soundfile.SoundFile(path) as file:
            rate, most = file.samplerate, int(MOST_SECONDS * file.samplerate)
            file.seek(max(0, (file.frames - most) // 2))
            heard = file.read(most, dtype="float32", always_2d=True).mean(axis=1)
    except (soundfile.LibsndfileError, OSError, ValueError) as error:
        raise FileError(f"{path} cannot be read as a recording: {error}") from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of short sounds
        sound = librosa.resample(heard, orig_sr=rate, target_sr=RATE_HZ)
        if sound.size < RATE_HZ // 2 or float(np.abs(sound).max()) < 1e-4:  # noqa: PLR2004 - half a second; silence
            raise InputError(f"a recording must have half a second of sound, got silence or less in {path}")
        traits = _traits(sound)
    artist, _, title = path.stem.partition(" - ")
    digest = hashlib.sha256(np.round(sound * 1000).astype(np.int16).tobytes()).hexdigest()[:15]
    return Recording(digest, traits, title.strip() or path.stem, artist.strip() if title else "")


def _traits(sound: np.ndarray) -> dict[str, float]:
    import librosa.feature

    decompose, onset = import_module("librosa.decompose"), import_module("librosa.onset")

    spectrum = np.abs(librosa.stft(sound))
    power = librosa.amplitude_to_db(librosa.feature.rms(S=spectrum)[0] + 1e-6)
    onsets = onset.onset_strength(y=sound, sr=RATE_HZ)
    tempo = float(np.atleast_1d(librosa.feature.tempo(onset_envelope=onsets, sr=RATE_HZ))[0])
    attacks = len(onset.onset_detect(onset_envelope=onsets, sr=RATE_HZ))
    chroma = librosa.feature.chroma_stft(S=spectrum**2, sr=RATE_HZ).mean(axis=1)
    sustained, struck = decompose.hpss(spectrum)
    mfcc = librosa.feature.mfcc(y=sound, sr=RATE_HZ, n_mfcc=_MFCC).mean(axis=1)
    flatness = float(librosa.feature.spectral_flatness(S=spectrum).mean())
    shares = chroma / max(1e-9, float(chroma.sum()))
    found = {
        "audio_tempo": float(np.log2(max(20.0, tempo))),
        "audio_minor": _minor(chroma),
        "audio_loudness": float(power.mean()),
        "audio_dynamics": float(power.std()),
        "audio_brightness": float(np.log2(1 + librosa.feature.spectral_centroid(S=spectrum, sr=RATE_HZ).mean())),
        "audio_rolloff": float(np.log2(1 + librosa.feature.spectral_rolloff(S=spectrum, sr=RATE_HZ).mean())),
        "audio_flatness": float(np.log10(max(1e-8, flatness))),
        "audio_onsets": attacks / (len(sound) / RATE_HZ),
        "audio_percussive": float((struck**2).sum() / max(1e-9, (sustained**2).sum() + (struck**2).sum())),
        "audio_chroma_focus": float(-(shares * np.log2(shares + 1e-9)).sum()),
        "audio_contrast": float(librosa.feature.spectral_contrast(S=spectrum, sr=RATE_HZ).mean()),
    }
    found |= {f"audio_mfcc_{place}": float(value) for place, value in enumerate(mfcc, start=1)}
    return {name: round(value, 5) for name, value in found.items()}


def _minor(chroma: np.ndarray) -> float:
    """1 where the best minor key fits better than the best major one, else 0."""
    fits = [max(float(np.corrcoef(np.roll(key, turn), chroma)[0, 1]) for turn in range(12)) for key in (_MAJOR, _MINOR)]
    return float(fits[1] > fits[0])
