"""Bring the workspace up to date with its image folder: files are read, only rows are written."""

import os
import warnings
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic

from PIL import Image as PillowImage

from app.errors import DataDirError
from app.progress import OnProgress, ignore_progress
from app.scanning import FoundFile, Reading, Rejected, read_image, scan
from app.workspace import Workspace
from storage import annotations, images
from storage.database import Transaction
from storage.errors import ConflictError
from storage.types import Image, ImageFilter, ImageProblem

_BATCH = 200  # rows per transaction: short enough for others to write in between


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What changed since the last look. Paths are relative; `moved` holds (old, new) pairs."""

    added: int
    known: int
    changed: tuple[str, ...]
    moved: tuple[tuple[str, str], ...]
    vanished: tuple[str, ...]
    returned: tuple[str, ...]
    problems: tuple[ImageProblem, ...]
    seconds: float

    @property
    def sentence(self) -> str:
        """One line for a person; empty when there is nothing to say."""
        counts = {
            "added": self.added,
            "changed (boxes kept)": len(self.changed),
            "moved": len(self.moved),
            "vanished (boxes kept)": len(self.vanished),
            "back again": len(self.returned),
            "could not be used": len(self.problems),
        }
        said = [f"{number} {what}" for what, number in counts.items() if number]
        return f"Images: {', '.join(said)}." if said else ""


def ingest(workspace: Workspace, *, on_progress: OnProgress | None = None) -> IngestReport:
    """Look at every file of the folder; decode only what is new or changed.

    Raises DataDirError when the folder holds no usable image and none was known before.
    """
    started = monotonic()
    found = list(scan(workspace.data_dir, state_dir=workspace.state_dir))
    run = _Run(workspace, datetime.now(UTC), [f for f in found if isinstance(f, FoundFile)])
    run.note_problems([r for r in found if isinstance(r, Rejected)])
    run.take_in(on_progress or ignore_progress)
    run.note_vanished()
    return run.report(seconds=monotonic() - started)


class _Run:
    """One pass over the folder: what was known before, and what became of it."""

    def __init__(self, workspace: Workspace, at: datetime, files: Sequence[FoundFile]) -> None:
        self.workspace = workspace
        self.at = at
        with workspace.database.read() as tx:
            known = _every_image(tx)
            self.problems = {p.relative_path: p for p in images.list_problems(tx)}
        self.known = {image.relative_path: image for image in known}
        self.files = files
        present = {file.relative_path for file in files}
        self.gone = [image for image in known if image.relative_path not in present]
        self.gone_by_sha: dict[str, list[Image]] = {}
        for image in self.gone:
            self.gone_by_sha.setdefault(image.sha256, []).append(image)
        self.rejected: set[str] = set()
        self.num_added = self.num_known = 0
        self.changed: list[str] = []
        self.moved: list[tuple[str, str]] = []
        self.vanished: list[str] = []
        self.returned: list[str] = []

    def note_problems(self, rejected: Iterable[Rejected]) -> None:
        with self.workspace.database.write() as tx:
            for item in rejected:
                self._reject(tx, item)

    def take_in(self, on_progress: OnProgress) -> None:
        """Decode what is new in threads, and write it down in short transactions."""
        to_read = [file for file in self.files if not self._is_settled_file(file)]
        workers = min(8, os.cpu_count() or 1)
        with warnings.catch_warnings(), ThreadPoolExecutor(workers) as pool:
            # Large but allowed images: our own limit decides, not a warning per image.
            warnings.simplefilter("ignore", PillowImage.DecompressionBombWarning)
            for start in range(0, len(to_read), _BATCH):
                batch: list[Reading | Rejected] = []
                for reading in pool.map(read_image, to_read[start : start + _BATCH]):
                    batch.append(reading)
                    on_progress(start + len(batch), len(to_read))
                with self.workspace.database.write() as tx:
                    for item in batch:
                        self._store(tx, item)

    def note_vanished(self) -> None:
        moved_away = {old for old, _ in self.moved}
        present = {file.relative_path for file in self.files} | self.rejected
        settled = [path for path in self.problems if self._is_settled(path, present)]
        with self.workspace.database.write() as tx:
            for image in self.gone:
                if image.relative_path in moved_away or image.missing_at is not None:
                    continue
                images.mark_missing(tx, image.id, self.at)
                self.vanished.append(image.relative_path)
            for path in settled:
                images.clear_problem(tx, path)

    def report(self, *, seconds: float) -> IngestReport:
        with self.workspace.database.read() as tx:
            problems = tuple(images.list_problems(tx))
        usable = self.num_added + self.num_known + len(self.moved) + len(self.changed)
        if not usable and not self.known and not self.returned:
            raise DataDirError(_no_image(self.workspace, problems))
        return IngestReport(
            added=self.num_added,
            known=self.num_known,
            changed=tuple(self.changed),
            moved=tuple(self.moved),
            vanished=tuple(self.vanished),
            returned=tuple(self.returned),
            problems=problems,
            seconds=seconds,
        )

    def _is_settled_file(self, file: FoundFile) -> bool:
        """Whether size and time say that the file is as it was: known, or known to be bad."""
        stamp = (file.size_bytes, file.mtime_ns)
        problem = self.problems.get(file.relative_path)
        if problem is not None and (problem.size_bytes, problem.mtime_ns) == stamp:
            self.rejected.add(file.relative_path)
            return True
        image = self.known.get(file.relative_path)
        if image is None or image.missing_at or (image.size_bytes, image.mtime_ns) != stamp:
            return False
        self.num_known += 1
        return True

    def _is_settled(self, path: str, present: set[str]) -> bool:
        """Whether an old problem is over: its file is gone, or a person looked at it since."""
        if path not in present:
            return True
        image = self.known.get(path)
        reviewed_at = image.reviewed_at if image else None
        return (
            path not in self.rejected
            and path not in self.changed
            and reviewed_at is not None
            and reviewed_at > self.problems[path].found_at
        )

    def _store(self, tx: Transaction, item: Reading | Rejected) -> None:
        if isinstance(item, Rejected):
            self._reject(tx, item)
            return
        path = item.found.relative_path
        images.clear_problem(tx, path)
        # Asked again inside the transaction: another process may have taken the file in meanwhile.
        image = images.by_path(tx, path)
        if image is not None:
            self._update(tx, image, item)
        elif candidates := self.gone_by_sha.get(item.sha256):
            self._move(tx, candidates.pop(0), item)
        else:
            images.add(
                tx,
                relative_path=path,
                sha256=item.sha256,
                width=item.width,
                height=item.height,
                size_bytes=item.found.size_bytes,
                mtime_ns=item.found.mtime_ns,
                exif_orientation=item.exif_orientation,
                at=self.at,
            )
            self.num_added += 1

    def _reject(self, tx: Transaction, item: Rejected) -> None:
        self.rejected.add(item.relative_path)
        before = self.problems.get(item.relative_path)
        if before is None or _stamp(before) != _stamp(item):
            images.replace_problem(
                tx,
                item.relative_path,
                item.reason,
                self.at,
                size_bytes=item.size_bytes,
                mtime_ns=item.mtime_ns,
            )
        image = self.known.get(item.relative_path)
        if image is not None and image.missing_at is None:
            images.mark_missing(tx, image.id, self.at)
            self.vanished.append(item.relative_path)

    def _update(self, tx: Transaction, image: Image, reading: Reading) -> None:
        if image.missing_at is not None:
            images.mark_missing(tx, image.id, None)
            self.returned.append(image.relative_path)
        if image.sha256 == reading.sha256:
            self._write_file(tx, image, reading)
            self.num_known += image.missing_at is None
            return
        self.changed.append(image.relative_path)
        num_boxes = len(annotations.for_image(tx, image.id))
        try:
            self._write_file(tx, image, reading)
        except ConflictError as error:  # boxes would lie outside: they stay, a person decides
            images.replace_problem(tx, image.relative_path, str(error), self.at)
            return
        if num_boxes and image.size_wh != (reading.width, reading.height):
            reason = (
                f"file changed from {image.width}x{image.height} to {reading.width}x"
                f"{reading.height} pixels under {num_boxes} boxes; they were kept, check them"
            )
            images.replace_problem(tx, image.relative_path, reason, self.at)

    def _move(self, tx: Transaction, image: Image, reading: Reading) -> None:
        images.move(tx, image.id, reading.found.relative_path)
        if image.missing_at is not None:
            images.mark_missing(tx, image.id, None)
        self._write_file(tx, image, reading)
        self.moved.append((image.relative_path, reading.found.relative_path))

    def _write_file(self, tx: Transaction, image: Image, reading: Reading) -> None:
        images.update_file(
            tx,
            image.id,
            sha256=reading.sha256,
            width=reading.width,
            height=reading.height,
            size_bytes=reading.found.size_bytes,
            mtime_ns=reading.found.mtime_ns,
            exif_orientation=reading.exif_orientation,
        )


def _stamp(problem: ImageProblem | Rejected) -> tuple[str, int, int]:
    return (problem.reason, problem.size_bytes, problem.mtime_ns)


def _every_image(tx: Transaction) -> list[Image]:
    return [*images.list_all(tx), *images.list_all(tx, state=ImageFilter.MISSING)]


def _no_image(workspace: Workspace, problems: Sequence[ImageProblem]) -> str:
    first = problems[0] if problems else None
    why = f" {len(problems)} bad, such as '{first.relative_path}': {first.reason}." if first else ""
    return (
        f"The folder '{workspace.data_dir}' holds no usable image (JPEG, PNG, WebP, BMP or TIFF, "
        f"sub-folders included).{why} Give --data a folder with images."
    )
