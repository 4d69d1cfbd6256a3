"""The next image is there before it is asked for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, Route, expect

from tests.ui.bare_canvas import bare_server
from tests.ui.canvas_user import CanvasUser
from tests.ui.conftest import Server

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = bare_server(tmp_path_factory.mktemp("ahead"), num_images=6, classes=("cell",))
    made.start()
    yield made
    made.stop()


def test_the_next_two_images_are_shown_though_the_server_answers_no_more(bare_page: Page) -> None:
    with bare_page.expect_response("**/sdpt/images/3*"):
        user = CanvasUser(bare_page, "label")
    bare_page.wait_for_load_state("networkidle")
    held: list[Route] = []
    bare_page.route("**/sdpt/**", lambda route: held.append(route))
    for image_id in ("2", "3"):
        user.press("Escape", "d")
        expect(user.stage).to_have_attribute("data-image-id", image_id)
        shown = user.stage.locator(".sdpt-picture img")
        assert shown.evaluate("picture => picture.complete && picture.naturalWidth > 0")
        assert f"/{image_id}" in (shown.get_attribute("src") or "")
    assert held
