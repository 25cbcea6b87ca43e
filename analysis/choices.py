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


class RecommendationStatus(TextChoices):
    PROPOSED = "PROPOSED", "Proposed, unsigned"
    ACCEPTED = "ACCEPTED", "Accepted"
    OVERRIDDEN = "OVERRIDDEN", "Overridden"
