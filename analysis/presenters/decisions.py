"""How the versions of a signed decision read on a page."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

from django.utils.translation import gettext as _

from analysis.models import Countersignature, Decision
from analysis.presenters.words import proposal_label


@dataclass(frozen=True)
class Amended:
    """What one version of a decision changed."""

    label: str
    before: str
    after: str


@dataclass(frozen=True)
class SignedVersion:
    decision: Decision
    countersignature: Countersignature | None
    changes: list[Amended]


def signed_versions(decisions: Sequence[Decision]) -> list[SignedVersion]:
    """The versions of a decision, newest first, each with what it changed."""
    return [
        SignedVersion(
            decision, getattr(decision, "countersignature", None), _amended(former, decision)
        )
        for decision, former in zip_longest(decisions, decisions[1:])
    ]


def _amended(former: Decision | None, decision: Decision) -> list[Amended]:
    if former is None:
        return []
    told = [
        (_("Decision"), proposal_label(former.choice), proposal_label(decision.choice)),
        (_("Reason"), former.reason or _("none given"), decision.reason),
        (_("Signed by"), former.signed_by.full_name, decision.signed_by.full_name),
    ]
    return [Amended(*change) for change in told if change[1] != change[2]]
