"""The chord network in numpy: what it hears of a song, and its scores for one place after the other.

Conventions:
    Rows, classes and weights are those of ``chord_clues`` and ``chord_net``; a test holds the scores to those of the
    torch network within 1e-4. No torch is imported. B rows advance together, place by place; D is the width, C the
    classes.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cocreate.errors import CheckpointError
from cocreate.model.checkpoint import HARMONY, find
from cocreate.model.chord_clues import BLOCKS, CLASSES, HOLD, KINDS, NO_CHORD, Told
from cocreate.model.decoder import read_safetensors, read_safetensors_notes
from cocreate.music.theory import QUALITIES

WEIGHTS = "chords.safetensors"
WINDOW = 288  # places that are heard together; training has shown no more
_ROPE_BASE = np.float32(1_000.0)
_EPS = np.float32(1e-6)
_EXP_LIMIT = np.float32(80)

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]

_TURNED = (np.arange(12)[:, None] + np.arange(12)[None, :]) % 12  # [root, k]: the class k above the root
_TONES = np.zeros((CLASSES, 12), dtype=np.float32)
for _found in range(NO_CHORD):
    _TONES[_found, [(_found // len(KINDS) + step) % 12 for step in QUALITIES[KINDS[_found % len(KINDS)]]]] = 1.0
_ROOT = np.minimum(np.arange(CLASSES) // len(KINDS), 12)
_ROOT[HOLD] = 13
_KIND = np.arange(CLASSES) % len(KINDS)
_KIND[NO_CHORD], _KIND[HOLD] = len(KINDS), len(KINDS) + 1


class ChordWriter:
    """The weights of a chord network.

    Raises:
        CheckpointError: if the file is missing, broken, or knows other chords.
    """

    def __init__(self, path: Path) -> None:
        self.weights = read_safetensors(path)
        notes = read_safetensors_notes(path)
        try:
            plan: dict[str, Any] = json.loads(notes["plan"])
            known = tuple(json.loads(notes["qualities"]))
            self.width, self.heads, self.features = int(plan["width"]), int(plan["heads"]), int(plan["features"])
            self.layers = {"encoder": int(plan["encoder"]), "decoder": int(plan["decoder"])}
        except (KeyError, ValueError, TypeError) as error:
            raise CheckpointError(f"{path} must hold a chord network: {error}") from None
        if known != KINDS:
            raise CheckpointError(f"{path} must know the chord qualities of this version; train it again")
        half = self.width // self.heads // 2
        speed = _ROPE_BASE ** (-np.arange(half, dtype=np.float32) / np.float32(half))
        angle = np.arange(WINDOW, dtype=np.float32)[:, None] * speed
        self._turn = np.cos(angle), np.sin(angle)  # (P, d / 2) each

    def hear(self, told: Told) -> FloatArray:
        """What is heard at each place, (P, D); at most `WINDOW` places."""
        w, ids = self.weights, told.places()
        assert len(ids) <= WINDOW
        x = self.linear("hear", np.concatenate([told.heard().reshape(len(ids), -1), told.clues.numbers], axis=1))
        for place in range(5):
            x = x + w[f"where.{place}.weight"][ids[:, place]]
        x = x + w["kept_chord.weight"][ids[:, 5]] + w["kept_bass.weight"][ids[:, 6]]
        x = (
            x
            + self.linear("style", told.style_row())
            + w["what.0.weight"][told.mode]
            + w["what.1.weight"][told.richness]
        )
        if self.features:
            x = x + self.linear("taste", told.taste[: self.features])
        x = x[None]
        for layer in range(self.layers["encoder"]):
            x, _ = self.block(f"encoder.{layer}.", x, None, start=0)
        return np.asarray(x[0], dtype=np.float32)

    def linear(self, name: str, x: FloatArray) -> FloatArray:
        """X (..., I) through a matrix of the network."""
        out = x @ self.weights[f"{name}.weight"].T
        bias = self.weights.get(f"{name}.bias")
        return np.asarray(out if bias is None else out + bias)

    def norm(self, name: str, x: FloatArray) -> FloatArray:
        """X (..., D) at the size the network gives it."""
        return np.asarray(x / np.sqrt((x * x).mean(axis=-1, keepdims=True) + _EPS) * self.weights[f"{name}.weight"])

    def block(
        self, name: str, x: FloatArray, past: tuple[FloatArray, FloatArray] | None, *, start: int
    ) -> tuple[FloatArray, tuple[FloatArray, FloatArray]]:
        """A block over x (B, T, D) whose first place is ``start``; ``past`` are the keys and values before it."""
        rows, places, width = x.shape
        asked = self.linear(f"{name}ask", self.norm(f"{name}before", x)).reshape(rows, places, 3, self.heads, -1)
        query, key, value = (asked[:, :, at].transpose(0, 2, 1, 3) for at in range(3))  # (B, H, T, d)
        query, key = self._rotated(query, start), self._rotated(key, start)
        if past is not None:
            key, value = np.concatenate([past[0], key], axis=2), np.concatenate([past[1], value], axis=2)
        scores = query @ key.transpose(0, 1, 3, 2) / np.sqrt(np.float32(width // self.heads))
        scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
        mixed = (scores / scores.sum(axis=-1, keepdims=True)) @ value
        x = x + self.linear(f"{name}answer", mixed.transpose(0, 2, 1, 3).reshape(rows, places, width))
        gate, wide = np.split(self.linear(f"{name}gate", self.norm(f"{name}between", x)), 2, axis=-1)
        x = x + self.linear(f"{name}back", _silu(gate) * wide)
        return x, (key, value)

    def _rotated(self, x: FloatArray, start: int) -> FloatArray:
        half = x.shape[-1] // 2
        cos, sin = (table[start : start + x.shape[-2]] for table in self._turn)
        a, b = x[..., :half], x[..., half:]
        return np.concatenate([a * cos - b * sin, b * cos + a * sin], axis=-1)


class Writing:
    """B candidates in the middle of a song: each has heard its own, and each has its own chords so far.

    Args:
        heard: what ``ChordWriter.hear`` gave for each candidate, (B, P, D).
        tones: ``Told.heard`` of each, (B, P, 6, 12).
    """

    def __init__(self, net: ChordWriter, heard: FloatArray, tones: FloatArray) -> None:
        self.net, self._heard, self._tones = net, heard, tones
        self.rows = len(heard)
        self.place = 0
        self._past: list[tuple[FloatArray, FloatArray] | None] = [None] * net.layers["decoder"]
        self._known: FloatArray = np.zeros((len(heard), net.width), dtype=np.float32)

    def take(self, rows: IntArray) -> None:
        """Let row ``rows[b]`` go on as row ``b``, so that a beam drops some and forks others."""
        self._heard, self._tones = self._heard[rows], self._tones[rows]
        self._past = [None if past is None else (past[0][rows], past[1][rows]) for past in self._past]
        self._known = self._known[rows]

    def scores(self, chord: IntArray, bass: IntArray, age: IntArray) -> FloatArray:
        """Scores (B, C) at the next place, for the class, bass and age of what sounds in each row, (B,) each."""
        net, w, tones = self.net, self.net.weights, self._tones[:, self.place]
        root = _ROOT[chord]
        inside = (tones * _TONES[chord][:, None]).sum(-1)
        fits = np.concatenate([inside, tones.sum(-1) - inside], axis=-1)
        x = self._heard[:, self.place] + w["sounding_root.weight"][root] + w["sounding_kind.weight"][_KIND[chord]]
        x = x + w["sounding_bass.weight"][bass] + w["age.weight"][age] + net.linear("fits", fits)
        x = x[:, None]
        for layer, past in enumerate(self._past):
            x, self._past[layer] = net.block(f"decoder.{layer}.", x, past, start=self.place)
        self._known = h = net.norm("norm", x[:, 0])
        self.place += 1
        now = np.zeros((len(h), 12), dtype=np.float32)
        named = root < 12  # noqa: PLR2004 - a root is a pitch class
        now[named, root[named]] = 1.0
        above = tones[..., _TURNED].transpose(0, 2, 1, 3).reshape(len(h), 12, BLOCKS * 12)
        seen = np.concatenate([above, now[:, _TURNED], _TONES[chord][:, _TURNED]], axis=-1)
        lie = _silu(net.linear("lie", seen) + net.linear("lie_gate", h)[:, None])
        names = net.linear("lie_kind", lie) + net.linear("root", h)[..., None]
        names = names + net.linear("kind", h)[:, None]
        out = net.linear("pair", h)
        out[:, :NO_CHORD] += names.reshape(len(h), -1)
        return out

    def bass_scores(self, chord: IntArray) -> FloatArray:
        """Scores (B, 12) of the bass of a class that is chosen at the latest place, semitones above its root."""
        w, h, tones = self.net.weights, self._known, self._tones[:, self.place - 1]
        turned = _TURNED[np.minimum(_ROOT[chord], 11)]
        low = np.concatenate([np.take_along_axis(tones[:, at], turned, axis=-1) for at in (4, 3)], axis=-1)
        out = self.net.linear("bass", h) + w["bass_given.weight"][chord] + w["bass_kind.weight"][_KIND[chord]]
        return np.asarray(out + self.net.linear("bass_low", low))


@functools.cache
def open_writer(name: str | Path = HARMONY) -> ChordWriter:
    """The chord network of a checkpoint folder, read once.

    Raises:
        CheckpointError: if there is no such checkpoint, or it is broken.
    """
    return ChordWriter(find(name) / WEIGHTS)


def _silu(x: FloatArray) -> FloatArray:
    return np.asarray(x / (1 + np.exp(-np.maximum(x, -_EXP_LIMIT))))
