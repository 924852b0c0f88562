"""Importing a history: batch by batch, each whole on the disk before it is reported.

Conventions:
    A run that is killed leaves whole batches; the same file again stores the rest and nothing twice.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cocreate.taste.events import check_profile_name, utc_now
from cocreate.taste.histories import ImportReport, Read, read_history
from cocreate.taste.store import Store

BATCH = 500  # events a transaction


def import_history(
    store: Store, profile: str, path: Path, *, watch: Callable[[int], None] = lambda _stored: None
) -> ImportReport:
    """Read a file into a profile.

    Args:
        watch: told how many events are on the disk, after each batch.

    Raises:
        InputError: if the profile's name is not allowed or no column holds a title.
        FileError: if the file or the database cannot be used.
    """
    check_profile_name(profile)
    report = ImportReport(path)
    batch: list[Read] = []

    def flush() -> None:
        new = store.add_events(profile, [one.event for one in batch], [one.print for one in batch])
        report.stored += new
        report.duplicates += len(batch) - new
        batch.clear()
        watch(report.stored)

    for one in read_history(path, report, now=utc_now()):
        batch.append(one)
        if len(batch) >= BATCH:
            flush()
    flush()
    return report
