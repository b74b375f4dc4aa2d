"""Telling the story: each step in Chinese and English, in colour, and counted for the summary."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console

KINDS = ("lead", "bulletin", "emergency")
MARKS = {"step": "[cyan]·[/]", "signed": "[green]✓[/]", "alarm": "[red]▲[/]", "note": "[yellow]○[/]"}


@dataclass
class Narrator:
    """Prints what happens and keeps the score."""

    console: Console
    counts: dict[str, Counter[str]] = field(default_factory=lambda: {kind: Counter() for kind in KINDS})
    checks: Counter[str] = field(default_factory=Counter)
    skipped: list[dict[str, str]] = field(default_factory=list)
    obligations: dict[str, dict[str, int]] = field(default_factory=dict)
    """By bureau: how many were created, fulfilled, late, escalated."""

    def scene(self, number: str, zh: str, en: str) -> None:
        """Open a scene."""
        self.console.print()
        self.console.print(f"[bold white on dark_green] {number} [/] [bold]{zh}[/]  {en}")

    def step(self, who: str, zh: str, en: str, mark: str = "step") -> None:
        """Tell one step."""
        self.console.print(f"  {MARKS[mark]} [bold]{who}[/]  {zh}  [dim]{en}[/]")

    def count(self, kind: str, *what: str) -> None:
        """Count `sent`, `delivered`, `acknowledged`, `answered` of a kind."""
        self.counts[kind].update(what)

    def check(self, name: str, number: int = 1) -> None:
        """Count something that was proven."""
        self.checks[name] += number

    def skip(self, number: str, zh: str, en: str) -> None:
        """Say which part of the story needs a bureau that is not there."""
        self.skipped.append({"event": number, "zh": zh, "en": en})
        self.step("—", zh, en, mark="note")

    def summary(self) -> dict[str, Any]:
        """Return the score."""
        words = ("sent", "delivered", "acknowledged", "answered")
        return {
            **{kind: {word: self.counts[kind][word] for word in words} for kind in KINDS},
            "obligations": {**self.obligations, "agree": len(set(map(str, self.obligations.values()))) == 1},
            "checks": dict(sorted(self.checks.items())),
            "skipped": self.skipped,
        }
