"""An animated picture of the whole loop, by driving the real app in Chromium on the sample images.

    python -m app.bench.tour [--output docs/tour.webp] [--images 6] [--steps 150]

A person names the classes, draws the boxes of some images, tunes, pre-labels, reviews and exports. Every picture is a
screenshot; how long each stands is chosen, so waiting is cut, nothing else.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from app.bench.film import Film
from app.bench.serving import served, wait_until
from app.demo import DEMO_CLASSES, SAMPLES_DIR
from app.errors import AppError

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

WINDOW = {"width": 1200, "height": 750}
_PATIENCE_S = 240.0
Box = tuple[float, float, float, float]
Drawn = list[tuple[int, Box]]  # digit of the class, xyxy in pixels


def record_tour(film: Film, page: Page, *, num_images: int, num_steps: int) -> None:
    """The whole loop, on a page that has just been opened."""
    _name_classes(film, page)
    _draw(film, page, _true_boxes(), num_images)
    _tune(film, page, num_steps)
    _review(film, page)
    _export(film, page)


def _name_classes(film: Film, page: Page) -> None:
    name = page.locator("#class-name textarea, #class-name input")
    name.wait_for()
    film.wait(2.0)
    film.shoot(2.0)
    for text in DEMO_CLASSES:
        name.press_sequentially(text)
        film.shoot(0.7)
        name.press("Enter")
        page.locator(f"[data-testid=class-row][data-name='{text}']").wait_for()
        film.shoot(0.7)
    film.shoot(1.0)


def _draw(film: Film, page: Page, truth: dict[str, Drawn], num_images: int) -> None:
    """All boxes of the first images: the first one box by box, the others as they are when they are full."""
    root = _open(page, "Label", "#label-canvas")
    film.shoot(1.5)
    for index in range(num_images):
        file_name = root.get_by_test_id("canvas-filename").inner_text()
        for number, (digit, box) in enumerate(truth[file_name]):
            _drag(film if index == 0 and number == 0 else None, page, root, digit, box)
            if index == 0:
                film.shoot(0.9 if number == 0 else 0.2)
        film.shoot(0.8)
        page.keyboard.press("Enter")
        page.wait_for_function(
            "([e, name]) => e.textContent !== name",
            arg=[root.get_by_test_id("canvas-filename").element_handle(), file_name],
        )
        root.locator(".sdpt-stage img").wait_for()
        if index < 2:
            film.shoot(0.5)
    _until(lambda: root.get_by_test_id("canvas-save-state").inner_text() == "Saved", "saving")


def _drag(film: Film | None, page: Page, root: Locator, digit: int, box: Box) -> None:
    page.keyboard.press("Escape")
    page.keyboard.press(str(digit))
    page.keyboard.down("Shift")  # also on top of another box
    (x0, y0), (x1, y1) = (_on_page(root, *corner) for corner in (box[:2], box[2:]))
    page.mouse.move(x0, y0)
    page.mouse.down()
    for step in range(1, 4):
        page.mouse.move(x0 + (x1 - x0) * step / 3, y0 + (y1 - y0) * step / 3)
        if film is not None:
            film.shoot(0.4)
    page.mouse.up()
    page.keyboard.up("Shift")


def _on_page(root: Locator, x: float, y: float) -> tuple[float, float]:
    """Where an image pixel is in the window."""
    stage = root.get_by_test_id("canvas-stage")
    bounds = stage.bounding_box()
    if bounds is None:
        raise AppError("The tour found no canvas on the page. Open Label by hand and look.")
    scale, left, top = (
        float(stage.get_attribute(f"data-{name}") or 0) for name in ("scale", "left", "top")
    )
    return bounds["x"] + left + x * scale, bounds["y"] + top + y * scale


def _tune(film: Film, page: Page, num_steps: int) -> None:
    """Tune, which pre-labels the images left."""
    page.keyboard.press("Escape")
    page.keyboard.press("t")
    page.locator("#tune-start:focus").wait_for()
    page.locator("#tune-advanced").get_by_text("Advanced").click()
    page.locator("#tune-steps input").fill(str(num_steps))
    film.shoot(2.0)
    page.locator("#tune-start").click()
    told = page.locator("#tune-state")
    _watch(film, lambda: "AP50" in told.inner_text(), every_s=3.0, stands_s=0.4)
    film.shoot(3.0)
    found = page.locator("#prelabel-state")
    _watch(film, lambda: "looked at" in found.inner_text(), every_s=1.0, stands_s=0.5)
    film.shoot(2.5)


def _review(film: Film, page: Page) -> None:
    """One image proposal by proposal, the next ones as a whole."""
    root = _open(page, "Review", "#review-canvas")
    film.shoot(2.0)
    for keys in ("Space", "Space", "Space", "x", "Shift+ArrowRight", "Space"):
        page.keyboard.press(keys)
        film.shoot(0.8)
    page.keyboard.press("Shift+Space")
    film.shoot(1.0)
    for _ in range(3):
        page.keyboard.press("Enter")
        film.shoot(0.9)
        page.keyboard.press("Shift+Space")
        film.shoot(0.9)
    page.keyboard.press("Enter")
    film.shoot(1.0)
    _until(lambda: root.get_by_test_id("canvas-save-state").inner_text() == "Saved", "saving")


def _export(film: Film, page: Page) -> None:
    page.get_by_role("tab", name="Export", exact=True).click()
    page.locator("#export-run").wait_for()
    film.shoot(1.5)
    page.locator("#export-run").click()
    told = page.locator("#export-result")
    _until(lambda: "Wrote" in told.inner_text(), "the export")
    film.shoot(4.0)


def _open(page: Page, tab: str, canvas: str) -> Locator:
    page.get_by_role("tab", name=tab, exact=True).click()
    root = page.locator(canvas)
    root.locator(".sdpt-stage img").wait_for()
    return root


def _watch(film: Film, is_over: Callable[[], bool], *, every_s: float, stands_s: float) -> None:
    """Pictures of something that goes on by itself."""
    deadline = time.monotonic() + _PATIENCE_S
    while not is_over():
        if time.monotonic() > deadline:
            raise AppError(f"The job was not over after {_PATIENCE_S:.0f} s. Look into its log.")
        film.wait(every_s)
        film.shoot(stands_s)
    film.wait(1.5)  # plots and tables follow the sentence


def _until(is_so: Callable[[], bool], what: str) -> None:
    late = f"The tour waited {_PATIENCE_S:.0f} s for {what} in vain."
    wait_until(is_so, late, patience_s=_PATIENCE_S)


def _true_boxes() -> dict[str, Drawn]:
    """By file name, of the sample set; digits are places in DEMO_CLASSES."""
    document = json.loads((SAMPLES_DIR / "train.json").read_text("utf-8"))
    digits = {c["id"]: DEMO_CLASSES.index(c["name"]) + 1 for c in document["categories"]}
    names = {image["id"]: str(image["file_name"]) for image in document["images"]}
    found: dict[str, Drawn] = {name: [] for name in names.values()}
    for item in document["annotations"]:
        x, y, width, height = item["bbox"]
        box = (x, y, x + width, y + height)
        found[names[item["image_id"]]].append((digits[item["category_id"]], box))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="Record the animated picture of the README.")
    parser.add_argument("--output", type=Path, default=Path("docs/tour.webp"))
    parser.add_argument("--images", type=int, default=6, help="drawn by hand")
    parser.add_argument("--steps", type=int, default=150, help="of the one tuning")
    asked = parser.parse_args()
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise AppError("The tour drives Chromium by playwright: pip install playwright.") from error
    with tempfile.TemporaryDirectory(prefix="sdpt-tour-") as scratch:
        data = Path(scratch) / "blood-smears"
        data.mkdir()
        for source in sorted((SAMPLES_DIR / "images").iterdir()):
            (data / source.name).write_bytes(source.read_bytes())
        words = ("--data", str(data), "--backbone", "nano")
        log = Path(scratch) / "server.log"
        with (
            served(words, log=log, patience_s=_PATIENCE_S) as url,
            sync_playwright() as playwright,
        ):
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
            page = browser.new_page(viewport=WINDOW)  # type: ignore[arg-type]
            page.set_default_timeout(_PATIENCE_S * 1000)
            page.goto(url)
            film = Film(page)
            record_tour(film, page, num_images=asked.images, num_steps=asked.steps)
            browser.close()
    size = film.write(asked.output)
    sys.stdout.write(
        f"{asked.output}: {film.num_pictures} pictures, {film.seconds:.0f} s, {size / 1e6:.1f} MB\n"
    )


if __name__ == "__main__":
    main()
