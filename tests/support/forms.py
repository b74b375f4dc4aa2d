"""A document as the fields of a form, named by JSON pointers as pages name them."""

from typing import Any


def fields(document: object, at: str = "") -> dict[str, Any]:
    """Return the fields that would fill `document`; a list of texts is one field of several values."""
    if isinstance(document, dict):
        return {name: value for key, inner in document.items() for name, value in fields(inner, f"{at}/{key}").items()}
    if isinstance(document, list | tuple):
        if all(isinstance(each, str) for each in document):
            return {f"{at}@list": list(document)}
        return {name: value for n, inner in enumerate(document) for name, value in fields(inner, f"{at}/{n}").items()}
    if isinstance(document, bool):
        return {at: str(document).lower()}
    return {f"{at}@number": str(document)} if isinstance(document, int | float) else {at: str(document)}
