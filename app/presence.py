"""Which open page looks at which image: a second one must know that it is not alone."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

GONE_AFTER = timedelta(seconds=12)  # pages report every few seconds while they can be seen


class Presence:
    """Kept in memory: after a restart of the server every open page reports again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: dict[str, tuple[int, datetime]] = {}

    def look(self, page: str, image_id: int, *, at: datetime) -> int:
        """Note that `page` shows the image, and say how many other pages do."""
        with self._lock:
            alive = {key: seen for key, seen in self._seen.items() if at - seen[1] < GONE_AFTER}
            self._seen = {**alive, page: (image_id, at)}
            return sum(image_id == other for key, (other, _) in alive.items() if key != page)

    def leave(self, page: str) -> None:
        """The page was closed."""
        with self._lock:
            self._seen.pop(page, None)
