"""The flags of a training, read without importing the packages that train."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1]


def recipe_fields(module: str) -> dict[str, type]:
    """Flag → type of the values of a training's Recipe, read without importing its packages."""
    tree = ast.parse((ROOT / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8"))
    (recipe,) = (n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == "Recipe")
    types: dict[str, type] = {"str": str, "int": int, "float": float}
    fields = [node for node in recipe.body if isinstance(node, ast.AnnAssign)]
    return {f"--{n.target.id}": types[n.annotation.id] for n in fields} | {"--limit": int}  # type: ignore[union-attr, attr-defined]
