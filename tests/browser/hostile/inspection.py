"""Everything a person sees, looked through by a browser's own parser for what never came from us."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from playwright.sync_api import Page

from ecolink.documents.lettering import visible
from tests.browser.hostile.pen import NAME

_SCRIPT = """([pages, name]) => pages.map(html => {
  const page = new DOMParser().parseFromString(html, "text/html"), faults = [], texts = [];
  for (const element of page.querySelectorAll("*")) {
    const tag = element.localName;
    if (tag.includes(name) || ["iframe", "object", "embed", "base"].includes(tag)) faults.push(element.outerHTML);
    if (tag === "script" && element.textContent.trim()) faults.push(element.outerHTML);
    for (const {name: key, value} of element.attributes) {
      if (key.includes(name) || key.startsWith("on") || key === "srcdoc") faults.push(`${key}="${value}" at ${tag}`);
      if (/^[\\s\\u0000-\\u0020]*(javascript|vbscript|data:text)/i.test(value) && !["value", "content", "title", "aria-label"].includes(key))
        faults.push(`${key}="${value}" at ${tag}`);
      if (/\\bn\\d{4}\\b/.test(value) && !/^(href|hx-|action|src)/.test(key)) texts.push(value);
    }
    for (const child of element.childNodes)
      if (child.nodeType === Node.TEXT_NODE && /\\bn\\d{4}\\b/.test(child.data)) texts.push(child.data);
      else if (child.nodeType === Node.COMMENT_NODE && child.data.includes(name)) faults.push(`<!--${child.data}-->`);
  }
  return [faults, texts];
})"""
_NUMBER = re.compile(r"\bn\d{4}\b")


@dataclass(frozen=True)
class Finding:
    """What is wrong with one page."""

    address: str
    faults: list[str]


def inspect(browser_page: Page, pages: Mapping[str, str], texts: Mapping[str, str]) -> tuple[list[Finding], set[str]]:
    """Return what is wrong with pages, by their address, and the numbers of the texts that they show word for word.

    `texts` are the hostile texts that were taken, by the number in each.
    """
    findings, shown = [], set()
    for some in _in_parts(list(pages.items()), 40):
        looked = browser_page.evaluate(_SCRIPT, [[html for _, html in some], NAME])
        for (address, _), (faults, found) in zip(some, looked, strict=True):
            changed = [text for text in found for number in _NUMBER.findall(text) if not _is_whole(text, number, texts)]
            if faults or changed:
                findings.append(Finding(address, [*faults, *changed]))
            shown |= {number for text in found for number in _NUMBER.findall(text)}
    return findings, shown


def _is_whole(text: str, number: str, texts: Mapping[str, str]) -> bool:
    """Tell whether a text stands there as it was written, or as much of it as there is room for."""
    if number not in texts:
        return True  # an attempt that was not taken: nobody may see it, but its words are no one's
    held, written = _in_one_line(text), texts[number]
    quoted = (json.dumps(written, ensure_ascii=plain)[1:-1] for plain in (False, True))  # as in a file of an agreement
    for whole in map(_in_one_line, (written, visible(written), *quoted)):
        before, after = whole.split(number, 1)
        seen_before, seen_after = held.split(number, 1)
        cut = seen_after.rstrip("…")
        if seen_before.endswith(before) and (seen_after.startswith(after) or after.startswith(cut)):
            return True
    return False


def _in_one_line(text: str) -> str:
    return " ".join(text.split())


def _in_parts(items: list[tuple[str, str]], size: int) -> Iterator[list[tuple[str, str]]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
