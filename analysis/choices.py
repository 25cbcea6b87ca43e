"""Coded values of analyses and decisions."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop


class JobState(TextChoices):
    QUEUED = "QUEUED", _("Queued")
    RUNNING = "RUNNING", _("Running")
    DONE = "DONE", _("Done")
    FAILED = "FAILED", _("Failed")


class Proposal(TextChoices):
    """What the rules may propose; the same choices a doctor decides between."""

    CONTINUE_CHEMOTHERAPY = "continue_chemotherapy", _("Continue chemotherapy")
    SHIFT_TO_NORMAL_MEDICATION = "shift_to_normal_medication", _("Shift to normal medication")
    REFER = "refer", _("Refer for further work-up")
    NOT_ASSESSABLE = "not_assessable", _("Not assessable")

    @property
    def needs_second_signature(self) -> bool:
        """Ending a chemotherapy takes two doctors."""
        return self is Proposal.SHIFT_TO_NORMAL_MEDICATION


class ModelState(TextChoices):
    """Of a model version on this server."""

    SHADOW = "SHADOW", _("Shadow: compared on stored scans, answers nobody")
    ACTIVE = "ACTIVE", _("Active")
    RETIRED = "RETIRED", _("Retired")


class RecommendationStatus(TextChoices):
    PROPOSED = "PROPOSED", _("Proposed, unsigned")
    AWAITING_SECOND = "AWAITING_SECOND", _("Signed once, second signature due")
    ACCEPTED = "ACCEPTED", _("Accepted")
    OVERRIDDEN = "OVERRIDDEN", _("Overridden")
    SUPERSEDED = "SUPERSEDED", _("Superseded by a later proposal for the same pictures")


class SignatureMeaning(TextChoices):
    """What a signature says, printed beside it (21 CFR 11.50)."""

    APPROVED = "APPROVED", _("Approves the proposal")
    OVERRIDDEN = "OVERRIDDEN", _("Decides otherwise than proposed")
    AMENDED = "AMENDED", _("Amends the decision signed before")


class MassShape(TextChoices):
    """Of a mass, as BI-RADS describes it; the codes of ``ml_models.attributes``."""

    ROUND = "ROUND", _("Round")
    OVAL = "OVAL", _("Oval")
    LOBULAR = "LOBULAR", _("Lobular")
    IRREGULAR = "IRREGULAR", _("Irregular")


class MassMargin(TextChoices):
    CIRCUMSCRIBED = "CIRCUMSCRIBED", _("Circumscribed")
    MICROLOBULATED = "MICROLOBULATED", _("Microlobulated")
    OBSCURED = "OBSCURED", _("Obscured")
    ILL_DEFINED = "ILL_DEFINED", _("Ill-defined (indistinct)")
    SPICULATED = "SPICULATED", _("Spiculated")


class MassDensity(TextChoices):
    HIGH = "HIGH", _("High")
    ISO = "ISO", _("Iso (as the tissue around it)")
    LOW = "LOW", _("Low")
    FAT_CONTAINING = "FAT_CONTAINING", _("Fat-containing")


class ReadCategory(TextChoices):
    """The BI-RADS category a doctor gives a breast, all of its pictures together."""

    INCOMPLETE = "0", _("0 Incomplete")
    NEGATIVE = "1", _("1 Negative")
    BENIGN = "2", _("2 Benign")
    PROBABLY_BENIGN = "3", _("3 Probably benign")
    SUSPICIOUS = "4", _("4 Suspicious")
    HIGHLY_SUGGESTIVE = "5", _("5 Highly suggestive of malignancy")
    PROVEN = "6", _("6 Known, proven malignancy")


class Assessment(TextChoices):
    """The BI-RADS category a doctor gives a mass; 1, nothing to see, describes no mass."""

    INCOMPLETE = "0", _("0 Incomplete")
    BENIGN = "2", _("2 Benign")
    PROBABLY_BENIGN = "3", _("3 Probably benign")
    SUSPICIOUS = "4", _("4 Suspicious")
    HIGHLY_SUGGESTIVE = "5", _("5 Highly suggestive of malignancy")
    PROVEN = "6", _("6 Known, proven malignancy")


OWN_CASES = gettext_noop("this clinic")
"""What is named as the source of a similar case that is the clinic's own."""
