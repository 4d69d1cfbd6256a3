"""The folder tree is the architecture: what may import what, and what must not happen at import."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("app", "sdpt_engine", "storage")


def _modules() -> list[Path]:
    return sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def _imports_inside_functions(tree: ast.Module) -> list[str]:
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    inner = [n for function in functions for n in ast.walk(function)]
    found = [n.module or "" for n in inner if isinstance(n, ast.ImportFrom)]
    return found + [alias.name for n in inner if isinstance(n, ast.Import) for alias in n.names]


@pytest.mark.parametrize("path", _modules(), ids=lambda p: str(p.relative_to(ROOT)))
def test_only_the_command_line_imports_our_own_packages_late(path: Path) -> None:
    relative = path.relative_to(ROOT)
    if relative.parts[:2] in {("app", "cli"), ("app", "cli.py"), ("app", "__main__.py")}:
        pytest.skip("the command line imports the chosen command late, so that --help is fast")
    late = _imports_inside_functions(ast.parse(path.read_text(encoding="utf-8")))
    assert [name for name in late if name.split(".")[0] in PACKAGES] == []


@pytest.mark.parametrize("path", _modules(), ids=lambda p: str(p.relative_to(ROOT)))
def test_a_module_is_one_idea_of_readable_length(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 450
    assert path.stem not in {"utils", "helpers", "common", "manager"}


def test_help_loads_neither_torch_nor_gradio() -> None:
    code = (
        "import sys; from typer.testing import CliRunner; from app.cli import cli;"
        "result = CliRunner().invoke(cli, ['--help']); assert result.exit_code == 0, result.output;"
        "print([m for m in ('torch', 'gradio', 'transformers', 'fiftyone') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
