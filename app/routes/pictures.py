"""Pictures as HTTP answers: kept by the browser for good under an address of their own, else asked for again."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import Request
from fastapi.responses import FileResponse, Response

from app.media import ImageFileError, Media
from app.routes.problems import problem

_FOREVER = "private, max-age=31536000, immutable"
_ASK_AGAIN = "private, no-cache"


def send_picture(make: Callable[[], Media], request: Request, *, version: str = "") -> Response:
    """What `make` gives, 304 where the browser has it, 404 where the image's file is gone.

    `version`, a prefix of the picture's ETag, makes the answer cacheable for good.
    """
    try:
        media = make()
    except ImageFileError as error:
        return problem(404, "ImageFileError", str(error))
    is_pinned = bool(version) and media.etag.startswith(version)
    headers = {"etag": f'"{media.etag}"', "cache-control": _FOREVER if is_pinned else _ASK_AGAIN}
    if _is_known(request.headers.get("if-none-match", ""), media.etag):
        return Response(status_code=304, headers=headers)
    return FileResponse(media.path, media_type=media.media_type, headers=headers)


def _is_known(if_none_match: str, etag: str) -> bool:
    known = (tag.strip().removeprefix("W/") for tag in if_none_match.split(","))
    return any(tag in ("*", f'"{etag}"') for tag in known)
