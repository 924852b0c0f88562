"""The numpy network against the one it stands in for."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from cocreate.errors import CheckpointError
from cocreate.model.checkpoint import open_checkpoint, write_json
from cocreate.model.decoder import Decoder, read_safetensors
from cocreate.model.network import CONTEXT
from cocreate.model.vocabulary import Vocabulary


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of transformers' own making, with weights large enough to tell right from wrong."""
    import torch

    from cocreate.model.network import tiny

    words = Vocabulary()
    net = tiny(3, vocab_size=len(words))
    drawn = torch.Generator().manual_seed(5)
    for value in net.parameters():
        value.data = torch.randn(value.shape, generator=drawn) * 0.3 + (value.ndim == 1)
    place = tmp_path_factory.mktemp("decoder") / "tiny"
    place.mkdir()
    weights = {name: value.numpy() for name, value in net.state_dict().items() if name != "lm_head.weight"}
    save_file(weights, place / "model.safetensors", metadata={"format": "pt"})
    write_json(place / "config.json", json.loads(net.config.to_json_string(use_diff=False)))
    write_json(place / "card.json", {"name": "tiny"})
    words.save(place / "vocab.json")
    return place


def reference(folder: Path, ids: np.ndarray) -> np.ndarray:
    import torch

    from cocreate.model.network import read_network

    with torch.inference_mode():
        return read_network(folder)(input_ids=torch.from_numpy(ids), use_cache=False).logits.numpy()


def test_logits_are_those_of_transformers_with_and_without_the_cache(folder: Path) -> None:
    net = Decoder(open_checkpoint(folder))
    ids = np.random.default_rng(0).integers(0, len(net.words), (3, 40))
    wanted = reference(folder, ids)
    cache = net.start(3)
    got = [cache.feed(ids[:, :25])] + [cache.feed(ids[:, place : place + 1]) for place in range(25, 40)]
    for place, logits in zip(range(24, 40), got, strict=True):
        np.testing.assert_allclose(logits, wanted[:, place], atol=1e-4, rtol=1e-4)
    chunked = net.start(3)
    chunked.feed(ids[:, :7])
    np.testing.assert_allclose(chunked.feed(ids[:, 7:40]), wanted[:, 39], atol=1e-4, rtol=1e-4)


def test_a_row_does_not_depend_on_its_neighbours(folder: Path) -> None:
    net = Decoder(open_checkpoint(folder))
    ids = np.random.default_rng(1).integers(0, len(net.words), (4, 12))
    np.testing.assert_allclose(net.start(4).feed(ids)[:2], net.start(2).feed(ids[:2]), atol=1e-5)


def test_a_sequence_longer_than_the_context_is_refused(folder: Path) -> None:
    cache = Decoder(open_checkpoint(folder)).start(1)
    with pytest.raises(CheckpointError, match="ask for fewer bars"):
        cache.feed(np.zeros((1, CONTEXT + 1), dtype=np.int64))


def test_half_precision_weights_are_widened(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import save_file as save_torch

    value = torch.linspace(-3, 3, 24).reshape(4, 6)
    for dtype, tolerance in ((torch.bfloat16, 2e-2), (torch.float16, 2e-3)):
        save_torch({"x": value.to(dtype)}, tmp_path / "x.safetensors")
        np.testing.assert_allclose(read_safetensors(tmp_path / "x.safetensors")["x"], value.numpy(), atol=tolerance)


def test_a_truncated_weight_file_is_one_clear_error(folder: Path, tmp_path: Path) -> None:
    broken = tmp_path / "model.safetensors"
    whole = (folder / "model.safetensors").read_bytes()
    for size in (0, 5, 40, len(whole) - 10):
        broken.write_bytes(whole[:size])
        with pytest.raises(CheckpointError, match="whole safetensors file"):
            read_safetensors(broken)


def test_a_taste_enters_where_its_ids_stand_as_in_training(tiny_checkpoint: Path) -> None:
    import torch

    from cocreate.model.conditioning import read_taste_network

    found = open_checkpoint(tiny_checkpoint)
    net, words = Decoder(found), found.words
    rng = np.random.default_rng(1)
    ids = rng.integers(10, len(words) - 10, (2, 30))
    ids[0, 1:3] = words.type_ids["Taste"]  # the second row has none
    taste = 20 * rng.normal(size=(2, net.features)).astype(np.float32)
    with torch.inference_mode():
        wanted = read_taste_network(tiny_checkpoint, words)(torch.from_numpy(ids), torch.from_numpy(taste)).numpy()
    np.testing.assert_allclose(net.start(2, taste=taste).feed(ids), wanted[:, -1], atol=1e-4, rtol=1e-4)
    plain = net.start(2).feed(ids)
    np.testing.assert_allclose(plain[1], wanted[1, -1], atol=1e-4, rtol=1e-4)
    assert np.abs(plain[0] - wanted[0, -1]).max() > 1e-3


def test_a_taste_longer_than_the_network_knows_is_cut_and_a_shorter_one_refused(tiny_checkpoint: Path) -> None:
    net = Decoder(open_checkpoint(tiny_checkpoint))
    ids = np.array([[1, *net.taste_ids]])
    longer = np.concatenate([np.ones((1, net.features)), np.full((1, 3), 99.0)], axis=1).astype(np.float32)
    np.testing.assert_array_equal(
        net.start(1, taste=longer).feed(ids), net.start(1, taste=longer[:, : net.features]).feed(ids)
    )
    with pytest.raises(CheckpointError, match="features"):
        net.start(1, taste=longer[:, :5])
