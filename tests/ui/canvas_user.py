"""A person at the canvas: mouse and keyboard, nothing else."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect

Box = tuple[float, float, float, float]


class CanvasUser:
    """Works on the canvas of one tab ('label' or 'review')."""

    def __init__(self, page: Page, tab: str) -> None:
        self.page = page
        self.root = page.locator(f"#{tab}-canvas")
        page.get_by_role("tab", name=tab.capitalize(), exact=True).click()
        self.stage.locator("img").wait_for()

    @property
    def stage(self) -> Locator:
        return self.part("canvas-stage")

    def part(self, testid: str) -> Locator:
        return self.root.get_by_test_id(testid)

    @property
    def file_name(self) -> str:
        return self.part("canvas-filename").inner_text()

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Where an image pixel is on the page."""
        bounds = self.stage.bounding_box()
        assert bounds is not None
        numbers = (self.stage.get_attribute(f"data-{name}") for name in ("scale", "left", "top"))
        scale, left, top = (float(number or 0) for number in numbers)
        return bounds["x"] + left + x * scale, bounds["y"] + top + y * scale

    def drag(self, start: tuple[float, float], end: tuple[float, float], *, draws: bool) -> None:
        if draws:
            self.page.keyboard.down("Shift")
        self.page.mouse.move(*self.at(*start))
        self.page.mouse.down()
        self.page.mouse.move(*self.at(*end), steps=2)
        self.page.mouse.up()
        if draws:
            self.page.keyboard.up("Shift")

    def draw(self, box: Box, *, digit: int) -> None:
        self.page.keyboard.press("Escape")
        self.page.keyboard.press(str(digit))
        self.drag((box[0], box[1]), (box[2], box[3]), draws=True)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def click(self, x: float, y: float) -> None:
        """At an image pixel."""
        self.page.mouse.click(*self.at(x, y))

    def hover(self, x: float, y: float) -> None:
        self.page.mouse.move(*self.at(x, y))

    def number(self, name: str) -> float:
        """A number that the stage shows of itself: scale, left, top, num-boxes."""
        return float(self.stage.get_attribute(f"data-{name}") or "nan")

    def wait_saved(self) -> None:
        expect(self.part("canvas-save-state")).to_have_text("Saved")

    def go_to(self, name: str) -> None:
        self.press("g")
        self.part("canvas-go-to-text").fill(name)
        self.press("Enter")
        expect(self.part("canvas-go-to")).to_be_hidden()
        expect(self.part("canvas-filename")).to_have_text(re.compile(re.escape(name)))
        self.stage.locator("img").wait_for()

    def go_on(self) -> None:
        """Done, next; and wait until the next image is there."""
        before = self.file_name
        self.press("Enter")
        expect(self.part("canvas-filename")).not_to_have_text(re.compile(re.escape(before)))
