"""What a client accepts (RFC 9110 section 12.5.1, DICOM PS3.18 section 8.7)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

DICOM = "application/dicom"
DICOM_JSON = "application/dicom+json"
OCTETS = "application/octet-stream"
MULTIPART = "multipart/related"
EXPLICIT_VR = "1.2.840.10008.1.2.1"

_OUTSIDE_QUOTES = r'(?=(?:[^"]*"[^"]*")*[^"]*$)'
_COMMA = re.compile("," + _OUTSIDE_QUOTES)
_SEMICOLON = re.compile(";" + _OUTSIDE_QUOTES)
_LONGEST_HEADER = 2000  # characters; what lies beyond is not looked at


@dataclass(frozen=True)
class MediaType:
    name: str
    parameters: dict[str, str]

    @property
    def quality(self) -> float:
        try:
            return float(self.parameters.get("q", "1"))
        except ValueError:
            return 0.0


@dataclass(frozen=True)
class Encoding:
    """How an instance or a frame is sent."""

    in_parts: bool
    transfer_syntax: str


def parse(text: str) -> MediaType:
    """One media type with its parameters, names in lower case.

    >>> parse('multipart/related; type="application/dicom"').parameters["type"]
    'application/dicom'
    """
    name, *rest = _SEMICOLON.split(text)
    pairs = (part.partition("=") for part in rest)
    parameters = {key.strip().lower(): value.strip().strip('"') for key, _, value in pairs}
    return MediaType(name.strip().lower(), parameters)


def accepted(header: str) -> list[MediaType]:
    """Those of an ``Accept`` header, the most wanted first; all, where there is none."""
    found = [parse(each) for each in _COMMA.split(header[:_LONGEST_HEADER]) if each.strip()]
    wanted = [each for each in found or [MediaType("*/*", {})] if each.quality > 0]
    return sorted(wanted, key=lambda each: -each.quality)


def choose(header: str, offers: Sequence[str]) -> str | None:
    """The most wanted of the offers; the first of them for a client that takes any."""
    for wanted in accepted(header):
        for offer in offers:
            if wanted.name in (offer, "*/*", f"{offer.partition('/')[0]}/*"):
                return offer
    return None


def choose_encoding(header: str, *, content: str, stored: str) -> Encoding | None:
    """How to send ``content`` that is stored in this transfer syntax.

    Offered are the transfer syntax as stored and Explicit VR Little Endian, which is meant
    where a client names none (PS3.18 section 8.7.3.5.2).
    """
    for wanted in accepted(header):
        syntax = wanted.parameters.get("transfer-syntax", EXPLICIT_VR)
        anything = wanted.name == "*/*"
        inner = wanted.parameters.get("type", content)
        in_parts = wanted.name in (MULTIPART, "multipart/*") and inner in (content, "*/*")
        if not (anything or in_parts or wanted.name == content):
            continue
        if anything or syntax in ("*", stored):
            return Encoding(anything or in_parts, stored)
        if syntax == EXPLICIT_VR:
            return Encoding(in_parts, EXPLICIT_VR)
    return None
