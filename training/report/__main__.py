"""Writes one page about a finished training run: RUN/report.html and its pictures.

python -m training.report runs/classifier
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from models.command import CommandParser
from models.errors import run_command
from training.report.record import read_record
from training.runs import needed


def main(argv: Sequence[str] | None = None) -> None:
    """Read the run, draw everything, write the page."""
    parser = CommandParser("training.report", __doc__)
    parser.add_argument("run", type=Path, metavar="RUN", help="the folder of a finished run")
    record = read_record(parser.parse(argv).run)  # what is wrong with it shows at once
    with needed("the report"):
        from training.report.page import write_report  # noqa: PLC0415 – takes seconds to load
    print(f"wrote {write_report(record)}")


if __name__ == "__main__":
    run_command(main)
