"""Commands that use the detector: tune, prelabel, evaluate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.frame import (
    AsJson,
    Backbone,
    Data,
    Debug,
    Device,
    State,
    WhichBundle,
    opened,
    percent,
    say,
    show,
    show_backbone,
)

if TYPE_CHECKING:
    from app.workspace import Workspace


def register(cli: typer.Typer) -> None:
    cli.command("tune")(tune)
    cli.command("prelabel")(prelabel)
    cli.command("evaluate")(evaluate)


def tune(
    data: Data,
    steps: Annotated[
        int | None,
        typer.Option("--steps", min=1, help="Optimiser steps of each prompt, at the most."),
    ] = None,
    tokens: Annotated[
        int | None,
        typer.Option("--tokens", min=0, max=128, help="Prototype tokens per fusion layer."),
    ] = None,
    is_plain: Annotated[
        bool,
        typer.Option("--plain", help="The published SDPT: shared tokens alone, none per class."),
    ] = False,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the split and the tuning.")] = 0,
    val_fraction: Annotated[
        float,
        typer.Option("--val-fraction", min=0.0, max=1.0, help="Labelled images to judge by."),
    ] = 0.3,
    prelabels: Annotated[
        bool,
        typer.Option("--prelabel", help="Then run it on the images left, if it is adopted."),
    ] = False,
    backbone: Backbone = "auto",
    device: Device = "auto",
    workspace: State = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Learn a prompt from the boxes; it is adopted if held-out boxes say that it is better.

    \b
    Example:
      sdpt-app tune --data ./images --prelabel
    """
    from datetime import UTC, datetime

    from app.tuning import TuneRequest, enqueue_tune

    request = TuneRequest(
        steps=steps,
        num_tokens=tokens,
        is_plain=is_plain,
        seed=seed,
        val_fraction=val_fraction,
        prelabels=prelabels,
    )
    with opened(data, workspace) as found:
        show_backbone(found, backbone)
        job = enqueue_tune(found, request, datetime.now(UTC))
        result = _followed(found, job.id, "Tuning", device=device)
        following = result["prelabel_job"]
        waiting = following and _followed(found, following, "Pre-labelling", device=device)
    text = (
        f"Bundle {result['bundle']} after {result['steps']} steps: held-out AP50 "
        f"{percent(result['tuned']['ap50'])}, {percent(result['zero_shot']['ap50'])} without a "
        f"prompt. {result['reason']}"
    )
    if waiting:
        _say_skipped(waiting["skipped"])
        text += f"\n{_prelabelled(waiting)}"
    show({**result, "prelabelled": waiting}, text, as_json=as_json)


def prelabel(
    data: Data,
    bundle: WhichBundle = "best",
    min_score: Annotated[
        float, typer.Option("--min-score", min=0.0, max=1.0, help="Drop proposals below it.")
    ] = 0.05,
    backbone: Backbone = "auto",
    device: Device = "auto",
    workspace: State = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Propose boxes on every image that is not reviewed yet.

    \b
    Example:
      sdpt-app prelabel --data ./images --bundle best
    """
    from datetime import UTC, datetime

    from app.inference import PredictRequest, enqueue_predict

    request = PredictRequest(bundle=bundle, min_score=min_score)
    with opened(data, workspace) as found:
        show_backbone(found, backbone)
        job = enqueue_predict(found, request, datetime.now(UTC))
        result = _followed(found, job.id, "Pre-labelling", device=device)
    _say_skipped(result["skipped"])
    show(result, _prelabelled(result), as_json=as_json)


def evaluate(
    data: Data,
    coco: Annotated[
        Path, typer.Option("--coco", metavar="GT.json", help="COCO file of known boxes.")
    ],
    bundle: WhichBundle = "best",
    backbone: Backbone = "auto",
    device: Device = "auto",
    workspace: State = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Measure a prompt on images with known boxes: COCO AP and AP50, whole and per class.

    \b
    Example:
      sdpt-app evaluate --data ./images --coco ground_truth.json --bundle zero-shot
    """
    from app.detectors import DetectorCache
    from app.evaluation import evaluate_bundle
    from app.progress import progress_bar

    with opened(data, workspace) as found:
        show_backbone(found, backbone)
        detector = DetectorCache(found, device).get()
        with progress_bar("Evaluating") as on_progress:
            result = evaluate_bundle(
                found, coco, bundle=bundle, detector=detector, on_progress=on_progress
            )
    _say_skipped(result["skipped"])
    show(result, "\n".join(_figures(result)), as_json=as_json)


def _prelabelled(result: dict[str, Any]) -> str:
    return f"{result['predictions']} proposals on {result['images']} images wait for review."


def _followed(workspace: Workspace, job_id: int, what: str, *, device: str) -> dict[str, Any]:
    from app.following import follow, result_of
    from app.progress import progress_bar

    with progress_bar(what) as on_progress:
        done = follow(workspace, job_id, device=device, on_progress=on_progress)
    return result_of(done)


def _figures(result: dict[str, Any]) -> list[str]:
    rows = {f"{result['bundle_name']}, all classes": result, **result["per_class"]}
    width = max(len(name) for name in rows)
    return [
        f"{'':<{width}}      AP    AP50   ({result['num_images']} images)",
        *(f"{n:<{width}}  {percent(r['ap']):>6}  {percent(r['ap50']):>6}" for n, r in rows.items()),
    ]


def _say_skipped(skipped: list[dict[str, str]]) -> None:
    for item in skipped:
        say(f"skipped {item['path']}: {item['reason']}")
