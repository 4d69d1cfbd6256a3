"""How near *Show what pays* comes to the best thresholds: `python -m app.bench.what_pays --help`.

The first images of a set are labelled by hand, and one Tune learns from them. From that moment on a simulated person
reviews the others again and again: with what pays, chosen anew as more is known; with the thresholds that Tune
measured, the best F1 of each class; and with two scores that never change, one for the surest proposal of each image
and one for all others, of which only the end tells the best pair. What no shown proposal finds is pointed at.

    python -m app.bench.what_pays assets/datasets/microcontrollers --from 100 --images 49
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from app.bench.effort.attempt import Attempt
from app.bench.effort.desk import Desk
from app.bench.effort.loop import ASK_EVERY, finish_next
from app.bench.effort.machine import Machine
from app.bench.effort.person import Person
from app.bench.effort.times import Actions, TimeModel
from app.bench.effort.truth import TrueImage, TruthSet, class_ids, empty_workspace, load_truth
from app.bench.saying import say
from app.paying import show_what_pays
from app.showing import SUREST, set_thresholds
from app.tuning import TuneRequest
from app.workspace import Workspace, open_workspace
from storage import categories

PAIRS = tuple((surest, others) for surest in (0.05, 0.1, 0.2) for others in (0.1, 0.15, 0.2, 0.3))


@dataclass(frozen=True, slots=True)
class Reviewed:
    """What reviewing `num_images` with `num_objects` took; looking at the images is left out of `seconds`."""

    dataset: str
    way: str
    is_fixed: bool
    num_images: int
    num_objects: int
    actions: Actions
    seconds: float

    @property
    def seconds_per_object(self) -> float:
        return self.seconds / max(1, self.num_objects)


@dataclass(frozen=True, slots=True)
class _Way:
    """`choose` sets the thresholds anew, before the first image and after every few; `is_fixed`: always the same."""

    name: str
    choose: Callable[[Workspace], None]
    is_fixed: bool = False


@dataclass(frozen=True, slots=True)
class _Moment:
    """A project right after its Tune: its state on disk, and what is on each image that is left."""

    images: Path
    state: Path
    truth: TruthSet
    left: Mapping[int, TrueImage]


def measure(
    folder: Path,
    *,
    first: int,
    num_images: int,
    num_labelled: int,
    seed: int,
    steps: int | None = None,
    pairs: Sequence[tuple[float, float]] = PAIRS,
) -> Iterator[Reviewed]:
    """One way after another, each from the same moment. `first`: how many images of the set are passed over.

    `steps` of Tune; None: as many as it takes by itself. `pairs`: scores that never change, of surest and of others.
    """
    everything = load_truth(folder, most_images=first + num_images, seed=0)
    truth = replace(everything, images=everything.images[first:])
    with tempfile.TemporaryDirectory(prefix="sdpt-what-pays-") as scratch:
        request = TuneRequest(steps=steps, seed=seed, prelabels=True)
        moment = _tuned(truth, Path(scratch), request, num_labelled=num_labelled)
        for way in _ways(pairs):
            yield _reviewed(moment, Path(scratch) / "again", way, seed=seed)


def best_fixed(rows: Sequence[Reviewed]) -> Reviewed:
    """The cheapest of those whose scores never change. Raises ValueError without any."""
    return min((row for row in rows if row.is_fixed), key=lambda row: row.seconds)


def _ways(pairs: Sequence[tuple[float, float]]) -> Iterator[_Way]:
    yield _Way("what pays", lambda workspace: show_what_pays(workspace, datetime.now(UTC)))
    yield _Way("best F1", lambda _: None)  # as Tune leaves it
    for surest, others in pairs:
        yield _Way(f"fixed {surest:g} / {others:g}", _fixed(surest, others), is_fixed=True)


def _fixed(surest: float, others: float) -> Callable[[Workspace], None]:
    def choose(workspace: Workspace) -> None:
        with workspace.database.read() as tx:
            known = [category.id for category in categories.list_all(tx)]
        set_thresholds(
            workspace, {SUREST: surest, **dict.fromkeys(known, others)}, datetime.now(UTC)
        )

    return choose


def _tuned(truth: TruthSet, scratch: Path, request: TuneRequest, *, num_labelled: int) -> _Moment:
    with empty_workspace(truth, scratch, backbone="nano") as (workspace, by_id):
        desk = _desk(workspace, truth, by_id, seed=request.seed)
        desk.finish_all(desk.remaining[:num_labelled], is_by_hand=True)
        machine = Machine(workspace, device="cpu", damaged=0.0)
        Attempt(desk, machine, request, num_first=num_labelled).tune()
        left = {image_id: by_id[image_id] for image_id in desk.remaining}
    return _Moment(scratch / "images", scratch / "state", truth, left)


def _reviewed(moment: _Moment, again: Path, way: _Way, *, seed: int) -> Reviewed:
    shutil.copytree(moment.state, again)
    try:
        with open_workspace(moment.images, again) as workspace:
            desk = _desk(workspace, moment.truth, moment.left, seed=seed)
            while desk.remaining:
                way.choose(workspace)
                for _ in range(ASK_EVERY):
                    finish_next(desk, points=True)
    finally:
        shutil.rmtree(again, ignore_errors=True)
    return Reviewed(
        moment.truth.name,
        way.name,
        is_fixed=way.is_fixed,
        num_images=len(moment.left),
        num_objects=sum(len(image.objects) for image in moment.left.values()),
        actions=desk.actions,
        seconds=replace(desk.actions, looks=0).seconds(TimeModel()),
    )


def _desk(
    workspace: Workspace, truth: TruthSet, by_id: Mapping[int, TrueImage], *, seed: int
) -> Desk:
    return Desk(
        workspace,
        by_id,
        class_ids=class_ids(workspace, truth),
        person=Person(seed=seed),
        times=TimeModel(),
    )


def main() -> None:
    words = _parser().parse_args()
    say(
        "| set | thresholds | images | objects | seconds an object | accepted | rejected | pointed |"
    )
    say("|---|---|--:|--:|--:|--:|--:|--:|")
    for folder in words.folders:
        rows = []
        for row in measure(
            folder,
            first=words.first,
            num_images=words.images,
            num_labelled=words.labelled,
            seed=words.seed,
        ):
            rows.append(row)
            say(_line(row))
        best = best_fixed(rows)
        say(_line(replace(best, way=f"best of these: {best.way}")))


def _line(row: Reviewed) -> str:
    did = row.actions
    return (
        f"| {row.dataset} | {row.way} | {row.num_images} | {row.num_objects} | {row.seconds_per_object:.2f} "
        f"| {did.accepts} | {did.turned_down} | {did.points} |"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("folders", type=Path, nargs="+", help="sets: images/, train.json and test.json")
    add("--from", type=int, default=0, dest="first", help="images of the set to pass over (0)")
    add("--images", type=int, default=60, help="how many images to take then (60)")
    add("--labelled", type=int, default=12, help="those that are labelled before the Tune (12)")
    add("--seed", type=int, default=0, help="of Tune and of the person (0)")
    return parser


if __name__ == "__main__":
    main()
