"""A lyric checkpoint of a few hundred words and random weights: form must hold whatever the network thinks."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from cocreate.model.chinese import HanTable, choose_characters
from cocreate.model.lexicon import english_lexicon
from cocreate.model.lyric_corpus import Poem, VerseLine
from cocreate.model.lyric_seat import save_seat
from cocreate.model.lyric_words import WordTable, control_words
from cocreate.model.pens import end_id
from cocreate.model.spans import SpanIndex
from cocreate.model.vocabulary import Vocabulary
from cocreate.model.word_ngrams import WordNgrams
from cocreate.music.prosody import FUNCTION_WORDS, look_up
from cocreate.music.wordlists import TOPICS

RHYMES = """light night bright right sight white might day way say play gray stay away today rain pain train lane plain
again sea free tree me key see be shore door more floor before wall fall call tall small hall ground round sound found
street feet meet sweet heat beat low go snow know blow slow road load town down brown crown hand land stand sand air
hair fair stair fire wire higher desire singing ringing bringing swinging river shiver giver never ever clever letter
better harbour arbour window morning warning paper open water daughter remember december""".split()


def tiny_stanzas(seed: int, count: int = 3) -> list[list[str]]:
    """Stanzas of four lines that no other seed has, every second line rhymes."""
    rng = np.random.default_rng(seed)
    scene = sorted(word for words in TOPICS.values() for word in words if word.isascii())
    found = []
    for _ in range(count):
        one, two, three, four = (str(word) for word in rng.choice(scene, 4, replace=False))
        place = 2 * int(rng.integers(10))
        first, second = RHYMES[place : place + 2]
        found.append([
            f"The {one} came over all the {two},", f"And {three} saw the {first};",
            f"I heard the {three} and the {four}", f"And {one} sang {second}.",
        ])  # fmt: skip
    return found


def small_words() -> Vocabulary:
    """Controls and about 500 English words."""
    english = {w for words in TOPICS.values() for w in words if w.isascii()}
    known = sorted(w for w in FUNCTION_WORDS | english | set(RHYMES) if look_up(w))
    return Vocabulary((*control_words(("AY T", "EY")), "Word_<unk>", *(f"Word_{word}" for word in known)))


# four Tang quatrains (public domain), enough for rhymes in a few groups
QUATRAINS = """春眠不觉晓 处处闻啼鸟 夜来风雨声 花落知多少 床前明月光 疑是地上霜 举头望明月 低头思故乡
白日依山尽 黄河入海流 欲穷千里目 更上一层楼 红豆生南国 春来发几枝 愿君多采撷 此物最相思
千山鸟飞绝 万径人踪灭 孤舟蓑笠翁 独钓寒江雪 松下问童子 言师采药去 只在此山中 云深不知处""".split()


def make_chinese(folder: Path) -> None:
    """A Chinese seat without a network: characters of a few poems and an n-gram model of them back to front."""
    folder.mkdir()
    poem = Poem("tiny", "verse", "archaic", (tuple(VerseLine(tuple(line)) for line in QUATRAINS),))
    words = choose_characters([replace(poem, work=work) for work in "abcd"])  # one of them is for training
    table = HanTable(words)
    end = end_id(table)
    forward = [table.id(char) for line in QUATRAINS for char in (*line,)]
    back = [i for line in QUATRAINS for i in (*(table.id(char) for char in line[::-1]), end)]
    words.save(folder / "vocab.json")
    rng = np.random.default_rng(0)
    vectors = rng.normal(0, 0.1, size=(len(words), 8)).astype(np.float32) * table.content[:, None]
    WordNgrams.fit([back], size=len(words), order=2).save(folder / "back.npz")
    save_seat(folder, vectors=vectors, names=[], second=WordNgrams.fit([forward], size=len(words), order=3), spans=None)


def make_seat(folder: Path, *, copied: str = "", chinese: bool = False) -> Path:
    """Write the checkpoint; ``copied`` is a text that the guard knows; ``chinese``: its folder ``zh`` too."""
    words = small_words()
    table = WordTable(words)
    rng = np.random.default_rng(0)
    width, wide = 32, 64
    config = {
        "vocab_size": len(words), "hidden_size": width, "num_hidden_layers": 2, "num_attention_heads": 2,
        "head_dim": 16, "intermediate_size": wide, "max_position_embeddings": 1024, "rms_norm_eps": 1e-5,
        "rope_theta": 10_000.0, "tie_word_embeddings": True,
    }  # fmt: skip

    def drawn(*shape: int) -> np.ndarray:
        return rng.normal(0, 0.1, shape).astype(np.float32)

    weights = {"model.embed_tokens.weight": drawn(len(words), width), "model.norm.weight": np.ones(width, np.float32)}
    for layer in range(2):
        shapes = {f"self_attn.{kind}_proj": (width, width) for kind in "qkvo"}
        shapes |= {"mlp.gate_proj": (wide, width), "mlp.up_proj": (wide, width), "mlp.down_proj": (width, wide)}
        weights |= {f"model.layers.{layer}.{name}.weight": drawn(*shape) for name, shape in shapes.items()}
        for name in ("input_layernorm", "post_attention_layernorm"):
            weights[f"model.layers.{layer}.{name}.weight"] = np.ones(width, np.float32)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(weights, folder / "model.safetensors")
    words.save(folder / "vocab.json")
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (folder / "card.json").write_text(json.dumps({"name": "tiny"}), encoding="utf-8")
    vectors = rng.normal(0, 0.1, size=(len(words), len(TOPICS) + 2)).astype(np.float32)
    for direction, topic in enumerate(TOPICS.values()):  # words of a topic keep company
        vectors[[table.ids[word] for word in topic if word in table.ids], direction] += 1
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors[~table.content] = 0
    texts = [[table.id(word) for word in copied.split()]] if copied else []
    second = WordNgrams.fit([rng.integers(0, len(words), 200)], size=len(words), order=3)
    save_seat(folder, vectors=vectors, names=[], second=second, spans=SpanIndex.fit(texts, unknown=table.unknown))
    assert len(english_lexicon(table)) == len(words)
    if chinese:
        make_chinese(folder / "zh")
    return folder
