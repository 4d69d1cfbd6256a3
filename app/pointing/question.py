"""What is known when a person clicks on an object: the picture, the class, what was found and what is boxed there."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.errors import InvalidEditError
from app.pointing.sizes import Size, usual_size
from app.workspace import Workspace
from storage import annotations, bundles, images, predictions, projects
from storage.database import Transaction
from storage.types import Box, Image, Verdict

_NEWEST_BOXES = 500  # whose sizes are usual
_MOST_FOUND = 100


@dataclass(frozen=True, slots=True)
class Question:
    """Where are the edges of the object of this class at `point` (x, y)? Pixels of the upright image throughout.

    `image`: its file, whose contents have the `sha256`.
    `bundle`: the folder of the prompt in use, which may know a person's edges and classes. `found` with `scores`: what
    was proposed here and nobody has judged, shown or not. `taken`: objects that have a box or a proposal already.
    """

    image: str
    sha256: str
    bundle: str | None
    point: tuple[float, float]
    category_id: int
    size: Size
    found: tuple[Box, ...] = ()
    scores: tuple[float, ...] = ()
    taken: tuple[Box, ...] = ()


Ask = Callable[[Question], Box]


def question_at(
    workspace: Workspace,
    image_id: int,
    point: tuple[float, float],
    *,
    category_id: int,
    taken: Sequence[Box],
) -> Question:
    """For a click of somebody who labels, and sees the boxes and proposals `taken`.

    Raises InvalidEditError for a point outside the image.
    """
    with workspace.database.read() as tx:
        image = images.get(tx, image_id)
        if not (0 <= point[0] <= image.width and 0 <= point[1] <= image.height):
            raise InvalidEditError(
                f"The point {point[0]:.0f}, {point[1]:.0f} lies outside the image, which is "
                f"{image.width} x {image.height} pixels. Click on an object in it."
            )
        return known_of(tx, workspace, image, point, category_id=category_id, taken=taken)


def known_of(
    tx: Transaction,
    workspace: Workspace,
    image: Image,
    point: tuple[float, float],
    *,
    category_id: int,
    taken: Sequence[Box],
    is_trial: bool = False,
) -> Question:
    """A trial knows all that was proposed, whatever became of it; the image's own boxes say nothing of usual sizes."""
    shown, adopted = projects.get(tx).prelabel_bundle_id, bundles.adopted(tx)
    found = []
    if shown is not None:
        verdict = None if is_trial else Verdict.PENDING
        found = predictions.for_image(tx, image.id, bundle_id=shown, verdict=verdict)
    sides = annotations.newest_sides(
        tx, limit=_NEWEST_BOXES, but_for_image=image.id if is_trial else None
    )
    folder = adopted.folder if adopted is not None else None
    return Question(
        image=str(workspace.image_path(image.relative_path)),
        sha256=image.sha256,
        bundle=None if folder is None else str(workspace.state_dir / folder),
        point=point,
        category_id=category_id,
        size=usual_size(sides, category_id, size_wh=(image.width, image.height)),
        found=tuple(p.box for p in found[:_MOST_FOUND]),
        scores=tuple(p.score for p in found[:_MOST_FOUND]),
        taken=tuple(taken),
    )
