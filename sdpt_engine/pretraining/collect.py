"""Collect the photographs that nano learns from: `python -m sdpt_engine.pretraining.collect CLONES OUTPUT`.

CLONES holds plain clones named owner+name; with --clone those that are not there are fetched from GitHub. Each entry of
photograph_sources.json becomes OUTPUT/NAME: images/, boxes.json (see `photographs`), ATTRIBUTION.txt, the files that
declare the licence, and set_aside.txt where labels or pictures could not be used. The same commits give the same bytes.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sdpt_engine.errors import EngineError, InvalidExampleError, MaterialMissingError
from sdpt_engine.pretraining.choosing import Chosen, choose
from sdpt_engine.pretraining.file_trees import FileTree, open_tree
from sdpt_engine.pretraining.photograph_sources import (
    LICENCE_PAGES,
    REPOSITORY,
    PhotographSource,
    read_sources,
)


@dataclass(frozen=True, slots=True)
class Collected:
    """How many pictures and boxes a collection has, and how many pictures were set aside."""

    num_images: int
    num_boxes: int
    num_set_aside: int


def collect(source: PhotographSource, tree: FileTree, output: Path) -> Collected:
    """Write OUTPUT/NAME, which must not be there yet."""
    folder = output / source.name
    if folder.exists():
        raise InvalidExampleError(f"'{folder}' is already there. Remove it to collect it again.")
    licences = _licences(source, tree)
    chosen, set_aside = choose(source, tree)
    if not chosen:
        raise InvalidExampleError(
            f"'{source.name}' has no usable picture below '{source.folder}' of {source.page} at {source.commit}."
        )
    (folder / "images").mkdir(parents=True)
    for picture, name in zip(chosen, _file_names(chosen), strict=True):
        (folder / "images" / name).write_bytes(picture.data)
    if source.has_boxes:
        _write_boxes(folder / "boxes.json", chosen)
    for path, data in licences.items():
        (folder / path.replace("/", "__")).write_bytes(data)
    (folder / "ATTRIBUTION.txt").write_text(attribution(source), encoding="utf-8")
    if set_aside:
        lines = "".join(f"{path}: {reason}\n" for path, reason in set_aside.items())
        (folder / "set_aside.txt").write_text(lines, encoding="utf-8")
    return Collected(len(chosen), sum(len(picture.boxes) for picture in chosen), len(set_aside))


def attribution(source: PhotographSource) -> str:
    """What CC BY asks to be said: title and author, where it came from, the licence, and what was changed."""
    pages = "\n".join(f"{part}: {LICENCE_PAGES[part]}" for part in source.licence.split(" AND "))
    declared = (
        "by a licence file of the repository or package"
        if source.declared_by == REPOSITORY
        else "by the uploader of the set"
    )
    doubt = f"Not known: {source.doubt}\n" if source.doubt else ""
    labels = ", class names rewritten, boxes kept in pixels" if source.has_boxes else ""
    return (
        f"{source.attribution}\n\nTaken from {source.page} at {source.commit}, folder '{source.folder or '.'}'.\n"
        f"Licence, declared {declared} (see {', '.join(source.licence_files)}):\n{pages}\n{doubt}"
        f"Changed: a selection, one picture of each original{labels}; the picture files are as they were.\n"
    )


def _licences(source: PhotographSource, tree: FileTree) -> dict[str, bytes]:
    missing = [path for path in source.licence_files if path not in tree.paths]
    if missing:
        raise MaterialMissingError(
            f"'{source.name}' is said to declare its licence in {missing}, not to be found at {source.commit}. "
            "Look at the repository again before using it."
        )
    texts = {path: tree.read(path) for path in source.licence_files}
    said = re.sub(r"[\s-]+", "-", texts[source.licence_files[0]].decode("utf-8", errors="replace"))
    for part in source.licence.split(" AND "):
        if not re.search(rf"(?<![A-Za-z]){re.escape(part)}(?![A-Za-z])", said):
            raise MaterialMissingError(
                f"'{source.name}' is listed under {part}, but '{source.licence_files[0]}' does not name it. "
                "Read the licence again before using it."
            )
    return texts


def _file_names(chosen: Sequence[Chosen]) -> list[str]:
    """The pictures' own names in plain letters; where two share one, their folders stand in front."""
    short = [_plain(picture.path.rsplit("/", 1)[-1]) for picture in chosen]
    long = [_plain(picture.path.replace("/", "__")) for picture in chosen]
    return [own if short.count(own) == 1 else whole for own, whole in zip(short, long, strict=True)]


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "_", name)


def _write_boxes(path: Path, chosen: Sequence[Chosen]) -> None:
    images = [
        {
            "file": f"images/{name}",
            "width": picture.size_wh[0],
            "height": picture.size_wh[1],
            "boxes": [list(box.corners) for box in picture.boxes],
            "names": [box.name for box in picture.boxes],
        }
        for picture, name in zip(chosen, _file_names(chosen), strict=True)
    ]
    path.write_text(json.dumps({"images": images}), encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clones", type=Path, help="folder of clones, each named owner+name")
    parser.add_argument("output", type=Path, help="folder of collections")
    parser.add_argument("--clone", action="store_true", help="fetch what is not there from GitHub")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these collections alone")
    words = parser.parse_args(arguments)
    try:
        for source in _wanted(words.only):
            if source.withdrawn:
                print(f"{source.name}: left out. {source.withdrawn}", flush=True)  # noqa: T201
                continue
            tree = open_tree(source, words.clones, may_clone=words.clone)
            done = collect(source, tree, words.output)
            print(  # noqa: T201
                f"{source.name}: {done.num_images} images, {done.num_boxes} boxes, {done.num_set_aside} set aside",
                flush=True,
            )
    except EngineError as error:
        parser.exit(1, f"collect: error: {error}\n")


def _wanted(names: Sequence[str] | None) -> list[PhotographSource]:
    sources = read_sources()
    known = {source.name for source in sources}
    if foreign := sorted(set(names or ()) - known):
        raise InvalidExampleError(f"There is no collection {foreign}; there are {sorted(known)}.")
    return [source for source in sources if names is None or source.name in names]


if __name__ == "__main__":
    main()
