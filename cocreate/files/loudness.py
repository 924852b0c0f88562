"""Loudness of sound: measured as broadcasters do, brought to a target without clipping, and the silent tail cut off.

Conventions:
    Samples are float arrays (frames, channels), full scale 1.0, one or two channels. Loudness is integrated and gated,
    in LUFS; peaks are sample peaks in dBFS. Silence is -inf LUFS.

Source:
    ITU-R BS.1770-4, "Algorithms to measure audio programme loudness"; its filters at other rates than 48 kHz as in
    EBU R 128's reference code (libebur128). We differ: the filters are applied as frequency responses to
    overlapping pieces, which is the same within 0.01 LU and needs no filter library.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]

TARGET_LUFS = -16.0  # what streaming services and podcasts settle around; leaves room for peaks
CEILING_DBFS = -1.0  # room for what a lossy encoder or a converter adds between samples
SILENCE_DBFS = -60.0  # a tail below this is cut

_HOP_S, _HOPS_A_BLOCK = 0.1, 4  # blocks of 400 ms that overlap by three quarters
_ABSOLUTE_GATE_LUFS, _RELATIVE_GATE_LU = -70.0, -10.0
_OFFSET_LUFS = -0.691  # so that a full-scale sine of 997 Hz in one channel is -3.01 LUFS
_PIECE, _WARM_UP_S = 1 << 18, 0.4  # samples at once; the filters have forgotten everything after 0.4 s
_LOOK_S = 0.005  # a limiter that hears peaks this much ahead
_TAIL_S, _FADE_S = 0.05, 0.03  # what stays after the last sound, and how long it fades


def decibels(ratio: float) -> float:
    """A ratio of amplitudes in decibels; -inf for 0."""
    return 20 * math.log10(ratio) if ratio > 0 else -math.inf


def amplitude(level_db: float) -> float:
    """The ratio of amplitudes of a level in decibels."""
    return float(10 ** (level_db / 20))


def peak_dbfs(samples: Samples) -> float:
    """The highest sample, in dBFS."""
    return decibels(float(np.abs(samples).max(initial=0.0)))


def loudness_lufs(samples: Samples, rate_hz: int) -> float:
    """Integrated loudness; -inf where nothing passes the gates. Sound shorter than 0.4 s is measured as one block."""
    energy = _hop_energies(samples, rate_hz)
    if len(energy) < _HOPS_A_BLOCK:
        blocks = np.array([energy.mean()]) if len(energy) else np.zeros(1)
    else:
        blocks = np.convolve(energy, np.full(_HOPS_A_BLOCK, 1 / _HOPS_A_BLOCK), mode="valid")
    heard = blocks[_lufs(blocks) >= _ABSOLUTE_GATE_LUFS]
    if not len(heard):
        return -math.inf
    gate = float(_lufs(heard.mean())) + _RELATIVE_GATE_LU
    return float(_lufs(heard[_lufs(heard) >= gate].mean()))


def normalised(samples: Samples, rate_hz: int, *, target_lufs: float = TARGET_LUFS) -> Samples:
    """The samples at ``target_lufs``, no peak above ``CEILING_DBFS``; peaks that would be are turned down smoothly.

    Silence stays silence. Where turning peaks down costs loudness, the gain is raised again, up to three times.
    """
    heard = samples
    for _ in range(3):
        now = loudness_lufs(heard, rate_hz)
        if not math.isfinite(now) or abs(now - target_lufs) < 0.05:  # noqa: PLR2004 - nobody hears that
            break
        loud = heard * np.float32(amplitude(target_lufs - now))
        heard = _limited(loud, rate_hz)
        if heard is loud:
            return loud
    return _limited(heard, rate_hz)


def without_tail(samples: Samples, rate_hz: int, *, floor_dbfs: float = SILENCE_DBFS) -> Samples:
    """The samples without the silence at their end, faded out; what is before the first sound stays."""
    step = max(1, rate_hz // 100)
    peaks = np.abs(samples).max(axis=1)
    loud = np.flatnonzero(np.maximum.reduceat(peaks, np.arange(0, len(peaks), step)) > amplitude(floor_dbfs))
    if not len(loud):
        return samples[: round(_TAIL_S * rate_hz)]
    end = min(len(samples), (int(loud[-1]) + 1) * step + round(_TAIL_S * rate_hz))
    kept = samples[:end].copy()
    fade = min(len(kept), round(_FADE_S * rate_hz))
    kept[len(kept) - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)[:, None]
    return kept


def _lufs(energy: Floats | np.float64) -> Floats:
    return np.asarray(_OFFSET_LUFS + 10 * np.log10(np.maximum(energy, 1e-20)))


def _hop_energies(samples: Samples, rate_hz: int) -> Floats:
    """Mean square of each 100 ms after K-weighting, channels summed."""
    hop, warm = round(_HOP_S * rate_hz), round(_WARM_UP_S * rate_hz)
    size = max(_PIECE, 2 * warm)
    at_once = (size - warm) // hop
    response = _k_weighting(np.fft.rfftfreq(size, 1 / rate_hz).astype(np.float64), rate_hz)
    count = max(1, len(samples) // hop) if len(samples) else 0
    found = np.zeros(count)
    for first in range(0, count, at_once):
        begin, end = first * hop, min(len(samples), (first + at_once) * hop)
        early = max(0, begin - warm)
        block = samples[early:end].T.astype(np.float64)
        heard = np.fft.irfft(np.fft.rfft(block, n=size) * response, n=size)[:, begin - early : end - early]
        power = (heard**2).sum(axis=0)
        hops = max(1, len(power) // hop)
        found[first : first + hops] = power[: hops * hop].reshape(hops, -1).mean(axis=1)
    return found


def _k_weighting(frequency_hz: Floats, rate_hz: int) -> npt.NDArray[np.complex128]:
    """The response of BS.1770's two filters: a high shelf (the head) and a high pass (the ear)."""
    turn = np.exp(-2j * np.pi * frequency_hz / rate_hz)

    def response(b: tuple[float, float, float], a: tuple[float, float, float]) -> npt.NDArray[np.complex128]:
        found = (b[0] + b[1] * turn + b[2] * turn**2) / (a[0] + a[1] * turn + a[2] * turn**2)
        return np.asarray(found, np.complex128)

    # the constants that give BS.1770's table at 48 kHz
    shelf = math.tan(math.pi * 1681.974450955533 / rate_hz)
    gain = 10 ** (3.999843853973347 / 20)
    middle, width = gain**0.4996667741545416, shelf / 0.7071752369554196
    head = response(
        (gain + middle * width + shelf**2, 2 * (shelf**2 - gain), gain - middle * width + shelf**2),
        (1 + width + shelf**2, 2 * (shelf**2 - 1), 1 - width + shelf**2),
    )
    low = math.tan(math.pi * 38.13547087602444 / rate_hz)
    wide = low / 0.5003270373238773
    ear = response((1.0, -2.0, 1.0), (1 + wide + low**2, 2 * (low**2 - 1), 1 - wide + low**2))
    return head * ear * (1 + wide + low**2)  # BS.1770 leaves the high pass's numerator at 1, -2, 1


def _limited(samples: Samples, rate_hz: int) -> Samples:
    """Peaks above the ceiling turned down by a gain that moves within ``_LOOK_S`` on either side of them."""
    ceiling = np.float32(amplitude(CEILING_DBFS))
    if np.abs(samples).max(initial=0.0) <= ceiling:
        return samples
    step = max(1, round(_LOOK_S * rate_hz / 4))
    peaks = np.maximum.reduceat(np.abs(samples).max(axis=1), np.arange(0, len(samples), step))
    gains = np.minimum(1.0, ceiling / np.maximum(peaks, 1e-9))
    around = np.lib.stride_tricks.sliding_window_view(np.pad(gains, 4, mode="edge"), 9).min(axis=1)
    smooth = np.convolve(np.pad(around, 2, mode="edge"), np.full(5, 0.2), mode="valid")
    curve = np.interp(np.arange(len(samples)), (np.arange(len(smooth)) + 0.5) * step, smooth).astype(np.float32)
    return np.asarray(np.clip(samples * curve[:, None], -ceiling, ceiling), np.float32)
