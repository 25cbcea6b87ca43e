"""When a picture was taken, in the terms of the patient's life and therapy."""

from dataclasses import dataclass
from datetime import date

from django.utils.translation import gettext as _

from analysis.models import AnalysisJob
from patients.models import Patient
from patients.presenters import age_at_exam, interval
from patients.selectors import place_in_therapy
from scans.models import Mammogram


@dataclass(frozen=True)
class Moment:
    """When a picture was taken, in the terms of the patient's life and therapy."""

    when: str
    age: str
    place: str


def moments(job: AnalysisJob) -> list[Moment]:
    """Of the prior and the current picture."""
    return [
        moment_of(job.patient, mammogram.exam_date, when)
        for mammogram, when in ((job.prior, _("Prior")), (job.current, _("Current")))
        if mammogram
    ]


def moment_of(patient: Patient, day: date, when: str = "") -> Moment:
    place = place_in_therapy(patient.pk, day)
    return Moment(when, age_at_exam(patient, day), place.label if place else "")


def interval_between(prior: Mammogram | None, current: Mammogram) -> str:
    return interval((current.exam_date - prior.exam_date).days) if prior else ""
