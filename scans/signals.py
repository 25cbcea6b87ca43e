"""How scans tells the rest that something happened, without knowing who listens."""

from django.dispatch import Signal

# Sent inside the storing transaction with ``mammogram`` and ``stored_by``.
mammogram_stored = Signal()
