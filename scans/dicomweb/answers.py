"""Answers in the DICOM JSON model (PS3.18 annex F)."""

from collections.abc import Callable, Iterable
from typing import Any

from pydicom.dataset import Dataset

from mammotrack.errors import MammoTrackError
from scans.choices import Mismatch
from scans.dicomweb.instances import identity_of, patient_module
from scans.dicomweb.queries import STUDY_DESCRIPTION
from scans.models import Exam, Mammogram

Address = Callable[..., str]  # of a study, a series or an instance

# A warning of our own beside the standard's three, as PS3.18 section I.2.1 allows: kept, but
# nobody's yet.
WAITS_FOR_A_PERSON = 0xB100

# Failure reasons, PS3.18 annex I.2.2; what is not listed is a processing failure.
_PROCESSING_FAILURE = 0x0110
_NO_SUCH_SOP_CLASS = 0x0122
_DUPLICATE_SOP_INSTANCE = 0x0111
_DOES_NOT_MATCH = 0xA900
_NOT_UNDERSTOOD = 0xC000
_TRANSFER_SYNTAX = 0xC122
FAILURE_REASONS = {
    "unsupported_sop_class": _NO_SUCH_SOP_CLASS,
    "multiframe_unsupported": _NO_SUCH_SOP_CLASS,
    "for_processing_unsupported": _NO_SUCH_SOP_CLASS,
    "not_a_mammogram": _NO_SUCH_SOP_CLASS,
    "sop_instance_conflict": _DUPLICATE_SOP_INSTANCE,
    "duplicate_pixels": _DUPLICATE_SOP_INSTANCE,
    "unsupported_transfer_syntax": _TRANSFER_SYNTAX,
    "other_study": _DOES_NOT_MATCH,
    "pixel_data_mismatch": _DOES_NOT_MATCH,
    "inconsistent_bits": _DOES_NOT_MATCH,
    "unsupported_pixel_format": _DOES_NOT_MATCH,
    "charset": _NOT_UNDERSTOOD,
    "corrupt_pixel_data": _NOT_UNDERSTOOD,
    "empty_file": _NOT_UNDERSTOOD,
    "invalid_date": _NOT_UNDERSTOOD,
    "invalid_uid": _NOT_UNDERSTOOD,
    "invalid_value": _NOT_UNDERSTOOD,
    "malformed_file": _NOT_UNDERSTOOD,
    "no_pixel_data": _NOT_UNDERSTOOD,
    "too_deep": _NOT_UNDERSTOOD,
    "too_many_elements": _NOT_UNDERSTOOD,
    "truncated_file": _NOT_UNDERSTOOD,
    "unsupported_file_type": _NOT_UNDERSTOOD,
}


def study(exam: Exam, pictures: list[Mammogram], address: Address) -> dict[str, Any]:
    ds = patient_module(exam.patient)
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.StudyDate = f"{exam.exam_date:%Y%m%d}"
    ds.StudyTime = ds.ReferringPhysicianName = ds.StudyID = ""
    ds.AccessionNumber = exam.accession_number
    ds.StudyInstanceUID = exam.study_instance_uid
    ds.ModalitiesInStudy = exam.modality
    ds.StudyDescription = STUDY_DESCRIPTION
    ds.NumberOfStudyRelatedSeries = len({picture.series_uid for picture in pictures})
    ds.NumberOfStudyRelatedInstances = len(pictures)
    ds.InstanceAvailability = "ONLINE"
    ds.RetrieveURL = address(exam.study_instance_uid)
    return ds.to_json_dict()


def series(pictures: list[Mammogram], address: Address) -> dict[str, Any]:
    """Of the pictures of one series."""
    first = pictures[0]
    ds = identity_of(first)
    _add_series(ds, first)
    ds.NumberOfSeriesRelatedInstances = len(pictures)
    ds.RetrieveURL = address(first.exam.study_instance_uid, first.series_uid)
    return ds.to_json_dict()


def instance(mammogram: Mammogram, address: Address) -> dict[str, Any]:
    ds = identity_of(mammogram)
    _add_series(ds, mammogram)
    ds.SOPClassUID = mammogram.sop_class_uid
    ds.SOPInstanceUID = mammogram.sop_instance_uid
    ds.InstanceNumber = None
    ds.Rows, ds.Columns = mammogram.rows, mammogram.columns
    ds.BitsStored = mammogram.bits_stored
    ds.NumberOfFrames = 1
    ds.ImageLaterality = mammogram.laterality
    ds.ViewPosition = mammogram.view
    ds.InstanceAvailability = "ONLINE"
    ds.RetrieveURL = address(
        mammogram.exam.study_instance_uid, mammogram.series_uid, mammogram.sop_instance_uid
    )
    return ds.to_json_dict()


def _add_series(ds: Dataset, mammogram: Mammogram) -> None:
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.StudyDate = f"{mammogram.exam_date:%Y%m%d}"
    ds.AccessionNumber = mammogram.exam.accession_number
    ds.Modality = mammogram.exam.modality
    ds.SeriesNumber = None
    ds.Laterality = mammogram.laterality
    ds.BodyPartExamined = "BREAST"


class StoreReport:
    """What became of each file of one STOW request (PS3.18 section I.2)."""

    def __init__(self) -> None:
        self._stored: list[Dataset] = []
        self._waiting: list[Dataset] = []
        self._failed: list[Dataset] = []
        self._unnamed: list[Dataset] = []

    @property
    def status(self) -> int:
        if not (self._failed or self._unnamed or self._waiting):
            return 200
        return 202 if self._stored or self._waiting else 409

    @property
    def is_empty(self) -> bool:
        return not (self._stored or self._waiting or self._failed or self._unnamed)

    def stored(self, mammogram: Mammogram, address: Address) -> None:
        item = _reference(mammogram.sop_class_uid, mammogram.sop_instance_uid)
        item.RetrieveURL = address(
            mammogram.exam.study_instance_uid, mammogram.series_uid, mammogram.sop_instance_uid
        )
        self._stored.append(item)

    def waits(self, named: tuple[str, str] | None, reason: str) -> None:
        """Kept apart until a person has said whose it is: no failure, or it would come again
        and again."""
        item = _reference(*named) if named else Dataset()
        item.RetrieveURL = ""  # it is not to be had
        item.WarningReason = WAITS_FOR_A_PERSON
        _comment(item, reason, f"Waits for a person: {Mismatch(reason).label}.")
        self._waiting.append(item)

    def refused(self, named: tuple[str, str] | None, error: MammoTrackError) -> None:
        self._fail(named, error.problem_code, error.detail)

    def _fail(self, named: tuple[str, str] | None, code: str, detail: str) -> None:
        item = _reference(*named) if named else Dataset()
        item.FailureReason = FAILURE_REASONS.get(code, _PROCESSING_FAILURE)
        _comment(item, code, detail)
        (self._failed if named else self._unnamed).append(item)

    def as_json(self, study_address: str | None) -> dict[str, Any]:
        ds = Dataset()
        ds.RetrieveURL = study_address or ""
        for keyword, items in (
            ("ReferencedSOPSequence", self._stored + self._waiting),
            ("FailedSOPSequence", self._failed),
            ("OtherFailuresSequence", self._unnamed),
        ):
            if items:
                setattr(ds, keyword, items)
        return ds.to_json_dict()


def _comment(item: Dataset, code: str, detail: str) -> None:
    comment = Dataset()
    comment.ErrorComment = f"{code}: {detail}"[:64]
    item.FailedAttributesSequence = [comment]


def _reference(sop_class: str, sop_instance: str) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = sop_class
    item.ReferencedSOPInstanceUID = sop_instance
    return item


def by_series(mammograms: Iterable[Mammogram]) -> list[list[Mammogram]]:
    """The pictures of each series, in the order they came."""
    found: dict[tuple[Any, str], list[Mammogram]] = {}
    for mammogram in mammograms:
        found.setdefault((mammogram.exam_id, mammogram.series_uid), []).append(mammogram)
    return list(found.values())
