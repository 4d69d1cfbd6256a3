"""Options that benchmarks share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_SET = (
    "bccd, microcontrollers, playing_cards, composed, or a folder: images/, train.json, test.json."
)

OneSet = Annotated[str, typer.Option("--set", metavar="SET", help=_SET)]
Sets = Annotated[list[str] | None, typer.Option("--set", metavar="SET", help=f"{_SET} Repeatable.")]
Backbone = Annotated[str, typer.Option("--backbone", help="Detector.")]
Output = Annotated[
    Path | None, typer.Option("--output", metavar="DIR", help="Rows and what is made of them.")
]
