"""Sample patients for a first look at an installation where nobody is treated yet.

They get a clinic of their own: what they leave in statistics, exports and the trail stays there,
every page about them names it, and whoever has looked enough is taken out of it. Their records are
kept in the name of an account that nobody can sign in with.
"""

from dataclasses import dataclass
from functools import partial

from analysis.demo import patients as samples
from mammotrack import queue
from mammotrack.accounts.models import Clinic, Membership, Role, User
from mammotrack.accounts.policy import Permission, can, require
from mammotrack.audit.models import Action
from mammotrack.audit.people import record_change
from mammotrack.audit.services import record
from mammotrack.db import atomic, on_commit
from mammotrack.errors import Conflict
from patients.models import Patient
from scans.models import Mammogram

CLINIC_NAME = "Sample clinic"
KEEPER = "sample-data"
LOAD_SAMPLE = "analysis.load_sample"
PEOPLE = (Role.DOCTOR, Role.RADIOGRAPHER, Role.RECEPTIONIST, Role.ADMIN)  # no programs


@dataclass(frozen=True)
class Samples:
    """How far the loading is."""

    patients: int
    pictures: int
    stored: int
    is_asked: bool

    @property
    def is_done(self) -> bool:
        return self.stored >= self.pictures


def samples_for(user: User) -> Samples | None:
    """For whoever may load them, as long as nobody else is registered here."""
    if not can(user, Permission.LOAD_SAMPLES) or _treats_people():
        return None
    return Samples(
        patients=len(samples.numbers()),
        pictures=samples.picture_count(),
        stored=Mammogram.objects.filter(clinic__name=CLINIC_NAME).count(),
        is_asked=Clinic.objects.filter(name=CLINIC_NAME).exists(),
    )


def ask_for_samples(user: User) -> None:
    """Make their clinic, let the installation's people in, and leave the rest to a worker.

    Asking again completes what was interrupted.

    Raises
    ------
    Forbidden, Conflict
    """
    require(user, Permission.LOAD_SAMPLES)
    if _treats_people():
        raise Conflict("Sample patients can only be loaded while no patient is registered.")
    with atomic():
        clinic, _ = Clinic.objects.get_or_create(name=CLINIC_NAME)
        if not User.objects.filter(username=KEEPER).exists():
            User.objects.create_user(KEEPER, role=Role.DOCTOR, full_name="Sample data")
        for person in User.objects.filter(is_active=True, role__in=PEOPLE):
            _, is_new = Membership.objects.get_or_create(user=person, clinic=clinic)
            if is_new:
                record_change(person, actor=user)
        numbers = samples.numbers()
        record(
            Action.SAMPLES_REQUESTED,
            subject=clinic,
            clinic_id=clinic.pk,
            actor=user,
            patients=len(numbers),
        )
        for number in numbers:
            on_commit(partial(queue.hint, LOAD_SAMPLE, number))


def load_sample(number: str) -> None:
    """Register one of them and upload the mammograms, unless that was done before."""
    clinic = Clinic.objects.get(name=CLINIC_NAME)
    keeper = User.objects.get(username=KEEPER)
    samples.load(number, clinic, by=keeper, say=lambda _line: None)


def _treats_people() -> bool:
    sample = {"clinic__name": CLINIC_NAME, "medical_record_number__in": samples.SAMPLES}
    return Patient.objects.exclude(**sample).exists()
