"""Read a DICOM mammogram: the gate in front of the decoders, then the header as one value.

Attributes are those of the DX and Mammography Image modules (DICOM PS3.3 sections C.8.11.1 to
C.8.11.7) and of Secondary Capture (A.8.1). Nothing is guessed: what the file does not say in a
known term is None, with the raw value kept in a flag.
"""

import mmap
import re
import unicodedata
import warnings
from datetime import date, datetime
from pathlib import Path
from typing import Literal

import pydicom
from pydicom import config
from pydicom.charset import python_encoding
from pydicom.dataset import Dataset

from scans import dicom_pixels, limits
from scans.dicom_structure import PREAMBLE_LENGTH, check_structure
from scans.dicom_values import (
    CONVERSION_ERRORS,
    invalid_date,
    invalid_value,
    parse_date,
    parse_offset,
    parse_time,
    read_date,
    read_integer,
    read_items,
    read_numbers,
    read_term,
    read_text,
    read_uid,
    read_value,
)
from scans.errors import ScanFileError
from scans.header import MammogramHeader
from scans.picture import Picture

_FOR_PROCESSING_SOP_CLASS = "1.2.840.10008.5.1.4.1.1.1.2.1"
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_LOSSY_SYNTAXES = frozenset(f"1.2.840.10008.1.2.4.{number}" for number in (50, 51, 91))

_EXECUTABLE_STARTS = (
    b"MZ",
    b"\x7fELF",
    b"\xfe\xed\xfa\xce",
    b"\xfe\xed\xfa\xcf",
    b"\xce\xfa\xed\xfe",
    b"\xcf\xfa\xed\xfe",
    b"\xca\xfe\xba\xbe",
    b"#!",
)

# Views for mammography, PS3.16 CID 4014: the term of View Position, and the codes of the
# View Code Sequence in SNOMED CT and in the SRT codes used before 2018.
_VIEWS = frozenset({"CC", "MLO", "ML", "LM", "LMO", "XCCL", "XCCM", "FB", "SIO", "ISO"})
_VIEW_CODES = {
    "SCT": {
        "399162004": "CC",
        "399368009": "MLO",
        "399260004": "ML",
        "399352003": "LM",
        "399099002": "LMO",
        "399192008": "XCCL",
        "399101009": "XCCM",
        "399196006": "FB",
        "399188001": "SIO",
        "441555000": "ISO",
    },
    "SRT": {
        "R-10242": "CC",
        "R-10226": "MLO",
        "R-10224": "ML",
        "R-10228": "LM",
        "R-10230": "LMO",
        "R-1024A": "XCCL",
        "R-1024B": "XCCM",
        "R-10244": "FB",
        "R-102D0": "SIO",
        "R-40AAA": "ISO",
    },
}
_SRT_DESIGNATORS = frozenset({"SRT", "SNM3", "99SDM"})  # PS3.16 section 8.1: names SRT went by

_PLAUSIBLE_SPACING_MM = (0.01, 1.0)
_SPACING_TOLERANCE = 0.01
_LONGEST_NAME = 64  # characters of one group, PS3.5 section 6.2

_DATE_TIME = re.compile(
    r"(?P<day>[0-9]{8})(?P<clock>[0-9]{2,6}(?:\.[0-9]{1,6})?)?(?P<offset>[+-][0-9]{4})?"
)
_RAW_TERM = re.compile(r"[A-Za-z0-9 ._/+-]{1,32}")


def read_dicom(path: Path) -> Picture:
    """Check, read and decode one DICOM file.

    Raises
    ------
    ScanFileError
        With the code of the first thing that is wrong.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        transfer_syntax = check_structure(data)
        executable = data[:PREAMBLE_LENGTH].startswith(_EXECUTABLE_STARTS)
    # pydicom warns of values that break the standard; each one that is used is checked here.
    with warnings.catch_warnings(), config.disable_value_validation():
        warnings.simplefilter("ignore")
        try:
            ds = pydicom.dcmread(path)
        except CONVERSION_ERRORS as error:
            raise ScanFileError(
                "malformed_file", "The file does not follow the DICOM file format."
            ) from error
        header = _read_header(ds, transfer_syntax, executable=executable)
        stored = dicom_pixels.stored_values(ds, transfer_syntax)
        return Picture(header, stored, dicom_pixels.presentation_values(ds, stored))


def _read_header(ds: Dataset, transfer_syntax: str, *, executable: bool) -> MammogramHeader:
    _check_charset(ds)
    _check_kind(ds)
    sop_instance_uid = read_uid(ds, "SOPInstanceUID")
    if read_uid(ds.file_meta, "MediaStorageSOPInstanceUID") != sop_instance_uid:
        raise ScanFileError("invalid_uid", "The file names itself with two different UIDs.")
    study_instance_uid = read_uid(ds, "StudyInstanceUID")
    _check_pixel_module(ds)
    flags: list[str] = []
    if executable:
        flags.append("executable_preamble")
    if read_uid(ds, "SOPClassUID") == _SECONDARY_CAPTURE:
        flags.append("secondary_capture")
    if transfer_syntax in _LOSSY_SYNTAXES or read_term(ds, "LossyImageCompression") == "01":
        flags.append("lossy_compression")
    if read_term(ds, "BurnedInAnnotation") == "YES":
        flags.append("burned_in_annotation")
    return MammogramHeader(
        file_format="DICOM",
        rows=ds.Rows,
        columns=ds.Columns,
        bits_stored=ds.BitsStored,
        laterality=_laterality(ds, flags),
        view=_view(ds, flags),
        exam_date=_exam_date(ds),
        acquired_at=_acquired_at(ds),
        study_instance_uid=study_instance_uid,
        series_instance_uid=_series_instance_uid(ds),
        sop_instance_uid=sop_instance_uid,
        accession_number=read_text(ds, "AccessionNumber"),
        modality="MG",
        manufacturer=read_text(ds, "Manufacturer"),
        device_model=read_text(ds, "ManufacturerModelName"),
        pixel_spacing_mm=_pixel_spacing(ds, flags),
        patient_id=read_text(ds, "PatientID"),
        patient_name=_patient_name(ds),
        patient_birth_date=read_date(ds, "PatientBirthDate"),
        patient_sex=_patient_sex(ds, flags),
        photometric_interpretation=read_term(ds, "PhotometricInterpretation"),
        transfer_syntax_uid=transfer_syntax,
        flags=tuple(flags),
    )


def _check_charset(ds: Dataset) -> None:
    """Refuse a character set that is not known instead of reading the text in another."""
    declared = read_value(ds, "SpecificCharacterSet")
    names = [declared] if isinstance(declared, str) else list(declared or ())
    if any(name and name not in python_encoding for name in names):
        raise ScanFileError("charset", "The file declares a character set that is not known.")


def _check_kind(ds: Dataset) -> None:
    """Let through single pictures of the breast, made to be looked at."""
    modality = read_term(ds, "Modality")
    if modality != "MG":
        raise ScanFileError("not_a_mammogram", "The modality of the file is not MG, mammography.")
    frames = read_integer(ds, "NumberOfFrames", default=1)
    if frames > 1:
        raise ScanFileError(
            "multiframe_unsupported", "The file holds several frames; one is expected."
        )
    if frames < 1:
        raise invalid_value("NumberOfFrames")
    sop_class = read_uid(ds, "SOPClassUID")
    intent = read_term(ds, "PresentationIntentType")
    if sop_class == _FOR_PROCESSING_SOP_CLASS or intent == "FOR PROCESSING":
        raise ScanFileError(
            "for_processing_unsupported",
            "The picture is raw detector data (FOR PROCESSING). Send the one FOR PRESENTATION.",
        )
    if sop_class not in limits.SOP_CLASSES:
        raise ScanFileError(
            "unsupported_sop_class",
            "The file is not a digital mammogram or a secondary capture of one.",
            allowed=list(limits.SOP_CLASSES),
        )
    if read_uid(ds.file_meta, "MediaStorageSOPClassUID") != sop_class:
        raise ScanFileError("invalid_uid", "The file names two different SOP classes.")


def _check_pixel_module(ds: Dataset) -> None:
    """Hold the declared size and sample format against the limits, before any decoding."""
    photometric = read_term(ds, "PhotometricInterpretation")
    if (
        photometric not in ("MONOCHROME1", "MONOCHROME2")
        or read_integer(ds, "SamplesPerPixel") != 1
    ):
        raise ScanFileError("unsupported_pixel_format", "The picture is not a gray one.")
    allocated, stored = read_integer(ds, "BitsAllocated"), read_integer(ds, "BitsStored")
    high_bit, signed = read_integer(ds, "HighBit"), read_integer(ds, "PixelRepresentation")
    if allocated not in (8, 16):
        raise ScanFileError(
            "unsupported_pixel_format", "Samples have to be allocated 8 or 16 bits."
        )
    if not 8 <= stored <= allocated or high_bit != stored - 1:
        raise ScanFileError(
            "inconsistent_bits",
            "Bits Allocated, Bits Stored and High Bit contradict each other.",
            bits_allocated=allocated,
            bits_stored=stored,
            high_bit=high_bit,
        )
    if signed not in (0, 1):
        raise invalid_value("PixelRepresentation")
    limits.check_size(rows=read_integer(ds, "Rows"), columns=read_integer(ds, "Columns"))
    if not isinstance(read_value(ds, "PixelData"), bytes) or not ds.PixelData:
        raise ScanFileError("no_pixel_data", "The file holds no picture.")


def _laterality(ds: Dataset, flags: list[str]) -> Literal["L", "R"] | None:
    """Image Laterality, else Laterality; both sides or an unknown term is no side."""
    of_image, of_series = read_term(ds, "ImageLaterality"), read_term(ds, "Laterality")
    if of_image and of_series and of_image != of_series:
        flags.append("conflicting_laterality")
        return None
    raw = of_image or of_series
    match raw:
        case "L" | "R":
            return raw
        case str():
            flags.append(_flag("unrecognised_laterality", raw))
    return None


def _view(ds: Dataset, flags: list[str]) -> str | None:
    """View Position and View Code Sequence by exact term or code; ML is never taken for MLO."""
    if any(
        read_items(item, "ViewModifierCodeSequence") for item in read_items(ds, "ViewCodeSequence")
    ):
        flags.append("view_modifier")
    found = set()
    for raw, view in _stated_views(ds):
        if view is None:
            flags.append(_flag("unrecognised_view", raw))
        found.add(view)
    if len(found) > 1:
        flags.append("conflicting_view")
        return None
    return found.pop() if found else None


def _stated_views(ds: Dataset) -> list[tuple[str, str | None]]:
    """Each statement on the view: what is written, and the term it stands for."""
    stated = []
    if raw := read_term(ds, "ViewPosition"):
        stated.append((raw, raw if raw in _VIEWS else None))
    for item in read_items(ds, "ViewCodeSequence"):
        code, scheme = (
            read_term(item, "CodeValue") or "",
            read_term(item, "CodingSchemeDesignator") or "",
        )
        codes = _VIEW_CODES["SRT" if scheme in _SRT_DESIGNATORS else "SCT"]
        known = scheme == "SCT" or scheme in _SRT_DESIGNATORS
        stated.append((f"{scheme} {code}", codes.get(code) if known else None))
    # CBIS-DDSM writes the view where the anatomical directions of rows and columns belong.
    if not stated and (oddity := read_term(ds, "PatientOrientation")) in ("CC", "MLO"):
        stated.append((oddity, oddity))
    return stated


def _pixel_spacing(ds: Dataset, flags: list[str]) -> float | None:
    """Return mm between pixel centres: as calibrated, else at the detector over magnification."""
    spacing = read_numbers(ds, "PixelSpacing")
    magnification = 1.0
    if not spacing:
        spacing = read_numbers(ds, "ImagerPixelSpacing")
        if stated := read_numbers(ds, "EstimatedRadiographicMagnificationFactor"):
            magnification = stated[0]
        elif spacing:
            flags.append("spacing_at_detector")
    if not spacing:
        return None
    if len(spacing) != 2 or magnification < 1 or not _is_plausible(spacing):
        flags.append("implausible_spacing")
        return None
    if abs(spacing[0] - spacing[1]) > _SPACING_TOLERANCE * max(spacing):
        flags.append("anisotropic_spacing")
        return None
    return spacing[0] / magnification


def _is_plausible(spacing: list[float]) -> bool:
    low, high = _PLAUSIBLE_SPACING_MM
    return all(low <= value <= high for value in spacing)


def _series_instance_uid(ds: Dataset) -> str | None:
    """None where it is left out, as in files that somebody converted."""
    return read_uid(ds, "SeriesInstanceUID") if read_term(ds, "SeriesInstanceUID") else None


def _patient_name(ds: Dataset) -> str | None:
    """``family^given`` of the first group (PS3.5 section 6.2.1); None for an odd name.

    The name decides nothing alone, so one that cannot be read is no reason to refuse a picture.
    """
    try:
        raw = str(read_value(ds, "PatientName") or "").partition("=")[0]
    except CONVERSION_ERRORS:
        return None
    family, given, *_ = (*(part.strip(" \0") for part in raw.split("^")), "", "")
    name = unicodedata.normalize("NFC", f"{family}^{given}".rstrip("^"))
    fits = name.isascii() or bool(read_value(ds, "SpecificCharacterSet"))
    is_plain = not any(unicodedata.category(letter).startswith("C") for letter in name)
    readable = fits and is_plain and "\ufffd" not in name and len(name) <= _LONGEST_NAME
    return name if name and readable else None


def _patient_sex(ds: Dataset, flags: list[str]) -> str | None:
    raw = read_term(ds, "PatientSex")
    if raw is None or raw in ("F", "M", "O"):
        return raw
    flags.append(_flag("unrecognised_sex", raw))
    return None


def _exam_date(ds: Dataset) -> date | None:
    exam_date = read_date(ds, "StudyDate") or read_date(ds, "AcquisitionDate")
    birth_date = read_date(ds, "PatientBirthDate")
    if exam_date and birth_date and exam_date < birth_date:
        raise invalid_date("StudyDate")
    return exam_date


def _acquired_at(ds: Dataset) -> datetime | None:
    """Acquisition DateTime, else Acquisition Date with Acquisition Time."""
    offset = read_term(ds, "TimezoneOffsetFromUTC")
    if whole := read_term(ds, "AcquisitionDateTime"):
        match = _DATE_TIME.fullmatch(whole)
        if match is None:
            raise invalid_date("AcquisitionDateTime")
        day = parse_date(match["day"], "AcquisitionDateTime")
        clock = parse_time(match["clock"] or "00", "AcquisitionDateTime")
        offset = match["offset"] or offset
    else:
        stated_day = read_date(ds, "AcquisitionDate")
        stated_clock = read_term(ds, "AcquisitionTime")
        if stated_day is None or stated_clock is None:
            return None
        day, clock = stated_day, parse_time(stated_clock, "AcquisitionTime")
    return datetime.combine(day, clock, parse_offset(offset) if offset else None)


def _flag(code: str, raw: str) -> str:
    """Keep the raw value where it is plain enough to be shown."""
    return f"{code}:{raw}" if _RAW_TERM.fullmatch(raw) else code
