"""Which images are worth labelling next, as somebody who looked at all of them ranked them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, insert

from storage.database import Transaction
from storage.models import SuggestionRow


def replace_all(tx: Transaction, ranked: Sequence[tuple[int, float]], at: datetime) -> None:
    """Take these (image id, score) pairs, best first, in place of the earlier suggestion."""
    tx.execute(delete(SuggestionRow))
    if ranked:
        rows = [
            {"image_id": image_id, "place": place, "score": score, "at": at}
            for place, (image_id, score) in enumerate(ranked)
        ]
        tx.execute(insert(SuggestionRow), rows)
