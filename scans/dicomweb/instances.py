"""A stored mammogram as a DICOM object: the file as it came, in the words of the record.

Whose picture it is says the record: where the file contradicts it, since a person attached it
or records were merged, the identity in what is sent is the record's. A picture that was no DICOM
file is sent as a Secondary Capture. A preamble that starts like a program is sent as zeros.
"""

import itertools
import struct
import warnings
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

import pydicom
from PIL import Image
from pydicom import config
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import generate_frames
from pydicom.uid import UID

from mammotrack.errors import NotFound
from patients.models import Patient, normalise_record_number
from patients.partial_dates import Precision
from scans.choices import FileFormat
from scans.dicomweb.media_types import EXPLICIT_VR
from scans.errors import ScanFileError
from scans.header import PIXELS_NAME
from scans.limits import MAX_JSON_VALUE_BYTES
from scans.media import DamagedPicture
from scans.models import SECONDARY_CAPTURE, Mammogram
from scans.sandbox import decode_frame
from scans.services import agrees_with_name, object_store
from scans.storage import hash_of_file, read_verified

IMPLICIT_VR = "1.2.840.10008.1.2"
_IMPLEMENTATION = "2.25.252412387346143285373217906563346862711"
_IN_MEMORY = ""  # the path of no file
_PREAMBLE = bytes(128)
_PIECE_BYTES = 1024 * 1024
_BULKY = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})


def patient_module(patient: Patient) -> Dataset:
    ds = Dataset()
    ds.PatientName = person_name(patient.family_name, patient.given_name)
    ds.PatientID = patient.medical_record_number
    exact = patient.born.precision == Precision.DAY
    ds.PatientBirthDate = f"{patient.birth_date:%Y%m%d}" if exact else ""
    ds.PatientSex = patient.sex
    return ds


def identity_of(mammogram: Mammogram) -> Dataset:
    """The patient and the study, as QIDO and every object sent say them."""
    ds = patient_module(mammogram.patient)
    ds.StudyInstanceUID = mammogram.exam.study_instance_uid
    ds.SeriesInstanceUID = mammogram.series_uid
    return ds


def person_name(family: str, given: str) -> str:
    """PS3.5 section 6.2.1; the delimiters of the format are no part of a name."""
    plain = (part.translate(dict.fromkeys(map(ord, "^=\\"), " ")) for part in (family, given))
    return "^".join(plain).rstrip("^")


@dataclass(frozen=True)
class Instance:
    """One mammogram with its patient and exam loaded. Reading it never decodes in this process."""

    mammogram: Mammogram

    @property
    def transfer_syntax(self) -> str:
        """As it is stored."""
        return str(self._stored.file_meta.TransferSyntaxUID)

    @cached_property
    def dataset(self) -> FileDataset:
        """Everything but the pixels."""
        return _presented(self._stored, self.mammogram)

    def as_json(self) -> dict[str, Any]:
        """The DICOM JSON model (PS3.18 annex F), without values of bulk."""
        ds = Dataset()
        ds.update(
            {
                element.tag: element
                for element in self.dataset
                if element.VR not in _BULKY or len(element.value or b"") <= MAX_JSON_VALUE_BYTES
            }
        )
        with warnings.catch_warnings(), config.disable_value_validation():
            warnings.simplefilter("ignore")
            return ds.to_json_dict(suppress_invalid_tags=True)

    def file(self, transfer_syntax: str) -> Iterator[bytes]:
        """The object in PS3.10 form, in pieces, as stored or in Explicit VR Little Endian.

        What can go wrong is raised before the first piece.
        """
        if transfer_syntax != self.transfer_syntax or not self._is_dicom:
            return self._in_explicit_vr()
        if self.dataset is self._stored and not self._has_program:
            return _pieces(self._path.open("rb"))
        source = self._path.open("rb")
        source.seek(self._pixels_at)
        return itertools.chain([_encoded(self.dataset, transfer_syntax)], _pieces(source))

    def frame(self, transfer_syntax: str) -> Iterator[bytes]:
        """The pixels alone: the codestream as stored, or native little endian."""
        if not self._is_dicom:
            return iter([self._picture[1]])
        if transfer_syntax == self.transfer_syntax and transfer_syntax != EXPLICIT_VR:
            ds = pydicom.dcmread(self._path)
            if ds["PixelData"].is_undefined_length:
                return iter([next(generate_frames(ds.PixelData, number_of_frames=1))])
        return self._native_frame()

    def _in_explicit_vr(self) -> Iterator[bytes]:
        length = self._frame_bytes
        padding = length % 2
        vr = b"OW" if self.dataset.BitsAllocated > 8 else b"OB"
        element = struct.pack("<HH2sHI", 0x7FE0, 0x0010, vr, 0, length + padding)
        head = _encoded(self.dataset, EXPLICIT_VR) + element
        return itertools.chain([head], self.frame(EXPLICIT_VR), [bytes(padding)])

    def _native_frame(self) -> Iterator[bytes]:
        if self.transfer_syntax in (IMPLICIT_VR, EXPLICIT_VR):
            source = self._path.open("rb")
            explicit = self.transfer_syntax == EXPLICIT_VR
            source.seek(self._pixels_at + (12 if explicit else 8))
            return _pieces(source, self._frame_bytes)
        with TemporaryDirectory(dir=object_store().scratch_folder(), prefix="decode-") as scratch:
            try:
                decoded = decode_frame(self._path, Path(scratch)).open("rb")
            except ScanFileError as error:
                raise DamagedPicture("The stored picture cannot be decoded.") from error
        return _pieces(decoded)

    @property
    def _frame_bytes(self) -> int:
        ds = self.dataset
        return int(ds.Rows * ds.Columns * ds.BitsAllocated // 8)

    @property
    def _is_dicom(self) -> bool:
        return self.mammogram.file_format == FileFormat.DICOM

    @property
    def _has_program(self) -> bool:
        return "executable_preamble" in self.mammogram.flags

    @cached_property
    def _path(self) -> Path:
        """Of the file as it came, held against its hash."""
        path = object_store().path_of(self.mammogram.sha256)
        found = hash_of_file(path)
        if found is None:
            raise NotFound("There is no such instance.")
        if found != self.mammogram.sha256:
            raise DamagedPicture("The stored file is damaged and is not sent.")
        return path

    @cached_property
    def _stored(self) -> FileDataset:
        return self._header[0] if self._is_dicom else self._picture[0]

    @property
    def _pixels_at(self) -> int:
        return self._header[1]

    @cached_property
    def _header(self) -> tuple[FileDataset, int]:
        """The data set up to the pixels, and where they begin."""
        with (
            self._path.open("rb") as file,
            warnings.catch_warnings(),
            config.disable_value_validation(),
        ):
            warnings.simplefilter("ignore")
            ds = pydicom.dcmread(file, stop_before_pixels=True)
            return ds, file.tell()

    @cached_property
    def _picture(self) -> tuple[FileDataset, bytes]:
        """A PNG or JPEG as a Secondary Capture, and its pixels as they are shown."""
        mammogram = self.mammogram
        path = object_store().derived_path(mammogram.sha256, PIXELS_NAME)
        try:
            with Image.open(BytesIO(read_verified(path))) as picture:
                bits, pixels = (8 if picture.mode == "L" else 16), picture.tobytes()
        except FileNotFoundError as error:
            raise NotFound("There is no such instance.") from error
        except ScanFileError as error:
            raise DamagedPicture("The stored picture is damaged and is not sent.") from error
        return _secondary_capture(mammogram, bits), pixels


def _presented(stored: FileDataset, mammogram: Mammogram) -> FileDataset:
    """The data set itself where it agrees with the record, else one that does."""
    changes = [
        element
        for element in identity_of(mammogram)
        if not _agrees(stored, element.keyword, element.value, mammogram)
    ]
    if not changes:
        return stored
    presented = FileDataset(_IN_MEMORY, deepcopy(Dataset(stored)), file_meta=stored.file_meta)
    with config.disable_value_validation():
        presented.decode()
        presented.SpecificCharacterSet = "ISO_IR 192"
        for element in changes:
            presented[element.tag] = element
    return presented


def _agrees(stored: Dataset, keyword: str, on_record: Any, mammogram: Mammogram) -> bool:
    in_file = str(stored.get(keyword) or "").strip()
    match keyword:
        case "PatientName":
            return bool(in_file) and agrees_with_name(
                "^".join(in_file.partition("=")[0].split("^")[:2]), mammogram.patient
            )
        case "PatientID":
            return normalise_record_number(in_file) == mammogram.patient.record_number_key
        case "PatientBirthDate" | "PatientSex":
            return not in_file or in_file == on_record or not on_record
    return in_file == on_record


def _secondary_capture(mammogram: Mammogram, bits: int) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(SECONDARY_CAPTURE)
    meta.MediaStorageSOPInstanceUID = UID(mammogram.sop_instance_uid)
    meta.TransferSyntaxUID = UID(EXPLICIT_VR)
    meta.ImplementationClassUID = UID(_IMPLEMENTATION)
    ds = FileDataset(_IN_MEMORY, identity_of(mammogram), file_meta=meta)
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID = UID(SECONDARY_CAPTURE)
    ds.SOPInstanceUID = UID(mammogram.sop_instance_uid)
    ds.StudyDate = f"{mammogram.exam_date:%Y%m%d}"
    ds.StudyTime = ds.StudyID = ds.ReferringPhysicianName = ""
    ds.AccessionNumber = mammogram.exam.accession_number
    ds.Modality = "MG"
    ds.ConversionType = "WSD"
    ds.SeriesNumber = ds.InstanceNumber = None
    ds.ImageLaterality = ds.Laterality = mammogram.laterality
    ds.ViewPosition = mammogram.view
    ds.BodyPartExamined = "BREAST"
    if mammogram.pixel_spacing_mm:
        ds.PixelSpacing = [mammogram.pixel_spacing_mm] * 2
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.Rows, ds.Columns = mammogram.rows, mammogram.columns
    ds.BitsAllocated = ds.BitsStored = bits
    ds.HighBit = bits - 1
    ds.PixelRepresentation = 0
    return ds


def _encoded(ds: FileDataset, transfer_syntax: str) -> bytes:
    """Preamble, file meta information and data set, up to where the pixels follow."""
    meta = deepcopy(ds.file_meta)
    meta.TransferSyntaxUID = UID(transfer_syntax)
    whole = FileDataset(_IN_MEMORY, ds, preamble=_PREAMBLE, file_meta=meta)
    written = BytesIO()
    with warnings.catch_warnings(), config.disable_value_validation():
        warnings.simplefilter("ignore")
        whole.save_as(
            written,
            implicit_vr=transfer_syntax == IMPLICIT_VR,
            little_endian=True,
            enforce_file_format=True,
        )
    return written.getvalue()


def _pieces(source: BinaryIO, length: int | None = None) -> Iterator[bytes]:
    """The rest of an open file, or the next ``length`` bytes of it; closes it."""
    with source:
        left = length
        while piece := source.read(_PIECE_BYTES if left is None else min(left, _PIECE_BYTES)):
            yield piece
            left = None if left is None else left - len(piece)
