"""ecolink: one node of a signed intelligence exchange between neighbouring police bureaus."""

__version__ = "0.2.0"
