"""A proposal with its findings as a Structured Report (DICOM PS3.16, TID 1500).

Each finding is a measurement group with the algorithm that made it, by name and version, and
the pictures it was made from. The report is preliminary and unverified: a computer's.
"""

from typing import Any

from highdicom import sr
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from analysis.choices import Proposal
from analysis.models import Comparison, Prediction, Recommendation
from scans.dicomweb.instances import identity_of
from scans.models import Mammogram, uid_of

MANUFACTURER = "MammoTrack"
OURS = "99MAMMOTRACK"  # our own coding scheme: what no terminology has a word for
SIDES = {"L": codes.SCT.Left, "R": codes.SCT.Right}
BREAST = Code("76752008", "SCT", "Breast")
PROCEDURE = Code("24606-6", "LN", "MG Breast Screening")
BIRADS = {
    "2": Code("397141009", "SCT", "Category 2 - Benign finding"),
    "3": Code("397143007", "SCT", "Category 3 - Probably benign finding"),
    "4": Code("397144001", "SCT", "Category 4 - Suspicious abnormality"),
    "5": Code("397145000", "SCT", "Category 5 - Highly suggestive of malignancy"),
    "6": Code("6111000179101", "SCT", "Category 6 - Known biopsy, proven malignancy"),
}
_LONGEST_MEANING = 64


def structured_report(row: Recommendation) -> Dataset:
    """The same recommendation gives the same object, with the same UIDs."""
    pictures = [picture for picture in (row.current, row.prior) if picture]
    groups = [_of_prediction(row.current_prediction)]
    if row.prior_prediction:
        groups.append(_of_prediction(row.prior_prediction))
    if row.comparison:
        groups.append(_of_comparison(row.comparison))
    groups.append(_of_rules(row))
    content = sr.MeasurementReport(
        observation_context=sr.ObservationContext(observer_device_context=_observer()),
        procedure_reported=PROCEDURE,
        imaging_measurements=groups,
        title=codes.DCM.ImagingMeasurementReport,
    )
    report = sr.ComprehensiveSR(
        evidence=[as_evidence(picture) for picture in pictures],
        content=content,
        series_instance_uid=uid_of(f"report-series:{row.pk}"),
        series_number=9001,
        series_description="Computer findings, not for diagnosis",
        sop_instance_uid=uid_of(f"report:{row.pk}"),
        instance_number=1,
        manufacturer=MANUFACTURER,
        is_complete=True,
        is_final=False,
        is_verified=False,
    )
    report.SpecificCharacterSet = "ISO_IR 192"
    date_as_recorded(report, row)
    return report


def date_as_recorded(ds: Dataset, row: Any) -> None:
    """By when the finding was made, not by when it is asked for."""
    made = row.created_at
    ds.ContentDate, ds.ContentTime = f"{made:%Y%m%d}", f"{made:%H%M%S}"
    ds.InstanceCreationDate, ds.InstanceCreationTime = ds.ContentDate, ds.ContentTime
    for equipment in ds.get("ContributingEquipmentSequence", []):
        equipment.ContributionDateTime = f"{made:%Y%m%d%H%M%S}"


def as_evidence(mammogram: Mammogram) -> Dataset:
    """What another object has to know of a picture that it refers to."""
    ds = identity_of(mammogram)
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID = mammogram.sop_class_uid
    ds.SOPInstanceUID = mammogram.sop_instance_uid
    ds.StudyDate = f"{mammogram.exam_date:%Y%m%d}"
    ds.StudyTime = ds.StudyID = ds.ReferringPhysicianName = ""
    ds.AccessionNumber = mammogram.exam.accession_number
    ds.Modality = mammogram.exam.modality
    ds.Rows, ds.Columns = mammogram.rows, mammogram.columns
    return ds


def _observer() -> sr.ObserverContext:
    return sr.ObserverContext(
        observer_type=codes.DCM.Device,
        observer_identifying_attributes=sr.DeviceObserverIdentifyingAttributes(
            uid=uid_of("mammotrack"), name=MANUFACTURER, manufacturer_name=MANUFACTURER
        ),
    )


def _of_prediction(row: Prediction) -> sr.MeasurementsAndQualitativeEvaluations:
    says = row.category if row.category and not row.abstained else ""
    return _group(
        row,
        pictures=[row.mammogram],
        name="MammoTrack BI-RADS classifier",
        version=f"{row.model_version} sha256:{row.model_sha256}",
        measurements={
            _own(f"birads-{category}", f"Probability of BI-RADS {category}"): value
            for category, value in sorted(row.probabilities.items())
        },
        evaluations=[
            (
                _own("birads", "BI-RADS category, by computer"),
                BIRADS[says] if says else _own("no-category", "The model gives no category"),
            )
        ],
    )


def _of_comparison(row: Comparison) -> sr.MeasurementsAndQualitativeEvaluations:
    scores = {
        _own("ssim", "Structural similarity after registration"): row.ssim,
        _own("ssim-baseline", "Structural similarity without registration"): row.ssim_baseline,
        _own("change-probability", "Probability of change"): row.change_probability,
    }
    return _group(
        row,
        pictures=[row.prior, row.current],
        name="MammoTrack comparison",
        version=row.algorithm_version,
        measurements={code: value for code, value in scores.items() if value is not None},
        evaluations=[
            (
                _own("verdict", "Change since the prior mammogram"),
                _own(row.verdict, row.verdict.replace("_", " ").capitalize()),
            )
        ],
    )


def _of_rules(row: Recommendation) -> sr.MeasurementsAndQualitativeEvaluations:
    return _group(
        row,
        pictures=[row.current],
        name="MammoTrack rules",
        version=row.rules_version,
        measurements={},
        evaluations=[
            (
                _own("proposal", "Proposed, for a doctor to decide"),
                _own(row.proposal, str(Proposal(row.proposal).label)),
            )
        ],
    )


def _group(
    row: Prediction | Comparison | Recommendation,
    *,
    pictures: list[Mammogram],
    name: str,
    version: str,
    measurements: dict[Code, float],
    evaluations: list[tuple[Code, Code]],
) -> sr.MeasurementsAndQualitativeEvaluations:
    return sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(uid=uid_of(f"finding:{row.pk}"), identifier=name),
        algorithm_id=sr.AlgorithmIdentification(name=name, version=version),
        finding_sites=[sr.FindingSite(BREAST, laterality=SIDES[pictures[-1].laterality])],
        measurements=[
            sr.Measurement(name=code, value=float(value), unit=codes.UCUM.NoUnits)
            for code, value in measurements.items()
        ],
        qualitative_evaluations=[
            sr.QualitativeEvaluation(name=question, value=answer)
            for question, answer in evaluations
        ],
        source_images=[
            sr.SourceImageForMeasurementGroup(
                referenced_sop_class_uid=picture.sop_class_uid,
                referenced_sop_instance_uid=picture.sop_instance_uid,
            )
            for picture in pictures
        ],
    )


def _own(code: str, meaning: str) -> Code:
    """A code value has 16 characters at most, so longer ones are cut where a word ends."""
    while len(code) > 16:
        code = code.replace("_", "-").rpartition("-")[0] or code[:16]
    return Code(code, OURS, meaning[:_LONGEST_MEANING])
