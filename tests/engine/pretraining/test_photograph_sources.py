"""Every photograph that nano learns from has a licence that permits publishing, and a person or page to thank."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sdpt_engine.errors import InvalidExampleError
from sdpt_engine.pretraining.collect import main
from sdpt_engine.pretraining.photograph_sources import UPLOADER, PhotographSource, read_sources
from sdpt_engine.pretraining.sources_table import table
from tests.engine.pretraining.repositories import picture

MODEL_CARD = Path(__file__).parents[3] / "assets/backbones/nano/SOURCES.md"
ENTRY: dict[str, object] = {
    "name": "nuts",
    "repository": "ann/nuts",
    "commit": "0" * 40,
    "licence": "MIT",
    "declared_by": "repository",
    "licence_files": ["LICENSE"],
    "attribution": "Ann",
}


def _read(tmp_path: Path, *entries: dict[str, object]) -> list[PhotographSource]:
    path = tmp_path / "sources.json"
    path.write_text(json.dumps({"sources": entries}), encoding="utf-8")
    return read_sources(path)


def test_the_shipped_sources_keep_every_rule() -> None:
    sources = read_sources()
    assert len(sources) == 25
    for source in sources:
        assert (
            source.declared_by != UPLOADER or "https://universe.roboflow.com/" in source.attribution
        )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"licence": "CC-BY-SA-4.0"}, r"is under \['CC-BY-SA-4.0'\]; only"),
        ({"commit": "main"}, "needs a commit of 40 hexadecimal digits; found 'main'"),
        ({"declared_by": "rumour"}, "declared_by must be"),
        ({"package": "nuts"}, "needs either a repository or a package"),
        ({"attribution": ""}, "needs licence_files and an attribution"),
        ({"clases": {}}, r"unknown keys \['clases'\]"),
    ],
)
def test_an_entry_that_breaks_a_rule_is_named(
    tmp_path: Path, change: dict[str, object], said: str
) -> None:
    with pytest.raises(InvalidExampleError, match=rf"sources\[0\].*{said}"):
        _read(tmp_path, ENTRY | change)


def test_two_collections_cannot_share_a_name(tmp_path: Path) -> None:
    with pytest.raises(InvalidExampleError, match=r"'nuts'.* more than once"):
        _read(tmp_path, ENTRY, ENTRY)


def test_an_incomplete_entry_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(InvalidExampleError, match=r"not complete: .*'licence'"):
        _read(tmp_path, {key: value for key, value in ENTRY.items() if key != "licence"})


def test_the_model_card_lists_every_collection_with_its_licence() -> None:
    card = MODEL_CARD.read_text(encoding="utf-8")
    for source in read_sources():
        (row,) = [line for line in card.splitlines() if line.startswith(f"| [{source.name}](")]
        assert (source.withdrawn or source.licence) in row


def test_the_table_counts_what_was_collected(tmp_path: Path) -> None:
    (tmp_path / "nuts" / "images").mkdir(parents=True)
    (tmp_path / "nuts" / "images" / "a.jpg").write_bytes(picture(1))
    document = {"images": [{"file": "images/a.jpg", "boxes": [[0, 0, 9, 9], [1, 1, 5, 5]]}]}
    (tmp_path / "nuts" / "boxes.json").write_text(json.dumps(document), encoding="utf-8")
    written = table(
        _read(tmp_path, ENTRY, ENTRY | {"name": "eggs", "withdrawn": "Stock."}), tmp_path
    )
    assert "| [nuts](https://github.com/ann/nuts) | 1 | 2 | MIT | repository | Ann |" in written
    assert "| [eggs](https://github.com/ann/nuts) | Stock. |" in written


def test_the_command_leaves_out_what_was_withdrawn(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main([str(tmp_path), str(tmp_path / "out"), "--only", "cement_bags"])
    assert "cement_bags: left out. Several pictures carry the marks" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "said"), [("nonesuch", "There is no collection"), ("grapes", "'grapes' is read from")]
)
def test_the_command_ends_with_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, said: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([str(tmp_path), str(tmp_path / "out"), "--only", name])
    assert ended.value.code == 1
    assert capsys.readouterr().err.startswith(f"collect: error: {said}")
