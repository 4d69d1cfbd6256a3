"""`sdpt-app bench`: the measurements behind the figures of the README."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli.bench_options import Backbone, OneSet, Output, Sets
from app.cli.detector_benchmarks import effort, few_shot, nano, speed
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
    set_name: OneSet = "bccd",
    labelled: Annotated[int, typer.Option("--labelled", min=2, help="Labelled images.")] = 10,
    seed: Annotated[int, typer.Option("--seed", help="Which images are labelled.")] = 0,
    steps: Annotated[int | None, typer.Option("--steps", min=1, help="Tuning steps.")] = None,
    backbone: Backbone = "nano",
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
    from app.bench.sets import set_folder

    done = measure_first_job(
        set_folder(set_name), num_labelled=labelled, seed=seed, steps=steps, backbone=backbone
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
    sets: Sets = None,
    backbone: Backbone = "nano",
    output: Output = None,
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
    from app.bench.sets import set_folders
    from app.progress import progress_bar

    with progress_bar("Embedding") as on_progress:
        done = measure_duplicates(set_folders(sets), backbone=backbone, on_progress=on_progress)
    if output is not None:
        write_report(done, output)
    show({"backbone": done.backbone, "distance": done.distance}, table(done), as_json=as_json)


bench.command("speed")(speed)
bench.command("few-shot")(few_shot)
bench.command("nano")(nano)
bench.command("effort")(effort)
