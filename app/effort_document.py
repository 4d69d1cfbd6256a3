"""The effort report as JSON, the same for the page, the command line and scripts."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from app.advising import EffortReport


def effort_document(report: EffortReport) -> dict[str, Any]:
    """Seconds per box and image by hand and with help, the learning curve, and the advice."""
    found = report.meter
    return {
        "by_hand": {
            **asdict(found.by_hand),
            "seconds_per_box": _rounded(found.by_hand_s),
            "seconds_per_image": _rounded(found.by_hand_image_s),
        },
        "with_help": {
            **asdict(found.with_help),
            "seconds_per_box": _rounded(found.with_help_s),
            "seconds_per_image": _rounded(found.with_help_image_s),
        },
        "costs": asdict(report.costs),
        "expected_seconds_per_object": _rounded(report.help_s),
        "curve": [
            {
                **asdict(point),
                "seconds_per_object": _rounded(point.seconds_per_object),
            }
            for point in report.curve
        ],
        "images_left": report.situation.num_images_left,
        "objects_per_image": round(report.situation.objects_per_image, 2),
        "pointing": {
            **asdict(report.pointing),
            "seconds_per_object": _rounded(report.pointing.seconds_per_object(report.costs)),
            "pays": report.pointing.pays(report.costs),
        },
        "advice": {
            "step": report.advice.step.value,
            "reason": report.advice.reason,
            "saves_s": _rounded(report.advice.saves_s),
        },
    }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 2)
