"""What a doctor may see before an own reading, in a clinic that reads blind.

A reading opens the pictures it was made of: what the machine, and other doctors, said of them.
Rows from before the clinic began to read blind stay open.
"""

from collections.abc import Iterable
from uuid import UUID

from django.db.models import Q
from django.utils.translation import gettext_noop

from analysis.models import AnalysisJob, Reading
from mammotrack.accounts.models import User
from mammotrack.accounts.policy import Permission, can
from mammotrack.errors import Forbidden
from scans.models import Mammogram

READ_FIRST = gettext_noop("Read this exam yourself first: then you see what the computer says.")


class ReadingDue(Forbidden):
    code = "reading_due"


def open_to(user: User, *pictures: str, through: str = "") -> Q:
    """The rows about these pictures that the user may see by now.

    Parameters
    ----------
    pictures : str
        The fields that name pictures; an empty one hides nothing.
    through : str
        The path to the row that holds them, for rows about such a row.
    """
    if not reads_blind(user):
        return Q()
    opened = opened_pictures(user)
    open_rows = Q()
    for picture in pictures:
        name = f"{through}{picture}"
        open_rows &= Q(**{f"{name}__in": opened}) | Q(**{f"{name}__isnull": True})
    for clinic_id, since in user.blind_clinics.items():
        open_rows |= Q(**{"clinic_id": clinic_id, f"{through}created_at__lt": since})
    return ~Q(clinic_id__in=list(user.blind_clinics)) | open_rows


def reads_blind(user: User) -> bool:
    return can(user, Permission.RECORD_READINGS) and bool(user.blind_clinics)


def opened_pictures(user: User, *, of: Iterable[UUID] | None = None) -> list[UUID]:
    """What the user has read in clinics that read blind, of these patients or of all."""
    own = Reading.objects.filter(reader=user, clinic_id__in=list(user.blind_clinics))
    if of is not None:
        own = own.filter(patient_id__in=list(of))
    return [UUID(key) for keys in own.values_list("pictures", flat=True) for key in keys]


def readings_open_to(user: User) -> Q:
    """The user's own readings, and others' of the breasts the user has read."""
    if not reads_blind(user):
        return Q()
    own = Reading.objects.filter(reader=user, clinic_id__in=list(user.blind_clinics))
    open_rows = ~Q(clinic_id__in=list(user.blind_clinics))
    exams: dict[str, set[UUID]] = {}
    for exam_id, laterality in own.values_list("exam_id", "laterality"):
        exams.setdefault(laterality, set()).add(exam_id)
    for laterality, read in exams.items():
        open_rows |= Q(laterality=laterality, exam_id__in=list(read))
    return open_rows


def exam_to_read_first(user: User, job: AnalysisJob) -> UUID | None:
    """The exam that hides this analysis until the user has read it."""
    if AnalysisJob.objects.filter(open_to(user, "current", "prior"), pk=job.pk).exists():
        return None
    opened = set(opened_pictures(user, of=[job.patient_id]))
    pictures = (picture for picture in (job.current, job.prior) if picture)
    return next((each.exam_id for each in pictures if each.pk not in opened), None)


def require_read(user: User, pictures: Iterable[Mammogram]) -> None:
    """Raise ``ReadingDue`` unless the user has read them, where the clinic reads blind."""
    if reads_blind(user):
        blind = [each for each in pictures if each.clinic_id in user.blind_clinics]
        opened = opened_pictures(user, of={each.patient_id for each in blind})
        if not {each.pk for each in blind} <= set(opened):
            raise ReadingDue(READ_FIRST)
