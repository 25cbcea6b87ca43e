"""The exams on record have their say when a patient's identity changes."""

from typing import Any

from django.dispatch import receiver

from patients.models import Patient
from patients.signals import identity_changing
from scans.selectors import exams_of
from scans.services import check_exam_within_life


@receiver(identity_changing)
def check_exams_within_life(patient: Patient, **_: Any) -> None:
    days = list(exams_of(patient).values_list("exam_date", flat=True))
    for day in {*days[:1], *days[-1:]}:  # the first and the last
        check_exam_within_life(patient, day)
