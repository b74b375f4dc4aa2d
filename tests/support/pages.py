"""The forms of a page as a browser would send them: what stands in them goes along, and nothing that is not there."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser

Typed = Mapping[str, str | list[str]]


@dataclass
class PageForm:
    """One form, untouched."""

    action: str
    names: set[str] = field(default_factory=set)
    """Of everything in it that could be sent, ticked or not."""
    hidden: dict[str, list[str]] = field(default_factory=dict)
    stands: dict[str, list[str]] = field(default_factory=dict)
    """What would be sent now."""

    def takes(self, typed: Typed) -> bool:
        """Tell whether all of it can be typed here; what is hidden can only be what it is."""
        fixed = {name: [said] if isinstance(said, str) else said for name, said in typed.items() if name in self.hidden}
        return typed.keys() <= self.names and all(said == self.hidden[name] for name, said in fixed.items())

    def filled(self, typed: Typed) -> dict[str, str | list[str]]:
        """Return what is sent once somebody typed this."""
        return {**self.stands, **typed}

    def put(self, name: str, value: str) -> None:
        """Let `value` stand in it."""
        self.stands.setdefault(name, []).append(value)


def forms_of(page: str) -> list[PageForm]:
    """Return the forms of a page, in order."""
    reader = _Reader()
    reader.feed(page)
    return reader.forms


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[PageForm] = []
        self._is_inside = False
        self._open = ""
        """The name of the text area or list that is being read."""
        self._value: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(PageForm(given.get("action", "")))
            self._is_inside = True
        elif self._is_inside and tag in ("input", "select", "textarea") and "name" in given:
            self.forms[-1].names.add(given["name"])
            if tag == "input":
                self._take_input(given)
            else:
                self._open, self._value = given["name"], "" if tag == "textarea" else None
        elif self._open and tag == "option" and (self._value is None or "selected" in given):
            self._value = given.get("value", "")

    def handle_data(self, data: str) -> None:
        if self._open and self._value is not None and self.lasttag == "textarea":
            self._value += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._is_inside = False
        elif tag in ("select", "textarea") and self._open:
            self.forms[-1].put(self._open, (self._value or "").removeprefix("\n"))
            self._open = ""

    def _take_input(self, given: dict[str, str]) -> None:
        kind, name, value = given.get("type", "text"), given["name"], given.get("value", "")
        if kind == "hidden":
            self.forms[-1].hidden.setdefault(name, []).append(value)
        if kind not in ("checkbox", "radio") or "checked" in given:
            self.forms[-1].put(name, value)
