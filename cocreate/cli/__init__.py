"""The command line: parse, call the public door, print.

Conventions:
    Results go to stdout, everything said about them to stderr. An error of a person is one line, ``error: ...``, and
    the error's ``exit_code``; a bug of ours shows its traceback.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence

from cocreate.errors import CocreateError

INTERRUPTED = 130  # what shells expect after Ctrl-C


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command (by default that of ``sys.argv``) and return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal without Chinese still gets its table
    # our products are small: numpy's threads wait for each other more than they save; torch has threads of its own
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        import typer

        from cocreate.cli.app import app

        words = list(sys.argv[1:] if arguments is None else arguments)
        try:
            done = typer.main.get_command(app).main(words or ["--help"], prog_name="cocreate", standalone_mode=False)
        except typer.TyperException as error:  # what the parser refuses
            return _say(error.format_message(), getattr(error, "exit_code", 2))
        except typer.Abort:
            return _say("stopped", INTERRUPTED)
        code = done if isinstance(done, int) else 0
        return _say("stopped", INTERRUPTED) if code == INTERRUPTED else code
    except CocreateError as error:
        return _say(str(error), error.exit_code)
    except KeyboardInterrupt:
        return _say("stopped", INTERRUPTED)


def _say(message: str, code: int) -> int:
    line = "".join(letter if letter.isprintable() else " " for letter in message)
    sys.stderr.write(f"error: {' '.join(line.split())}\n")
    return code
