"""``manage.py export_dicom RECOMMENDATION FOLDER``: its report and its map as DICOM files."""

from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from analysis.dicom_out.change_map import change_map
from analysis.dicom_out.report import structured_report
from analysis.selectors import recommendation_visible_to
from mammotrack.accounts.models import User
from mammotrack.audit.services import note_read
from mammotrack.audit.trace import Trace, tracing
from mammotrack.errors import MammoTrackError, NotFound


class Command(BaseCommand):
    help = "Write the Structured Report and, if there is one, the change map of a recommendation."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("recommendation", type=UUID)
        parser.add_argument("folder", type=Path)
        parser.add_argument("--by", required=True, help="on whose behalf: a user name")

    def handle(
        self, *_args: Any, recommendation: UUID, folder: Path, by: str, **_options: Any
    ) -> None:
        user = User.objects.filter(username=by, is_active=True).first()
        if user is None:
            raise CommandError("There is no such user.")
        with tracing(Trace(auth="process", session="", ip="")) as traced:
            try:
                self._write(user, recommendation, folder)
            except MammoTrackError as error:
                raise CommandError(error.detail) from error
            note_read(view="export_dicom", object_id=recommendation, reader=user, traced=traced)

    def _write(self, user: User, recommendation: UUID, folder: Path) -> None:
        row = recommendation_visible_to(user, recommendation)
        folder.mkdir(parents=True, exist_ok=True)
        structured_report(row).save_as(folder / "report.dcm", enforce_file_format=True)
        self.stdout.write(str(folder / "report.dcm"))
        try:
            capture = change_map(row)
        except NotFound as error:
            self.stdout.write(error.detail)
            return
        capture.save_as(folder / "change-map.dcm", enforce_file_format=True)
        self.stdout.write(str(folder / "change-map.dcm"))
