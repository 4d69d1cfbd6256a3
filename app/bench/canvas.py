"""The canvas in Chromium with 500 boxes on 4000x3000 pixels: does it stutter, and how soon is the next image seen?

    python -m app.bench.canvas [--images 12] [--boxes 500] [--json]

Frame times depend on the machine, so each is given beside that of the same motion on an image without boxes, and
the time to the next image beside that of an image that was not loaded ahead.
"""

import argparse
import json
import random
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from PIL import Image as PillowImage

from app.bench.serving import served
from app.errors import AppError
from app.ingest import ingest
from app.settings import choose_backbone
from app.workspace import Workspace, open_workspace
from storage import annotations, categories, images
from storage.types import Box, Origin

if TYPE_CHECKING:
    from playwright.sync_api import Page

SIZE_WH = (4000, 3000)
WINDOW = {"width": 1440, "height": 900}
TARGET_NEXT_MS = 100.0
FRAME_MS = 1000 / 60
_NUM_CLASSES = 12
_PATIENCE_S = 600.0

_RECORD_FRAMES = """() => {
  const frames = window.benchFrames = [];
  let last = performance.now();
  const tick = (now) => {
    frames.push(now - last);
    last = now;
    if (window.benchFrames === frames) requestAnimationFrame(tick);
  };
  requestAnimationFrame(tick);
}"""
_TAKE_FRAMES = (
    "() => { const found = window.benchFrames.slice(2); window.benchFrames = null; return found; }"
)

# From the key to the frame after the one in which the picture is in the page.
_TIME_NEXT = """(key) => new Promise((resolve) => {
  const picture = document.querySelector('#label-canvas .sdpt-picture');
  const before = picture.firstElementChild;
  const started = performance.now();
  const seen = () => requestAnimationFrame(() => requestAnimationFrame(() => resolve(performance.now() - started)));
  new MutationObserver((_, observer) => {
    if (!picture.firstElementChild || picture.firstElementChild === before) return;
    observer.disconnect();
    seen();
  }).observe(picture, { childList: true });
  window.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
})"""


def measure_canvas(*, num_images: int, num_boxes: int) -> dict[str, Any]:
    """Frame times per motion with and without boxes, and times to the next image, in ms."""
    with tempfile.TemporaryDirectory(prefix="sdpt-canvas-") as scratch:
        data = Path(scratch) / "images"
        _make_images(data, num_images)
        with closing(open_workspace(data)) as workspace:
            ingest(workspace)
            choose_backbone(workspace, "nano")
            _make_boxes(workspace, num_boxes)
            with _served(workspace) as url, _opened(url) as page:
                empty = _motions(page)
                page.keyboard.press("d")
                _wait_for_boxes(page, num_boxes)
                crowded = _motions(page)
                ahead, cold = _next_images(page, num_images)
    frames = {name: _compared(crowded[name], empty[name]) for name in crowded}
    return {
        "size_wh": SIZE_WH,
        "boxes": num_boxes,
        "frames": frames,
        "next_ms": {"ahead": _spread(ahead), "cold": _spread(cold)},
        "next_over_target": round(statistics.median(ahead) / TARGET_NEXT_MS, 2),
        "next_over_cold": round(statistics.median(ahead) / statistics.median(cold), 2),
    }


def _make_images(data: Path, number: int) -> None:
    data.mkdir()
    noise = PillowImage.effect_noise((1000, 750), 60).resize(SIZE_WH)
    for index in range(number):
        tint = PillowImage.new("RGB", SIZE_WH, (20 * index % 255, 90, 150))
        PillowImage.blend(noise.convert("RGB"), tint, 0.4).save(
            data / f"{index:03d}.jpg", quality=88
        )


def _make_boxes(workspace: Workspace, number: int) -> None:
    """None on the first image, `number` on each other."""
    draw = random.Random(0)
    with workspace.database.write() as tx:
        classes = [categories.add(tx, f"thing {index}").id for index in range(_NUM_CLASSES)]
        rows = (
            {
                "uid": uuid4().hex,
                "image_id": image_id,
                "category_id": draw.choice(classes),
                "origin": Origin.DRAWN,
                "box": _random_box(draw),
            }
            for image_id in images.list_ids(tx)[1:]
            for _ in range(number)
        )
        annotations.create_many(tx, rows, author="bench", at=datetime.now(UTC))


def _served(workspace: Workspace) -> AbstractContextManager[str]:
    words = ("--data", str(workspace.data_dir), "--no-worker")
    return served(words, log=workspace.logs_dir / "server.log", patience_s=_PATIENCE_S)


def _random_box(draw: random.Random) -> Box:
    w, h = draw.uniform(40, 400), draw.uniform(40, 400)
    x, y = draw.uniform(0, SIZE_WH[0] - w), draw.uniform(0, SIZE_WH[1] - h)
    return (x, y, x + w, y + h)


@contextmanager
def _opened(url: str) -> Iterator["Page"]:
    """The Label tab in Chromium, on the first image."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise AppError(
            "The bench drives Chromium by playwright: pip install playwright."
        ) from error
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium)
        page = browser.new_page(viewport=WINDOW)  # type: ignore[arg-type]
        page.set_default_timeout(_PATIENCE_S * 1000)
        page.goto(url)
        page.get_by_role("tab", name="Label", exact=True).click()
        page.locator("#label-canvas .sdpt-picture img").wait_for()
        page.wait_for_timeout(2000)
        yield page
        browser.close()


def _wait_for_boxes(page: "Page", number: int) -> None:
    page.locator(f"#label-canvas [data-testid=canvas-stage][data-num-boxes='{number}']").wait_for()
    page.locator("#label-canvas .sdpt-picture img").wait_for()
    page.wait_for_timeout(2000)


def _motions(page: "Page") -> dict[str, list[float]]:
    """Frame times in ms while the pointer hovers, zooms, pans and draws."""
    bounds = page.locator("#label-canvas [data-testid=canvas-stage]").bounding_box()
    assert bounds is not None
    left, top = bounds["x"] + bounds["width"] * 0.3, bounds["y"] + bounds["height"] * 0.3
    right, bottom = left + bounds["width"] * 0.4, top + bounds["height"] * 0.4

    def sweep() -> None:
        for _ in range(3):
            page.mouse.move(left, top)
            page.mouse.move(right, bottom, steps=30)

    def zoom() -> None:
        for delta in [-120] * 12 + [120] * 12:
            page.mouse.wheel(0, delta)

    def drag(button: Any) -> None:
        page.mouse.move(left, top)
        page.mouse.down(button=button)
        page.mouse.move(right, bottom, steps=40)
        page.mouse.move(left, top, steps=40)
        page.mouse.up(button=button)

    def draw() -> None:
        page.keyboard.down("Shift")
        drag("left")
        page.keyboard.up("Shift")
        page.keyboard.press("Escape")

    motions = {"hover": sweep, "zoom": zoom, "pan": lambda: drag("middle"), "draw": draw}
    return {name: _frames_during(page, motion) for name, motion in motions.items()}


def _frames_during(page: "Page", motion: Callable[[], None]) -> list[float]:
    page.evaluate(_RECORD_FRAMES)
    motion()
    frames: list[float] = page.evaluate(_TAKE_FRAMES)
    page.keyboard.press("f")
    page.wait_for_timeout(300)
    return frames


def _next_images(page: "Page", num_images: int) -> tuple[list[float], list[float]]:
    """Times to images that were loaded ahead, and to one far off that was not."""
    ahead = []
    for _ in range(num_images - 5):
        page.wait_for_timeout(1500)
        ahead.append(float(page.evaluate(_TIME_NEXT, "d")))
    page.reload()
    page.get_by_role("tab", name="Label", exact=True).click()
    page.locator("#label-canvas .sdpt-picture img").wait_for()
    cold = []
    for index in (num_images - 1, num_images - 4):
        page.locator(f"#label-canvas .sdpt-thumb[title^='{index:03d}.jpg']").wait_for()
        page.wait_for_timeout(1500)
        cold.append(float(page.evaluate(_time_far(f"{index:03d}.jpg"))))
    return ahead, cold


def _time_far(name: str) -> str:
    click = f"document.querySelector('#label-canvas .sdpt-thumb[title^=\"{name}\"]').click()"
    body = _TIME_NEXT[_TIME_NEXT.index("new Promise") :]
    start = body.index("window.dispatchEvent")
    return f"() => {body[:start]}{click};\n}})"


def _spread(times: list[float]) -> dict[str, float]:
    return {"median": round(statistics.median(times), 1), "slowest": round(max(times), 1)}


def _compared(crowded: list[float], empty: list[float]) -> dict[str, float]:
    slow = statistics.quantiles(crowded, n=20)[-1]
    return {
        "median_ms": round(statistics.median(crowded), 1),
        "p95_ms": round(slow, 1),
        "p95_over_empty": round(slow / statistics.quantiles(empty, n=20)[-1], 2),
        "share_late": round(sum(t > 2.5 * FRAME_MS for t in crowded) / len(crowded), 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--images", type=int, default=12, help="images of 4000x3000 (at least 8)")
    parser.add_argument("--boxes", type=int, default=500, help="boxes on each")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    asked = parser.parse_args()
    found = measure_canvas(num_images=max(asked.images, 8), num_boxes=asked.boxes)
    sys.stdout.write(json.dumps(found, indent=2) + "\n" if asked.json else _table(found))


def _table(found: dict[str, Any]) -> str:
    lines = [f"{found['boxes']} boxes on {SIZE_WH[0]}x{SIZE_WH[1]} pixels, frames in ms"]
    lines.append(f"{'':8}{'median':>9}{'p95':>9}{'p95 / no boxes':>17}{'late frames':>14}")
    for name, row in found["frames"].items():
        lines.append(
            f"{name:8}{row['median_ms']:9.1f}{row['p95_ms']:9.1f}{row['p95_over_empty']:17.2f}"
            f"{row['share_late']:14.1%}"
        )
    ahead, cold = found["next_ms"]["ahead"], found["next_ms"]["cold"]
    lines.append(
        f"next image to sight: {ahead['median']} ms (slowest {ahead['slowest']}), "
        f"{found['next_over_target']} of the {TARGET_NEXT_MS:.0f} ms allowed, "
        f"{found['next_over_cold']} of one not loaded ahead ({cold['median']} ms)"
    )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
