"""How the patient record asks and tells those it does not know."""

from django.dispatch import Signal

# Sent inside the writing transaction with ``patient``; a receiver raises to forbid the change.
identity_changing = Signal()

# Sent inside the recording transaction with ``consent``.
consent_recorded = Signal()

# Sent inside the undoing transaction with ``merge``, once both records have their rows again.
merge_undone = Signal()
