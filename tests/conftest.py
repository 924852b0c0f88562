"""What several test files share: a whole tiny checkpoint, the command line as a function, the data folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from safetensors.numpy import save_file

from cocreate.judge.novelty import NoveltyIndex
from cocreate.model.checkpoint import PROJECTION, TASTE_FILE
from cocreate.model.vocabulary import TASTE_TOKENS, Vocabulary
from cocreate.music.song import Note
from cocreate.taste.feature_table import FEATURE_NAMES

settings.register_profile("steady", derandomize=True)  # the same examples for everybody; --hypothesis-seed for others
settings.load_profile("steady")

REPO = Path(__file__).resolve().parent.parent
STYLE_ROW = {
    "pieces": 10,
    "keys": [[0, "major", 3], [2, "minor", 2], [10, "major", 1]],
    "meters": [["4/4", 3], ["3/4", 1]],
    "tempo": [60, 90, 120, 150, 200],
    "range": [57, 81],
    "density": [0.3, 0.5, 0.7, 0.9, 1.1, 1.3, 1.5, 1.7, 2.0, 2.5, 3.0],
    "chromatic_share": 0.1,
}


def write_tiny_checkpoint(folder: Path) -> Path:
    """A complete checkpoint with random weights: under the rules even those write valid melodies, in milliseconds."""
    folder.mkdir(parents=True)
    words, rng = Vocabulary(), np.random.default_rng(0)
    width, wide = 32, 64
    config = {
        "vocab_size": len(words), "hidden_size": width, "num_hidden_layers": 2, "num_attention_heads": 2,
        "head_dim": 16, "intermediate_size": wide, "max_position_embeddings": 1024, "rms_norm_eps": 1e-5,
        "rope_theta": 10_000.0, "tie_word_embeddings": True,
    }  # fmt: skip

    def drawn(*shape: int) -> np.ndarray:
        return rng.normal(0, 0.02, shape).astype(np.float32)

    weights = {"model.embed_tokens.weight": drawn(len(words), width), "model.norm.weight": np.ones(width, np.float32)}
    for layer in range(2):
        shapes = {f"self_attn.{kind}_proj": (width, width) for kind in "qkvo"}
        shapes |= {"mlp.gate_proj": (wide, width), "mlp.up_proj": (wide, width), "mlp.down_proj": (width, wide)}
        weights |= {f"model.layers.{layer}.{name}.weight": drawn(*shape) for name, shape in shapes.items()}
        for name in ("input_layernorm", "post_attention_layernorm"):
            weights[f"model.layers.{layer}.{name}.weight"] = np.ones(width, np.float32)
    save_file(weights, folder / "model.safetensors")
    projection = drawn(TASTE_TOKENS, len(FEATURE_NAMES), width)
    save_file({PROJECTION: projection}, folder / TASTE_FILE)
    words.save(folder / "vocab.json")
    sets = {"toy": {"licence": "CC0-1.0", "tier": "A", "pieces": 20, "ids": 2400}}
    card = {"name": folder.name, "parameters": int(sum(w.size for w in weights.values())), "tier": "A", "sets": sets}
    for name, value in {
        "config.json": config,
        "card.json": card,
        "styles.json": {"styles": {"any": STYLE_ROW, "jazz": STYLE_ROW, "folk": STYLE_ROW}},
    }.items():
        (folder / name).write_text(json.dumps(value), encoding="utf-8")
    toys = []
    for number in range(20):
        pitches = 60 + np.cumsum(rng.integers(-4, 5, 40)) % 24
        toys.append((f"toy {number}", [Note(240 * place, int(p), 240) for place, p in enumerate(pitches)]))
    NoveltyIndex.build(toys).save(folder / "novelty.npz")
    return folder


@pytest.fixture(scope="session")
def tiny_harmony(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a chord network of random weights."""
    from cocreate.model import chord_net
    from cocreate.model.chord_writer import WEIGHTS

    folder = tmp_path_factory.mktemp("tiny") / "harmony"
    folder.mkdir()
    plan = chord_net.ChordPlan(width=32, heads=2, encoder=1, decoder=1, features=len(FEATURE_NAMES))
    net = chord_net.build(plan, seed=0)
    weights = {name: value + 0.02 * value.new_tensor(np.random.default_rng(len(name)).normal(size=value.shape))
               for name, value in net.state_dict().items()}  # fmt: skip
    chord_net.save(weights, plan, folder / WEIGHTS)
    return folder


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint folder for reading only; copy it to break it."""
    folder = tmp_path_factory.mktemp("checkpoints")
    write_tiny_checkpoint(folder / "band")
    return write_tiny_checkpoint(folder / "music")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_checkpoint: Path) -> Path:
    """An empty working folder with its own profiles, in which the tiny checkpoint is called "music"."""
    monkeypatch.setenv("COCREATE_HOME", str(tmp_path / "profiles"))
    monkeypatch.setenv("COCREATE_CHECKPOINTS", str(tiny_checkpoint.parent))
    place = tmp_path / "place"
    place.mkdir()
    monkeypatch.chdir(place)
    return place


@pytest.fixture
def data() -> Path:
    """The data folder; the test is skipped where there is none."""
    folder = Path(os.environ.get("COCREATE_DATA", REPO / ".data"))
    if not folder.is_dir():
        pytest.skip("needs the data folder (COCREATE_DATA)")
    return folder


@pytest.fixture
def python() -> Callable[..., subprocess.CompletedProcess[bytes]]:
    """A Python process of its own that finds this source tree; what is in ``variables`` is added to its environment."""

    def run(arguments: Sequence[str], **variables: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [sys.executable, *arguments],
            capture_output=True,
            check=False,
            timeout=120,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": str(REPO), **variables},
        )

    return run


@pytest.fixture
def shell(
    python: Callable[..., subprocess.CompletedProcess[bytes]],
) -> Callable[..., subprocess.CompletedProcess[bytes]]:
    """``cocreate`` in a process of its own."""

    def run(arguments: Sequence[str], **variables: str) -> subprocess.CompletedProcess[bytes]:
        return python(["-m", "cocreate.cli", *arguments], **variables)

    return run
