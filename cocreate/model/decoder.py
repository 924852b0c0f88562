"""Reading and running a checkpoint without torch: the same network in numpy, one token at a time.

Conventions:
    ids (B,) -> logits (B, V), float32. Importing torch costs two seconds and transformers' model classes five more;
    this module costs none, and small matrices run as fast here. A test holds its logits to those of ``transformers``
    within 1e-4.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cocreate.errors import CheckpointError
from cocreate.model.checkpoint import PROJECTION, TASTE_FILE, Checkpoint

FloatArray = npt.NDArray[np.float32]
_TYPES: dict[str, np.dtype[Any]] = {"F32": np.dtype("<f4"), "F16": np.dtype("<f2"), "BF16": np.dtype("<u2")}
_EXP_LIMIT = np.float32(80)  # beyond it exp leaves float32, and the gate is shut anyway
_ROWS = 40  # of one product with the embedding; as many as a lyric line has drafts
_NOTES = "__metadata__"
_MAX_HEADER = 100_000_000  # bytes; the limit of the safetensors format


def read_safetensors(path: Path) -> dict[str, FloatArray]:
    """The tensors of a safetensors file as float32 (bf16 and f16 are widened, which numpy's own reader cannot do).

    Raises:
        CheckpointError: if the file is missing, truncated or of another format.
    """
    header, body = _open_safetensors(path)
    header.pop(_NOTES, None)
    try:
        return {name: _tensor(body, entry) for name, entry in header.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{path} must be a whole safetensors file: {error}") from None


def read_safetensors_notes(path: Path) -> dict[str, str]:
    """The notes in the header of a safetensors file; none where it has none.

    Raises:
        CheckpointError: if the file is missing, truncated or of another format.
    """
    return dict(_open_safetensors(path)[0].get(_NOTES) or {})


def _open_safetensors(path: Path) -> tuple[dict[str, Any], memoryview]:
    """The header and the bytes after it."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path} must be readable: {error.strerror}") from None
    try:
        size = int.from_bytes(raw[:8], "little")
        if not len(b"{}") <= size <= min(len(raw) - 8, _MAX_HEADER):
            raise ValueError("the header is cut short")
        header: dict[str, Any] = json.loads(raw[8 : 8 + size])
        if not isinstance(header, dict):
            raise ValueError("the header is no object")
    except ValueError as error:
        raise CheckpointError(f"{path} must be a whole safetensors file: {error}") from None
    return header, memoryview(raw)[8 + size :]


def _tensor(body: memoryview, entry: dict[str, Any]) -> FloatArray:
    start, end = entry["data_offsets"]
    kind = _TYPES[entry["dtype"]]
    if end > len(body):
        raise ValueError("the file is cut short")
    flat: npt.NDArray[Any] = np.frombuffer(body[start:end], dtype=kind)
    if entry["dtype"] == "BF16":
        flat = (flat.astype(np.uint32) << 16).view(np.float32)
    return np.ascontiguousarray(flat.astype(np.float32, copy=False).reshape(entry["shape"]))


class Decoder:
    """A Llama-style network in numpy. Weights are read once; ``start`` begins a batch of sequences.

    Raises:
        CheckpointError: if a weight is missing or has another shape than the configuration says.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        config = checkpoint.config
        try:
            self.width: int = config["hidden_size"]
            self.layers: int = config["num_hidden_layers"]
            self.heads: int = config["num_attention_heads"]
            self.head_dim: int = config.get("head_dim") or self.width // self.heads
            self.context: int = config["max_position_embeddings"]
            self._eps: float = config["rms_norm_eps"]
            rope = config.get("rope_parameters") or {}
            theta = float(rope.get("rope_theta", config.get("rope_theta", 10_000.0)))
        except KeyError as error:
            raise CheckpointError(f"config.json must name {error}, got none in {checkpoint.folder}") from None
        self.words = checkpoint.words
        weights = read_safetensors(checkpoint.weights)
        try:
            self.embedding = weights["model.embed_tokens.weight"]  # (V, D)
            self._final_norm = weights["model.norm.weight"]
            self._blocks = [self._block(weights, f"model.layers.{n}.") for n in range(self.layers)]
        except KeyError as error:
            raise CheckpointError(f"{checkpoint.weights} must hold {error}; it does not fit its config.json") from None
        if self.embedding.shape != (len(checkpoint.words), self.width):
            raise CheckpointError(
                f"the embedding must be {len(checkpoint.words)} x {self.width}, got {self.embedding.shape}"
                f" in {checkpoint.weights}"
            )
        taste = checkpoint.folder / TASTE_FILE
        self._projection = read_safetensors(taste)[PROJECTION] if taste.is_file() else None  # (K, F, D)
        self.taste_ids: tuple[int, ...] = tuple(checkpoint.words.type_ids.get("Taste", np.zeros(0, int)).tolist())
        half = np.arange(0, self.head_dim, 2, dtype=np.float32) / self.head_dim
        angles = np.arange(self.context, dtype=np.float32)[:, None] * (theta**-half)[None, :]
        self._cos = np.cos(np.concatenate([angles, angles], axis=1)).astype(np.float32)  # (T, head_dim)
        self._sin = np.sin(np.concatenate([angles, angles], axis=1)).astype(np.float32)

    @property
    def features(self) -> int:
        """Numbers in a content vector that the network can be told; 0 when it was trained without."""
        return 0 if self._projection is None else int(self._projection.shape[1])

    def start(self, batch: int, *, taste: FloatArray | None = None) -> Cache:
        """An empty cache for ``batch`` sequences; ``taste`` (B, F) is what their Taste ids stand for.

        Raises:
            CheckpointError: if the network was trained without taste, or on vectors of another length.
        """
        if taste is None:
            return Cache(self, batch)
        if self._projection is None or taste.shape[1] < self.features:
            raise CheckpointError(
                f"the checkpoint must know content vectors of {taste.shape[1]} features, got {self.features};"
                " train it with this version"
            )
        # features are only ever added at the end of the table
        told = np.einsum("bf,kfd->bkd", taste[:, : self.features], self._projection)
        return Cache(self, batch, told=told.astype(np.float32))

    def _block(self, weights: dict[str, FloatArray], prefix: str) -> _Block:
        def get(name: str) -> FloatArray:
            return weights[f"{prefix}{name}.weight"]

        # one matrix product for query, key and value, one for gate and up: fewer, larger products run faster
        qkv = np.concatenate([get(f"self_attn.{kind}_proj") for kind in "qkv"]).T
        gate_up = np.concatenate([get("mlp.gate_proj"), get("mlp.up_proj")]).T
        return _Block(
            norm_1=get("input_layernorm"),
            qkv=np.ascontiguousarray(qkv),
            out=np.ascontiguousarray(get("self_attn.o_proj").T),
            norm_2=get("post_attention_layernorm"),
            gate_up=np.ascontiguousarray(gate_up),
            down=np.ascontiguousarray(get("mlp.down_proj").T),
        )


class _Block:
    """Weights of one layer, already turned for ``x @ w``."""

    __slots__ = ("down", "gate_up", "norm_1", "norm_2", "out", "qkv")

    def __init__(
        self,
        *,
        norm_1: FloatArray,
        qkv: FloatArray,
        out: FloatArray,
        norm_2: FloatArray,
        gate_up: FloatArray,
        down: FloatArray,
    ) -> None:
        self.norm_1, self.qkv, self.out = norm_1, qkv, out
        self.norm_2, self.gate_up, self.down = norm_2, gate_up, down


class Cache:
    """Keys and values of a batch in the middle of decoding. Rows advance together; ``length`` positions are filled."""

    def __init__(self, net: Decoder, batch: int, *, told: FloatArray | None = None) -> None:
        shape = (net.layers, batch, net.heads, net.context, net.head_dim)
        self.net, self.batch, self.length = net, batch, 0
        self._keys: FloatArray = np.zeros(shape, dtype=np.float32)
        self._values: FloatArray = np.zeros(shape, dtype=np.float32)
        self._told = told  # (B, K, D), added where the Taste ids stand

    def take(self, rows: npt.NDArray[np.int64], *, since: int = 0) -> None:
        """Let row ``rows[b]`` go on as row ``b``, so that a beam drops some and forks others.

        Args:
            rows: (B,), each in 0..B - 1.
            since: positions before it are the same in every row, and stay.
        """
        for block in (self._keys, self._values):
            block[:, :, :, since : self.length] = block[:, rows, :, since : self.length]

    def spread(self, source: Cache, *, row: int = 0, since: int = 0) -> None:
        """Let every row go on from ``source``'s row ``row``; positions before ``since`` are known to be the same."""
        for own, other in ((self._keys, source._keys), (self._values, source._values)):
            own[:, :, :, since : source.length] = other[:, row : row + 1, :, since : source.length]
        self.length = source.length

    def feed(self, ids: npt.NDArray[np.int64]) -> FloatArray:
        """Push ids (B, T), the same number for each row; logits (B, V) after the last.

        Raises:
            CheckpointError: if the rows would grow past the context.
        """
        net = self.net
        count = ids.shape[1]
        start, end = self.length, self.length + count
        if end > net.context:
            raise CheckpointError(f"a sequence must fit {net.context} tokens, got {end}; ask for fewer bars")
        x: npt.NDArray[Any] = net.embedding[ids]  # (B, T, D)
        if self._told is not None:
            for place, taste_id in enumerate(net.taste_ids):
                x = x + (ids == taste_id)[:, :, None] * self._told[:, None, place]
        cos, sin = net._cos[start:end, None, :], net._sin[start:end, None, :]  # noqa: SLF001 - one pair of classes
        hidden = np.triu(np.full((count, end), -np.inf, dtype=np.float32), k=start + 1) if count > 1 else None
        scale = np.float32(1 / np.sqrt(net.head_dim))
        for place, block in enumerate(net._blocks):  # noqa: SLF001
            qkv = (_norm(x, block.norm_1, net._eps) @ block.qkv).reshape(  # noqa: SLF001
                self.batch, count, 3, net.heads, net.head_dim
            )
            query, key = _rotate(qkv[:, :, 0], cos, sin), _rotate(qkv[:, :, 1], cos, sin)  # (B, T, H, d)
            self._keys[place, :, :, start:end] = key.transpose(0, 2, 1, 3)
            self._values[place, :, :, start:end] = qkv[:, :, 2].transpose(0, 2, 1, 3)
            keys, values = self._keys[place, :, :, :end], self._values[place, :, :, :end]
            scores = (query.transpose(0, 2, 1, 3) * scale) @ keys.transpose(0, 1, 3, 2)  # (B, H, T, end)
            if hidden is not None:
                scores += hidden
            scores -= scores.max(axis=-1, keepdims=True)
            np.exp(scores, out=scores)
            scores /= scores.sum(axis=-1, keepdims=True)
            mixed = (scores @ values).transpose(0, 2, 1, 3).reshape(self.batch, count, -1)
            x = x + mixed @ block.out
            gate_up = _norm(x, block.norm_2, net._eps) @ block.gate_up  # noqa: SLF001
            gate, up = np.split(gate_up, 2, axis=-1)
            np.maximum(gate, -_EXP_LIMIT, out=gate)
            x = x + (gate * up / (1 + np.exp(-gate))) @ block.down
        self.length = end
        last = _norm(x[:, -1], net._final_norm, net._eps)  # noqa: SLF001
        return _rows_alike(last, net.embedding.T)  # (B, V)


def _rows_alike(x: FloatArray, matrix: FloatArray) -> FloatArray:
    """``x @ matrix`` in which a row comes out the same to the last bit, whatever other rows there are.

    A BLAS may sum in another order when there are more rows, and a seed would then write another song for another n.
    """
    spare = -len(x) % _ROWS
    padded = np.concatenate([x, np.zeros((spare, x.shape[1]), dtype=x.dtype)]) if spare else x
    found = [padded[first : first + _ROWS] @ matrix for first in range(0, len(padded), _ROWS)]
    return np.asarray(np.concatenate(found)[: len(x)])


def _norm(x: FloatArray, weight: FloatArray, eps: float) -> FloatArray:
    return np.asarray(x / np.sqrt((x * x).mean(axis=-1, keepdims=True) + np.float32(eps)) * weight)


def _rotate(x: FloatArray, cos: FloatArray, sin: FloatArray) -> FloatArray:
    half = x.shape[-1] // 2
    turned = np.concatenate([-x[..., half:], x[..., :half]], axis=-1)
    return np.asarray(x * cos + turned * sin)
