"""Marking lesions: by a doctor, on one picture, followed on every later one."""

from django.db import IntegrityError

from analysis.mark_limits import MarkRefused, check_mark
from analysis.models import LesionMark
from analysis.services.jobs import enqueue
from mammotrack.accounts.models import User
from mammotrack.accounts.policy import Permission, require
from mammotrack.audit import services as audit
from mammotrack.audit.models import Action
from mammotrack.db import atomic, retry_on_conflict
from mammotrack.errors import Conflict
from patients.choices import ConsentPurpose
from patients.consents import consent_state
from patients.services import claim_record
from scans.models import Mammogram


class AlreadySuperseded(Conflict):
    code = "already_superseded"


@retry_on_conflict
def mark_lesion(
    mammogram: Mammogram,
    *,
    x: float,
    y: float,
    radius: float,
    marked_by: User,
    is_new: bool = False,
    supersedes: LesionMark | None = None,
) -> LesionMark:
    """Keep the mark and queue an analysis of every later picture against this one, at the mark.

    A new lesion changes what is proposed for its own picture: that is analysed again against the
    earlier one. Nothing is queued while the patient does not allow analysis by computer.

    Raises
    ------
    Forbidden
        The user may not mark.
    MarkRefused
        The disc lies outside the picture or is too small or large, ``supersedes`` is on another
        picture, or the mass is called new on the first picture of its breast and view.
    AlreadySuperseded
        Somebody replaced that mark before.
    """
    require(marked_by, Permission.MARK_LESIONS)
    check_mark(
        x=x,
        y=y,
        radius=radius,
        rows=mammogram.rows,
        columns=mammogram.columns,
        spacing_mm=mammogram.pixel_spacing_mm,
    )
    if supersedes is not None and supersedes.mammogram_id != mammogram.pk:
        raise MarkRefused(
            "The mark to replace lies on another picture.", code="mark_of_another_picture"
        )
    earlier = Mammogram.objects.prior_to(mammogram) if is_new else None
    if is_new and earlier is None:
        raise MarkRefused(
            "On the first picture of a breast and view no lesion is new.",
            code="no_earlier_picture",
        )
    mark = LesionMark(
        clinic_id=mammogram.clinic_id,
        patient_id=mammogram.patient_id,
        mammogram=mammogram,
        x=x,
        y=y,
        radius=radius,
        is_new=is_new,
        supersedes=supersedes,
        marked_by=marked_by,
    )
    try:
        with atomic():
            claim_record(mark.patient_id)
            mark.save(force_insert=True)
            audit.record(
                Action.LESION_MARKED,
                subject=mark,
                clinic_id=mark.clinic_id,
                patient_id=mark.patient_id,
                actor=marked_by,
                mammogram_id=str(mammogram.pk),
                supersedes_id=str(supersedes.pk) if supersedes else None,
                is_new=is_new,
            )
            if consent_state(mark.patient_id, ConsentPurpose.AI).allowed:
                if earlier is not None:
                    enqueue(current=mammogram, prior=earlier, mark=mark, requested_by=marked_by)
                for later in Mammogram.objects.all_after(mammogram):
                    enqueue(current=later, prior=mammogram, mark=mark, requested_by=marked_by)
    except IntegrityError as error:
        raise AlreadySuperseded("This mark is replaced already. Load the page again.") from error
    return mark
