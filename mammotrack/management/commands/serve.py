"""``manage.py serve``: the whole application on this machine until Ctrl-C."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from mammotrack.embedded import EmbeddedMongoError
from mammotrack.supervisor import Platform, PlatformError


class Command(BaseCommand):
    help = "Run database, worker and web server until interrupted."
    requires_system_checks = ["files"]  # the database is looked at once it is started

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=8000, help="of the web pages (8000)")

    def handle(self, *_args: Any, port: int, **_options: Any) -> None:
        try:
            with Platform(port=port) as platform:
                self.stdout.write(f"MammoTrack runs at {platform.url} (Ctrl-C stops it)")
                self.stdout.flush()
                platform.wait()
        except KeyboardInterrupt:  # while it was starting
            self.stdout.write("Stopped before it was ready.")
        except (PlatformError, EmbeddedMongoError) as error:
            raise CommandError(str(error)) from error
