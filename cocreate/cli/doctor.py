"""``cocreate doctor``: is everything here that an idea needs, and does one come out."""

from __future__ import annotations

import platform
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import typer

from cocreate import __version__
from cocreate.cli.ideas import CheckpointOption, JsonOption, open_studio
from cocreate.cli.show import print_json, print_table
from cocreate.errors import CheckpointError, CocreateError, FileError

# distributions; asked for by name, since importing them all would take ten seconds
PACKAGES = (
    "numpy", "typer", "rich", "mido", "pretty_midi", "music21", "symusic", "miditok", "safetensors", "torch",
    "transformers", "peft", "alembic", "scipy", "sqlalchemy", "platformdirs", "matplotlib",
)  # fmt: skip
OLDEST_PYTHON = (3, 11)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: whether it is well, and what was seen."""

    name: str
    ok: bool
    seen: str


def doctor(*, checkpoint: CheckpointOption = "music", as_json: JsonOption = False) -> None:
    """Check the installation, with a test melody."""
    findings = [*_packages(), *_checkpoints(), _check("profiles", _profiles)]
    findings.append(_check("test melody", lambda: _test_melody(checkpoint)))
    well = all(one.ok for one in findings)
    if as_json:
        rows = [{"name": one.name, "ok": one.ok, "seen": one.seen} for one in findings]
        print_json({"ok": well, "checks": rows})
    else:
        print_table(("", "check", "seen"), [("ok" if one.ok else "NO", one.name, one.seen) for one in findings])
        typer.echo("\nAll is well." if well else "\nSomething is missing: see the lines with NO.")
    if not well:
        raise typer.Exit(1)


def _check(name: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(name, True, look())  # noqa: FBT003 - a verdict
    except CocreateError as error:
        return Finding(name, False, str(error))  # noqa: FBT003 - a verdict


def _packages() -> Iterator[Finding]:
    yield Finding("cocreate", sys.version_info >= OLDEST_PYTHON, f"{__version__}, Python {platform.python_version()}")
    present: list[str] = []
    missing: list[str] = []
    for name in PACKAGES:
        try:
            present.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            missing.append(name)
    seen = f"missing: {', '.join(missing)}; install cocreate again" if missing else ", ".join(present)
    yield Finding("packages", not missing, seen)


def _checkpoints() -> Iterator[Finding]:
    from cocreate.model.checkpoint import CHORALES, folders, open_checkpoint

    found = sorted({path.resolve() for home in folders() if home.is_dir() for path in home.iterdir() if path.is_dir()})
    # the networks that only measure are no checkpoint to write with
    found = [path for path in found if not path.name.startswith((".", "_")) and path.name != CHORALES]
    for path in found:

        def look(path: Path = path) -> str:
            return f"{open_checkpoint(path).card.get('parameters', '?')} parameters in {path}"

        yield _check(f"checkpoint {path.name}", look)
    if not found:
        yield _check("checkpoints", _no_checkpoint)


def _no_checkpoint() -> str:
    raise CheckpointError("none found; install cocreate again, or name their folder in COCREATE_CHECKPOINTS")


def _profiles() -> str:
    from cocreate.files.output import check_folder
    from cocreate.taste.home import has_profile, home_folder

    home = home_folder()
    try:
        check_folder(home)
    except FileError as error:
        raise FileError(
            f"{home} cannot be written ({error.__cause__ or error}); set COCREATE_HOME to another"
        ) from error
    if not has_profile():
        return f"none yet; {home} can be written"
    from cocreate.taste.store import Store

    return f"{', '.join(Store().profiles())} in {home}"


def _test_melody(checkpoint: str) -> str:
    """One bar, written to a file and read again."""
    studio = open_studio(checkpoint=checkpoint)
    with tempfile.TemporaryDirectory() as folder:
        (idea,) = studio.save(studio.melody(bars=1, n=1, seed=0), folder)
        assert idea.path is not None
        from cocreate.files import read_song

        notes = idea.song.melody.notes
        read = read_song(idea.path).melody.notes
    if [(n.start_ticks, n.pitch, n.length_ticks) for n in read] != [
        (n.start_ticks, n.pitch, n.length_ticks) for n in notes
    ]:
        raise FileError("the test melody must be the same after it is read again, got other notes; please report this")
    return f"{len(notes)} notes in {idea.key}, written and read again"
