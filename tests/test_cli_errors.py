"""Bad input: one line that says what to do, the right exit code, nothing written, no traceback."""

from __future__ import annotations

import pickle
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import cocreate.studio
from cocreate.cli import main

USAGE, BROKEN, UNMET, INTERRUPTED = 2, 1, 3, 130


def tree(folder: Path) -> dict[str, bytes | None]:
    return {str(path): path.read_bytes() if path.is_file() else None for path in sorted(folder.rglob("*"))}


@pytest.fixture
def refused(home: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., None]:
    """Run a command that must fail with ``code`` and one line that holds every word, and leave no trace."""

    def run(arguments: list[str], code: int, *words: str) -> None:
        before = tree(home.parent)
        assert main(arguments) == code
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("error: ")
        assert err.count("\n") == 1
        assert "Traceback" not in err
        for word in words:
            assert word in err
        assert tree(home.parent) == before

    return run


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--style", "jaz"], ("style", "'jaz'", "did you mean 'jazz'")),
        (["--style", "爵士"], ("style", "爵士")),
        (["--style", ""], ("style",)),
        (["--key", "H#"], ("key", "'H#'")),
        (["--key", "D minorish"], ("mode", "minorish")),
        (["--meter", "5/0"], ("5/0",)),
        (["--meter", "waltz"], ("metre", "'waltz'")),
        (["--bars", "0"], ("bars", "1..64", "got 0")),
        (["--bars", "-3"], ("bars", "got -3")),
        (["--bars", "many"], ("--bars", "integer")),
        (["--tempo", "0"], ("tempo", "got 0")),
        (["--tempo", "nan"], ("tempo", "nan")),
        (["--range", "A5-D4"], ("range", "A5-D4")),
        (["--range", "low"], ("range", "'low'")),
        (["--density", "1.5"], ("density", "1.5")),
        (["--mood", "hapy"], ("mood", "did you mean 'happy'")),
        (["-n", "0"], ("n must be", "got 0")),
        (["--seed", "-1"], ("seed", "got -1")),
        (["--temperature", "0"], ("temperature",)),
        (["--chords", "Hm7 | G7"], ("chord", "Hm7")),
        (["--profile", "../me"], ("profile", "../me")),
        (["--from", "riff.txt"], ("riff.txt", ".mid")),
        (["--colour", "blue"], ("--colour",)),
        (["stray"], ("stray",)),
    ],
)
def test_a_wrong_value_is_a_usage_error(
    options: list[str], words: tuple[str, ...], refused: Callable[..., None]
) -> None:
    refused(["melody", "--seed", "1", *options] if "--seed" not in options else ["melody", *options], USAGE, *words)


def test_an_unknown_command_is_a_usage_error(refused: Callable[..., None]) -> None:
    refused(["melodi"], USAGE, "melodi", "melody")


@pytest.mark.parametrize("command", ["rank", "keep", "skip"])
def test_a_command_without_files_is_a_usage_error(command: str, refused: Callable[..., None]) -> None:
    refused([command], USAGE, "FILES")


@pytest.fixture
def broken_files(home: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Path]:
    assert main(["melody", "-n", "1", "--bars", "4", "--seed", "1"]) == 0
    good = next((home / "ideas").glob("*.mid")).read_bytes()
    shutil.rmtree(home / "ideas")
    capsys.readouterr()
    contents = {"text": b"this is a text\n", "cut": good[:-20], "cut in the header": good[:9], "empty": b""}
    for name, content in contents.items():
        (home / f"{name}.mid").write_bytes(content)
    return {name: Path(f"{name}.mid") for name in contents}


@pytest.mark.parametrize("command", [["melody", "--from"], ["rank"], ["keep"], ["skip"]])
@pytest.mark.parametrize("which", ["text", "cut", "cut in the header", "empty"])
def test_a_broken_midi_file_is_refused(
    command: list[str], which: str, broken_files: dict[str, Path], refused: Callable[..., None]
) -> None:
    refused([*command, str(broken_files[which])], BROKEN, f"{which}.mid")


@pytest.mark.parametrize("command", [["melody", "--from"], ["rank"], ["keep"]])
def test_a_missing_file_is_refused(command: list[str], refused: Callable[..., None]) -> None:
    refused([*command, "nowhere.mid"], BROKEN, "nowhere.mid")


@pytest.mark.parametrize("command", [["melody", "--from"], ["rank"], ["keep"]])
def test_a_file_without_a_melody_is_named(command: list[str], refused: Callable[..., None], home: Path) -> None:
    song = cocreate.Song(parts=(cocreate.Part((cocreate.Note(0, 36, 240),), name="Kit", role="drums"),))
    cocreate.write_midi(song, home / "drums.mid")
    refused([*command, "drums.mid"], USAGE, "drums.mid", "melody")


def test_an_output_folder_that_cannot_be_written_is_refused(refused: Callable[..., None], home: Path) -> None:
    (home / "file").write_text("in the way")
    refused(["melody", "--out", "file"], BROKEN, "file", "--out")
    refused(["melody", "--out", "file/deeper"], BROKEN, "file", "--out")


@pytest.fixture
def broken_checkpoint(home: Path, tiny_checkpoint: Path) -> Path:
    return Path(shutil.copytree(tiny_checkpoint, home / "broken"))


@pytest.mark.parametrize(
    "missing", ["config.json", "model.safetensors", "vocab.json", "card.json", "styles.json", "novelty.npz"]
)
def test_a_checkpoint_with_a_missing_file_is_refused(
    missing: str, broken_checkpoint: Path, refused: Callable[..., None]
) -> None:
    (broken_checkpoint / missing).unlink()
    refused(["melody", "--checkpoint", "broken"], BROKEN, missing)


def test_a_checkpoint_with_a_pickle_is_refused(broken_checkpoint: Path, refused: Callable[..., None]) -> None:
    (broken_checkpoint / "pytorch_model.bin").write_bytes(pickle.dumps({}))
    refused(["melody", "--checkpoint", "broken"], BROKEN, "pytorch_model.bin", "pickle")


@pytest.mark.parametrize(
    "broken", ["config.json", "model.safetensors", "vocab.json", "card.json", "styles.json", "novelty.npz"]
)
def test_a_checkpoint_with_a_cut_file_is_refused(
    broken: str, broken_checkpoint: Path, refused: Callable[..., None]
) -> None:
    file = broken_checkpoint / broken
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    refused(["melody", "--checkpoint", "broken"], BROKEN, broken)


def test_an_unknown_checkpoint_is_refused(refused: Callable[..., None]) -> None:
    refused(["melody", "--checkpoint", "no_such"], BROKEN, "'no_such'", "music")


def test_a_request_that_no_melody_can_meet_exits_with_its_own_code(refused: Callable[..., None]) -> None:
    refused(["melody", "--meter", "63/4"], UNMET, "63/4", "--meter")


def test_training_needs_one_budget(refused: Callable[..., None]) -> None:
    refused(["train", "music", "--corpus", "music21"], USAGE, "--minutes", "--steps")
    refused(["train", "music", "--corpus", "music21", "--steps", "0"], USAGE, "above 0")
    refused(["train", "music", "--steps", "1"], USAGE, "--corpus")


def test_training_does_not_replace_a_checkpoint_unasked(refused: Callable[..., None], broken_checkpoint: Path) -> None:
    refused(["train", "music", "--corpus", "music21", "--steps", "1", "--out", "broken"], BROKEN, "--resume", "--force")


def test_a_stop_by_the_keyboard_is_one_line(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cocreate.studio.Studio, "melody", stop)
    assert main(["melody"]) == INTERRUPTED
    assert capsys.readouterr().err == "error: stopped\n"


def test_a_bug_shows_its_traceback(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_down(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(cocreate.studio.Studio, "melody", break_down)
    with pytest.raises(ZeroDivisionError, match="a bug"):
        main(["melody"])


def test_the_process_itself_ends_with_the_code_and_one_line(
    home: Path, shell: Callable[..., subprocess.CompletedProcess[bytes]]
) -> None:
    done = shell(["melody", "--key", "H#"])
    assert (done.returncode, done.stdout) == (USAGE, b"")
    assert done.stderr.startswith(b"error: a key must begin with A..G")
    assert done.stderr.count(b"\n") == 1


def test_a_corpus_that_is_not_there_is_refused(refused: Callable[..., None]) -> None:
    refused(["train", "music", "--corpus", "nowhere", "--steps", "1", "--out", "mine"], BROKEN, "nowhere")


def test_data_that_are_not_there_are_refused(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "music", "--data", "nowhere"]) == BROKEN
    assert "nowhere" in capsys.readouterr().err.splitlines()[-1]
