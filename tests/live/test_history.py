"""The page's history in a real Chromium, before a real run on a real video."""

from __future__ import annotations

import pytest

from tests.live.browser import Browser
from tests.live.conftest import TOKEN

pytestmark = pytest.mark.live


def test_the_timeline_fills_and_can_be_filtered(browser: Browser, url: str) -> None:
    chip = "document.querySelector('[data-key=\"2\"]')"
    names = "return [...document.querySelectorAll('#signs .name')].map((e) => e.innerText.trim())"
    browser.open(f"{url}?token={TOKEN}")

    browser.wait(lambda: "Speed limit 50" in browser.text("#signs"), "a sign in the history")
    loaded = "return document.querySelector('#signs img.crop')?.naturalWidth ?? 0"
    assert browser.wait(lambda: browser.run(loaded), "its picture") == 128
    browser.wait(lambda: browser.run(f"return {chip} !== null"), "its chip")
    browser.click('[data-key="2"]')
    assert browser.run(f"return {chip}.ariaPressed") == "true"
    browser.wait(lambda: set(browser.run(names)) == {"Speed limit 50"}, "the filtered")
    browser.click('[data-key="null"]')
    browser.wait(lambda: len(set(browser.run(names))) > 1, "the others too")


def test_a_chip_stays_where_it_is_while_counts_move(browser: Browser, url: str) -> None:
    """The first count becomes the smallest, so that a list in their order would be another one."""
    browser.open(f"{url}?token={TOKEN}")
    chips = "[...document.querySelectorAll('#classes .chip')]"
    browser.wait(lambda: browser.run(f"return {chips}.length > 3"), "the chips")
    browser.run(
        f"""window.taken = 0;
        window.before = {chips}.map((chip) => chip.dataset.key);
        new MutationObserver((all) => {{
            for (const each of all) window.taken += each.removedNodes.length;
        }}).observe(document.querySelector('#classes'), {{ childList: true }});
        const real = window.fetch;
        window.fetch = async (path, options) => {{
            const answer = await real(path, options);
            if (path !== '/api/counts') return answer;
            const {{ classes }} = await answer.json();
            classes.reverse().forEach((each, place) => each.count = 1000 - place);
            return new Response(JSON.stringify({{ classes }}));
        }};"""
    )

    browser.wait(
        lambda: browser.run(f"return {chips}.some((chip) => chip.innerText.trim() === '1000')"),
        "other counts",
    )
    assert browser.run("return window.taken") == 0
    after = browser.run(f"return {chips}.map((chip) => chip.dataset.key)")
    assert after[: len(browser.run("return window.before"))] == browser.run("return window.before")


def test_no_answer_about_a_former_choice_is_shown(browser: Browser, url: str) -> None:
    browser.open(f"{url}?token={TOKEN}")
    chips = "[...document.querySelectorAll('#classes .chip')]"
    names = "[...document.querySelectorAll('#signs .name')].map((e) => e.innerText.trim())"
    browser.wait(lambda: browser.run(f"return {chips}.length > 3"), "the chips")

    browser.run(
        f"""window.asked = 0;
        const real = window.fetch;
        window.fetch = async (path, options) => {{
            const about = new URL(path, location.href);
            if (about.pathname === '/api/signs' && !about.searchParams.has('class')) {{
                window.asked += 1;
                setTimeout(chooseAnother);
                await new Promise((resolve) => setTimeout(resolve, 500));
            }}
            return real(path, options);
        }};
        window.shown = new Set();
        const chooseAnother = () => {{
            document.querySelector('[data-key="2"]').click();
            new MutationObserver(() => {names}.forEach((name) => window.shown.add(name)))
                .observe(document.querySelector('#signs'), {{ childList: true }});
        }};
        document.querySelector('[data-key="null"]').click();"""
    )

    browser.wait(lambda: browser.run("return window.shown.size"), "the class's signs")
    assert browser.run("return window.asked") == 1
    assert browser.run("return [...window.shown]") == ["Speed limit 50"]


def test_what_could_not_be_asked_is_asked_again(browser: Browser, url: str) -> None:
    browser.open(f"{url}?token={TOKEN}")
    browser.wait(lambda: browser.run("return document.querySelector('[data-key=\"2\"]')"), "a chip")

    browser.run(
        """const real = window.fetch;
        window.failed = 0;
        window.fetch = (path, options) => {
            const about = new URL(path, location.href);
            if (about.pathname === '/api/state') return new Promise(() => {});  // nothing is new
            if (about.pathname !== '/api/signs' || window.failed) return real(path, options);
            window.failed += 1;
            return Promise.reject(new TypeError('no connection'));
        };
        document.querySelector('[data-key="2"]').click();"""
    )

    shown = "return document.querySelectorAll('#signs .name').length"
    browser.wait(lambda: browser.run("return window.failed"), "a failure")
    browser.wait(lambda: browser.run(shown), "the class's signs")


def pretend_signs(browser: Browser, newest: int, page: int) -> None:
    """A class is chosen whose signs are numbered from 1 to `window.newest`, `page` at a time.

    What is new is shown by `show_new` only.
    """
    browser.wait(lambda: browser.run("return document.querySelector('[data-key=\"2\"]')"), "a chip")
    browser.run(
        f"""window.newest = {newest};
        const real = window.fetch;
        window.fetch = async (path, options) => {{
            const about = new URL(path, location.href);
            if (about.pathname === '/api/state') return new Promise(() => {{}});
            if (about.pathname !== '/api/signs') return real(path, options);
            const end = Number(about.searchParams.get('before') ?? window.newest + 1);
            const signs = Array.from({{ length: Math.min({page}, end - 1) }}, (_, place) => ({{
                number: end - 1 - place, class_id: 2, name: `Sign ${{end - 1 - place}}`,
                probability: 1, wall: null, source: '', crop: null, ended: true, seen_s: 1,
            }}));
            return new Response(JSON.stringify({{ signs }}));
        }};
        document.querySelector('[data-key="2"]').click();"""
    )
    wait_for_signs(browser, newest, newest - page + 1)
    browser.wait(lambda: not browser.run("return document.querySelector('#more').hidden"), "more")


def show_new(browser: Browser, newest: int) -> None:
    browser.run(
        f"""window.newest = {newest};
        return import('/history.js').then((history) => history.refreshHistory());"""
    )


def wait_for_signs(browser: Browser, newest: int, oldest: int) -> None:
    names = "return [...document.querySelectorAll('#signs .name')].map((e) => e.innerText.trim())"
    expected = [f"Sign {number}" for number in range(newest, oldest - 1, -1)]
    browser.wait(lambda: browser.run(names) == expected, f"the signs {newest} to {oldest}")


def test_signs_that_came_unseen_can_be_reached(browser: Browser, url: str) -> None:
    browser.open(f"{url}?token={TOKEN}")
    pretend_signs(browser, newest=30, page=24)

    show_new(browser, newest=54)  # none of the 24 newest is known
    wait_for_signs(browser, 54, 31)
    browser.click("#more")
    wait_for_signs(browser, 54, 7)
    show_new(browser, newest=77)  # the oldest of the 24 newest is known
    wait_for_signs(browser, 77, 7)


def test_signs_that_made_room_can_be_reached(browser: Browser, url: str) -> None:
    browser.open(f"{url}?token={TOKEN}")
    pretend_signs(browser, newest=650, page=300)
    browser.click("#more")
    wait_for_signs(browser, 650, 51)
    browser.click("#more")
    wait_for_signs(browser, 650, 1)
    browser.wait(lambda: browser.run("return document.querySelector('#more').hidden"), "the end")

    show_new(browser, newest=651)
    wait_for_signs(browser, 651, 52)
    browser.click("#more")
    wait_for_signs(browser, 651, 1)


def test_older_signs_are_offered_after_a_failure(browser: Browser, url: str) -> None:
    browser.open(f"{url}?token={TOKEN}")
    pretend_signs(browser, newest=30, page=24)

    browser.run(
        """const pretended = window.fetch;
        window.failed = 0;
        window.fetch = (path, options) => {
            const about = new URL(path, location.href);
            if (!about.searchParams.has('before') || window.failed) return pretended(path, options);
            window.failed += 1;
            return Promise.reject(new TypeError('no connection'));
        };
        document.querySelector('#more').hidden = true;
        document.querySelector('[data-key="null"]').click();"""
    )

    browser.wait(lambda: browser.run("return window.failed"), "a failure")
    browser.wait(lambda: not browser.run("return document.querySelector('#more').hidden"), "more")
