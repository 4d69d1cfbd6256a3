"""Screenshots with the time that each stands, written as one animated WebP that is small enough for a README."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from app.errors import AppError

if TYPE_CHECKING:
    from playwright.sync_api import Page

SIZE_WH = (960, 600)
MOST_BYTES = 3_000_000
_QUALITIES = (85, 70, 55, 40)  # the first that is small enough
_SETTLE_MS = 120


class Film:
    """Of one page; every picture is what the page shows at that moment."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self._pictures: list[Image.Image] = []
        self._stands_ms: list[int] = []

    @property
    def num_pictures(self) -> int:
        return len(self._pictures)

    @property
    def seconds(self) -> float:
        return sum(self._stands_ms) / 1000

    def wait(self, seconds: float) -> None:
        """Let the page go on; nothing is recorded."""
        self.page.wait_for_timeout(seconds * 1000)

    def shoot(self, stands_s: float) -> None:
        """Take a picture that stands for so long."""
        self.page.wait_for_timeout(_SETTLE_MS)
        shot = Image.open(io.BytesIO(self.page.screenshot())).convert("RGB")
        self._pictures.append(shot.resize(SIZE_WH, Image.Resampling.LANCZOS))
        self._stands_ms.append(round(stands_s * 1000))

    def write(self, path: Path) -> int:
        """The bytes that it takes. Raises AppError when even the lowest quality takes too many."""
        first, *others = self._pictures
        path.parent.mkdir(parents=True, exist_ok=True)
        for quality in _QUALITIES:
            first.save(
                path,
                save_all=True,
                append_images=others,
                duration=self._stands_ms,
                loop=0,
                quality=quality,
                method=4,
            )
            if path.stat().st_size <= MOST_BYTES:
                return path.stat().st_size
        raise AppError(
            f"'{path}' takes {path.stat().st_size:,} bytes, more than {MOST_BYTES:,}. Record fewer images."
        )
