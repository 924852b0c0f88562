"""The numbers of a training run as TensorBoard event files, where TensorBoard is installed (the extra ``logs``)."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

_LOG = logging.getLogger(__name__)


class Logbook:
    """Scalars by step; says once, and keeps nothing, where TensorBoard is missing."""

    def __init__(self, folder: Path, *, done_steps: int = 0) -> None:
        """Open ``folder``; what an earlier life of the run noted after step ``done_steps`` is hidden."""
        self._writer: Any = None
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            _LOG.info("no TensorBoard logs: pip install 'cocreate[logs]' brings them")
            return
        self._writer = SummaryWriter(str(folder), purge_step=done_steps + 1)

    def note(self, step: int, **values: float | None) -> None:
        """Write each value that is there, under its name."""
        if self._writer is not None:
            for name, value in values.items():
                if value is not None:
                    self._writer.add_scalar(name, value, step)

    def flush(self) -> None:
        """Have everything on disk."""
        if self._writer is not None:
            self._writer.flush()

    def close(self) -> None:
        """Have everything on disk, and stop."""
        if self._writer is not None:
            self._writer.close()
