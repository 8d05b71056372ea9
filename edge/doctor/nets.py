"""The two models: their files, and a test that this machine computes what others compute."""

from __future__ import annotations

import json
from collections.abc import Iterator

from edge.doctor.child import Child
from edge.doctor.finding import Finding, ok, problem, warning
from models.errors import ModelError
from models.spec import find_model, load_spec, model_bytes, pair_threshold

FETCH_CURE = "install the project again, or copy the model's .tflite and .json anew"
PAIR_CURE = "take two that were: every published detector goes with classifier"
# On one thread. Two just make the 10 looks a second that read nearly as many signs as 30 do
# (docs/tracking.md).
SLOW_MS = 200.0
FAST = "detector-fast"
NUMBERS_CURE = (
    "the nets compute something else than they should: pip install --force-reinstall "
    "ai-edge-litert; if that does not help, send this report"
)


def model_findings(detector: str, classifier: str) -> Iterator[Finding]:
    """Whether both files are what their JSON says, by their hash, and belong together."""
    found = []
    for name in (detector, classifier):
        try:
            path = find_model(name)
            spec = load_spec(path)
            data = model_bytes(spec, path)
        except ModelError as error:
            yield problem("models", str(error), FETCH_CURE)
            continue
        found.append(spec)
        size = len(data) / 2**20
        text = f"{spec.name} {spec.version}, {size:.1f} MB, sha256 {spec.sha256[:16]}… as expected"
        yield ok("models", text)
    try:
        if len(found) == 2:
            pair_threshold(*found)
    except ModelError as error:
        yield problem("models", str(error), PAIR_CURE)


def selftest_findings(python: Child, detector: str, classifier: str) -> Iterator[Finding]:
    """Both models on golden pictures, in a child process."""
    answer = python(["-m", "edge.doctor.selftest", detector, classifier])
    if answer.failure:
        text = f"the models cannot be run: {answer.failure}"
        cure = (
            "mend what is said above; " + NUMBERS_CURE if "crash" in answer.failure else FETCH_CURE
        )
        yield problem("self-test", text, cure)
        return
    report = json.loads(answer.output)
    took = (
        f"one thread: {report['detect_ms']:.1f} ms a frame, {report['classify_ms']:.1f} ms a sign"
    )
    if not report["delegated"]:
        yield warning(
            "runtime",
            f"LiteRT on the CPU without XNNPACK: slow; {took}",
            "install a newer ai-edge-litert",
        )
    elif report["detect_ms"] > SLOW_MS:
        yield warning(
            "runtime",
            f"LiteRT on the CPU, delegate XNNPACK; {took}: more than {SLOW_MS:g} ms a frame, so "
            "that signs can pass between two looks",
            "end other work on this machine" + f", or take --detector {FAST}" * (detector != FAST),
        )
    else:
        yield ok("runtime", f"LiteRT on the CPU, delegate XNNPACK; {took}")
    if report["differences"]:
        yield problem("self-test", "; ".join(report["differences"]), NUMBERS_CURE)
    elif report["known"]:
        yield ok("self-test", "both models read the golden pictures as they should")
    else:
        yield ok("self-test", "both models run; what these two should read is not known")
