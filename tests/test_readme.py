"""The README promises two commands; what it says is what is checked."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def _command_after(marker: str) -> str:
    found = re.search(rf"<!-- {marker} -->\s*```(?:bash|sh)\n(.+?)\n```", README, re.S)
    assert found, f"README.md has no code block after '<!-- {marker} -->'"
    return found.group(1)


def test_both_commands_are_one_line_and_make_their_own_environment() -> None:
    for marker in ("start command", "test command"):
        command = _command_after(marker)
        assert "\n" not in command
        assert command.startswith("python3 -m venv .venv && ")


def test_every_file_and_picture_that_the_readme_names_exists() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_readme_stays_readable_in_one_sitting() -> None:
    assert len(README.splitlines()) <= 190


def test_python_example_is_short_and_runs(tmp_path: Path) -> None:
    found = re.search(r"<!-- python example -->\s*```python\n(.+?)\n```", README, re.S)
    assert found
    code = found.group(1)
    assert len([line for line in code.splitlines() if line.strip()]) <= 16
    (tmp_path / "assets").symlink_to(ROOT / "assets")
    short = code.replace("steps=60", "steps=2")
    done = subprocess.run(
        [sys.executable, "-c", short],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "zero-shot" in done.stdout
    assert (tmp_path / "bundle" / "prompt.safetensors").is_file()
