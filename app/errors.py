"""What can go wrong in the app, above storage and engine.

    AppError
    ├── DataDirError           the image folder is missing, is no folder, or holds no image
    ├── StateDirError          the state folder cannot be made or written
    ├── WorkspaceBusyError     another server holds the workspace
    ├── PathEscapeError        a path leads outside the image folder
    ├── SettingsError          an option or SDPT_ variable cannot be used as given
    ├── UnknownImageError      an image is not, or no longer, part of the workspace
    ├── InvalidEditError       an edit of boxes or classes makes no sense
    ├── ProposalJudgedError    a proposal already carries another verdict
    ├── BundleChoiceError      no such bundle, or it belongs to another backbone
    ├── NotReadyError          too few labels for what was asked
    ├── OutputError            an export or document could not be written or read
    └── JobEndedError          a job that was waited for did not succeed
        ├── JobFailedError
        └── JobCancelledError

Every message says what was asked, what was found, and what to do.
"""

from __future__ import annotations


class AppError(Exception):
    """Base of all app errors; its text is one sentence for a person."""


class DataDirError(AppError):
    """The image folder is missing, is no folder, or holds no image."""


class StateDirError(AppError):
    """The state folder cannot be made or written."""


class WorkspaceBusyError(AppError):
    """Another server holds the workspace."""


class PathEscapeError(AppError):
    """A path leads outside the image folder."""


class SettingsError(AppError):
    """An option or SDPT_ variable cannot be used as given."""


class UnknownImageError(AppError):
    """An image is not, or no longer, part of the workspace."""


class InvalidEditError(AppError):
    """An edit of boxes or classes makes no sense; nothing was changed."""


class ProposalJudgedError(AppError):
    """A proposal already carries another verdict."""


class BundleChoiceError(AppError):
    """No such bundle, or it belongs to another backbone."""


class NotReadyError(AppError):
    """Too few labels for what was asked."""


class OutputError(AppError):
    """An export or document could not be written or read."""


class JobEndedError(AppError):
    """A job that was waited for did not succeed."""


class JobFailedError(JobEndedError):
    """The job failed; the text says why."""


class JobCancelledError(JobEndedError):
    """The job was cancelled by a person; finished parts were kept."""
