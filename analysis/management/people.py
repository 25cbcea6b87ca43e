"""Who types a command that signs something: a user by name and password."""

from getpass import getpass

from django.contrib.auth import authenticate
from django.core.management.base import CommandError

from mammotrack.accounts.models import User


def signed_in(username: str) -> User:
    """Ask for the password of a user; refuse as the sign-in page does."""
    user = authenticate(username=username, password=getpass(f"Password of {username}: "))
    if not isinstance(user, User):
        raise CommandError("This user name and password do not go together.")
    return user
