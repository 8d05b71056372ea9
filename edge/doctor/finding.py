"""What the doctor says about one thing, as text for people and as JSON."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

State = Literal["ok", "warning", "problem"]

WIDTH = 96


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. `problem`: the app cannot run; `warning`: a part of it cannot, or runs
    badly. `cure`: what to do about either. Texts hold no credentials.
    """

    topic: str
    state: State
    text: str
    cure: str = ""


def ok(topic: str, text: str) -> Finding:
    return Finding(topic, "ok", text)


def warning(topic: str, text: str, cure: str) -> Finding:
    return Finding(topic, "warning", text, cure)


def problem(topic: str, text: str, cure: str) -> Finding:
    return Finding(topic, "problem", text, cure)


def can_run(findings: Sequence[Finding]) -> bool:
    return all(finding.state != "problem" for finding in findings)


def verdict(findings: Sequence[Finding]) -> str:
    """The last line: whether the app can run, and how much there is to mend."""
    counts = {state: sum(f.state == state for f in findings) for state in ("problem", "warning")}
    many = ", ".join(f"{n} {state}{'s' if n > 1 else ''}" for state, n in counts.items() if n)
    can = "the app can run" if can_run(findings) else "the app cannot run"
    return f"{can}: {many or 'nothing to mend'}"


def as_text(findings: Sequence[Finding]) -> str:
    """A report to read and to paste, each problem with its cure below."""
    lines = []
    for finding in findings:
        head = f"{finding.state:<8} {finding.topic:<10} "
        lines += textwrap.wrap(finding.text, WIDTH, initial_indent=head, subsequent_indent=" " * 20)
        if finding.cure:
            lines += textwrap.wrap(
                f"→ {finding.cure}", WIDTH, initial_indent=" " * 20, subsequent_indent=" " * 22
            )
    return "\n".join([*lines, verdict(findings)])


def as_record(findings: Sequence[Finding]) -> dict[str, Any]:
    """The same for programs."""
    return {
        "can_run": can_run(findings),
        "verdict": verdict(findings),
        "findings": [asdict(finding) for finding in findings],
    }
