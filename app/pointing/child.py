"""A process that answers clicks: a line of JSON in, a line out, until its input ends.

In a process of its own, so that the server needs no torch and a click need not wait for a tuning.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict

from app.errors import AppError
from app.pointing.answers import Answers
from app.pointing.question import Question
from sdpt_engine.errors import EngineError
from sdpt_engine.types import UsualSize


def written(question: Question) -> str:
    return json.dumps(asdict(question))


def read(line: str) -> Question:
    """The inverse of `written`."""
    document = json.loads(line)
    return Question(
        image=document["image"],
        sha256=document["sha256"],
        bundle=document["bundle"],
        point=tuple(document["point"]),
        category_id=document["category_id"],
        size=UsualSize(**document["size"]),
        found=tuple(map(tuple, document["found"])),
        scores=tuple(document["scores"]),
        taken=tuple(map(tuple, document["taken"])),
    )


def main() -> None:
    replies, sys.stdout = sys.stdout, sys.stderr  # what a library prints is no answer
    answers = Answers()
    for line in sys.stdin:
        try:
            reply: dict[str, object] = {"boxes": answers(read(line))}
        except (AppError, EngineError) as error:
            reply = {"error": str(error)}
        replies.write(json.dumps(reply) + "\n")
        replies.flush()


if __name__ == "__main__":
    main()
