"""The demonstration clinic: the sample patients, and people whose password is printed."""

from analysis.demo import patients
from mammotrack.accounts.models import Clinic, Membership, Role, User
from scans.models import Mammogram

CLINIC_NAME = "Demonstration clinic"
PASSWORD = "demo-mammotrack"  # noqa: S105 -- printed to everybody; the demo listens on loopback only
PEOPLE = {
    "doctor": (Role.DOCTOR, "Dr. Demo Doctor"),
    "oncologist": (Role.DOCTOR, "Dr. Demo Oncologist"),
    "radiographer": (Role.RADIOGRAPHER, "Demo Radiographer"),
    "receptionist": (Role.RECEPTIONIST, "Demo Receptionist"),
    "admin": (Role.ADMIN, "Demo Administrator"),
}


def is_seeded() -> bool:
    clinic = Clinic.objects.filter(name=CLINIC_NAME).first()
    if clinic is None:
        return False
    return Mammogram.objects.filter(clinic=clinic).count() == patients.picture_count()


def seed(say: patients.Say) -> None:
    """Make the clinic and its people, and load the patients."""
    clinic, _ = Clinic.objects.get_or_create(name=CLINIC_NAME)
    doctor = _people(clinic)["doctor"]
    for number in patients.numbers():
        patients.load(number, clinic, by=doctor, say=say)


def _people(clinic: Clinic) -> dict[str, User]:
    people = {}
    for username, (role, full_name) in PEOPLE.items():
        known = User.objects.filter(username=username).first()
        people[username] = known or User.objects.create_user(
            username, PASSWORD, role=role, full_name=full_name
        )
        Membership.objects.get_or_create(user=people[username], clinic=clinic)
    return people
