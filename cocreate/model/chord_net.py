"""The chord network: it hears a whole tune, forwards and backwards, and writes a chord or a hold for each place.

Conventions:
    Rows and classes are those of ``chord_clues``. An encoder of attention blocks hears every place at once, with what
    is known of its chords (kept chords and where symbols stand); a decoder of causal blocks is told, place by place,
    which chord sounds. B is pieces, P places, D the width, C classes. ``chord_writer`` runs the same weights in numpy.
    A chord's score is a sum of opinions: on its root, on its quality, on both, and on how its tones lie under what is
    heard, which is the same for every root.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType

import torch
from torch import nn

from cocreate.errors import CheckpointError, InputError
from cocreate.model.chord_clues import (
    AGES,
    BLOCKS,
    CLASSES,
    HOLD,
    KINDS,
    MOST_BEATS,
    MOST_LEFT,
    NO_CHORD,
    NUMBERS,
    PHASES,
    UNKNOWN_MODE,
    UNKNOWN_RICHNESS,
)
from cocreate.model.vocabulary import METERS, STYLES
from cocreate.model.weights import Tensors, read_tensors, write_tensors
from cocreate.music.theory import QUALITIES

ROPE_BASE = 1_000.0  # places; a song has a few hundred
EPS = 1e-6
_FIT = 64  # width of the opinion that is the same for every root


@dataclass(frozen=True, slots=True)
class ChordPlan:
    """How a chord network is built; the defaults are the shipped ones. ``features`` of taste; 0 for none."""

    width: int = 192
    heads: int = 6
    encoder: int = 3
    decoder: int = 2
    features: int = 0
    dropout: float = 0.15

    def __post_init__(self) -> None:
        if self.width % self.heads or self.width // self.heads % 2:
            raise InputError(f"width must be an even multiple of heads, got {self.width} and {self.heads}")
        if not 0 <= self.dropout < 1:
            raise InputError(f"dropout must be in 0..1, 1 not included, got {self.dropout:g}")


@dataclass(frozen=True, slots=True)
class ChordBatch:
    """Pieces side by side: what the encoder and the decoder are told, each (B, P, ...); ``mask`` is where a piece is.

    ``tones`` (B, P, 6, 12), ``numbers`` (B, P, 8), ``places`` (B, P, 7) ids of beat, metre, left, phase, symbol, kept
    class and kept bass, ``pieces`` (B, 2) ids of mode and richness, ``styles`` (B, S), ``taste`` (B, F), ``state``
    (B, P, 3) ids of the chord that sounds, its bass and age.
    """

    mask: torch.Tensor
    tones: torch.Tensor
    numbers: torch.Tensor
    places: torch.Tensor
    pieces: torch.Tensor
    styles: torch.Tensor
    taste: torch.Tensor
    state: torch.Tensor


class _Norm(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = nn.functional.rms_norm(x, (x.shape[-1],), self.weight, EPS)
        return out


class _Block(nn.Module):
    def __init__(self, plan: ChordPlan, *, is_causal: bool) -> None:
        super().__init__()
        width = plan.width
        self.heads, self.is_causal = plan.heads, is_causal
        self.before = _Norm(width)
        self.ask = nn.Linear(width, 3 * width, bias=False)
        self.answer = nn.Linear(width, width, bias=False)
        self.between = _Norm(width)
        self.gate = nn.Linear(width, 4 * width, bias=False)
        self.back = nn.Linear(2 * width, width, bias=False)
        self.drop = nn.Dropout(plan.dropout)

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        pieces, places, width = x.shape
        asked = self.ask(self.before(x)).view(pieces, places, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        query, key, value = rotated(asked[0]), rotated(asked[1]), asked[2]  # (B, H, P, D / H)
        allowed = mask[:, None, None, :]
        if self.is_causal:
            allowed = allowed & torch.ones(places, places, dtype=torch.bool).tril()
        heard = nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=allowed)
        x = x + self.drop(self.answer(heard.transpose(1, 2).reshape(pieces, places, width)))
        gate, wide = self.gate(self.between(x)).chunk(2, dim=-1)
        out: torch.Tensor = x + self.drop(self.back(nn.functional.silu(gate) * wide))
        return out


def rotated(x: torch.Tensor) -> torch.Tensor:
    """Queries or keys (B, H, P, d) turned by their places."""
    half = x.shape[-1] // 2
    speed = ROPE_BASE ** (-torch.arange(half, dtype=torch.float32) / half)
    angle = torch.arange(x.shape[-2], dtype=torch.float32)[:, None] * speed  # (P, d / 2)
    cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * cos - b * sin, b * cos + a * sin], dim=-1)


class ChordNet(nn.Module):
    """Clues to scores; see the module."""

    turned: torch.Tensor
    tones_of: torch.Tensor

    def __init__(self, plan: ChordPlan) -> None:
        super().__init__()
        width = plan.width
        self.plan = plan
        self.hear = nn.Linear(BLOCKS * 12 + NUMBERS, width)
        sizes = (MOST_BEATS, len(METERS), MOST_LEFT, PHASES, 3)
        self.where = nn.ModuleList(nn.Embedding(size, width) for size in sizes)
        self.what = nn.ModuleList(nn.Embedding(size, width) for size in (UNKNOWN_MODE + 1, UNKNOWN_RICHNESS + 1))
        self.style = nn.Linear(len(STYLES), width, bias=False)
        self.taste = nn.Linear(plan.features, width, bias=False) if plan.features else None
        self.kept_chord = nn.Embedding(CLASSES, width)
        self.kept_bass = nn.Embedding(12, width)
        self.encoder = nn.ModuleList(_Block(plan, is_causal=False) for _ in range(plan.encoder))
        self.sounding_root = nn.Embedding(14, width)
        self.sounding_kind = nn.Embedding(len(KINDS) + 2, width)
        self.sounding_bass = nn.Embedding(12, width)
        self.age = nn.Embedding(AGES, width)
        self.fits = nn.Linear(BLOCKS * 2, width)
        self.decoder = nn.ModuleList(_Block(plan, is_causal=True) for _ in range(plan.decoder))
        self.norm = _Norm(width)
        self.root = nn.Linear(width, 12)
        self.kind = nn.Linear(width, len(KINDS))
        self.pair = nn.Linear(width, CLASSES)
        self.lie = nn.Linear(BLOCKS * 12 + 24, _FIT)
        self.lie_gate = nn.Linear(width, _FIT)
        self.lie_kind = nn.Linear(_FIT, len(KINDS))
        self.bass_given = nn.Embedding(CLASSES, 12)
        self.bass_kind = nn.Embedding(len(KINDS) + 2, 12)
        self.bass = nn.Linear(width, 12)
        self.bass_low = nn.Linear(24, 12)
        for module in self.modules():
            if isinstance(module, nn.Embedding):
                nn.init.normal_(module.weight, std=0.05)
        for part in (self.pair, self.root, self.kind, self.lie_kind, self.bass):
            nn.init.zeros_(part.weight)
            nn.init.zeros_(part.bias)
        for table in (self.bass_given, self.bass_kind):
            nn.init.zeros_(table.weight)
        root, tone = torch.arange(12)[:, None], torch.arange(12)[None, :]
        self.register_buffer("turned", (root + tone) % 12, persistent=False)  # [r, k]: the class k above root r
        masks = torch.zeros(CLASSES, 12)
        for found in range(NO_CHORD):
            masks[found, [(found // len(KINDS) + step) % 12 for step in QUALITIES[KINDS[found % len(KINDS)]]]] = 1.0
        self.register_buffer("tones_of", masks, persistent=False)

    def encode(self, batch: ChordBatch) -> torch.Tensor:
        """What is heard at each place, (B, P, D)."""
        x = self.hear(torch.cat([batch.tones.flatten(2), batch.numbers], dim=-1))
        for place, table in enumerate(self.where):
            x = x + table(batch.places[..., place])
        x = x + self.kept_chord(batch.places[..., 5]) + self.kept_bass(batch.places[..., 6])
        whole = self.style(batch.styles)
        for place, table in enumerate(self.what):
            whole = whole + table(batch.pieces[:, place])
        if self.taste is not None:
            whole = whole + self.taste(batch.taste)
        x = x + whole[:, None]
        for block in self.encoder:
            x = block(x, batch.mask)
        heard: torch.Tensor = x
        return heard

    def forward(self, batch: ChordBatch) -> tuple[torch.Tensor, torch.Tensor]:
        """Scores (B, P, C) of the classes, and what is known before a bass is chosen, (B, P, D)."""
        x = self.encode(batch)
        chord, bass, age = batch.state.unbind(-1)
        root, kind = split(chord)
        tones = self.tones_of[chord]  # (B, P, 12)
        inside = (batch.tones * tones[:, :, None]).sum(-1)
        fits = torch.cat([inside, batch.tones.sum(-1) - inside], dim=-1)
        x = x + self.sounding_root(root) + self.sounding_kind(kind) + self.sounding_bass(bass) + self.age(age)
        x = x + self.fits(fits)
        for block in self.decoder:
            x = block(x, batch.mask)
        h = self.norm(x)
        return self._scores(h, batch.tones, root, tones), h

    def _scores(self, h: torch.Tensor, heard: torch.Tensor, root: torch.Tensor, tones: torch.Tensor) -> torch.Tensor:
        pair = self.pair(h)
        above = heard[..., self.turned].permute(0, 1, 3, 2, 4).flatten(3)  # seen from each root
        now = nn.functional.one_hot(root, 14)[..., :12].to(h.dtype)
        seen = torch.cat([above.to(h.dtype), now[..., self.turned], tones[..., self.turned].to(h.dtype)], dim=-1)
        lie = nn.functional.silu(self.lie(seen) + self.lie_gate(h)[:, :, None])  # (B, P, 12, _FIT)
        named = self.lie_kind(lie) + self.root(h)[..., None] + self.kind(h)[:, :, None]
        return torch.cat([pair[..., :NO_CHORD] + named.flatten(2), pair[..., NO_CHORD:]], dim=-1)

    def bass_scores(self, h: torch.Tensor, chord: torch.Tensor, heard: torch.Tensor) -> torch.Tensor:
        """Scores (B, P, 12) of the bass, semitones above the root of the class ``chord`` (B, P)."""
        root, kind = split(chord)
        turned = self.turned[root.clamp(max=11)]  # (B, P, 12)
        low = torch.cat([heard[:, :, place].gather(-1, turned) for place in (4, 3)], dim=-1)
        out: torch.Tensor = (
            self.bass(h) + self.bass_given(chord) + self.bass_kind(kind) + self.bass_low(low.to(h.dtype))
        )
        return out


def split(chord: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Root (12: no chord, 13: nothing yet) and quality of classes."""
    root = torch.div(chord, len(KINDS), rounding_mode="floor")
    kind = chord % len(KINDS)
    for at, found in enumerate((NO_CHORD, HOLD)):
        root = torch.where(chord == found, 12 + at, root)
        kind = torch.where(chord == found, len(KINDS) + at, kind)
    return root, kind


def build(plan: ChordPlan, *, seed: int) -> ChordNet:
    """A fresh network; the same for the same seed."""
    state = torch.random.get_rng_state()
    torch.manual_seed(seed)
    net = ChordNet(plan)
    torch.random.set_rng_state(state)
    return net


def parameters(net: nn.Module) -> int:
    """Number of weights."""
    return sum(p.numel() for p in net.parameters())


def save(weights: Tensors, plan: ChordPlan, path: Path, *, about: Mapping[str, str] = MappingProxyType({})) -> None:
    """Write the weights in bf16 with their plan and the chord qualities they know."""
    notes = {"plan": json.dumps(asdict(plan)), "qualities": json.dumps(KINDS), **about}
    write_tensors(weights, path, dtype=torch.bfloat16, notes=notes)


def load(path: Path) -> ChordNet:
    """Read what ``save`` wrote.

    Raises:
        CheckpointError: if the file is missing, broken, or knows other chords.
    """
    tensors, notes = read_tensors(path)
    try:
        if tuple(json.loads(notes["qualities"])) != KINDS:
            raise CheckpointError(f"{path} must know the chord qualities of this version; train it again")
        net = ChordNet(ChordPlan(**json.loads(notes["plan"])))
        net.load_state_dict({name: value.float() for name, value in tensors.items()})
    except (KeyError, ValueError, TypeError, RuntimeError) as error:
        raise CheckpointError(f"{path} must hold a chord network: {error}") from None
    return net.eval()
