"""Errors as JSON: {"error": {"kind", "message"}}, with the status that tells the page what to do.

409 means that somebody else was faster: load again. 404 and 422 mean that sending it again is of no use.
503 means that it is. 412 means that the page belongs to another workspace.
"""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from app.errors import AppError, NotReadyError, ProposalJudgedError, UnknownImageError
from app.pointing.asking import PointingError
from app.routes.identity import OtherWorkspaceError
from storage.errors import (
    ConflictError,
    DatabaseUnusableError,
    NotFoundError,
    StorageError,
)

_STATUS: tuple[tuple[type[Exception], int], ...] = (
    (OtherWorkspaceError, 412),
    (UnknownImageError, 404),
    (NotFoundError, 404),
    (ConflictError, 409),
    (ProposalJudgedError, 409),
    (NotReadyError, 409),
    (PointingError, 503),
    (DatabaseUnusableError, 503),
    (AppError, 422),
    (StorageError, 422),
)


def install_problem_handlers(api: FastAPI) -> None:
    """Answer the errors that a person can act on with their sentence."""
    api.add_exception_handler(AppError, _known)
    api.add_exception_handler(StorageError, _known)
    api.add_exception_handler(RequestValidationError, _malformed)


def problem(status: int, kind: str, message: str) -> JSONResponse:
    return JSONResponse({"error": {"kind": kind, "message": message}}, status_code=status)


def _known(_request: Request, error: Exception) -> JSONResponse:
    status = next(status for kind, status in _STATUS if isinstance(error, kind))
    return problem(status, type(error).__name__, str(error))


def _malformed(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return problem(422, "MalformedRequest", f"The request cannot be read: {where}: {first['msg']}.")
