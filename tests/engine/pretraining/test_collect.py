"""A collection is written from a clone: one picture of each original, checked boxes, and the words of its licence."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from sdpt_engine.errors import InvalidExampleError, MaterialMissingError
from sdpt_engine.pretraining.collect import Collected, collect
from sdpt_engine.pretraining.file_trees import open_tree
from sdpt_engine.pretraining.photograph_sources import PhotographSource
from sdpt_engine.pretraining.photographs import read_collection
from tests.engine.pretraining.repositories import LABEL, README, commit, labelled, picture, source


def _collected(tmp_path: Path, held: dict[str, bytes], **settings: object) -> Path:
    (tmp_path / "clones" / "ann+nuts").mkdir(parents=True)
    found = source(commit(tmp_path / "clones" / "ann+nuts", held), **settings)
    collect(found, open_tree(found, tmp_path / "clones"), tmp_path / "out")
    return tmp_path / "out" / "nuts"


def test_a_collection_reads_back_with_its_boxes_in_pixels(tmp_path: Path) -> None:
    files = labelled({"a": LABEL})
    (taken,) = read_collection(_collected(tmp_path, files))
    assert (taken.size_wh, taken.names) == ((100, 50), ("raw nut",))
    assert taken.boxes.tolist() == [[40, 15, 60, 35]]
    assert taken.path.read_bytes() == files["images/a.jpg"]


def test_the_licence_and_its_author_go_with_the_pictures(tmp_path: Path) -> None:
    folder = _collected(tmp_path, labelled({"a": LABEL}), doubt="who pressed the shutter")
    assert (folder / "README.dataset.txt").read_text(encoding="utf-8") == README
    said = (folder / "ATTRIBUTION.txt").read_text(encoding="utf-8")
    for words in ('"Nuts" by Ann', "by the uploader", "licenses/by/4.0", "who pressed", "Changed:"):
        assert words in said


def test_augmented_copies_count_once(tmp_path: Path) -> None:
    files = labelled({"a_jpg.rf.1": LABEL, "a_jpg.rf.2": LABEL, "b_jpg.rf.3": LABEL, "c": LABEL})
    files["images/twin.jpg"] = files["images/c.jpg"]
    files["labels/twin.txt"] = files["labels/c.txt"]
    taken = read_collection(_collected(tmp_path, files))
    assert sorted(item.path.name.split("_")[0] for item in taken)[:2] == ["a", "b"]
    assert len(taken) == 3


def test_classes_are_renamed(tmp_path: Path) -> None:
    folder = _collected(tmp_path, labelled({"a": LABEL}), classes={"raw_nut": "walnut"})
    assert read_collection(folder)[0].names == ("walnut",)


def test_boxes_are_clipped_and_specks_dropped(tmp_path: Path) -> None:
    text = f"{LABEL}\n0 0.1 0.5 0.22 0.4\n0 0.5 0.5 0.01 0.4"
    (taken,) = read_collection(_collected(tmp_path, labelled({"a": text, "bare": ""})))
    assert taken.boxes.tolist() == [[40, 15, 60, 35], [0, 15, 21, 35]]


def test_what_cannot_be_used_is_set_aside_with_the_reason(tmp_path: Path) -> None:
    files = labelled({"a": LABEL, "far": "0 0.9 0.5 0.4 0.4", "nan": "0 nan 0.5 0.4 0.4"})
    files |= {"images/torn.jpg": picture(7)[:300], "labels/torn.txt": LABEL.encode()}
    said = (_collected(tmp_path, files) / "set_aside.txt").read_text(encoding="utf-8")
    assert "images/far.jpg: A box of 'raw nut' reaches 10 pixels outside" in said
    assert "images/torn.jpg: The picture cannot be decoded" in said
    assert len(said.splitlines()) == 3


def test_a_picture_is_as_wide_as_it_is_seen(tmp_path: Path) -> None:
    files = labelled({"a": LABEL}) | {"images/a.jpg": picture(0, exif_turn=6)}
    (taken,) = read_collection(_collected(tmp_path, files))
    assert taken.size_wh == (50, 100)


def test_a_limit_takes_the_same_pictures_again(tmp_path: Path) -> None:
    files = labelled({str(number): LABEL for number in range(8)})
    first, again = (_collected(tmp_path / place, files, at_most=3) for place in ("first", "again"))
    assert len(list((first / "images").iterdir())) == 3
    assert (first / "boxes.json").read_bytes() == (again / "boxes.json").read_bytes()


def test_backgrounds_take_a_few_of_each_kind_and_have_no_boxes(tmp_path: Path) -> None:
    paths = [f"{part}/{kind}/{n}.jpg" for part in ("train", "test") for kind in "xy" for n in "12"]
    files = {path: picture(25 * place) for place, path in enumerate([*paths, "icons/x.jpg"])}
    folder = _collected(
        tmp_path,
        files | labelled({}),
        has_boxes=False,
        files=("train/*", "test/*"),
        at_most_per_folder=3,
    )
    names = sorted(path.name for path in (folder / "images").iterdir())
    assert len(names) == 6
    assert not (folder / "boxes.json").exists()


def test_a_commit_that_the_clone_lacks_is_asked_for(tmp_path: Path) -> None:
    clone = tmp_path / "ann+nuts"
    clone.mkdir()
    commit(clone, labelled({"a": LABEL}))
    with pytest.raises(MaterialMissingError, match=r"does not have. Run `git -C .* fetch origin 0"):
        open_tree(source("0" * 40), tmp_path)


def test_a_clone_that_is_not_there_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(MaterialMissingError, match=r"Run `git clone https://github.com/ann/nuts"):
        open_tree(source("0" * 40), tmp_path)
    package = source("1.2-3", repository="", package="nuts-wallpapers")
    with pytest.raises(MaterialMissingError, match=r"apt-get download nuts-wallpapers=1.2-3"):
        open_tree(package, tmp_path)


def test_files_are_read_as_committed_whatever_is_checked_out(tmp_path: Path) -> None:
    clone = tmp_path / "ann+nuts"
    clone.mkdir()
    found = source(commit(clone, labelled({"a": LABEL})))
    (clone / "labels/a.txt").write_text("0 0 0 0 0", encoding="utf-8")
    subprocess.run(["git", "-C", str(clone), "rm", "-q", "images/a.jpg"], check=True)
    assert collect(found, open_tree(found, tmp_path), tmp_path / "out") == Collected(1, 1, 0)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"licence_files": ("LICENSE",)}, "not to be found at"),
        ({"licence": "MIT"}, "listed under MIT, but 'README.dataset.txt' does not name it"),
    ],
)
def test_a_licence_that_is_not_where_it_is_said_to_be_stops_everything(
    tmp_path: Path, settings: dict[str, object], said: str
) -> None:
    with pytest.raises(MaterialMissingError, match=said):
        _collected(tmp_path, labelled({"a": LABEL}), **settings)
    assert not (tmp_path / "out").exists()


def test_an_earlier_collection_is_never_written_over(tmp_path: Path) -> None:
    (tmp_path / "out" / "nuts").mkdir(parents=True)
    with pytest.raises(InvalidExampleError, match="already there"):
        _collected(tmp_path, labelled({"a": LABEL}))


def test_a_source_without_a_usable_picture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidExampleError, match="no usable picture"):
        _collected(tmp_path, labelled({"bare": ""}))


def test_a_page_says_where_to_look() -> None:
    found: PhotographSource = source("0" * 40)
    assert (found.page, found.clone_name) == ("https://github.com/ann/nuts", "ann+nuts")
