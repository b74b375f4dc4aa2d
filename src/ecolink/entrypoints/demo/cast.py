"""Who plays: the six neighbouring bureaus and their people. All people, telephone numbers and cases are fictional."""

import csv
from dataclasses import dataclass
from importlib.resources import files

ADMINISTRATOR = "admin"


@dataclass(frozen=True, slots=True)
class Bureau:
    """A bureau of the demo."""

    unit_code: str
    name_zh: str
    name_en: str
    duty_phone: str
    slug: str

    @property
    def short(self) -> str:
        """The county's name alone."""
        return self.slug.capitalize()


@dataclass(frozen=True, slots=True)
class Part:
    """A person's part: login name, the name shown, roles, what to call them."""

    username: str
    name: str
    roles: tuple[str, ...]
    title: str


PARTS = (
    Part("officer", "吴建国", ("officer",), "officer / 办案民警"),
    Part("liaison", "周小河", ("liaison_officer", "intake_reviewer"), "liaison officer / 联络员"),
    Part("chief", "陈远山", ("chief",), "chief / 局领导"),
    Part("auditor", "郑明鉴", ("auditor",), "auditor / 审计员"),
    Part("integrator", "林接口", ("integrator",), "integrator / 系统对接"),
)


def bureaus(count: int) -> list[Bureau]:
    """Return the first `count` bureaus, Shouning and Qingyuan first."""
    text = files("ecolink").joinpath("data/bureaus.csv").read_text("utf-8")
    rows = csv.DictReader(text.splitlines())
    return [
        Bureau(row["unit_code"], row["name_zh"], row["name_en"], row["duty_phone"], row["slug"])
        for row in list(rows)[:count]
    ]
