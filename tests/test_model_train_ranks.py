"""Training that scales: several processes take the steps of one, workers make the same batches, curves are kept."""

from __future__ import annotations

import json
import logging
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from test_model_train import WORDS, entries

from cocreate.model.batches import Lessons
from cocreate.model.corpus.pack import Entry, load, save
from cocreate.model.decoder import read_safetensors
from cocreate.model.feed import Place, stream
from cocreate.model.logbook import Logbook
from cocreate.model.train import Plan, train

Python = Callable[..., subprocess.CompletedProcess[bytes]]

PLAN = Plan(preset="tiny", steps=4, batch_tokens=256, seed=3, save_every_s=0.0, threads=1)
# trains in a process of its own; dies at step `kill`, as by a power cut
SCRIPT = """
import json, os, signal, sys
from pathlib import Path
from cocreate.model.corpus.pack import load
from cocreate.model.ranks import joined
from cocreate.model.train import Plan, train
from cocreate.model.vocabulary import Vocabulary

out, plan, kill = Path(sys.argv[1]), Plan(**json.loads(sys.argv[2])), int(sys.argv[3])

def watch(news):
    if news.step == kill:
        os.kill(os.getpid(), signal.SIGKILL)

with joined() as ranks:
    state = train(load(out.parent / "corpus.npz"), (), out, plan, words=Vocabulary(), ranks=ranks, watch=watch)
    print(ranks.rank, state.step, state.tokens, json.dumps(state.curve))
"""


@pytest.fixture
def corpus(tmp_path: Path) -> list[Entry]:
    """Tunes of which some have a content vector, also in ``corpus.npz``."""
    rng = np.random.default_rng(0)
    made = [
        replace(entry, content=tuple(rng.normal(size=6)) if place % 3 else ()) for place, entry in enumerate(entries(9))
    ]
    save(made, tmp_path / "corpus.npz")
    return load(tmp_path / "corpus.npz")


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "script.py"
    path.write_text(SCRIPT, encoding="utf-8")
    return path


def test_two_processes_take_the_steps_of_one_that_accumulates(
    tmp_path: Path, corpus: list[Entry], script: Path, python: Python
) -> None:
    one = train(corpus, (), tmp_path / "one", replace(PLAN, accumulate=2), words=WORDS)
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(script)]
    done = python([*launch, str(tmp_path / "two"), json.dumps(asdict(PLAN)), "0"], OMP_NUM_THREADS="1")
    assert done.returncode == 0, done.stderr.decode()
    for line in done.stdout.decode().splitlines():
        _, step, tokens, curve = line.split(maxsplit=3)
        assert (int(step), int(tokens)) == (one.step, one.tokens)
        np.testing.assert_allclose(json.loads(curve), one.curve, rtol=1e-5)
    assert len(done.stdout.splitlines()) == 2
    first, second = (read_safetensors(tmp_path / name / "training/state.safetensors") for name in ("one", "two"))
    assert first.keys() == second.keys()
    for name, values in first.items():
        np.testing.assert_allclose(second[name], values, rtol=1e-4, atol=1e-6, err_msg=name)


def test_a_killed_process_goes_on_exactly(tmp_path: Path, corpus: list[Entry], script: Path, python: Python) -> None:
    whole = train(corpus, (), tmp_path / "whole", PLAN, words=WORDS)
    done = python([str(script), str(tmp_path / "killed"), json.dumps(asdict(PLAN)), "3"])
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    resumed = train(corpus, (), tmp_path / "killed", PLAN, words=WORDS, resume=True)
    assert resumed.curve == whole.curve


def test_workers_make_the_same_batches_in_the_same_order(corpus: list[Entry]) -> None:
    lessons, start, count = Lessons(corpus, WORDS, seed=1), Place(2, 5), 60
    with stream(lessons, start, tokens=256) as own, stream(lessons, start, tokens=256, workers=2) as others:
        pairs = list(islice(zip(own, others, strict=True), count))
    assert pairs[-1][0].after.pool >= start.pool + 2
    for one, other in pairs:
        assert one.after == other.after
        for field in ("ids", "labels", "taste"):
            assert np.array_equal(getattr(one.batch, field), getattr(other.batch, field))


def test_workers_end_with_the_process_that_was_killed(tmp_path: Path, corpus: list[Entry], python: Python) -> None:
    code = """if True:
        import multiprocessing, os, signal, sys
        from pathlib import Path
        from cocreate.model.batches import Lessons
        from cocreate.model.corpus.pack import load
        from cocreate.model.feed import Place, stream
        from cocreate.model.vocabulary import Vocabulary
        if __name__ == "__main__":
            lessons = Lessons(load(Path(sys.argv[1])), Vocabulary(), seed=0)
            with stream(lessons, Place(), tokens=256, workers=1) as source:
                next(source)
                print(len(multiprocessing.active_children()), flush=True)
                os.kill(os.getpid(), signal.SIGKILL)
    """
    path = tmp_path / "killed.py"
    path.write_text(code, encoding="utf-8")
    done = python([str(path), str(tmp_path / "corpus.npz")])  # waits for all who hold its pipes: for the worker too
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, b"1\n"), done.stderr.decode()


def test_the_curves_of_a_resumed_run_go_on(tmp_path: Path, corpus: list[Entry]) -> None:
    def stop(news: object) -> None:
        if getattr(news, "step", 0) == 3:
            raise KeyboardInterrupt

    validation = entries(2, first=100, split="validation")
    plan = replace(PLAN, check_every=2)
    with pytest.raises(KeyboardInterrupt):
        train(corpus, validation, tmp_path, plan, words=WORDS, watch=stop)
    state = train(corpus, validation, tmp_path, plan, words=WORDS, resume=True)
    logs = EventAccumulator(str(tmp_path / "training/logs"))
    logs.Reload()
    found = {tag: [(row.step, row.value) for row in logs.Scalars(tag)] for tag in logs.Tags()["scalars"]}
    assert sorted(found) == ["loss", "rate", "tokens_per_s", "validation"]
    assert found["loss"] == [(step, pytest.approx(loss)) for step, loss in state.curve]
    assert found["validation"] == [(step, pytest.approx(loss)) for step, loss in state.checks]


def test_without_tensorboard_one_line_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with caplog.at_level(logging.INFO):
        log = Logbook(tmp_path / "logs")
        log.note(1, loss=2.0)
        log.flush()
        log.close()
    assert [record.getMessage() for record in caplog.records] == [
        "no TensorBoard logs: pip install 'cocreate[logs]' brings them"
    ]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_torchrun_makes_a_whole_checkpoint(tmp_path: Path, python: Python) -> None:
    tunes = tmp_path / "data/nottingham/abc"
    tunes.mkdir(parents=True)
    rng = np.random.default_rng(0)
    walks = ["|".join("".join(rng.choice(list("CDEFGABc"), 4)) for _ in range(8)) for _ in range(40)]
    text = "\n".join(f"X:{n}\nT:Walk {n}\nM:4/4\nL:1/4\nK:C\n{walk}|]\n" for n, walk in enumerate(walks, start=1))
    (tunes / "reelsa-c.abc").write_text(text, encoding="utf-8")
    options = f"--corpus {tmp_path / 'data'} --tier B --preset tiny --steps 3 --batch-tokens 512 --threads 1"
    launch = "-m torch.distributed.run --standalone --nproc-per-node 2 -m cocreate.cli train music"
    done = python([*launch.split(), *options.split(), "--out", str(tmp_path / "out")], OMP_NUM_THREADS="1")
    assert done.returncode == 0, done.stderr.decode()
    card = json.loads((tmp_path / "out/card.json").read_text(encoding="utf-8"))
    assert (card["training"]["steps"], card["training"]["processes"]) == (3, 2)
    assert len(re.findall("3 steps in", done.stderr.decode())) == 1
