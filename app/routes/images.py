"""Pictures by image id. The browser never names a path, so it cannot ask for another file."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter, Request
from fastapi.responses import Response

from app.media import Media, full_image
from app.routes.pictures import send_picture
from app.thumbnails import thumbnail
from app.workspace import Workspace
from storage import images
from storage.types import Image


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
    return send_picture(lambda: render(workspace, image), request, version=version)
