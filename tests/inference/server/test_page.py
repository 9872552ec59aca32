"""The page in a real browser: it streams, stops, tells how fast, and shows what people and models write as text."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, Route, expect, sync_playwright
from pytest import fixture, mark, skip

from calame.inference.sampling import Sampling
from calame.inference.server.app import PAGE
from serving import Site, scripted, serving

CHROMIUM = shutil.which("chromium")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
ARGUMENTS += ["--disable-background-networking", "--disable-component-update"]
LONG = Sampling(limit=39_000)


@fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        skip("needs Chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@contextmanager
def opened(browser: Browser, site: Site, locale: str = "fr-FR", **more: Any) -> Iterator[Page]:
    """The page, which asks nothing of any other address and has no error at its end."""
    context = browser.new_context(locale=locale, **more)
    page, faults, asked = context.new_page(), [], []
    page.on("pageerror", lambda fault: faults.append(fault))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(site.url)
    yield page
    assert not faults
    assert all(url.startswith((site.url, "data:")) for url in asked)
    context.close()


def say(page: Page, text: str) -> None:
    page.locator("#said").fill(text)
    page.keyboard.press("Enter")


@mark.slow
def test_a_conversation_by_keyboard_alone(browser: Browser) -> None:
    answers = ("la mer <b>bleue</b> & <script>alert(1)</script>", "le soleil")
    with serving(scripted(*answers), sampling=LONG) as site, opened(browser, site) as page:
        expect(page.locator("#model")).to_have_text("essai")
        expect(page.locator("#said")).to_be_focused()
        say(page, "<img src=x onerror=alert(2)> où ?")
        expect(page.locator(".theirs .text").first).to_have_text(answers[0])
        expect(page.locator(".mine .text").first).to_have_text("<img src=x onerror=alert(2)> où ?")
        assert page.locator("#log img, #log b, #log script").count() == 0
        expect(page.locator(".foot").first).to_have_text(re.compile(r"\d+ jetons · [\d\s,]+ jetons/s · premier après"))
        expect(page.locator("#status")).to_have_text(f"Réponse : {answers[0]}")
        expect(page.locator("#said")).to_be_focused()
        page.keyboard.type("et")
        page.keyboard.press("Shift+Enter")
        page.keyboard.type("puis ?")
        page.keyboard.press("Enter")
        expect(page.locator(".theirs .text")).to_have_text([answers[0], answers[1]])
        expect(page.locator(".mine .text").last).to_have_text("et\npuis ?")
        assert site.engine.counts.requests == 2


@mark.slow
def test_what_is_said_before_the_model_is_known_is_sent_then(browser: Browser) -> None:
    with serving(scripted("la mer")) as site, opened(browser, site) as page:
        held: list[Route] = []
        page.route("**/v1/models", lambda route: held.append(route))
        page.reload()
        say(page, "où ?")
        expect(page.locator("#said")).to_have_value("où ?")
        expect(page.locator(".exchange")).to_have_count(0)
        held[0].continue_()
        expect(page.locator(".theirs .text")).to_have_text("la mer")
        expect(page.locator("#said")).to_have_value("")


@mark.slow
def test_the_stop_button_and_escape_end_an_answer_on_the_server_too(browser: Browser) -> None:
    with (
        serving(scripted("mer ", stop=False, room=40_000, pace=0.01), sampling=LONG, slots=1) as site,
        opened(browser, site) as page,
    ):
        for number, way in enumerate((lambda: page.locator("#stop").click(), lambda: page.keyboard.press("Escape"))):
            say(page, "où ?")
            expect(page.locator(".theirs .text").nth(number)).to_have_text(re.compile("^mer mer"))
            expect(page.locator("#log")).to_have_attribute("aria-busy", "true")
            expect(page.locator("#send")).to_be_hidden()
            way()
            expect(page.locator(".foot").nth(number)).to_have_text(re.compile("arrêtée"))
            expect(page.locator("#send")).to_be_visible()
            site.until(lambda counts: counts.running == 0)
        assert site.engine.counts.tokens < LONG.limit, "neither came to its end"
        page.locator("#fresh").click()
        expect(page.locator(".exchange")).to_have_count(0)
        expect(page.locator("#welcome")).to_be_visible()


@mark.slow
def test_it_speaks_three_languages_and_remembers_which(browser: Browser) -> None:
    with serving(scripted("la mer")) as site:
        with opened(browser, site, "it-IT") as page:
            expect(page.locator("#send")).to_have_text("Invia")
            expect(page.locator("html")).to_have_attribute("lang", "it")
            page.locator("#language").select_option("en")
            expect(page.locator("#send")).to_have_text("Send")
            page.reload()
            expect(page.locator("#send")).to_have_text("Send")
        with opened(browser, site, "de-DE") as page:
            expect(page.locator("#send")).to_have_text("Send")


def test_every_word_is_there_in_every_language() -> None:
    source = (PAGE / "words.js").read_text(encoding="utf-8")
    parts = re.split(r"^  (fr|it|en): \{$", source, flags=re.MULTILINE)[1:]
    keys = {code: set(re.findall(r"(\w+): \"", words)) for code, words in zip(parts[::2], parts[1::2], strict=True)}
    assert set(keys) == {"fr", "it", "en"} and keys["fr"] == keys["it"] == keys["en"]
    html = (PAGE / "index.html").read_text(encoding="utf-8")
    used = set(re.findall(r'data-(?:word|label)="(\w+)"', html))
    used |= set(re.findall(r'word\("(\w+)"\)', (PAGE / "chat.js").read_text(encoding="utf-8")))
    assert used <= keys["fr"]
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", "".join(p.read_text("utf-8") for p in PAGE.iterdir()))


@mark.slow
def test_a_key_is_asked_for_and_kept_for_the_tab(browser: Browser) -> None:
    with serving(scripted("la mer"), key="s3cret") as site, opened(browser, site) as page:
        expect(page.locator("#key-wanted")).to_be_visible()
        page.locator("#key").fill("s3cret")
        page.keyboard.press("Enter")
        expect(page.locator("#model")).to_have_text("essai")
        say(page, "où ?")
        expect(page.locator(".theirs .text")).to_have_text("la mer")
        page.reload()
        expect(page.locator("#model")).to_have_text("essai")


@mark.slow
def test_when_the_context_is_full_the_oldest_are_forgotten(browser: Browser) -> None:
    with serving(scripted("la mer", room=90)) as site, opened(browser, site) as page:
        for number in range(6):
            say(page, f"mer {number}")
            expect(page.locator(".copy")).to_have_count(number + 1)
        expect(page.locator(".gap")).to_be_visible()
        assert 1 <= page.locator(".forgotten").count() < 6
        say(page, "mer " * 90)
        expect(page.locator("#alert")).to_have_text(re.compile("tokens"))
        expect(page.locator("#said")).to_have_value(re.compile("^mer mer"))


@mark.slow
def test_settings_go_with_what_is_asked(browser: Browser) -> None:
    with serving(scripted("la mer et le soleil"), sampling=LONG) as site, opened(browser, site) as page:
        page.locator("#settings").click()
        page.locator("#system").fill("Sois bref.")
        page.locator("#most").fill("2")
        page.locator("#temperature").fill("0.5")
        page.locator("dialog .main").click()
        with page.expect_request("**/v1/chat/completions") as asked:
            say(page, "où ?")
        body = asked.value.post_data_json
        assert body["messages"] == [{"role": "system", "content": "Sois bref."}, {"role": "user", "content": "où ?"}]
        assert (body["max_tokens"], body["temperature"]) == (2, 0.5)
        expect(page.locator(".foot")).to_have_text(re.compile("coupée à la limite"))


@mark.slow
def test_it_fits_a_phone_and_can_be_read(browser: Browser, tmp_path: Path) -> None:
    """Nothing sticks out; everything that can be pressed has a name; text stands out from its ground (WCAG AA)."""
    for width, scheme in ((320, "light"), (390, "dark"), (1280, "light")):
        size = {"width": width, "height": 700}
        with (
            serving(scripted("mer" * 90)) as site,
            opened(browser, site, viewport=size, color_scheme=scheme) as page,
        ):
            say(page, "m" * 200)
            expect(page.locator(".foot button").first).to_be_visible()
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            for box in page.locator("button:visible, select:visible, #said").all():
                place = box.bounding_box()
                assert place and place["x"] >= 0 and place["x"] + place["width"] <= width
            for role, names in (("button", 4), ("textbox", 1), ("combobox", 1), ("log", 1), ("heading", 3)):
                found = page.get_by_role(role, name=re.compile(r"\S"))  # type: ignore[arg-type]
                assert found.count() >= names, role
            for selector in (".text", ".soft.foot", ".who", "h1 span", "#send", ".small"):
                assert _contrast(page, selector) >= 4.5, selector


def _contrast(page: Page, selector: str) -> float:
    """WCAG's ratio between an element's text and the ground it stands on."""
    script = """selector => {
      const seen = name => { let e = document.querySelector(selector), c;
        do { c = getComputedStyle(e)[name]; e = e.parentElement } while (/, 0\\)$/.test(c) && e); return c };
      return [seen("color"), seen("backgroundColor")] }"""
    light = []
    for colour in page.evaluate(script, selector):
        parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        light.append(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2])
    return (max(light) + 0.05) / (min(light) + 0.05)
