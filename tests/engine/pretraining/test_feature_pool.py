"""A pool is filled by one process and read by another."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sdpt_engine.pretraining.feature_pool import (
    COMPOSED,
    LabelledFeatures,
    PoolReader,
    ShardKey,
    drop_oldest,
    shards,
    write_shard,
)


def features(name: str = "ball", size_wh: tuple[int, int] = (64, 96)) -> LabelledFeatures:
    width, height = size_wh
    rng = np.random.default_rng(len(name))
    return LabelledFeatures(
        middle=rng.random((272, height // 16, width // 16)).astype(np.float16),
        coarse=rng.random((320, height // 32, width // 32)).astype(np.float16),
        boxes=np.array([[0.5, 0.5, 0.4, 0.2]], np.float32),
        names=(name,),
        family=COMPOSED,
    )


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    key = ShardKey(3, (64, 96))
    write_shard(tmp_path, key, [features("ball"), features("plate")])
    reader = PoolReader(tmp_path)
    (read,) = reader.scenes(key, [1])
    assert reader.num_scenes(key) == 2
    assert read.names == ("plate",)
    np.testing.assert_array_equal(read.middle, features("plate").middle)
    np.testing.assert_array_equal(read.boxes, features("plate").boxes)


def test_a_shard_that_is_being_written_is_not_seen(tmp_path: Path) -> None:
    write_shard(tmp_path, ShardKey(1, (64, 96)), [features()])
    (tmp_path / "unfinished-shard-000002-64x96").mkdir()
    assert shards(tmp_path) == [ShardKey(1, (64, 96))]


def test_the_oldest_make_room_and_what_is_open_stays_readable(tmp_path: Path) -> None:
    keys = [ShardKey(number, (64, 96)) for number in range(4)]
    for key in keys:
        write_shard(tmp_path, key, [features()])
    reader = PoolReader(tmp_path)
    reader.scenes(keys[0], [0])
    drop_oldest(tmp_path, num_kept=2)
    assert shards(tmp_path) == keys[2:]
    assert reader.scenes(keys[0], [0])[0].names == ("ball",)
    with pytest.raises(FileNotFoundError):
        reader.scenes(keys[1], [0])
