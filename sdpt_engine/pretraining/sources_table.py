"""What nano's model card says of its photographs: `python -m sdpt_engine.pretraining.sources_table OUTPUT CARD`.

OUTPUT is the folder that `collect` filled, CARD the Markdown file to write.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from sdpt_engine.errors import EngineError, MaterialMissingError
from sdpt_engine.pretraining.photograph_sources import UPLOADER, PhotographSource, read_sources

_INTRODUCTION = """# Photographs in nano's training

`python -m sdpt_engine.pretraining.collect CLONES OUTPUT --clone` collects them again; this page counts the outcome.
No photograph is shipped with the weights. Every collection keeps its licence and an ATTRIBUTION.txt in its folder.

**How sure the licences are.** *repository*: the repository or package states the licence of what it holds.
*uploader*: {uploaded} collections rest on one line alone. Whoever uploaded the set to Roboflow chose a licence there,
and nobody has proven that they took every picture. What speaks against it stands below the table; where pictures are
evidently others', the collection was withdrawn.
"""


def table(sources: Sequence[PhotographSource], collected: Path) -> str:
    """The page in Markdown. Raises MaterialMissingError for a collection in use that was not collected."""
    used = [source for source in sources if not source.withdrawn]
    uploaded = sum(source.declared_by == UPLOADER for source in used)
    counts = {source.name: _counted(source, collected) for source in used}
    num_images = sum(images for images, _ in counts.values())
    num_boxes = sum(boxes for _, boxes in counts.values())
    rows = [
        _row(_link(s), images, boxes or "-", s.licence, s.declared_by, s.attribution)
        for s, (images, boxes) in zip(used, counts.values(), strict=True)
    ]
    doubts = [f"- **{source.name}**: {source.doubt}." for source in used if source.doubt]
    withdrawn = [_row(_link(s), s.withdrawn) for s in sources if s.withdrawn]
    return "\n".join(
        [
            _INTRODUCTION.format(uploaded=uploaded),
            "| collection | pictures | boxes | licence | declared by | attribution |",
            "|---|---|---|---|---|---|",
            *rows,
            _row("**together**", num_images, num_boxes, "", "", ""),
            "\nPictures without boxes are backgrounds that drawn objects lie on.",
            "\n## What is not known\n",
            *doubts,
            "\n## Withdrawn\n",
            "Collected at first, and no longer: what was found speaks against the declared licence.\n",
            "| collection | why |",
            "|---|---|",
            *withdrawn,
            "",
        ]
    )


def _counted(source: PhotographSource, collected: Path) -> tuple[int, int]:
    folder = collected / source.name
    if not (folder / "images").is_dir():
        raise MaterialMissingError(f"'{folder}' is not there. Collect '{source.name}' first.")
    if not source.has_boxes:
        return len(list((folder / "images").iterdir())), 0
    images = json.loads((folder / "boxes.json").read_text(encoding="utf-8"))["images"]
    return len(images), sum(len(image["boxes"]) for image in images)


def _row(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def _link(source: PhotographSource) -> str:
    return f"[{source.name}]({source.page})"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("collected", type=Path, help="folder that `collect` filled")
    parser.add_argument("card", type=Path, help="Markdown file to write")
    words = parser.parse_args()
    try:
        written = table(read_sources(), words.collected)
    except EngineError as error:
        parser.exit(1, f"sources_table: error: {error}\n")
    words.card.write_text(written, encoding="utf-8")


if __name__ == "__main__":
    main()
