"""Coded values of analyses and decisions."""

from django.db.models import TextChoices


class JobState(TextChoices):
    QUEUED = "QUEUED", "Queued"
    RUNNING = "RUNNING", "Running"
    DONE = "DONE", "Done"
    FAILED = "FAILED", "Failed"


class Proposal(TextChoices):
    """What the rules may propose; the same choices a doctor decides between."""

    CONTINUE_CHEMOTHERAPY = "continue_chemotherapy", "Continue chemotherapy"
    SHIFT_TO_NORMAL_MEDICATION = "shift_to_normal_medication", "Shift to normal medication"
    REFER = "refer", "Refer for further work-up"
    NOT_ASSESSABLE = "not_assessable", "Not assessable"

    @property
    def needs_second_signature(self) -> bool:
        """Ending a chemotherapy takes two doctors."""
        return self is Proposal.SHIFT_TO_NORMAL_MEDICATION


class RecommendationStatus(TextChoices):
    PROPOSED = "PROPOSED", "Proposed, unsigned"
    AWAITING_SECOND = "AWAITING_SECOND", "Signed once, second signature due"
    ACCEPTED = "ACCEPTED", "Accepted"
    OVERRIDDEN = "OVERRIDDEN", "Overridden"


class SignatureMeaning(TextChoices):
    """What a signature says, printed beside it (21 CFR 11.50)."""

    APPROVED = "APPROVED", "Approves the proposal"
    OVERRIDDEN = "OVERRIDDEN", "Decides otherwise than proposed"
    AMENDED = "AMENDED", "Amends the decision signed before"
