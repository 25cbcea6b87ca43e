"""Typed readers of environment variables. A value that cannot be read stops the start."""

import os
import secrets
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

SECRET_MIN_CHARACTERS = 32
_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})


def text(name: str, default: str | None = None) -> str:
    """The variable's value; without a default it must be set and not empty."""
    value = os.environ.get(name, "") or default
    if value is None:
        raise ImproperlyConfigured(f"Set {name}: it has no default (.env.example explains it).")
    return value


def boolean(name: str, default: bool) -> bool:
    value = os.environ.get(name, "").lower()
    if not value:
        return default
    if value in _TRUE:
        return True
    if value in _FALSE:
        return False
    raise ImproperlyConfigured(f"{name} must be true or false, not {value!r}.")


def integer(name: str, default: int) -> int:
    value = os.environ.get(name, "")
    try:
        return int(value) if value else default
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a whole number, not {value!r}.") from None


def items(name: str) -> list[str]:
    """A comma-separated list; empty when unset."""
    return [item.strip() for item in os.environ.get(name, "").split(",") if item.strip()]


def path(name: str, default: Path) -> Path:
    value = os.environ.get(name, "")
    return Path(value).resolve() if value else default


def secret(name: str, *, kept_in: Path) -> str:
    """The variable, else the random secret this machine made for itself on its first start.

    Several machines that serve one installation share a secret, so they set the variable.
    """
    value = os.environ.get(name, "") or _machine_secret(kept_in)
    if len(value) < SECRET_MIN_CHARACTERS:
        raise ImproperlyConfigured(f"{name} must have at least {SECRET_MIN_CHARACTERS} characters.")
    return value


def _machine_secret(file: Path) -> str:
    if file.exists():
        return file.read_text()
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = file.with_name(f"{file.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        stream.write(secrets.token_urlsafe(48))
    try:
        os.link(draft, file)  # atomic, and refuses to replace: the first of two starters wins
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return file.read_text()
