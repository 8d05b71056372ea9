"""The page about the classifier says what the published JSON says."""

from __future__ import annotations

import dataclasses

import pytest
from small_models import classifier_spec

from calibration.card import BEGIN, END, PAGE, card, page_with
from models.errors import ModelError
from models.spec import find_model, load_spec


def test_the_page_holds_the_published_figures() -> None:
    page = PAGE.read_text(encoding="utf-8")
    tables = card(load_spec(find_model("classifier")))
    assert page_with(page, tables) == page, "run `python -m calibration.card --write`"


def test_only_what_lies_between_the_marks_is_replaced() -> None:
    page = f"before\n{BEGIN}\nold\n{END}after\n"
    assert page_with(page, "new\n") == f"before\n{BEGIN}\nnew\n\n{END}after\n"


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ModelError, match="in the page, found neither"):
        page_with("nothing here", "new")


def test_a_model_without_figures_is_named() -> None:
    spec = dataclasses.replace(classifier_spec(), metrics={"judge": {}})
    with pytest.raises(ModelError, match="small: expected a published classifier's figures"):
        card(spec)
