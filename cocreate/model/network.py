"""The transformer: a Llama-style decoder from ``transformers``, in four sizes.

Conventions:
    ids (B, T) -> logits (B, T, V). Embeddings are tied; norms are RMS, positions rotary, feed-forwards gated. The
    shapes are kept small and a multiple of 64, so that bf16 kernels run at full speed on a CPU.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from cocreate.errors import InputError

if TYPE_CHECKING:
    from transformers import LlamaConfig, LlamaForCausalLM

# preset -> width, layers, heads, feed-forward width; parameters without the embedding: 0.4 M, 1.8 M, 3.9 M, 30 M
PRESETS: dict[str, tuple[int, int, int, int]] = {
    "tiny": (128, 2, 2, 320),
    "lyric": (192, 4, 3, 512),  # half the work is the head over ten thousand words
    "small": (256, 5, 4, 704),
    "base": (512, 10, 8, 1408),
}
CONTEXT = 2048  # tokens; 16 bars of busy eighths with chords take about 700, a chorale of four voices 1,300


def network_config(preset: str, *, vocab_size: int) -> LlamaConfig:
    """Configuration of a preset.

    Raises:
        InputError: if there is no such preset.
    """
    from transformers import LlamaConfig

    if preset not in PRESETS:
        raise InputError(f"preset must be one of {', '.join(PRESETS)}, got {preset!r}")
    width, layers, heads, feed_forward = PRESETS[preset]
    return LlamaConfig(
        vocab_size=vocab_size,
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        intermediate_size=feed_forward,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=True,
        rms_norm_eps=1e-5,
        attention_bias=False,
        mlp_bias=False,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        initializer_range=0.02,
    )


def build(config: Any, *, seed: int) -> LlamaForCausalLM:
    """A fresh network with weights drawn from ``seed``."""
    import torch
    from transformers import LlamaForCausalLM

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return LlamaForCausalLM(config)


def read_network(folder: Path) -> LlamaForCausalLM:
    """The network of a checkpoint folder as ``transformers`` reads it, in fp32."""
    import torch
    from transformers import LlamaForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()  # a second of loading needs none
    return LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32, local_files_only=True)


def tiny(seed: int, *, vocab_size: int = 64) -> LlamaForCausalLM:
    """A network of a few thousand weights for tests."""
    config = network_config("tiny", vocab_size=vocab_size)
    config.hidden_size, config.intermediate_size, config.num_attention_heads, config.num_key_value_heads = 32, 64, 2, 2
    config.head_dim = 16
    return build(config, seed=seed)
