"""What is asked of a page in the browser, whatever it shows."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, Page

DESK, PHONE = {"width": 1280, "height": 900}, {"width": 375, "height": 812}

_SEEN = 24  # of 255 levels of grey
# A figure is seen if it takes room, is inside its container, and is not see-through.
SEEN = """() => [...document.querySelectorAll('.picture svg[role=img]')].map((svg) => {
  const box = svg.getBoundingClientRect(), room = svg.parentElement.getBoundingClientRect();
  return {width: box.width, height: box.height, inside: svg.parentElement.scrollWidth,
    cut: room.height + 1 < box.height, shown: svg.checkVisibility({opacityProperty: true})};
})"""


def inked(page: Page) -> list[float]:
    """Return which share of each figure's pixels is not its ground; 0: nothing is drawn."""
    shares = []
    for picture in page.locator(".picture svg[role=img]").all():
        pixels = np.asarray(Image.open(io.BytesIO(picture.screenshot())).convert("L"), dtype=int)
        ground = np.bincount(pixels.ravel()).argmax()
        shares.append(float((abs(pixels - ground) > _SEEN).mean()))
    return shares


@dataclass
class Heard:
    """What a page said and asked for while it was open."""

    said: list[str] = field(default_factory=list)  # console, errors, dialogs
    asked: list[str] = field(default_factory=list)  # addresses


@contextmanager
def opened(browser: Browser, path: Path, **context: Any) -> Iterator[tuple[Page, Heard]]:
    """Open a page from the disk, in a context of its own."""
    room = browser.new_context(**{"viewport": DESK, **context})
    page, heard = room.new_page(), Heard()
    page.on("console", lambda message: heard.said.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: heard.said.append(str(error)))
    page.on("request", lambda request: heard.asked.append(request.url))
    page.on("dialog", lambda dialog: heard.said.append(dialog.message))
    page.on("dialog", lambda dialog: dialog.dismiss())
    page.goto(path.as_uri())
    yield page, heard
    room.close()


def violations(page: Page) -> list[str]:
    """Return what axe-core finds wrong, a line each, with everything unfolded.

    A picture is one image to those who hear the page: the thousands of shapes in it are left out.
    """
    page.evaluate(
        "for (const one of document.querySelectorAll('details')) one.open = true;"
        "for (const one of document.querySelectorAll('svg')) one.replaceChildren()"
    )
    found = Axe().run(page).response["violations"]
    return [
        f"{one['id']}: {node['target']}: {node['failureSummary']}"
        for one in found
        for node in one["nodes"]
    ]


def is_within(page: Page) -> bool:
    """Whether nothing sticks out of the page sideways."""
    return bool(
        page.evaluate(
            "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
        )
    )


def luminance(page: Page, selector: str = "body") -> float:
    """Return how bright an element's background is, from 0 to 255."""
    text: str = page.eval_on_selector(selector, "one => getComputedStyle(one).backgroundColor")
    parts = [float(part) for part in text[text.index("(") + 1 : -1].split(",")[:3]]
    return sum(parts) / 3
