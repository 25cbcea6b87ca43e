"""What scans does when a patient's identity changes, and before the web server takes requests."""

from typing import Any

from django.dispatch import receiver

from mammotrack import web_server
from patients.models import Patient
from patients.signals import identity_changing
from scans.decoder_process import decoders
from scans.selectors import exams_of
from scans.services import check_exam_within_life


@receiver(identity_changing)
def check_exams_within_life(patient: Patient, **_: Any) -> None:
    days = list(exams_of(patient).values_list("exam_date", flat=True))
    for day in {*days[:1], *days[-1:]}:  # the first and the last
        check_exam_within_life(patient, day)


@receiver(web_server.starting)
def start_the_decoders(**_: Any) -> None:
    decoders.start()
