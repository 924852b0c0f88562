"""The house itself: rooms, sizes, and the README's map against the tree."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parent.parent
MODULES = sorted(path.relative_to(REPO).as_posix() for path in (REPO / "cocreate").rglob("*.py"))
ROOMLESS = {"utils.py", "util.py", "common.py", "helpers.py", "misc.py"}
MOST_LINES = 480  # 400, and a fifth of mercy


def test_no_file_is_a_drawer_for_everything() -> None:
    assert [path for path in MODULES if Path(path).name in ROOMLESS] == []


def test_every_folder_of_code_is_a_package_that_the_wheel_takes() -> None:
    folders = {str(Path(path).parent) for path in MODULES}
    assert [folder for folder in sorted(folders) if f"{folder}/__init__.py" not in MODULES] == []


@pytest.mark.parametrize("path", MODULES)
def test_a_module_says_what_it_is_for_and_stays_small(path: str) -> None:
    text = (REPO / path).read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(text)), f"{path} has no docstring"
    assert len(text.splitlines()) <= MOST_LINES


def test_the_readme_names_every_file_and_no_other() -> None:
    """A file is named by its path, ``cocreate/music/song.py``; a front page (``__init__.py``) need not be."""
    named = set(re.findall(r"cocreate/[\w/]+\.py", (REPO / "README.md").read_text(encoding="utf-8")))
    there = {path for path in MODULES if not path.endswith("__init__.py")}
    assert sorted(there - named) == [], "in the tree but not in the README's map"
    assert sorted(named - set(MODULES)) == [], "in the README but not in the tree"


def test_the_versions_agree() -> None:
    project = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pinned = {
        line.split("==")[0].lower() for line in (REPO / "constraints.txt").read_text().splitlines() if "==" in line
    }
    wanted = [
        *project["dependencies"],
        *(line for extra in project["optional-dependencies"].values() for line in extra),
    ]
    names = {re.split(r"[<>=!~\[ ]", line)[0].lower() for line in wanted}
    assert names <= {name.replace("_", "-") for name in pinned} | pinned
