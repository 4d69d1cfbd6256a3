"""A person judges proposals: a verdict edits no proposal, it makes a box that remembers it."""

from datetime import datetime
from uuid import uuid4

from app.errors import ProposalJudgedError
from app.showing import not_boxed, shown_on
from app.workspace import Workspace
from storage import annotations, predictions
from storage.database import Transaction
from storage.types import Annotation, Box, Origin, StoredPrediction, Verdict


def accept(
    workspace: Workspace, prediction_id: int, *, uid: str, author: str, at: datetime
) -> Annotation:
    """Take a proposal as it is. The same call again returns the box that the first one made."""
    with workspace.database.write() as tx:
        return accept_in(tx, predictions.get(tx, prediction_id), uid=uid, author=author, at=at)


def correct(
    workspace: Workspace,
    prediction_id: int,
    *,
    uid: str,
    box: Box,
    category_id: int,
    author: str,
    at: datetime,
) -> Annotation:
    """Take a proposal with another box or class."""
    with workspace.database.write() as tx:
        proposal = predictions.get(tx, prediction_id)
        made = _made_before(tx, proposal, Verdict.CORRECTED)
        if made is not None:
            return made
        return _create(
            tx,
            proposal,
            Origin.CORRECTED,
            uid=uid,
            box=box,
            category_id=category_id,
            author=author,
            at=at,
        )


def reject(workspace: Workspace, prediction_id: int, *, author: str, at: datetime) -> None:
    """Say that there is no such object; the next tuning learns that, and it stays away."""
    with workspace.database.write() as tx:
        reject_in(tx, prediction_id, at=at)


def reject_in(tx: Transaction, prediction_id: int, *, at: datetime) -> None:
    """`reject` within somebody's transaction."""
    proposal = predictions.get(tx, prediction_id)
    if proposal.verdict is Verdict.REJECTED:
        return
    _require_pending(proposal, "rejected")
    predictions.judge(tx, prediction_id, Verdict.REJECTED, at)


def unjudge(workspace: Workspace, prediction_id: int, *, author: str, at: datetime) -> None:
    """Undo a verdict: the proposal waits again, and the box that the verdict made goes."""
    with workspace.database.write() as tx:
        unjudge_in(tx, prediction_id, author=author, at=at)


def unjudge_in(tx: Transaction, prediction_id: int, *, author: str, at: datetime) -> None:
    """`unjudge` within somebody's transaction."""
    proposal = predictions.get(tx, prediction_id)
    made = _annotation_of(tx, proposal)
    if made is not None:
        annotations.delete(tx, made.uid, author=author, at=at)
    if proposal.verdict is not Verdict.PENDING:
        predictions.judge(tx, prediction_id, Verdict.PENDING, at)


def accept_all(
    workspace: Workspace,
    image_id: int,
    *,
    author: str,
    at: datetime,
    min_score: float = 0.0,
) -> list[Annotation]:
    """Accept every shown proposal of an image with at least `min_score`, surest first."""
    with workspace.database.write() as tx:
        made: list[Annotation] = []
        before = annotations.for_image(tx, image_id)
        for proposal in shown_on(tx, image_id):
            if proposal.score >= min_score and not_boxed([proposal], [*before, *made]):
                made.append(accept_in(tx, proposal, uid=uuid4().hex, author=author, at=at))
        return made


def accept_in(
    tx: Transaction, proposal: StoredPrediction, *, uid: str, author: str, at: datetime
) -> Annotation:
    """`accept` within somebody's transaction."""
    made = _made_before(tx, proposal, Verdict.ACCEPTED)
    if made is not None:
        return made
    return _create(
        tx,
        proposal,
        Origin.ACCEPTED,
        uid=uid,
        box=proposal.box,
        category_id=proposal.category_id,
        author=author,
        at=at,
    )


def _create(
    tx: Transaction,
    proposal: StoredPrediction,
    origin: Origin,
    *,
    uid: str,
    box: Box,
    category_id: int,
    author: str,
    at: datetime,
) -> Annotation:
    made = annotations.create(
        tx,
        uid=uid,
        image_id=proposal.image_id,
        box=box,
        category_id=category_id,
        origin=origin,
        author=author,
        at=at,
        prediction_id=proposal.id,
    )
    verdict = Verdict.ACCEPTED if origin is Origin.ACCEPTED else Verdict.CORRECTED
    predictions.judge(tx, proposal.id, verdict, at)
    return made


def _made_before(
    tx: Transaction, proposal: StoredPrediction, verdict: Verdict
) -> Annotation | None:
    """The box of an earlier, equal verdict (a repeated message); raises when it was another one."""
    if proposal.verdict is verdict:
        made = _annotation_of(tx, proposal)
        if made is not None:
            return made
    _require_pending(proposal, verdict.value)
    return None


def _require_pending(proposal: StoredPrediction, asked: str) -> None:
    if proposal.verdict is not Verdict.PENDING:
        raise ProposalJudgedError(
            f"Proposal {proposal.id} cannot be {asked}: it was {proposal.verdict.value} before. "
            "Undo that verdict first."
        )


def _annotation_of(tx: Transaction, proposal: StoredPrediction) -> Annotation | None:
    boxes = annotations.for_image(tx, proposal.image_id)
    return next((box for box in boxes if box.prediction_id == proposal.id), None)
