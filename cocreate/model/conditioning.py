"""The network with taste: a content vector, projected into the places that the Taste ids hold.

Conventions:
    ids (B, T), taste (B, F) -> logits (B, T, V). A sequence without Taste ids is the plain transformer, whatever vector
    stands beside it, so that the folder stays one that ``transformers`` reads; ``taste.safetensors`` beside the weights
    holds the projection (K, F, D), one matrix for each of the K Taste words.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors.torch import load_file
from torch import nn

from cocreate.errors import CheckpointError
from cocreate.model.checkpoint import PROJECTION, TASTE_FILE
from cocreate.model.vocabulary import TASTE_TOKENS, Vocabulary

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM


class TasteNetwork(nn.Module):
    """A causal LM and the projection of content vectors of ``features`` numbers."""

    def __init__(self, net: LlamaForCausalLM, words: Vocabulary, *, features: int) -> None:
        super().__init__()
        self.net = net
        self.projection = nn.Parameter(torch.zeros(TASTE_TOKENS, features, net.config.hidden_size))
        self.places = [int(i) for i in words.type_ids["Taste"]]

    def forward(self, ids: torch.Tensor, taste: torch.Tensor, wanted: torch.Tensor | None = None) -> torch.Tensor:
        """Logits (B, T, V); with ``wanted`` (B, T) only those of the N places where it is true, (N, V)."""
        vectors = self.net.model.embed_tokens(ids)  # (B, T, D)
        if taste.shape[1]:
            for place, matrix in zip(self.places, self.projection, strict=True):
                told = (taste @ matrix).to(vectors.dtype)  # (B, D)
                vectors = vectors + (ids == place).unsqueeze(-1) * told.unsqueeze(1)
        if wanted is None:
            logits: torch.Tensor = self.net(inputs_embeds=vectors, use_cache=False).logits
            return logits
        states = self.net.model(inputs_embeds=vectors, use_cache=False).last_hidden_state  # (B, T, D)
        some: torch.Tensor = self.net.lm_head(states[wanted])
        return some


def read_taste_network(folder: Path, words: Vocabulary) -> TasteNetwork:
    """The network of a checkpoint folder with its projection (of no features where the folder has none), in fp32.

    Raises:
        CheckpointError: if the projection does not fit the network.
    """
    from cocreate.model.network import read_network

    net = read_network(folder)
    path = folder / TASTE_FILE
    if not path.is_file():
        return TasteNetwork(net, words, features=0)
    projection = load_file(path)[PROJECTION].float()
    found = TasteNetwork(net, words, features=projection.shape[1])
    if projection.shape != found.projection.shape:
        raise CheckpointError(
            f"{path} must hold {tuple(found.projection.shape)} numbers, got {tuple(projection.shape)}"
        )
    with torch.no_grad():
        found.projection.copy_(projection)
    return found
