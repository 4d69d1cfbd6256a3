"""What is known when a person clicks on an object: the picture, the class, what was found and what is boxed there."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.errors import InvalidEditError
from app.pointing.sizes import usual_size
from app.workspace import Workspace
from sdpt_engine.types import UsualSize
from storage import bundles, images, predictions, projects
from storage.box_sizes import Sides, newest_sides
from storage.database import Transaction
from storage.types import Box, Image, StoredPrediction, Verdict

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
    size: UsualSize
    found: tuple[Box, ...] = ()
    scores: tuple[float, ...] = ()
    taken: tuple[Box, ...] = ()


Guesses = tuple[Box, ...]
"""Boxes of what a click may mean, the likeliest first; at least one."""

Ask = Callable[[Question], Guesses]


@dataclass(frozen=True, slots=True)
class Scene:
    """What is known of an image, whatever is clicked on in it."""

    path: str
    image: Image
    bundle: str | None
    sides: Sequence[Sides]
    found: tuple[Box, ...]
    scores: tuple[float, ...]

    def question(
        self, point: tuple[float, float], *, category_id: int, taken: Sequence[Box]
    ) -> Question:
        return Question(
            image=self.path,
            sha256=self.image.sha256,
            bundle=self.bundle,
            point=point,
            category_id=category_id,
            size=usual_size(self.sides, category_id, size_wh=self.image.size_wh),
            found=self.found,
            scores=self.scores,
            taken=tuple(taken),
        )


def scene(tx: Transaction, workspace: Workspace, image: Image, *, is_trial: bool = False) -> Scene:
    """A trial knows all that was proposed, whatever became of it; the image's own boxes say nothing of usual sizes."""
    shown, adopted = projects.get(tx).prelabel_bundle_id, bundles.adopted(tx)
    found: list[StoredPrediction] = []
    if shown is not None:
        verdict = None if is_trial else Verdict.PENDING
        found = predictions.for_image(tx, image.id, bundle_id=shown, verdict=verdict)[:_MOST_FOUND]
    folder = adopted.folder if adopted is not None else None
    return Scene(
        path=str(workspace.image_path(image.relative_path)),
        image=image,
        bundle=None if folder is None else str(workspace.state_dir / folder),
        sides=newest_sides(tx, limit=_NEWEST_BOXES, but_for_image=image.id if is_trial else None),
        found=tuple(p.box for p in found),
        scores=tuple(p.score for p in found),
    )


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
        return scene(tx, workspace, image).question(point, category_id=category_id, taken=taken)
