"""Tensors on disk: weights and optimiser moments, written, read, and handed from one checkpoint to another.

Conventions:
    Files are safetensors, replaced whole. The head is tied to the embedding, so no file holds it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from cocreate.errors import CheckpointError
from cocreate.model.checkpoint import PROJECTION, TASTE_FILE
from cocreate.model.conditioning import TasteNetwork
from cocreate.model.vocabulary import Vocabulary

Tensors = dict[str, torch.Tensor]
_PLAIN = "net."  # how the plain transformer's weights begin in the network with taste
_EMBEDDING, _HEAD = "net.model.embed_tokens.weight", "net.lm_head.weight"  # one tensor, tied


def write_tensors(
    tensors: Mapping[str, torch.Tensor],
    path: Path,
    *,
    dtype: torch.dtype | None = None,
    notes: Mapping[str, str] | None = None,
) -> None:
    """Write a safetensors file whole or not at all, with ``notes`` in its header."""
    scratch = path.with_suffix(".tmp")
    plain = {
        name: value.detach().to("cpu", dtype).contiguous()
        for name, value in tensors.items()
        if not name.endswith("lm_head.weight")
    }
    save_file(plain, scratch, metadata={"format": "pt", **(notes or {})})
    scratch.chmod(0o644)  # safetensors makes private files; a checkpoint is to be shared
    scratch.replace(path)


def read_tensors(path: Path) -> tuple[Tensors, dict[str, str]]:
    """What ``write_tensors`` wrote: tensors and notes.

    Raises:
        CheckpointError: if the file is broken.
    """
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, dict(file.metadata() or {})  # noqa: SIM118 - no mapping
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path} must be a safetensors file: {error}") from None


def write_checkpoint_weights(weights: Mapping[str, torch.Tensor], out: Path) -> None:
    """The weights of a ``TasteNetwork`` as the two bf16 files of a checkpoint folder."""
    plain = {name.removeprefix(_PLAIN): value for name, value in weights.items() if name.startswith(_PLAIN)}
    write_tensors(plain, out / "model.safetensors", dtype=torch.bfloat16)
    write_tensors({PROJECTION: weights[PROJECTION]}, out / TASTE_FILE, dtype=torch.bfloat16)


def set_weights(net: TasteNetwork, weights: Tensors, *, origin: Path) -> None:
    """Put weights that were read from ``origin`` into ``net``.

    Raises:
        CheckpointError: if they do not fit.
    """
    try:
        net.load_state_dict(with_head(weights))
    except RuntimeError as error:
        raise CheckpointError(f"{origin} must fit the preset: {str(error).splitlines()[0]}") from None


def with_head(weights: Tensors) -> Tensors:
    """The weights with the tied head, which files leave out."""
    return {**weights, _HEAD: weights[_EMBEDDING]} if _EMBEDDING in weights else weights


def moments_of(optimisers: Sequence[torch.optim.Optimizer]) -> Tensors:
    """What the optimisers remember of past gradients, as ``optimiser.parameter.name``."""
    return {
        f"{number}.{place}.{name}": value
        for number, optimiser in enumerate(optimisers)
        for place, slots in optimiser.state_dict()["state"].items()
        for name, value in slots.items()
        if isinstance(value, torch.Tensor)
    }


def set_moments(optimisers: Sequence[torch.optim.Optimizer], moments: Tensors) -> None:
    """Put ``moments_of`` like optimisers into fresh ones, which keep their own rates."""
    for number, optimiser in enumerate(optimisers):
        slots: dict[int, Tensors] = {}
        for key, value in moments.items():
            owner, place, name = key.split(".")
            if int(owner) == number:
                slots.setdefault(int(place), {})[name] = value
        optimiser.load_state_dict({**optimiser.state_dict(), "state": slots})


def start_from(net: TasteNetwork, folder: Path, words: Vocabulary) -> None:
    """Begin with the weights of another checkpoint; words it does not know keep their fresh rows.

    Raises:
        CheckpointError: if they do not fit.
    """
    path = folder / "model.safetensors"
    weights = {_PLAIN + name: value.float() for name, value in load_file(path).items()}
    old = Vocabulary.load(folder / "vocab.json")
    known = [word for word in words.words if word in old.ids]
    own = net.state_dict()
    rows = own[_EMBEDDING].clone()
    rows[[words.ids[word] for word in known]] = weights[_EMBEDDING][[old.ids[word] for word in known]].to(rows.device)
    weights[_EMBEDDING] = rows
    taste = folder / TASTE_FILE
    projection = load_file(taste)[PROJECTION].float() if taste.is_file() else own[PROJECTION]
    # features are only ever added at the end of the table
    weights[PROJECTION] = own[PROJECTION].clone()
    size = min(projection.shape[1], weights[PROJECTION].shape[1])  # a network may do without them
    weights[PROJECTION][:, :size] = projection[:, :size]
    set_weights(net, weights, origin=path)
