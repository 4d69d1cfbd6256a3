"""A folder is taken in without being trusted, and its changes are noticed."""

import shutil
import struct
import zlib
from pathlib import Path

import pytest
from PIL import ExifTags, Image

from app.errors import DataDirError
from app.ingest import IngestReport, ingest
from app.workspace import open_workspace
from storage import images
from tests.app.samples import copy_images


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return copy_images(tmp_path / "images", 2)


def _take_in(data: Path) -> IngestReport:
    with open_workspace(data) as workspace:
        return ingest(workspace)


def _reason(data: Path, name: str) -> str:
    (problem,) = _take_in(data).problems
    assert problem.relative_path == name
    return problem.reason


def test_bad_files_are_listed_with_a_reason_and_stop_nothing(data: Path) -> None:
    good = next(data.glob("*.jpg"))
    (data / "empty.jpg").touch()
    (data / "cut.jpg").write_bytes(good.read_bytes()[:5000])
    (data / "text.jpg").write_text("no image at all")
    report = _take_in(data)
    reasons = {p.relative_path: p.reason for p in report.problems}
    assert report.added == 2
    assert "0 bytes" in reasons["empty.jpg"]
    assert "damaged" in reasons["cut.jpg"]
    assert "is not a JPEG" in reasons["text.jpg"]


def test_a_link_may_not_lead_outside(data: Path, tmp_path: Path) -> None:
    outside = tmp_path / "secret.jpg"
    shutil.copy(next(data.glob("*.jpg")), outside)
    (data / "link.jpg").symlink_to(outside)
    assert "leads outside" in _reason(data, "link.jpg")


def test_a_decompression_bomb_is_not_opened(data: Path) -> None:
    bomb = data / "bomb.png"
    Image.new("1", (1, 1)).save(bomb)
    png = bytearray(bomb.read_bytes())
    png[16:24] = struct.pack(">II", 40_000, 40_000)  # the size that its header claims
    png[29:33] = struct.pack(">I", zlib.crc32(png[12:29]))
    bomb.write_bytes(png)
    assert "too large" in _reason(data, "bomb.png")


def test_endings_in_capitals_and_sub_folders_are_taken(data: Path) -> None:
    (data / "deep" / "er").mkdir(parents=True)
    Image.new("RGB", (30, 20), "red").save(data / "deep" / "er" / "A.PNG")
    Image.new("RGB", (30, 20), "blue").save(data / "B.TIF", format="TIFF")
    assert _take_in(data).added == 4


def test_the_size_is_that_after_the_exif_turn(data: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    Image.new("RGB", (30, 20)).save(data / "turned.jpg", exif=exif)
    with open_workspace(data) as workspace:
        ingest(workspace)
        with workspace.database.read() as tx:
            turned = images.by_path(tx, "turned.jpg")
    assert turned is not None
    assert turned.size_wh == (20, 30)


def test_known_moved_changed_vanished_and_returned_files_are_told_apart(data: Path) -> None:
    first, second = sorted(data.glob("*.jpg"))
    _take_in(data)
    assert _take_in(data).known == 2
    first.rename(data / "moved.jpg")
    assert _take_in(data).moved == ((first.name, "moved.jpg"),)
    kept = second.read_bytes()
    second.unlink()
    assert _take_in(data).vanished == (second.name,)
    second.write_bytes(kept)
    assert _take_in(data).returned == (second.name,)
    Image.new("RGB", (10, 10)).save(second)
    assert _take_in(data).changed == (second.name,)


def test_originals_are_never_written(data: Path) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in data.glob("*.jpg")}
    _take_in(data)
    assert {path.name: path.stat().st_mtime_ns for path in data.glob("*.jpg")} == before


def test_a_folder_without_an_image_says_so(tmp_path: Path) -> None:
    with pytest.raises(DataDirError, match="holds no usable image"):
        _take_in(tmp_path)
