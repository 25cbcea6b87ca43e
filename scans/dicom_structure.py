"""Walk the bytes of a DICOM file before any library parses them.

A parser that trusts declared lengths can be led to recurse without end, to return half a file
as if it were whole, or to inflate a bomb. This walk (DICOM PS3.10 section 7.1, PS3.5 section 7)
reads headers only, never recurses, and lets through what lies within the file and the limits.
"""

import struct
from dataclasses import dataclass
from mmap import mmap

from pydicom.datadict import dictionary_has_tag, dictionary_VR

from scans import limits
from scans.errors import ScanFileError

Bytes = bytes | mmap

PREAMBLE_LENGTH = 128
PREFIX = b"DICM"

_UNDEFINED_LENGTH = 0xFFFFFFFF
_DELIMITER_GROUP = 0xFFFE
_ITEM = 0xFFFEE000
_ITEM_END = 0xFFFEE00D
_SEQUENCE_END = 0xFFFEE0DD
_MEDIA_STORAGE_SOP_CLASS = 0x00020002
_MEDIA_STORAGE_INSTANCE = 0x00020003
_TRANSFER_SYNTAX = 0x00020010
_PIXEL_DATA = 0x7FE00010

_IMPLICIT_VR = "1.2.840.10008.1.2"
_EXPLICIT_VR = "1.2.840.10008.1.2.1"
_MEDIA_DIRECTORY = "1.2.840.10008.1.3.10"

# fmt: off
_LONG_VRS = frozenset({
    "OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV",
})
_TEXT_VRS = frozenset({
    "AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UI", "UR",
    "UT",
})
_SHORT_VRS = frozenset({"AT", "FD", "FL", "SL", "SS", "UL", "US"}) | _TEXT_VRS - _LONG_VRS
# fmt: on


@dataclass(frozen=True)
class _Element:
    tag: int
    vr: str
    value_at: int
    end: int | None  # None: of undefined length, ended by a delimiter


@dataclass(frozen=True)
class _Level:
    """An open data set, or an open sequence whose items are to come."""

    holds_items: bool
    implicit: bool
    bound: int  # nothing inside may reach beyond
    delimited: bool  # ends by a delimiter, not at its bound


def check_structure(data: Bytes) -> str:
    """Check file meta information and data set; return the transfer syntax UID.

    Raises
    ------
    ScanFileError
        ``truncated_file``, ``malformed_file``, ``too_deep``, ``too_many_elements``,
        ``text_limit``, ``unsupported_transfer_syntax`` (a deflated data set is refused here,
        before anything inflates it) or ``unsupported_file_type`` (a DICOMDIR).
    """
    meta, start = _file_meta(data)
    if meta.get(_MEDIA_STORAGE_SOP_CLASS) == _MEDIA_DIRECTORY:
        raise ScanFileError(
            "unsupported_file_type", "This is a DICOMDIR, an index without pictures."
        )
    transfer_syntax = meta.get(_TRANSFER_SYNTAX)
    if transfer_syntax is None:
        raise ScanFileError("malformed_file", "The file does not name its transfer syntax.")
    if transfer_syntax not in limits.TRANSFER_SYNTAXES:
        raise ScanFileError(
            "unsupported_transfer_syntax",
            "The transfer syntax of the file is not one of those allowed.",
            allowed=list(limits.TRANSFER_SYNTAXES),
        )
    _Walk(
        data,
        implicit=transfer_syntax == _IMPLICIT_VR,
        encapsulated=transfer_syntax not in (_IMPLICIT_VR, _EXPLICIT_VR),
    ).run(start)
    return transfer_syntax


def _file_meta(data: Bytes) -> tuple[dict[int, str], int]:
    """Read the UIDs of group 0002, always in explicit VR; return them and where the group ends."""
    values: dict[int, str] = {}
    position = PREAMBLE_LENGTH + len(PREFIX)
    while data[position : position + 2] == b"\x02\x00":
        element = _read_element(data, position, implicit=False, bound=len(data))
        if element.end is None:
            raise _malformed()
        if element.vr == "UI":
            raw = data[element.value_at : element.end]
            values[element.tag] = raw.rstrip(b"\0 ").decode("ascii", "replace")
        position = element.end
    if position + 8 > len(data):
        raise _truncated()
    return values, position


def named_in(start: bytes) -> tuple[str, str] | None:
    """SOP class and instance UID that the first bytes of a file give it; None if they give none.

    For telling a sender which of its files is meant, whatever is wrong with the rest of it.
    """
    try:
        meta, _ = _file_meta(start)
    except ScanFileError:
        return None
    sop_class, sop_instance = meta.get(_MEDIA_STORAGE_SOP_CLASS), meta.get(_MEDIA_STORAGE_INSTANCE)
    return (sop_class, sop_instance) if sop_class and sop_instance else None


class _Walk:
    """One pass over a data set with an explicit stack of open levels."""

    def __init__(self, data: Bytes, *, implicit: bool, encapsulated: bool) -> None:
        self.data = data
        self.encapsulated = encapsulated
        self.elements = 0
        root = _Level(holds_items=False, implicit=implicit, bound=len(data), delimited=False)
        self.levels = [root]

    def run(self, position: int) -> None:
        while self.levels:
            level = self.levels[-1]
            if not level.delimited and position == level.bound:
                self.levels.pop()
                continue
            self._count()
            element = _read_element(self.data, position, implicit=level.implicit, bound=level.bound)
            if level.holds_items:
                position = self._step_in_sequence(level, element)
            else:
                position = self._step_in_data_set(level, element)

    def _step_in_sequence(self, level: _Level, element: _Element) -> int:
        if element.tag == _ITEM:
            self._open(level, element, holds_items=False, implicit=level.implicit)
            return element.value_at
        return self._close(level, element, expected=_SEQUENCE_END)

    def _step_in_data_set(self, level: _Level, element: _Element) -> int:
        if element.tag >> 16 == _DELIMITER_GROUP:
            return self._close(level, element, expected=_ITEM_END)
        if element.tag == _PIXEL_DATA and element.end is None:
            if not self.encapsulated:
                raise _malformed()
            return self._skip_fragments(level, element.value_at)
        if element.vr == "SQ" or element.end is None:
            # A sequence sent as UN is in implicit VR inside (PS3.5 section 6.2.2, note 2).
            if element.vr not in ("SQ", "UN"):
                raise _malformed()
            self._check_depth()
            self._open(
                level, element, holds_items=True, implicit=level.implicit or element.vr == "UN"
            )
            return element.value_at
        if element.vr in _TEXT_VRS and element.end - element.value_at > limits.MAX_TEXT_BYTES:
            raise ScanFileError(
                "text_limit",
                "A text value of the file is longer than allowed.",
                limit=limits.MAX_TEXT_BYTES,
            )
        return element.end

    def _skip_fragments(self, level: _Level, position: int) -> int:
        while True:
            self._count()
            item = _read_element(self.data, position, implicit=True, bound=level.bound)
            if item.end is None:
                raise _malformed()
            if item.tag == _SEQUENCE_END:
                return item.end
            if item.tag != _ITEM:
                raise _malformed()
            position = item.end

    def _open(self, level: _Level, element: _Element, *, holds_items: bool, implicit: bool) -> None:
        self.levels.append(
            _Level(
                holds_items,
                implicit,
                bound=level.bound if element.end is None else element.end,
                delimited=element.end is None,
            )
        )

    def _close(self, level: _Level, element: _Element, *, expected: int) -> int:
        if element.tag != expected or element.end != element.value_at or not level.delimited:
            raise _malformed()
        self.levels.pop()
        return element.value_at

    def _count(self) -> None:
        self.elements += 1
        if self.elements > limits.MAX_ELEMENTS:
            raise ScanFileError(
                "too_many_elements",
                "The file holds more elements than allowed.",
                limit=limits.MAX_ELEMENTS,
            )

    def _check_depth(self) -> None:
        if sum(level.holds_items for level in self.levels) >= limits.MAX_SEQUENCE_DEPTH:
            raise ScanFileError(
                "too_deep",
                "Sequences of the file are nested deeper than allowed.",
                limit=limits.MAX_SEQUENCE_DEPTH,
            )


def _read_element(data: Bytes, position: int, *, implicit: bool, bound: int) -> _Element:
    """Read one element's header and check that its value ends within ``bound``."""
    if position + 8 > bound:
        raise _truncated()
    group, number = struct.unpack_from("<HH", data, position)
    tag = group << 16 | number
    value_at = position + 8
    if implicit or group == _DELIMITER_GROUP:
        vr = dictionary_VR(tag) if dictionary_has_tag(tag) else "UN"
        (length,) = struct.unpack_from("<I", data, position + 4)
    else:
        vr = data[position + 4 : position + 6].decode("ascii", "replace")
        if vr in _SHORT_VRS:
            (length,) = struct.unpack_from("<H", data, position + 6)
        elif vr in _LONG_VRS:
            value_at = position + 12
            if value_at > bound:
                raise _truncated()
            (length,) = struct.unpack_from("<I", data, position + 8)
        else:
            raise _malformed()
    if length == _UNDEFINED_LENGTH:
        return _Element(tag, vr, value_at, None)
    if length % 2 or value_at + length > bound:
        raise _truncated()
    return _Element(tag, vr, value_at, value_at + length)


def _truncated() -> ScanFileError:
    return ScanFileError(
        "truncated_file", "The file is cut short, or the length of an element in it is wrong."
    )


def _malformed() -> ScanFileError:
    return ScanFileError("malformed_file", "The file does not follow the DICOM file format.")
