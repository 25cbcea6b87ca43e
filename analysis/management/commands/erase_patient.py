"""``manage.py erase_patient``: destroy what identifies a person."""

from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from analysis.services.erasure import ErasureReason, erase_patient
from mammotrack.accounts.models import User
from mammotrack.errors import MammoTrackError
from patients.models import Patient


class Command(BaseCommand):
    help = "Erase a person's identity, texts and pictures for good, once the record may go."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("patient", type=UUID, help="the patient's id")
        parser.add_argument("--by", required=True, help="user name of the administrator who asks")
        parser.add_argument("--reason", choices=ErasureReason.values, required=True)

    def handle(self, *_args: Any, patient: UUID, by: str, reason: str, **_options: Any) -> None:
        user = User.objects.filter(username=by).first()
        record = Patient.objects.filter(pk=patient).first()
        if user is None or record is None:
            raise CommandError("There is no such user, or no such patient.")
        try:
            erase_patient(record, reason=ErasureReason(reason), erased_by=user)
        except MammoTrackError as error:
            raise CommandError(error.detail) from error
        self.stdout.write("Done.")
