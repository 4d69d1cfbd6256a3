"""What can stand between a person and FiftyOne."""

from __future__ import annotations

from app.errors import AppError


class FiftyOneError(AppError):
    """FiftyOne, or the database that it needs, cannot be started or reached."""


class MongodMissingError(FiftyOneError):
    """There is no MongoDB server on this machine that FiftyOne could use."""
