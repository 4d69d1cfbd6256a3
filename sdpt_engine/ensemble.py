"""Several prompts that learnt the same by other chances, and one prediction of what they find.

Weighted box fusion (Solovyev, Wang, Gabruseva 2021): boxes on one object are averaged by their scores, and what only
some members find loses score. Of each member at most one box joins, so that neighbours stay apart.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sdpt_engine.boxes import overlaps
from sdpt_engine.types import Prediction, Scores

SAME_OBJECT_IOU = 0.6


def merged(members: Sequence[Prediction], *, min_score: float, max_detections: int) -> Prediction:
    """What the members find on one image, best first; scores are means, with 0 where a member found nothing.

    A single member's prediction stays as it is.
    """
    if len(members) == 1:
        return members[0]
    boxes = np.concatenate([found.boxes for found in members])
    scores = np.concatenate([found.scores for found in members])
    labels = np.concatenate([found.labels for found in members])
    owners = np.repeat(np.arange(len(members)), [len(found.boxes) for found in members])
    most = len(boxes)
    centres, weights = np.zeros((most, 4), np.float32), np.zeros(most, np.float32)
    label_of = np.full(most, -1, np.int64)
    has_joined = np.zeros((most, len(members)), bool)
    number = 0
    for index in np.argsort(-scores, kind="stable"):
        label, owner, weight = labels[index], owners[index], scores[index]
        may_join = (label_of[:number] == label) & ~has_joined[:number, owner]
        fits = np.where(may_join, overlaps(boxes[index : index + 1], centres[:number])[0], 0.0)
        place = int(fits.argmax()) if number and fits.max() >= SAME_OBJECT_IOU else number
        number = max(number, place + 1)
        weights[place] += weight
        centres[place] += (boxes[index] - centres[place]) * (weight / weights[place])
        label_of[place], has_joined[place, owner] = label, True
    means: Scores = weights[:number] / np.float32(len(members))
    order = np.argsort(-means, kind="stable")
    order = order[means[order] >= min_score][:max_detections]
    return Prediction(centres[order], means[order], label_of[order], members[0].size_wh)
