"""A doctor describes a mass; a model turns the words into a probability."""

from functools import cache

from django.db import IntegrityError

from analysis.blinding import require_read
from analysis.choices import Assessment, MassDensity, MassMargin, MassShape
from analysis.models import Finding
from mammotrack.accounts.models import User
from mammotrack.accounts.policy import Permission, require
from mammotrack.audit import services as audit
from mammotrack.audit.models import Action
from mammotrack.db import atomic, retry_on_conflict
from mammotrack.errors import Conflict, Rejected
from ml_models.attributes.descriptors import ASSESSMENTS, Density, Descriptors, Margin, Shape
from ml_models.attributes.model import AttributeModel
from ml_models.errors import ModelError
from patients.choices import Sex
from patients.partial_dates import age_on
from patients.services import claim_record
from scans.models import Mammogram

PROVEN = "malignancy_proven"
NOT_TRAINED_ON_MEN = "not_trained_on_men"


class StaleFinding(Conflict):
    code = "stale_finding"


class NothingDescribed(Rejected):
    code = "nothing_described"


@cache
def attribute_model() -> AttributeModel:
    """The model of this process: a few kilobytes, plain numpy."""
    return AttributeModel.load()


@retry_on_conflict
def record_finding(
    mammogram: Mammogram,
    *,
    lesion: int,
    supersedes: int,
    shape: str,
    margin: str,
    density: str,
    assessment: str,
    recorded_by: User,
) -> Finding:
    """Put a description of one mass on record, as the next revision of that lesion.

    Parameters
    ----------
    lesion : int
        Counted from 1 in each mammogram.
    supersedes : int
        The revision the doctor saw; 0 for a lesion that is not described yet.
    shape, margin, density, assessment : str
        Codes of `analysis.choices`; empty for what is not said.

    Raises
    ------
    Forbidden
        The user may not describe findings, or has to read the exam first (``reading_due``).
    NothingDescribed
        Neither shape, margin nor density is said.
    StaleFinding
        The lesion has another revision by now, or its number is taken.
    """
    require(recorded_by, Permission.RECORD_FINDINGS)
    require_read(recorded_by, [mammogram])
    if not (shape or margin or density):
        raise NothingDescribed("Say at least the shape, the margin or the density of the mass.")
    finding = Finding(
        clinic_id=mammogram.clinic_id,
        patient_id=mammogram.patient_id,
        mammogram=mammogram,
        lesion=lesion,
        revision=supersedes + 1,
        shape=_known(MassShape, shape),
        margin=_known(MassMargin, margin),
        density=_known(MassDensity, density),
        assessment=_known(Assessment, assessment),
        age=age_on(mammogram.patient.born, mammogram.exam_date).low,
        recorded_by=recorded_by,
    )
    _estimate(finding, sex=mammogram.patient.sex)
    try:
        with atomic():
            claim_record(finding.patient_id)
            _check_latest(finding, supersedes)
            finding.save(force_insert=True)
            audit.record(
                Action.FINDING_RECORDED,
                subject=finding,
                clinic_id=finding.clinic_id,
                patient_id=finding.patient_id,
                actor=recorded_by,
                mammogram_id=str(mammogram.pk),
                lesion=lesion,
                revision=finding.revision,
                model_version=finding.model_version,
            )
    except IntegrityError as error:
        raise _stale() from error
    return finding


def _known(choices: type[MassShape | MassMargin | MassDensity | Assessment], code: str) -> str:
    if code and code not in choices.values:
        raise Rejected(f"{code!r} is none of {', '.join(choices.values)}.", code="invalid_choice")
    return code


def _check_latest(finding: Finding, supersedes: int) -> None:
    """A lesion starts with revision 1 and grows by one; a number in between is a slip."""
    of_picture = Finding.objects.filter(mammogram=finding.mammogram)
    latest = of_picture.filter(lesion=finding.lesion).order_by("-revision").first()
    if (latest.revision if latest else 0) != supersedes:
        raise _stale()
    if not latest and finding.lesion > 1 + len({each.lesion for each in of_picture}):
        raise Rejected("The next lesion has the next number.", code="invalid_lesion")


def _estimate(finding: Finding, *, sex: str) -> None:
    """Fill in what the model says, or why it says nothing; the description stands either way."""
    if finding.assessment == Assessment.PROVEN:
        finding.not_estimated = PROVEN
        return
    if sex == Sex.MALE:
        finding.not_estimated = NOT_TRAINED_ON_MEN
        return
    try:
        estimate = attribute_model().estimate(_descriptors(finding))
    except ModelError as error:
        finding.not_estimated = error.code
        return
    finding.malignancy_probability = estimate.probability
    finding.probability_low = estimate.low
    finding.probability_high = estimate.high
    finding.uses_assessment = estimate.uses_assessment
    finding.model_version = estimate.model_version
    finding.model_sha256 = estimate.model_sha256


def _descriptors(finding: Finding) -> Descriptors:
    category = int(finding.assessment or 0)
    return Descriptors(
        age=finding.age,
        shape=Shape[finding.shape] if finding.shape else None,
        margin=Margin[finding.margin] if finding.margin else None,
        density=Density[finding.density] if finding.density else None,
        assessment=category if category in ASSESSMENTS else None,
    )


def _stale() -> StaleFinding:
    return StaleFinding("Somebody described this lesion meanwhile. Load it again.")
