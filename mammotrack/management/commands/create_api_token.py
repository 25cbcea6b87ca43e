"""Issue a program's key from the command line."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from mammotrack.accounts.models import User
from mammotrack.accounts.policy import Scope
from mammotrack.accounts.tokens import issue_token
from mammotrack.errors import MammoTrackError


class Command(BaseCommand):
    help = "Issue an API token for a user and print it. It cannot be shown again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")
        parser.add_argument(
            "--scope",
            dest="scopes",
            action="append",
            required=True,
            choices=Scope.values,
            help="What it may do, as far as the user may; give it several times.",
        )
        parser.add_argument("--clinic", help="Its name; needed when the user has several.")
        parser.add_argument("--label", required=True, help="What it is for.")
        parser.add_argument("--days", type=int, default=90, help="How long it may be used.")

    def handle(
        self,
        *,
        username: str,
        scopes: list[str],
        clinic: str | None,
        label: str,
        days: int,
        **options: Any,
    ) -> None:
        user = User.objects.filter(username=username).first()
        if user is None:
            raise CommandError(f"There is no user {username}.")
        own = user.clinics.filter(name=clinic) if clinic else user.clinics.all()
        if own.count() != 1:
            raise CommandError("Say with --clinic for which of the user's clinics it is.")
        try:
            _, text = issue_token(
                user=user, clinic=own.get(), scopes=set(scopes), label=label, days=days
            )
        except MammoTrackError as error:
            raise CommandError(error.detail) from error
        self.stdout.write(text)
