"""The configuration: flags over file over defaults, and every mistake named."""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.config import SETTINGS, Config, load, read_toml, to_toml
from edge.outputs import METRICS
from edge.web.address import DEFAULT
from models.errors import UsageError


@pytest.fixture
def toml(tmp_path: Path) -> Path:
    return tmp_path / "edge.toml"


def test_a_flag_wins_over_the_file_and_the_file_over_the_default(toml: Path) -> None:
    toml.write_text('detector = "detector-fast"\nthreads = 3\n')

    config = load(toml, {"threads": 2})

    assert config == Config(detector="detector-fast", threads=2)


def test_edge_toml_of_the_current_folder_is_read_without_being_asked_for_and_that_is_told(
    toml: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    toml.write_text("max_frames = 7\n")
    monkeypatch.chdir(toml.parent)
    with caplog.at_level(logging.INFO):
        assert load(None, {}).max_frames == 7
        assert load(toml, {}).max_frames == 7

    assert caplog.messages == ["settings: edge.toml"]


def test_without_file_and_flags_the_defaults_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert load(None, {}) == Config()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("thread = 2", 'unknown key "thread"; did you mean "threads"?'),
        ("detecktor = 'x'", 'unknown key "detecktor"; did you mean "detector"?'),
        ("zzz = 1", 'unknown key "zzz"; known are source, output'),
        ("[edge]\nthreads = 2", 'unknown key "edge"'),
        ("threads = '2'", "threads: expected a whole number, found text"),
        ("threads = 2.5", "threads: expected a whole number, found a number with a fraction"),
        ("threads = true", "threads: expected a whole number, found true or false"),
        ("show = 1", "show: expected true or false, found a whole number"),
        ("source = 0", "source: expected text, found a whole number"),
        ("conf = 'high'", "conf: expected a number, found text"),
        ("events = ['a']", "events: expected text, found a list"),
        ("threads = ", "expected a TOML file"),
    ],
)
def test_a_mistake_in_the_file_is_named(toml: Path, text: str, message: str) -> None:
    toml.write_text(text)

    with pytest.raises(UsageError) as error:
        read_toml(toml)

    assert message in str(error.value)
    assert str(toml) in str(error.value)


def test_a_file_that_is_not_there_is_named(toml: Path) -> None:
    with pytest.raises(UsageError, match=r"edge\.toml: cannot read the configuration: No such"):
        load(toml, {})


def test_a_file_that_is_no_text_is_named(toml: Path) -> None:
    toml.write_bytes(b"\xff\xfe\x00")

    with pytest.raises(UsageError, match=r"edge\.toml: expected a TOML file"):
        read_toml(toml)


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("threads", -1, "threads: expected 0 or more, found -1"),
        ("threads", 1025, "threads: expected at most 1024, found 1025"),
        ("max_reads", 0, "max_reads: expected 1 or more, found 0"),
        ("detect_every", 0, "detect_every: expected 1 or more, found 0"),
        ("roi", "0.2", "roi: expected TOP,BOTTOM or LEFT,TOP,RIGHT,BOTTOM .* found 1 number"),
        ("max_frames", -5, "max_frames: expected 0 or more, found -5"),
        ("conf", 1.5, "conf: expected a score between 0 and 1, found 1.5"),
        ("conf", float("nan"), "conf: expected a score between 0 and 1, found nan"),
        ("rotate", 45, "rotate: expected 0, 90, 180, 270, found 45"),
        ("flip", "up", 'flip: expected "none", "horizontal", "vertical", "both", found "up"'),
        ("fps", 0.0, "fps: expected frames a second, up to 1000, found 0"),
        ("fps", float("nan"), "fps: expected frames a second, up to 1000, found nan"),
        ("resolution", "720p", "resolution: expected a size such as 1280x720, found '720p'"),
        ("resolution", "1280x7", "resolution: expected a size such as 1280x720"),
        ("resolution", "99999x720", "resolution: expected a size such as 1280x720"),
    ],
)
def test_a_value_out_of_range_is_refused(setting: str, value: float, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load(None, {setting: value})


def test_a_whole_number_serves_where_a_fraction_is_meant(toml: Path) -> None:
    toml.write_text("conf = 1")

    value = read_toml(toml)["conf"]

    assert (value, type(value)) == (1.0, float)


def test_every_setting_is_explained() -> None:
    assert list(SETTINGS) == [field.name for field in dataclasses.fields(Config)]


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@settings(deadline=None)  # the machine may be busy
@given(
    st.builds(
        Config,
        source=TEXT,
        output=TEXT,
        events=TEXT,
        show=st.booleans(),
        threads=st.integers(0, 64),
        conf=st.none() | st.floats(0, 1, exclude_min=True, exclude_max=True),
        max_frames=st.integers(0, 10**12),
    )
)
def test_what_is_printed_loads_again(tmp_path_factory: pytest.TempPathFactory, c: Config) -> None:
    file = tmp_path_factory.mktemp("config") / "edge.toml"
    file.write_text(to_toml(c), encoding="utf-8", newline="")

    assert load(file, {}) == c


def test_the_printed_file_says_what_each_key_means() -> None:
    text = to_toml(Config(conf=0.25))

    assert "conf = 0.25" in text
    assert f"# {SETTINGS['max_reads']}\nmax_reads = " in text


def test_a_token_is_not_printed_but_the_file_that_holds_it_is() -> None:
    assert "secret-secret" not in to_toml(Config(web_token="secret-secret"))
    assert 'web_token = "@/etc/signs/token"' in to_toml(Config(web_token="@/etc/signs/token"))


def test_the_help_names_the_ports_that_are_usual() -> None:
    assert METRICS.rpartition(":")[2] in SETTINGS["metrics"]
    assert DEFAULT.rpartition(":")[2] in SETTINGS["web"]
