"""The whole application with a demonstration clinic, started by one command."""

import json
from argparse import ArgumentParser
from functools import partial
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from analysis.demo import clinic
from analysis.demo.visitor import CheckFailed, Visitor
from mammotrack.embedded import EmbeddedMongoError
from mammotrack.supervisor import Platform, PlatformError

LOGIN_LINES = "\n".join(f"    {name:<14}{clinic.PASSWORD}" for name in clinic.PEOPLE)


class Command(BaseCommand):
    help = "Start everything with a demonstration clinic of real, freely licensed mammograms."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument(
            "--check", action="store_true", help="wait for the analyses, assert them over HTTP, end"
        )

    def handle(self, *, port: int, check: bool, **options: Any) -> None:
        try:
            with Platform(port=port) as platform:
                platform.run(partial(self._show, platform.url, check=check))
                if not check:
                    platform.wait()
        except KeyboardInterrupt:  # before the pages were ready to be looked at
            self._say("Stopped.")
        except (PlatformError, EmbeddedMongoError, CheckFailed) as error:
            raise CommandError(str(error)) from error

    def _show(self, url: str, *, check: bool) -> None:
        if clinic.is_seeded():
            self._say("The demonstration clinic is here already.")
        else:
            self._say(f"Filling the demonstration clinic; watch it at {url}")
            clinic.seed(self._say)
        self._say(f"\nMammoTrack runs at {url}\n\n    user          password")
        self._say(LOGIN_LINES)
        if check:
            self._check(url)
        else:
            self._say("\nCtrl-C stops everything.")

    def _check(self, url: str) -> None:
        self._say("\nWaiting for the analyses, as a signed-in doctor.")
        visitor = Visitor(url, username="doctor", password=clinic.PASSWORD)
        for row in visitor.analysed_pairs():
            self._say(json.dumps(row))
        self._say("The demonstration works.")

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
