"""The errors a person can meet, one small tree.

Conventions:
    A message has the rule, the value met and the way out: ``pitch must be in 0..127, got 130``.
    The command line prints it on one line and exits with ``exit_code``.
"""


class CocreateError(Exception):
    """Root of every error that is not our own bug."""

    exit_code = 1


class InputError(CocreateError, ValueError):
    """A value that a person gave breaks a rule."""

    exit_code = 2


class FileError(CocreateError):
    """A file or folder cannot be read, is broken, or cannot be written."""

    exit_code = 1


class CheckpointError(CocreateError):
    """A checkpoint folder is missing a file, unsafe, or does not fit this version."""

    exit_code = 1


class UnmetError(CocreateError):
    """A well-formed request that no song can meet."""

    exit_code = 3
