"""The bundled demo drive and the code that draws it."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from models.errors import OutputError, SourceError, UsageError
from models.signs import sign_class
from tests.commands import execute, failure
from training import drive
from training.drive import LIMIT_BYTES, MIN_HEIGHT, SIZE, frame_at, main, write_drive
from training.resemblance import look_of, looks_of_drive
from training.story import FPS, SECONDS, Story, story_of

DEMO = Path(__file__).parents[1] / "edge" / "demo"
SMALL = (320, 180)


@pytest.fixture(scope="module")
def truth() -> Any:
    return json.loads((DEMO / "drive.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def story(truth: Any) -> Story:
    return story_of(truth["seed"])


def named(truth: Any, kind: str) -> list[Any]:
    return [sign for sign in truth["signs"] if sign["kind"] == kind]


def test_the_drive_has_enough_signs_of_enough_classes(truth: Any) -> None:
    signs = named(truth, "sign")
    assert len(signs) >= 30
    assert len({sign["label"] for sign in signs}) >= 25
    assert len(named(truth, "foreign")) >= 6
    assert all(sign["name"] == sign_class(sign["label"]).name for sign in signs)
    assert all(sign["label"] == -1 for sign in named(truth, "foreign"))
    assert [sign["id"] for sign in truth["signs"]] == sorted({s["id"] for s in truth["signs"]})


def test_some_signs_share_a_post(story: Story) -> None:
    posts = Counter((sign.s, sign.d) for sign in story.world.signs)
    assert sum(count >= 2 for count in posts.values()) >= 5


def test_the_truth_lies_inside_the_frames_and_in_their_order(truth: Any) -> None:
    frames = round(SECONDS * FPS)
    for sign in truth["signs"]:
        boxes = np.array(sign["boxes"])
        index, x1, y1, x2, y2 = boxes.T
        assert (np.diff(index) > 0).all()
        assert index[0] >= 0
        assert index[-1] < frames
        assert (x1 >= 0).all()
        assert (y1 >= 0).all()
        assert (x2 <= truth["width"]).all()
        assert (y2 <= truth["height"]).all()
        assert (x2 > x1).all()
        assert (y2 - y1 >= MIN_HEIGHT - 0.1).all()
        assert sign["from"] == pytest.approx(index[0] / FPS, abs=1e-3)
        assert sign["to"] == pytest.approx(index[-1] / FPS, abs=1e-3)


def test_signs_grow_from_far_to_near(truth: Any) -> None:
    largest = []
    for sign in named(truth, "sign"):
        heights = [box[4] - box[2] for box in sign["boxes"]]
        largest.append(max(heights))
        assert heights[-1] > heights[0]
    assert np.median(largest) > 55
    assert max(largest) < 200


def test_the_video_is_what_its_truth_says(truth: Any) -> None:
    path = DEMO / truth["video"]
    assert path.stat().st_size <= LIMIT_BYTES
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert (stream.width, stream.height) == SIZE == (truth["width"], truth["height"])
        assert stream.average_rate == FPS == truth["fps"]
        times = [float(frame.time) for frame in container.decode(stream)]
    assert len(times) == round(SECONDS * FPS)
    assert np.diff(times) == pytest.approx(np.full(len(times) - 1, 1 / FPS), abs=1e-3)


def test_the_bundled_video_is_what_this_code_draws(story: Story, truth: Any) -> None:
    index = 150
    with av.open(str(DEMO / truth["video"])) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number == index:
                bundled = frame.to_ndarray(format="bgr24")
                break
    drawn = frame_at(story, index)
    error = np.mean((drawn.image.astype(float) - bundled) ** 2)
    assert 10 * np.log10(255**2 / error) > 26  # dB
    expected = {
        sign["id"] - 1: box[1:]
        for sign in truth["signs"]
        for box in sign["boxes"]
        if box[0] == index
    }
    assert {face.sign for face in drawn.faces} == set(expected)
    for face in drawn.faces:
        assert face.box == pytest.approx(expected[face.sign], abs=0.11)


@pytest.mark.parametrize("index", [0, 400, 800])
def test_a_frame_is_the_same_whenever_it_is_drawn(story: Story, index: int) -> None:
    first, second = frame_at(story, index, SMALL), frame_at(story, index, SMALL)
    assert np.array_equal(first.image, second.image)
    assert first.faces == second.faces


def test_the_car_drives_at_8_to_16_metres_a_second(story: Story) -> None:
    times = np.arange(0, SECONDS, 0.1)
    speeds = np.diff([story.distance(float(at)) for at in times]) / 0.1
    assert speeds.min() >= 8
    assert speeds.max() <= 16
    assert speeds.max() - speeds.min() > 3


def test_a_short_drive_is_written_with_its_truth(story: Story, tmp_path: Path) -> None:
    write_drive(story, tmp_path, 4, (640, 360))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["drive.json", "drive.mp4"]
    with av.open(str(tmp_path / "drive.mp4")) as container:
        shapes = [frame.to_ndarray(format="bgr24").shape for frame in container.decode(video=0)]
    assert shapes == [(360, 640, 3)] * 4
    written = json.loads((tmp_path / "drive.json").read_text(encoding="utf-8"))
    boxes = sum(len(sign["boxes"]) for sign in written["signs"])
    assert boxes >= 4
    first_only = sum(box[0] == 0 for sign in written["signs"] for box in sign["boxes"])
    assert len(looks_of_drive(tmp_path)) == first_only + sum(
        box[0] == 3 for sign in written["signs"] for box in sign["boxes"]
    )


def test_a_place_that_cannot_be_written_is_an_output_error(story: Story, tmp_path: Path) -> None:
    file = tmp_path / "taken"
    file.write_text("")
    with pytest.raises(OutputError, match="taken"):
        write_drive(story, file, 1, SMALL)


@pytest.mark.parametrize("what", ["draw", "histograms"])
@pytest.mark.parametrize("place", ["taken/below", "folder"])
def test_a_place_that_cannot_be_written_is_told_before_anything_is_drawn(
    what: str, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(*_: object) -> None:
        pytest.fail("it was drawn first")

    monkeypatch.setattr(drive, "story_of", work)
    monkeypatch.setattr(drive, "draw_histograms", work)
    (tmp_path / "taken").write_text("")
    (tmp_path / "folder" / "drive.mp4").mkdir(parents=True)

    with pytest.raises(OutputError, match=f"cannot write {tmp_path / place}"):
        main([what, "--output", str(tmp_path / place)])


def test_a_folder_that_the_system_does_not_make_is_an_output_error(tmp_path: Path) -> None:
    done = execute("training.drive", "--output", "/proc/zz", cwd=tmp_path)

    assert "cannot write /proc/zz/drive.mp4: " in failure(done, 5)


def test_the_proof_of_a_place_leaves_it_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "drive.mp4").write_text("whole")
    drive.prove_place(tmp_path / "drive.mp4")

    assert [path.name for path in tmp_path.iterdir()] == ["drive.mp4"]
    assert (tmp_path / "drive.mp4").read_text() == "whole"


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("--seed", "-1"),
        ("--jobs", "0"),
        ("--seconds", "0.01"),
        ("--seconds", "0"),
        ("--seconds", "nan"),
    ],
)
def test_a_number_that_makes_no_sense_is_a_usage_error(
    tmp_path: Path, flag: str, value: str
) -> None:
    with pytest.raises(UsageError, match=f"{flag}: expected .*, found {value}"):
        main(["--output", str(tmp_path / "drive"), flag, value])

    assert not (tmp_path / "drive").exists()


def test_a_folder_without_a_drive_is_a_source_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="truth"):
        looks_of_drive(tmp_path)


def test_sharpness_falls_with_blur_and_ignores_light_and_contrast() -> None:
    rng = np.random.default_rng(0)
    sharp = rng.integers(60, 200, (48, 48, 1), np.uint8).repeat(3, axis=2)
    blurred = np.asarray(sharp[:, ::-1].astype(float))
    blurred = (blurred + np.roll(blurred, 1, 0) + np.roll(blurred, 1, 1)) / 3
    box = (0.0, 0.0, 48.0, 48.0)
    clear = look_of(sharp, box, 1.0)
    assert look_of(blurred.astype(np.uint8), box, 1.0).sharpness < 0.7 * clear.sharpness
    dim = look_of((sharp * 0.5).astype(np.uint8), box, 2.0)
    assert dim.sharpness == pytest.approx(clear.sharpness, rel=0.02)
    assert dim.contrast == pytest.approx(clear.contrast / 2, rel=0.02)
    assert dim.height == 96.0
