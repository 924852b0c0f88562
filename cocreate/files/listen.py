"""What can be measured of sound without knowing its notes: length, loudness, tempo, key and brightness.

Conventions:
    Mono, mixed from all channels. Tempo is where the onsets repeat most, 60..180 bpm; key is the major or minor profile
    that the pitch classes fit best. Both are estimates and say how sure they are, 0..1.

Source:
    Krumhansl and Kessler's key profiles, as in Krumhansl, "Cognitive Foundations of Musical Pitch", 1990. Onsets are
    the rises of the logarithmic spectrum (spectral flux). We differ: chroma are taken from long
    spectra between 65 and 700 Hz.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from cocreate.files.audio import Sound
from cocreate.files.loudness import loudness_lufs, peak_dbfs
from cocreate.music.song import Key
from cocreate.music.theory import key_name

Floats = npt.NDArray[np.float64]

_HOP_S, _FRAME_S = 0.0116, 0.0464
_LONG_FRAME_S = 0.37  # a semitone at 65 Hz is 4 Hz wide
_SLOWEST_BPM, _FASTEST_BPM, _USUAL_BPM = 60.0, 180.0, 110.0
_LOWEST_HZ, _HIGHEST_HZ, _A4_HZ = 65.0, 700.0, 440.0  # above, overtones say more than notes
_MAJOR = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
_MINOR = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)
_QUIET = 1e-4


def sound_facts(sound: Sound) -> dict[str, Any]:
    """The measurements as plain values; tempo and key are None for silence."""
    mono = sound.samples.mean(axis=1).astype(np.float64)
    facts: dict[str, Any] = {
        "length_s": round(sound.length_s, 2), "rate_hz": sound.rate_hz, "channels": sound.samples.shape[1],
        "lufs": _rounded(loudness_lufs(sound.samples, sound.rate_hz)), "peak_dbfs": _rounded(peak_dbfs(sound.samples)),
    }  # fmt: skip
    if np.abs(mono).max(initial=0.0) < _QUIET or sound.length_s < 1:
        return facts | {"tempo_bpm": None, "tempo_sure": 0.0, "key": None, "key_sure": 0.0, "brightness_hz": None}
    tempo, tempo_sure = tempo_of(mono, sound.rate_hz)
    key, key_sure = key_of(mono, sound.rate_hz)
    return facts | {
        "tempo_bpm": round(tempo, 1), "tempo_sure": round(tempo_sure, 2), "key": key_name(key),
        "key_sure": round(key_sure, 2), "brightness_hz": round(_centroid(mono, sound.rate_hz)),
    }  # fmt: skip


def tempo_of(mono: Floats, rate_hz: int) -> tuple[float, float]:
    """Beats a minute and how sure that is: the best lag of the onsets' autocorrelation, usual tempos preferred."""
    hop = round(_HOP_S * rate_hz)
    power = np.log1p(100 * _spectra(mono, rate_hz, _FRAME_S, hop))
    flux = np.maximum(0, np.diff(power, axis=0)).sum(axis=1)
    flux = flux - flux.mean()
    whole = np.fft.irfft(np.abs(np.fft.rfft(flux, 2 * len(flux))) ** 2)[: len(flux)]
    whole = whole / max(whole[0], 1e-12)
    lags = np.arange(1, len(whole))
    bpm = 60 / (lags * hop / rate_hz)
    fits = (bpm >= _SLOWEST_BPM) & (bpm <= _FASTEST_BPM)
    if not fits.any():
        return _USUAL_BPM, 0.0
    liking = np.exp(-0.5 * (np.log2(bpm[fits] / _USUAL_BPM) / 0.9) ** 2)
    best = int(np.argmax(whole[1:][fits] * liking))
    lag = float(lags[fits][best])
    before, at, after = (whole[int(lag) + step] if int(lag) + step < len(whole) else 0.0 for step in (-1, 0, 1))
    bend = before - 2 * at + after
    if bend < 0:  # the peak lies between lags
        lag += 0.5 * (before - after) / bend
    return 60 / (lag * hop / rate_hz), float(min(1.0, max(0.0, at)))


def key_of(mono: Floats, rate_hz: int) -> tuple[Key, float]:
    """The key whose profile the pitch classes fit best, and that correlation."""
    frames = _spectra(mono, rate_hz, _LONG_FRAME_S, round(_LONG_FRAME_S * rate_hz / 2))
    size = 2 * (frames.shape[1] - 1)
    hertz = np.arange(frames.shape[1]) * rate_hz / size
    inside = (hertz >= _LOWEST_HZ) & (hertz <= _HIGHEST_HZ)
    pitches = 69 + 12 * np.log2(hertz[inside] / _A4_HZ)
    level = np.sqrt(frames[:, inside]).sum(axis=0)
    chroma = np.bincount(np.round(pitches).astype(int) % 12, weights=level, minlength=12)
    scored = [
        (float(np.corrcoef(np.roll(chroma, -tonic), profile)[0, 1]), tonic, mode)
        for mode, profile in (("major", _MAJOR), ("minor", _MINOR))
        for tonic in range(12)
    ]
    fit, tonic, mode = max(scored)
    return Key(0, tonic, mode), max(0.0, fit)


def _centroid(mono: Floats, rate_hz: int) -> float:
    power = _spectra(mono, rate_hz, _FRAME_S, round(_FRAME_S * rate_hz)).sum(axis=0)
    hertz = np.arange(len(power)) * rate_hz / (2 * (len(power) - 1))
    return float((hertz * power).sum() / max(power.sum(), 1e-12))


def _spectra(mono: Floats, rate_hz: int, frame_s: float, hop: int) -> Floats:
    """Power spectra (frames, bins), a tenth of them at a time to spare memory."""
    size = 1 << (round(frame_s * rate_hz) - 1).bit_length()
    padded = np.pad(mono, (0, max(0, size - len(mono))))
    starts = range(0, len(padded) - size + 1, hop)
    window = np.hanning(size)
    found = np.empty((len(starts), size // 2 + 1), np.float32)
    for place, start in enumerate(starts):
        found[place] = np.abs(np.fft.rfft(padded[start : start + size] * window)) ** 2
    return found.astype(np.float64)


def _rounded(value: float) -> float | None:
    return round(value, 1) if np.isfinite(value) else None
