"""A person in FiftyOne's App: opens images, draws, moves and deletes boxes, presses the panel's buttons."""

from __future__ import annotations

from dataclasses import dataclass

from playwright.sync_api import Locator, Page, expect

Point = tuple[float, float]

_ANNOTATED = "[data-cy=lighter-sample-renderer-canvas]"
_EXPLORED = "[data-cy=modal-looker-container]"
_MOST_MOVES = 1_000


@dataclass(frozen=True, slots=True)
class FiftyOneUser:
    """`size_wh` is that of the images, all alike."""

    page: Page
    size_wh: tuple[int, int]

    def part(self, name: str) -> Locator:
        return self.page.locator(f"[data-cy='{name}']")

    def arrive(self) -> None:
        """Wait for the images and the panel; the advertisement is put away whenever it comes."""
        teaser = self.page.get_by_role("button", name="Dismiss")
        self.page.add_locator_handler(teaser, lambda found: found.first.dispatch_event("click"))
        expect(self.part("looker").first).to_be_visible()
        expect(self.part("panel-content-sdpt_review")).to_contain_text("proposals waiting")

    def choose_view(self, name: str) -> None:
        self.part("saved-views-selection-container").click()
        self.page.get_by_text(name, exact=True).last.click()

    def select_sample(self, place: int = 0) -> None:
        box = self.part("looker").nth(place).bounding_box()
        assert box is not None
        self.page.mouse.move(box["x"] + 40, box["y"] + 40)
        self.page.wait_for_timeout(300)
        self.page.mouse.click(box["x"] + 15, box["y"] + 15)
        expect(self.part("action-manage-selected")).to_be_visible()

    def press(self, label: str, place: int) -> None:
        """Select an image and press a button of the panel; the selection goes when it is decided."""
        self.select_sample(place)
        panel = self.part("panel-content-sdpt_review")
        panel.get_by_role("button", name=label, exact=True).click()
        if label != "Class…":
            expect(self.part("action-manage-selected")).to_be_hidden()

    def change_class(self, name: str, place: int) -> None:
        self.press("Class…", place)
        dialog = self.page.get_by_role("dialog")
        dialog.get_by_role("combobox").click()
        self.page.get_by_role("option", name=name, exact=True).click()
        dialog.get_by_role("button", name="Execute").click()
        expect(self.part("action-manage-selected")).to_be_hidden()

    def look_at(self, place: int) -> None:
        """Open an image from among the others."""
        self.part("looker").nth(place).click()
        expect(self.page.locator(_EXPLORED)).to_be_visible()

    def leave_image(self) -> None:
        self.page.keyboard.press("Escape")
        expect(self.page.locator(_EXPLORED)).to_be_hidden()

    def decide_by_key(self, point: Point, key: str) -> None:
        """Click the label under a point of the opened image, and press a key of the plugin."""
        selected = self.page.locator("#modal").locator("[data-cy=action-manage-selected]")
        x, y = self._on_screen(point, _EXPLORED)
        tooltip = self.page.get_by_text("verdict", exact=True)
        for place in range(_MOST_MOVES):
            if tooltip.is_visible():  # the App is there, and has the label under the mouse
                break
            self.page.mouse.move(x + place % 2, y)
            self.page.wait_for_timeout(300)
        self.page.mouse.click(x, y)
        expect(selected).to_have_text("1")
        self.page.keyboard.press(key)
        expect(selected).to_have_text("0")

    def open_sample(self, url: str, sample_id: str) -> None:
        self.page.goto(f"{url}?id={sample_id}")
        expect(self.part("annotate")).to_be_visible()
        self.page.wait_for_timeout(1_000)

    def annotate(self) -> None:
        self.part("annotate").click()
        expect(self.page.locator(_ANNOTATED)).to_be_visible()
        expect(self.page.locator("[data-cy^='annotate-label-']").first).to_be_visible()
        self.page.wait_for_timeout(1_000)

    def move(self, middle: Point, by: Point) -> None:
        """Drag the box under `middle`, in pixels of the image."""
        self.page.mouse.click(*self._on_screen(middle))
        expect(self.part("annotate-edit-back")).to_be_visible()
        self.page.wait_for_timeout(500)
        self._drag(middle, (middle[0] + by[0], middle[1] + by[1]))
        self.leave_label()

    def draw(self, corner: Point, opposite: Point, name: str) -> None:
        self.part("detection-mode").click()
        self.page.wait_for_timeout(500)
        self._drag(corner, opposite)
        expect(self.part("annotate-edit-back")).to_be_visible()
        self.page.get_by_role("radio", name=name, exact=True).check()
        self.leave_label()

    def delete(self, label_id: str) -> None:
        self.part(f"annotate-label-{label_id}").click()
        self.part("label-menu-trigger").click()
        self.part("label-menu-delete").click()
        self.page.wait_for_timeout(1_000)

    def leave_label(self) -> None:
        """What was changed is saved a moment later; the App has no other sign of it."""
        self.page.wait_for_timeout(1_500)
        self.part("annotate-edit-back").click()
        self.page.wait_for_timeout(500)
        self.part("select-action").click()
        self.page.wait_for_timeout(500)

    def _drag(self, start: Point, end: Point) -> None:
        self.page.mouse.move(*self._on_screen(start))
        self.page.mouse.down()
        self.page.mouse.move(*self._on_screen(end), steps=8)
        self.page.mouse.up()

    def _on_screen(self, point: Point, canvas: str = _ANNOTATED) -> Point:
        """The App fits the image into its canvas."""
        box = self.page.locator(canvas).bounding_box()
        assert box is not None
        width, height = self.size_wh
        scale = min(box["width"] / width, box["height"] / height)
        left = box["x"] + (box["width"] - scale * width) / 2
        top = box["y"] + (box["height"] - scale * height) / 2
        return left + scale * point[0], top + scale * point[1]
