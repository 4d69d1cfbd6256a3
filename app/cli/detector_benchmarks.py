"""The measurements of `sdpt-app bench` that ask what a detector and its prompts are worth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.cli.bench_options import Backbone, OneSet, Output, Sets
from app.cli.frame import AsJson, Debug, Device, show


def speed(
    set_name: OneSet = "bccd",
    backbone: Backbone = "nano",
    quick: Annotated[
        bool, typer.Option("--quick", help="Two rounds, and a tiny model for the large one.")
    ] = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Tuning, prediction, a folder and memory, beside transformers' own model (or, for GLIP, the plain one).

    Ratios are medians over rounds in which both take turns; more is better for us. The large random
    model takes some minutes and about 15 GB.

    \b
    Example:
      sdpt-app bench speed --quick
    """
    from dataclasses import asdict

    from app.bench.sets import set_folder
    from app.bench.speed import describe, measure

    done = measure(
        set_folder(set_name),
        backbone=backbone,
        is_quick=quick,
        on_row=lambda row: typer.echo(describe(row), err=True),
    )
    told = f"{len(done.rows)} comparisons, {done.threads} threads, torch {done.torch_version}"
    text = "\n".join((told, *done.remarks))
    rows = [{**asdict(row), "is_met": row.is_met} for row in done.rows]
    show({**asdict(done), "rows": rows}, text, as_json=as_json)


def few_shot(
    sets: Sets = None,
    methods: Annotated[
        str | None,
        typer.Option(
            "--methods", metavar="A|B", help="Names joined by '|'; sdpt:SETTING=VALUE too."
        ),
    ] = None,
    shots: Annotated[str, typer.Option("--shots", help="Labelled images per class.")] = "1,3,5,10",
    num_seeds: Annotated[int, typer.Option("--seeds", min=1, help="How many seeds.")] = 3,
    steps: Annotated[int, typer.Option("--steps", min=1, help="Tuning steps of each run.")] = 60,
    ablations: Annotated[
        bool, typer.Option("--ablations", help="SDPT with one setting changed at a time.")
    ] = False,
    is_choosing: Annotated[
        bool,
        typer.Option("--choose", help="Try rates; judge on train.json only, test.json stays shut."),
    ] = False,
    quick: Annotated[bool, typer.Option("--quick", help="A check-up of some minutes.")] = False,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Processes.")] = 2,
    backbone: Backbone = "nano",
    output: Output = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """SDPT and every rival on the same few images, by the same loop; resumes where it was cut off.

    \b
    Example:
      sdpt-app bench few-shot --quick
      sdpt-app bench few-shot --output assets/benchmarks/few-shot
    """
    from dataclasses import asdict

    from app.bench.few_shot import compare_few_shot, request
    from app.progress import progress_bar

    wanted = request(
        sets=sets,
        methods=methods,
        shots=shots,
        num_seeds=num_seeds,
        steps=steps,
        backbone=backbone,
        has_ablations=ablations,
        is_choosing=is_choosing,
        is_quick=quick,
    )
    with progress_bar("Runs") as on_progress:
        done = compare_few_shot(wanted, output=output, num_workers=workers, on_progress=on_progress)
    show({"rows": [asdict(row) for row in done.rows]}, done.text, as_json=as_json)


def nano(
    backbone: Annotated[
        str, typer.Option("--backbone", help="nano, or a folder that build_nano wrote.")
    ] = "nano",
    font: Annotated[
        Path | None, typer.Option("--font", metavar="TTF", help="NotoColorEmoji.ttf.")
    ] = None,
    fluent: Annotated[
        Path | None, typer.Option("--fluent", metavar="DIR", help="Fluent Emoji 3D, its assets.")
    ] = None,
    num_seeds: Annotated[int, typer.Option("--seeds", min=1, help="Few-shot seeds.")] = 3,
    steps: Annotated[int, typer.Option("--steps", min=1, help="Steps of each few-shot run.")] = 60,
    output: Output = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """The figures of nano's model card: composed scenes, recall, few shots, cost.

    Composed scenes need the drawings; `python -m sdpt_engine.pretraining.compose_set --help` says how to
    fetch them. Without them these figures are left out.

    \b
    Example:
      sdpt-app bench nano --font NotoColorEmoji.ttf --fluent package/assets
    """
    import tempfile
    from dataclasses import asdict

    from app.bench.nano import NanoRequest, describe, measure_nano
    from app.progress import progress_bar

    with tempfile.TemporaryDirectory() as scratch, progress_bar("Few shots") as on_progress:
        request = NanoRequest(font, fluent, num_seeds, steps, output or Path(scratch))
        done = measure_nano(
            request,
            backbone,
            on_figure=lambda figure: typer.echo(describe(figure), err=True),
            on_progress=on_progress,
        )
    rows = [{**asdict(figure), "is_met": figure.is_met} for figure in done]
    missed = sum(figure.is_met is False for figure in done)
    show({"figures": rows}, f"{len(done)} figures, {missed} below what was asked.", as_json=as_json)


def effort(
    sets: Sets = None,
    arms: Annotated[str, typer.Option("--arms", metavar="A,B", help="Ways of working.")] = "all",
    most_images: Annotated[
        int | None, typer.Option("--images", min=2, help="At most so many of each set.")
    ] = None,
    num_first: Annotated[
        int, typer.Option("--first", min=2, help="Drawn by hand before the one tuning.")
    ] = 10,
    steps: Annotated[int | None, typer.Option("--steps", min=1, help="Tuning steps.")] = None,
    num_seeds: Annotated[int, typer.Option("--seeds", min=1, help="Orders of the images.")] = 1,
    damages: Annotated[
        str,
        typer.Option("--damage", metavar="0,0.5,1", help="Share of the backbone that is noise."),
    ] = "0",
    backbone: Backbone = "nano",
    device: Device = "auto",
    look_s: Annotated[float, typer.Option("--look-s", help="Seconds to take in an image.")] = 1.5,
    draw_s: Annotated[float, typer.Option("--draw-s", help="Seconds to draw a box.")] = 7.0,
    accept_s: Annotated[float, typer.Option("--accept-s", help="To accept a proposal.")] = 1.0,
    reject_s: Annotated[float, typer.Option("--reject-s", help="To reject one.")] = 1.0,
    fix_s: Annotated[float, typer.Option("--fix-s", help="To correct one.")] = 4.0,
    rename_s: Annotated[
        float, typer.Option("--rename-s", help="To give a right box another class.")
    ] = 2.6,
    point_s: Annotated[float, typer.Option("--point-s", help="To point at an object.")] = 1.9,
    edge_s: Annotated[
        float, typer.Option("--edge-s", help="To bring one edge of a box to its place.")
    ] = 1.75,
    press_s: Annotated[float, typer.Option("--press-s", help="To press Tune or Pre-label.")] = 0.0,
    output: Output = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Human seconds for a whole set: by hand, zero-shot once, tuned once, and the full loop.

    A simulated annotator works at the real application; resumes where it was cut off.

    \b
    Example:
      sdpt-app bench effort --set microcontrollers --images 60
      sdpt-app bench effort --output assets/benchmarks/effort
    """
    from dataclasses import asdict

    from app.bench.effort.command import measure_effort, request
    from app.bench.effort.times import TimeModel
    from app.progress import progress_bar

    wanted = request(
        sets=sets,
        arms=arms,
        damages=damages,
        num_seeds=num_seeds,
        backbone=backbone,
        device=device,
        most_images=most_images,
        num_first=num_first,
        steps=steps,
        times=TimeModel(
            look_s, draw_s, accept_s, reject_s, fix_s, rename_s, point_s, edge_s, press_s
        ),
    )
    with progress_bar("Ways") as on_progress:
        done = measure_effort(wanted, output=output, on_progress=on_progress)
    document = {
        "rows": [asdict(row) for row in done.rows],
        "bars": [{**asdict(bar), "most": bar.most, "is_met": bar.is_met} for bar in done.bars],
    }
    show(document, done.text, as_json=as_json)
