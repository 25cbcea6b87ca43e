"""What accounts tell those they do not know."""

from django.dispatch import Signal

# Sent with ``user`` inside the transaction that makes it; a receiver raises to forbid it.
user_created = Signal()
