"""`sdpt-app bench`: the measurements behind the figures of the README."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.cli.frame import AsJson, Debug, new_typer, percent, show

bench = new_typer()


@bench.callback()
def _keep_sub_commands() -> None:
    """Measure the app on this machine; the README's figures come from here.

    \b
    Example:
      sdpt-app bench first-job
    """


@bench.command("first-job")
def first_job(
    dataset: Annotated[
        Path | None,
        typer.Option("--dataset", metavar="DIR", help="images/, train.json, test.json."),
    ] = None,
    labelled: Annotated[int, typer.Option("--labelled", min=2, help="Labelled images.")] = 10,
    seed: Annotated[int, typer.Option("--seed", help="Which images are labelled.")] = 0,
    steps: Annotated[int | None, typer.Option("--steps", min=1, help="Tuning steps.")] = None,
    backbone: Annotated[str, typer.Option("--backbone", help="Detector.")] = "nano",
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Import a few labels, tune, pre-label, and evaluate on images never seen.

    \b
    Example:
      sdpt-app bench first-job --labelled 10
    """
    from dataclasses import asdict

    from app.bench.first_job import measure_first_job
    from app.demo import ASSETS_DIR

    folder = dataset or ASSETS_DIR / "datasets" / "bccd"
    done = measure_first_job(
        folder, num_labelled=labelled, seed=seed, steps=steps, backbone=backbone
    )
    text = (
        f"{done.dataset}, {done.num_labelled} labelled images, {done.zero_shot['num_images']} test "
        f"images: AP50 {percent(done.zero_shot['ap50'])} zero-shot, "
        f"{percent(done.tuned['ap50'])} tuned in {done.tune['seconds']:.0f} s."
    )
    show(asdict(done), text, as_json=as_json)
