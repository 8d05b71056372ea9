"""The page in a real Chromium, before a real run on a real video."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.live.browser import Browser, chromium
from tests.live.conftest import TOKEN
from tests.pages import demo_frame

pytestmark = pytest.mark.live


def enter(browser: Browser, url: str, token: str) -> None:
    browser.open(url)
    browser.type("#token", token)
    browser.click("button")


def test_a_wrong_token_is_refused_and_the_right_one_opens(browser: Browser, url: str) -> None:
    enter(browser, url, "a-wrong-token-it-is")

    browser.wait(lambda: "That is not the token" in browser.text("form"), "the refusal")
    assert browser.run("return fetch('/api/state').then((answer) => answer.status)") == 401
    enter(browser, url, TOKEN)
    browser.wait(lambda: browser.text("#state") == "Playing", "the state")


def test_a_link_with_the_token_opens_and_hides_it(browser: Browser, url: str) -> None:
    browser.open(f"{url}?token={TOKEN}")

    browser.wait(lambda: browser.text("#state") == "Playing", "the state")
    assert browser.run("return location.href") == url


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
def test_the_picture_moves_and_fits(url: str, tmp_path: Path, width: int, height: int) -> None:
    with chromium(tmp_path / "profile", width, height) as browser:
        browser.open(f"{url}?token={TOKEN}")
        pixel = """
            const picture = document.querySelector("#picture");
            if (!picture.naturalWidth) return "";
            const canvas = document.createElement("canvas");
            [canvas.width, canvas.height] = [picture.naturalWidth, picture.naturalHeight];
            const context = canvas.getContext("2d");
            context.drawImage(picture, 0, 0);
            const data = context.getImageData(0, 0, canvas.width, canvas.height).data;
            let sum = 0;
            for (let i = 0; i < data.length; i += 997) sum = (sum * 31 + data[i]) % 1e9;
            return `${canvas.width}x${canvas.height} ${sum}`;"""
        first = browser.wait(lambda: browser.run(pixel), "a picture")
        second = browser.wait(
            lambda: (now := browser.run(pixel)) != first and now, "another picture"
        )

        assert first.startswith("960x540 ")
        assert second.startswith("960x540 ")
        assert browser.run("return document.documentElement.scrollWidth <= innerWidth")
        assert browser.complaints() == []


def test_the_picture_can_be_stopped(browser: Browser, url: str) -> None:
    number = "return document.querySelector('#screen').dataset.picture ?? ''"
    browser.open(f"{url}?token={TOKEN}")
    browser.wait(lambda: browser.run(number), "a picture")

    browser.click("#pause")
    assert browser.run("return document.querySelector('#pause').ariaPressed") == "true"
    browser.click("#pause")
    stopped = browser.run(number)

    browser.wait(lambda: browser.run(number) != stopped, "a picture after that")


def test_an_upload_is_read(browser: Browser, url: str, tmp_path: Path) -> None:
    scene, junk = tmp_path / "scene.png", tmp_path / "junk.png"
    cv2.imwrite(str(scene), demo_frame(36))
    junk.write_text("no picture")
    browser.open(f"{url}?token={TOKEN}")

    browser.type("#file", str(scene))
    browser.wait(lambda: "found, in" in browser.text("#verdict"), "the answer")
    assert "Speed limit 50" in browser.text("#read")
    box = browser.run(
        """const [box, picture] = ["#shown .box", "#shown img"].map((each) =>
            document.querySelector(each).getBoundingClientRect());
        return box.left > picture.left && box.right < picture.right && box.width > 2;"""
    )
    assert box
    browser.type("#file", str(junk))
    browser.wait(lambda: "not a picture" in browser.text("#verdict"), "the refusal")
    browser.complaints()  # the browser notes the refused upload by itself


@pytest.mark.parametrize("end", ["resolve()", "reject(new TypeError('no connection'))"])
def test_no_answer_about_a_former_picture_is_shown(
    browser: Browser, url: str, tmp_path: Path, end: str
) -> None:
    scene, road = tmp_path / "scene.png", tmp_path / "road.png"
    cv2.imwrite(str(scene), demo_frame(36))
    cv2.imwrite(str(road), np.full((540, 960, 3), 128, np.uint8))
    browser.open(f"{url}?token={TOKEN}")
    browser.wait(lambda: browser.text("#state") == "Playing", "the state")
    browser.run(
        f"""const real = window.fetch;
        window.fetch = async (path, options) => {{
            if (path !== '/api/read' || window.finish) return real(path, options);
            const wait = new Promise((resolve, reject) => {{ window.finish = () => {end}; }});
            const answer = await real(path, options);
            const told = await answer.json();
            window.held = told.signs.length;
            await wait;
            return {{ ok: answer.ok, json: async () => told }};
        }};"""
    )

    browser.type("#file", str(scene))
    browser.wait(lambda: browser.run("return window.held"), "the former picture's signs")
    browser.type("#file", str(road))
    browser.wait(lambda: "No sign found" in browser.text("#verdict"), "the answer")
    browser.run("window.finish();")
    assert "No sign found" in browser.text("#verdict")
    assert browser.run("return document.querySelectorAll('#shown .box, #read li').length") == 0
    assert browser.run("return document.querySelector('#answer').dataset.state") == "read"
