"""Pictures by image id. The browser never names a path, so it cannot ask for another file."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, Response

from app.media import ImageFileError, Media, full_image
from app.routes.problems import problem
from app.thumbnails import thumbnail
from app.workspace import Workspace
from storage import images
from storage.types import Image

_FOREVER = "private, max-age=31536000, immutable"
_ASK_AGAIN = "private, no-cache"


def images_router(workspace: Workspace) -> APIRouter:
    router = APIRouter(prefix="/sdpt")

    @router.get("/images/{image_id}")
    def full(image_id: int, request: Request, v: str = "") -> Response:
        """The image in full size; `v`, a prefix of its ETag, makes it cacheable for good."""
        return _send(workspace, image_id, full_image, request=request, version=v)

    @router.get("/thumbs/{image_id}")
    def thumb(image_id: int, request: Request, v: str = "") -> Response:
        return _send(workspace, image_id, thumbnail, request=request, version=v)

    return router


def _send(
    workspace: Workspace,
    image_id: int,
    render: Callable[[Workspace, Image], Media],
    *,
    request: Request,
    version: str,
) -> Response:
    with workspace.database.read() as tx:
        image = images.get(tx, image_id)
    try:
        media = render(workspace, image)
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
