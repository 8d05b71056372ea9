"""What a machine says of itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.machine import cpu_name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\nprocessor\t: 1\n", "Some CPU @ 2 GHz"),
        ("processor\t: 0\nBogoMIPS\t: 108\n\nModel\t\t: Some Board Rev 1\n", "Some Board Rev 1"),
    ],
)
def test_the_processor_is_named_as_the_system_does(text: str, name: str, tmp_path: Path) -> None:
    info = tmp_path / "cpuinfo"
    info.write_text(text)

    assert cpu_name(info) == name


def test_a_system_that_names_no_processor_still_tells_its_kind(tmp_path: Path) -> None:
    assert cpu_name(tmp_path / "none") != ""
