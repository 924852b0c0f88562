"""A checkpoint: one folder with weights, words, configuration and card.

Conventions:
    ``config.json`` and ``model.safetensors`` are what ``transformers`` reads; ``vocab.json`` holds the words in id
    order; ``card.json`` what the run was and measured, ``README.md`` the same for people. ``styles.json`` and
    ``novelty.npz`` hold what generation needs to know of the training music. Pickles are refused: opening one runs
    whatever its maker wrote into it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cocreate.errors import CheckpointError
from cocreate.model.vocabulary import Vocabulary

NEEDED = ("config.json", "model.safetensors", "vocab.json", "card.json")
HARMONY = "harmony"  # the checkpoint folder of the chord network
CHORALES = "chorales"  # the checkpoint folder of the networks over the four-voice grid
TASTE_FILE, PROJECTION = "taste.safetensors", "projection"  # optional: how a content vector enters the network
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A folder that passed the checks of ``open_checkpoint``."""

    folder: Path
    words: Vocabulary
    config: dict[str, Any]
    card: dict[str, Any]

    @property
    def weights(self) -> Path:
        """The safetensors file."""
        return self.folder / "model.safetensors"

    def extra(self, name: str) -> dict[str, Any]:
        """A JSON file of the folder.

        Raises:
            CheckpointError: if it is missing or broken.
        """
        return _json(self.folder / name)


def folders() -> Iterator[Path]:
    """Where checkpoints are looked for: ``COCREATE_CHECKPOINTS`` (``:`` between), the package, the source tree."""
    for name in filter(None, os.environ.get("COCREATE_CHECKPOINTS", "").split(os.pathsep)):
        yield Path(name).expanduser()
    package = Path(__file__).resolve().parent.parent
    yield package / "checkpoints"
    yield package.parent / "checkpoints"


def find(name: str | Path) -> Path:
    """The folder of a checkpoint, given by path or by name.

    Raises:
        CheckpointError: if there is none.
    """
    direct = Path(name).expanduser()
    if direct.is_dir():
        return direct
    for folder in folders():
        if (folder / name).is_dir():
            return folder / name
    known = sorted({p.name for folder in folders() if folder.is_dir() for p in folder.iterdir() if p.is_dir()})
    raise CheckpointError(f"no checkpoint {str(name)!r}; known: {', '.join(known) or 'none'} (or give a folder's path)")


def open_checkpoint(name: str | Path = "music") -> Checkpoint:
    """Check a folder and read all but its weights.

    Raises:
        CheckpointError: if a file is missing, broken, or a pickle.
    """
    folder = find(name)
    missing = [file for file in NEEDED if not (folder / file).is_file()]
    pickles = sorted(path.name for path in folder.iterdir() if path.suffix in PICKLES)
    if pickles:
        raise CheckpointError(f"a checkpoint must hold no pickle (it could run code), got {pickles[0]} in {folder}")
    if missing:
        raise CheckpointError(f"a checkpoint must hold {', '.join(NEEDED)}; {folder} lacks {', '.join(missing)}")
    words = Vocabulary.load(folder / "vocab.json")
    config = _json(folder / "config.json")
    if config.get("vocab_size") != len(words):
        raise CheckpointError(
            f"vocab.json must have the {config.get('vocab_size')} words of config.json, got {len(words)} in {folder}"
        )
    return Checkpoint(folder, words, config, _json(folder / "card.json"))


def write_json(path: Path, value: object) -> None:
    """Write JSON through a temporary file, so that a stop leaves the old one whole."""
    scratch = path.with_suffix(path.suffix + ".tmp")
    scratch.write_text(json.dumps(value, indent=1, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")
    scratch.replace(path)


def _json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CheckpointError(f"a checkpoint must hold {path.name}, got none in {path.parent}") from None
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} must be JSON: {error}") from None
    if not isinstance(value, dict):
        raise CheckpointError(f"{path} must be a JSON object, got a {type(value).__name__}")
    return value
