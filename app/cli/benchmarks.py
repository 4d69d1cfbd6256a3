"""`sdpt-app bench`: the measurements behind the figures of the README."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.cli.frame import AsJson, Debug, Device, new_typer, percent, show

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


@bench.command("scale")
def scale(
    num_images: Annotated[int, typer.Option("--images", min=10, help="Images.")] = 10_000,
    boxes: Annotated[int, typer.Option("--boxes", min=1, help="Boxes on each.")] = 10,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Page, next image, export and memory of the server with many images.

    \b
    Example:
      sdpt-app bench scale --images 10000
    """
    from app.bench.scale import TARGETS, measure_scale
    from app.progress import progress_bar

    with progress_bar("Reading images") as on_progress:
        done = measure_scale(num_images=num_images, boxes_per_image=boxes, on_progress=on_progress)
    lines = [f"{done['images']} images, {done['annotations']} boxes"]
    lines += [
        f"{name:<14} {done[name]:>9.1f}   (at most {most:g})" for name, most in TARGETS.items()
    ]
    show(done, "\n".join(lines), as_json=as_json)


@bench.command("history")
def history(
    num_images: Annotated[int, typer.Option("--images", min=10, help="Images.")] = 10_000,
    boxes: Annotated[int, typer.Option("--boxes", min=1, help="Boxes on each.")] = 10,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Merge, difference, restore, undo and removal where each touches every box of a large project.

    \b
    Example:
      sdpt-app bench history --images 10000
    """
    from app.bench.history import measure_history
    from app.progress import progress_bar

    with progress_bar("Drawing") as on_progress:
        done = measure_history(
            num_images=num_images, boxes_per_image=boxes, on_progress=on_progress
        )
    lines = [f"{done['images']} images, {done['boxes']} boxes and as many proposals"]
    lines += [f"{name:<20} {value:>9.3f} s" for name, value in done.items() if name.endswith("_s")]
    lines.append(f"{'memory, database':<20} {done['memory_mb']} MB, {done['database_mb']} MB")
    show(done, "\n".join(lines), as_json=as_json)


@bench.command("kills")
def kills(
    number: Annotated[int, typer.Option("--kills", min=1, help="How often to kill.")] = 20,
    seed: Annotated[int, typer.Option("--seed", help="Of moments and victims.")] = 0,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """kill -9 of server, worker and both while a person draws and jobs run: count what is lost.

    \b
    Example:
      sdpt-app bench kills --kills 20
    """
    from app.bench.kills import measure_kills
    from app.progress import progress_bar

    with progress_bar("Killing") as on_progress:
        done = measure_kills(num_kills=number, seed=seed, on_progress=on_progress)
    text = (
        f"{number} kills: {done['boxes_lost']} of {done['boxes_acknowledged']} acknowledged boxes "
        f"lost, {done['jobs_stuck']} jobs stuck, {done['duplicate_predictions']} duplicate "
        f"predictions; jobs {done['jobs']}."
    )
    show(done, text, as_json=as_json)


@bench.command("speed")
def speed(
    dataset: Annotated[
        Path | None, typer.Option("--dataset", metavar="DIR", help="images/ and train.json.")
    ] = None,
    backbone: Annotated[str, typer.Option("--backbone", help="Detector.")] = "nano",
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

    from app.bench.speed import describe, measure
    from app.demo import ASSETS_DIR

    folder = dataset or ASSETS_DIR / "datasets" / "bccd"
    done = measure(
        folder,
        backbone=backbone,
        is_quick=quick,
        on_row=lambda row: typer.echo(describe(row), err=True),
    )
    told = f"{len(done.rows)} comparisons, {done.threads} threads, torch {done.torch_version}"
    text = "\n".join((told, *done.remarks))
    rows = [{**asdict(row), "is_met": row.is_met} for row in done.rows]
    show({**asdict(done), "rows": rows}, text, as_json=as_json)


@bench.command("fiftyone")
def fiftyone(
    num_images: Annotated[int, typer.Option("--images", min=100, help="Images.")] = 10_000,
    boxes: Annotated[int, typer.Option("--boxes", min=1, help="Boxes on each.")] = 10,
    no_rival: Annotated[bool, typer.Option("--no-rival", help="Leave add_samples out.")] = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Push a project into FiftyOne, against FiftyOne's own add_samples in the same run.

    \b
    Example:
      sdpt-app bench fiftyone --images 10000
    """
    from app.bench.fiftyone import measure_fiftyone
    from app.progress import progress_bar

    with progress_bar("Pushing") as on_progress:
        done = measure_fiftyone(
            num_images=num_images,
            boxes_per_image=boxes,
            has_rival=not no_rival,
            on_progress=on_progress,
        )
    rival = "not measured"
    if done["add_samples_s"] is not None:
        rival = f"{done['add_samples_s']:.1f} s, {done['times_faster']:g} times as long"
    text = (
        f"{done['images']} images, {done['boxes']} boxes: pushed in {done['push_s']:.1f} s (at most "
        f"{done['target_s']:g}), add_samples {rival}; nothing changed {done['unchanged_s']:.2f} s, 20 "
        f"images changed here {done['changed_20_s']:.2f} s, there {done['pulled_20_s']:.2f} s; "
        f"{done['memory_mb']} MB."
    )
    show(done, text, as_json=as_json)


@bench.command("duplicates")
def duplicates(
    sets: Annotated[
        list[Path] | None,
        typer.Option("--set", metavar="DIR", help="images/, train.json, test.json. Repeatable."),
    ] = None,
    backbone: Annotated[str, typer.Option("--backbone", help="Detector.")] = "nano",
    output: Annotated[
        Path | None, typer.Option("--output", metavar="DIR", help="Choice, rows and table.")
    ] = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """From which distance on two images are duplicates: copies that are known, among other images.

    \b
    Example:
      sdpt-app bench duplicates --output assets/benchmarks/duplicates
    """
    from app.bench.duplicates import measure_duplicates
    from app.bench.duplicates_report import table, write_report
    from app.demo import ASSETS_DIR
    from app.progress import progress_bar

    shipped = sorted(path.parent for path in ASSETS_DIR.glob("datasets/*/train.json"))
    with progress_bar("Embedding") as on_progress:
        done = measure_duplicates(sets or shipped, backbone=backbone, on_progress=on_progress)
    if output is not None:
        write_report(done, output)
    show({"backbone": done.backbone, "distance": done.distance}, table(done), as_json=as_json)


@bench.command("few-shot")
def few_shot(
    sets: Annotated[
        list[Path] | None,
        typer.Option("--set", metavar="DIR", help="images/, train.json, test.json. Repeatable."),
    ] = None,
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
    backbone: Annotated[str, typer.Option("--backbone", help="Detector.")] = "nano",
    output: Annotated[
        Path | None, typer.Option("--output", metavar="DIR", help="Rows, table and plot.")
    ] = None,
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


@bench.command("nano")
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
    output: Annotated[
        Path | None, typer.Option("--output", metavar="DIR", help="Keep the few-shot rows here.")
    ] = None,
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


@bench.command("effort")
def effort(
    sets: Annotated[
        str,
        typer.Option("--sets", metavar="A,B", help="Shipped sets, or folders with COCO files."),
    ] = "bccd,microcontrollers,playing_cards,composed",
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
    backbone: Annotated[str, typer.Option("--backbone", help="Detector.")] = "nano",
    device: Device = "auto",
    look_s: Annotated[float, typer.Option("--look-s", help="Seconds to take in an image.")] = 1.5,
    draw_s: Annotated[float, typer.Option("--draw-s", help="Seconds to draw a box.")] = 7.0,
    accept_s: Annotated[float, typer.Option("--accept-s", help="To accept a proposal.")] = 1.0,
    reject_s: Annotated[float, typer.Option("--reject-s", help="To reject one.")] = 1.0,
    fix_s: Annotated[float, typer.Option("--fix-s", help="To correct one.")] = 4.0,
    output: Annotated[
        Path | None, typer.Option("--output", metavar="DIR", help="Rows, table and plot.")
    ] = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Human seconds for a whole set: by hand, zero-shot once, tuned once, and the full loop.

    A simulated annotator works at the real application; resumes where it was cut off.

    \b
    Example:
      sdpt-app bench effort --sets microcontrollers --images 60
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
        times=TimeModel(look_s, draw_s, accept_s, reject_s, fix_s),
    )
    with progress_bar("Ways") as on_progress:
        done = measure_effort(wanted, output=output, on_progress=on_progress)
    document = {
        "rows": [asdict(row) for row in done.rows],
        "bars": [{**asdict(bar), "most": bar.most, "is_met": bar.is_met} for bar in done.bars],
    }
    show(document, done.text, as_json=as_json)
