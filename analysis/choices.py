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


class ModelState(TextChoices):
    """Of a model version on this server."""

    SHADOW = "SHADOW", "Shadow: compared on stored scans, answers nobody"
    ACTIVE = "ACTIVE", "Active"
    RETIRED = "RETIRED", "Retired"


class RecommendationStatus(TextChoices):
    PROPOSED = "PROPOSED", "Proposed, unsigned"
    AWAITING_SECOND = "AWAITING_SECOND", "Signed once, second signature due"
    ACCEPTED = "ACCEPTED", "Accepted"
    OVERRIDDEN = "OVERRIDDEN", "Overridden"
    SUPERSEDED = "SUPERSEDED", "Superseded by a later proposal for the same pictures"


class SignatureMeaning(TextChoices):
    """What a signature says, printed beside it (21 CFR 11.50)."""

    APPROVED = "APPROVED", "Approves the proposal"
    OVERRIDDEN = "OVERRIDDEN", "Decides otherwise than proposed"
    AMENDED = "AMENDED", "Amends the decision signed before"


class MassShape(TextChoices):
    """Of a mass, as BI-RADS describes it; the codes of ``ml_models.attributes``."""

    ROUND = "ROUND", "Round"
    OVAL = "OVAL", "Oval"
    LOBULAR = "LOBULAR", "Lobular"
    IRREGULAR = "IRREGULAR", "Irregular"


class MassMargin(TextChoices):
    CIRCUMSCRIBED = "CIRCUMSCRIBED", "Circumscribed"
    MICROLOBULATED = "MICROLOBULATED", "Microlobulated"
    OBSCURED = "OBSCURED", "Obscured"
    ILL_DEFINED = "ILL_DEFINED", "Ill-defined (indistinct)"
    SPICULATED = "SPICULATED", "Spiculated"


class MassDensity(TextChoices):
    HIGH = "HIGH", "High"
    ISO = "ISO", "Iso (as the tissue around it)"
    LOW = "LOW", "Low"
    FAT_CONTAINING = "FAT_CONTAINING", "Fat-containing"


class ReadCategory(TextChoices):
    """The BI-RADS category a doctor gives a breast, all of its pictures together."""

    INCOMPLETE = "0", "0 Incomplete"
    NEGATIVE = "1", "1 Negative"
    BENIGN = "2", "2 Benign"
    PROBABLY_BENIGN = "3", "3 Probably benign"
    SUSPICIOUS = "4", "4 Suspicious"
    HIGHLY_SUGGESTIVE = "5", "5 Highly suggestive of malignancy"
    PROVEN = "6", "6 Known, proven malignancy"


class Assessment(TextChoices):
    """The BI-RADS category a doctor gives a mass; 1, nothing to see, describes no mass."""

    INCOMPLETE = "0", "0 Incomplete"
    BENIGN = "2", "2 Benign"
    PROBABLY_BENIGN = "3", "3 Probably benign"
    SUSPICIOUS = "4", "4 Suspicious"
    HIGHLY_SUGGESTIVE = "5", "5 Highly suggestive of malignancy"
    PROVEN = "6", "6 Known, proven malignancy"


OWN_CASES = "this clinic"
"""What is named as the source of a similar case that is the clinic's own."""
