"""The import rules of ARCHITECTURE.md, each proven in a process of its own."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# The data sets and the rooms next door: files, splits, the places that are no sign of the 43, and
# the corruptions that both sides measure with.
READERS = (
    *("training.datasets", "training.files", "training.split", "training.negatives"),
    *("training.watched", "training.corruptions"),
)

MAY_IMPORT = {
    "models": {"models"},
    "edge": {"models", "edge"},
    "training": {"models", "training"},
    "calibration": {"models", "edge", "calibration", *READERS},
}
OWN = tuple(MAY_IMPORT)

# What `pip install .[headless]` brings, under the names it is imported by.
EDGE_PACKAGES = (
    *("numpy", "cv2", "av", "PIL", "tomli", "ai_edge_litert", "tflite_runtime"),
    *("flatbuffers", "ml_dtypes", "backports", "typing_extensions"),  # LiteRT's own
)

HEAVY = ("tensorflow", "keras", "torch", "ultralytics", "matplotlib", "sklearn", "tqdm")

# Refuses every package that is neither in the standard library, nor ours, nor for the edge.
ONLY_EDGE = f"""
import sys
allowed = {{*sys.stdlib_module_names, *{OWN!r}, *{EDGE_PACKAGES!r}}}
class Gate:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in allowed and not top.startswith("_"):
            raise ModuleNotFoundError(f"{{name}} is no edge package", name=name)
sys.meta_path.insert(0, Gate())
"""


def modules() -> list[Path]:
    return [path for own in OWN for path in sorted((ROOT / own).rglob("*.py"))]


def imported(path: Path) -> set[str]:
    """Every module that a file imports, also within functions."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            assert node.module is not None
            whole = node.module in OWN  # `from training import datasets` names the module itself
            names |= {f"{node.module}.{a.name}" for a in node.names} if whole else {node.module}
    return names


def python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_module_imports_only_what_its_folder_may(path: Path) -> None:
    folder = path.relative_to(ROOT).parts[0]
    ours = {name for name in imported(path) if name.partition(".")[0] in OWN}

    allowed = MAY_IMPORT[folder]
    wrong = {n for n in ours if not any(n == a or n.startswith(f"{a}.") for a in allowed)}

    assert wrong == set()


def test_the_core_imports_nothing_from_the_rest_of_edge() -> None:
    assert not {name for name in imported(ROOT / "edge" / "core.py") if name.startswith("edge")}


COMMANDS = (
    "edge.run",
    "edge.classify",
    "edge.bench",
    "edge.doctor.__main__",
    "edge.service.__main__",
)


@pytest.mark.parametrize("module", COMMANDS)
def test_a_command_of_the_edge_loads_nothing_heavy(module: str) -> None:
    loaded = python(f"import {module}, sys; print(*sys.modules)").split()

    assert module in loaded
    assert not {name for name in loaded if name.partition(".")[0] in (*HEAVY, "training")}


@pytest.mark.parametrize(
    "module",
    [*COMMANDS, "calibration.evaluate", "training.datasets"],
)
def test_the_edge_packages_alone_are_enough(module: str) -> None:
    python(f"{ONLY_EDGE}\nimport {module}")


def test_the_gate_of_the_test_above_is_shut() -> None:
    found = python(f"{ONLY_EDGE}\ntry:\n import pytest\nexcept ImportError as e:\n print(e)")

    assert found == "pytest is no edge package\n"
