"""What a report says, as plain values: the words are here, the look is in ``report.typ``."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import qrcode
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from qrcode.image.svg import SvgPathImage

from analysis.evidence import digest, evidence_of
from analysis.models import Decision, Recommendation
from analysis.presenters.classification import PictureFinding, picture_finding
from analysis.presenters.comparison import change
from analysis.presenters.decisions import SignedVersion, signed_versions
from analysis.presenters.lesions import lesion_block
from analysis.presenters.moments import interval_between
from analysis.presenters.proposals import proposal_in_words, traced_rules
from analysis.selectors import followed_lesions_of
from mammotrack.accounts.models import User
from mammotrack.audit.chain import head_of
from patients.presenters import banner
from scans.models import Mammogram

FRAME_MM = (84.0, 96.0)  # the largest a picture is printed, width and height
BAR_MM = 20  # of the scale bar
CODE_NAME = "record.svg"

Content = dict[str, Any]
Rows = list[list[str]]


@dataclass(frozen=True)
class Printed:
    """A mammogram on paper: ``bar`` is the printed length of the scale bar, in millimetres."""

    mammogram: Mammogram
    width: float
    bar: float | None


def report_content(
    recommendation: Recommendation,
    decisions: Sequence[Decision],
    *,
    printed_by: User,
    printed_at: datetime,
) -> Content:
    """Everything the report shows of a proposal and of what was signed on it, newest first."""
    versions = signed_versions(decisions)
    decision = decisions[0] if decisions else None
    in_force = decision is not None and (
        not decision.needs_second_signature or versions[0].countersignature is not None
    )
    current = recommendation.current
    return {
        "language": get_language() or "en",
        "title": _("Mammogram report"),
        "draft": "" if in_force else _("DRAFT"),
        "draft_note": "" if in_force else _unsigned_note(decision),
        "banner": _banner(recommendation),
        "position": _position(current),
        "heading": f"{current.get_laterality_display()}, {current.get_view_display()}",
        "dates": _dates(recommendation),
        "pictures": [_picture(each) for each in printed_sizes(_mammograms(recommendation))],
        "scale_bar": _("%(mm)d mm") % {"mm": BAR_MM},
        "decision_title": _("Decision"),
        "decision": _decision(versions),
        "suggestion_title": _("Computer suggestion"),
        "suggestion_note": _(
            "Research and decision support, not a medical device. No patient may be managed on the "
            "computer's output alone."
        ),
        "suggestion": _suggestion(recommendation, reader=printed_by),
        "rules_title": _("How the proposal came about"),
        "rules_head": [_("Rule"), _("Says"), _("Rests on"), _("Fires")],
        "rules": _rules(recommendation),
        "limits_title": _("Limits"),
        "limits": _limits(),
        "record_title": _("Versions and proof"),
        "record": _record(recommendation, decision, printed_by=printed_by, printed_at=printed_at),
        "code": {"file": CODE_NAME, "caption": _("Record SHA-256")},
        "footer": _(
            "Printed %(at)s by %(name)s. Computer output is a suggestion; a doctor decides."
        )
        % {"at": _moment(printed_at), "name": printed_by.full_name},
        "page": _("Page"),
        "of": _("of"),
    }


def _unsigned_note(decision: Decision | None) -> str:
    if decision is None:
        return _("No doctor has signed this.")
    return _("Signed once. It takes the signatures of two doctors, and one is missing.")


def _banner(recommendation: Recommendation) -> Rows:
    patient = recommendation.patient
    about = banner(patient, today=timezone.localdate())
    return [
        [_("Name"), f"{patient.family_name}, {patient.given_name}"],
        [_("Born"), f"{patient.born.in_words} ({about.age} y)"],
        [_("Sex"), patient.get_sex_display()],
        [_("Record no."), patient.medical_record_number],
        [_("Clinic"), patient.clinic.name],
    ]


def _dates(recommendation: Recommendation) -> str:
    current, prior = recommendation.current, recommendation.prior
    if prior is None:
        return _("%(day)s, no prior") % {"day": _day(current)}
    return _("%(prior)s to %(current)s, %(interval)s between") % {
        "prior": _day(prior),
        "current": _day(current),
        "interval": interval_between(prior, current),
    }


def _mammograms(recommendation: Recommendation) -> list[Mammogram]:
    return [each for each in (recommendation.prior, recommendation.current) if each]


def printed_sizes(mammograms: Sequence[Mammogram]) -> list[Printed]:
    """Both at one physical scale where both scales are known, else each as large as fits."""
    spacings = [each.pixel_spacing_mm for each in mammograms]
    if all(spacings):
        scale = min(
            _largest_scale(each, spacing or 1.0)
            for each, spacing in zip(mammograms, spacings, strict=True)
        )
        return [
            Printed(each, each.columns * (spacing or 1.0) * scale, BAR_MM * scale)
            for each, spacing in zip(mammograms, spacings, strict=True)
        ]
    return [Printed(each, each.columns * _largest_scale(each, 1.0), None) for each in mammograms]


def _largest_scale(mammogram: Mammogram, spacing: float) -> float:
    width, height = FRAME_MM
    return min(width / (mammogram.columns * spacing), height / (mammogram.rows * spacing))


def _picture(printed: Printed) -> Content:
    mammogram = printed.mammogram
    simulated = _(", simulated") if mammogram.is_simulated else ""
    scale = "" if printed.bar else _(" Scale not known.")
    return {
        "file": f"{mammogram.pk}.jpg",
        "burn": _position(mammogram),
        "day": _day(mammogram),
        "caption": f"{_position(mammogram)}, {_day(mammogram)}{simulated}.{scale}",
        "width": printed.width,
        "bar": printed.bar,
    }


def _decision(versions: Sequence[SignedVersion]) -> Content | None:
    if not versions:
        return None
    newest = versions[0]
    decision = newest.decision
    follows = _("Follows the proposal.") if decision.follows_proposal else _("Overrides it.")
    return {
        "choice": decision.get_choice_display(),
        "follows": follows,
        "reason": decision.reason,
        "reason_label": _("Reason"),
        "signatures": list(_signatures(newest)),
        "earlier_title": _("Signed before"),
        "earlier": [
            _("Version %(number)d: %(choice)s, %(name)s, %(at)s")
            % {
                "number": each.decision.version,
                "choice": each.decision.get_choice_display(),
                "name": each.decision.signed_by.full_name,
                "at": _moment(each.decision.signed_at),
            }
            for each in versions[1:]
        ],
    }


def _signatures(version: SignedVersion) -> Iterable[Content]:
    decision, second = version.decision, version.countersignature
    yield _signature(
        decision.signed_by, decision.signed_at, str(decision.get_meaning_display()), version
    )
    if second:
        meaning = _("Second signature: agrees to end chemotherapy")
        yield _signature(second.signed_by, second.signed_at, meaning, version)


def _signature(by: User, at: datetime, meaning: str, version: SignedVersion) -> Content:
    return {
        "label": _("Signed electronically by"),
        "name": by.full_name,
        "role": by.get_role_display(),
        "rows": [
            [_("Time"), _moment(at)],
            [_("Meaning"), meaning],
            [_("Version"), str(version.decision.version)],
        ],
    }


def _suggestion(recommendation: Recommendation, *, reader: User) -> Rows:
    rows = [[_("Proposal"), proposal_in_words(recommendation)]]
    proven = bool(recommendation.record.get("malignancy_proven"))
    for label, mammogram, prediction, is_proven in (
        (_("Prior"), recommendation.prior, recommendation.prior_prediction, False),
        (_("Current"), recommendation.current, recommendation.current_prediction, proven),
    ):
        found = picture_finding(prediction, malignancy_proven=is_proven)
        if mammogram and found:
            rows.append([f"{label}, {_day(mammogram)}", _category(found)])
            if found.bars:
                rows.append([_("Probabilities"), _probabilities(found)])
    return rows + _change(recommendation, reader=reader)


def _category(found: PictureFinding) -> str:
    if not found.assessable:
        return _("Not assessable. %(why)s") % {"why": " ".join(found.reasons)}
    if found.abstained:
        return _("Abstains: no BI-RADS category stands out.")
    text = f"BI-RADS {found.category}, {found.meaning}."
    if found.heat_outside:
        text += _(" %(share)s of the evidence lies beside the breast: do not rely on it.") % {
            "share": found.heat_outside
        }
    return text


def _probabilities(found: PictureFinding) -> str:
    return ", ".join(f"{bar.category}: {bar.percent}" for bar in found.bars)


def _change(recommendation: Recommendation, *, reader: User) -> Rows:
    found = change(recommendation.comparison)
    if found is None:
        return [[_("Change"), _("No prior of this breast and view: nothing was compared.")]]
    if not found.comparable:
        why = " ".join(found.reasons)
        return [[_("Change"), _("Not comparable. %(why)s No number is given.") % {"why": why}]]
    rows = [[_("Change"), f"{found.verdict}. {found.explained}"]]
    probability = found.probability
    if found.interval and found.interval != probability:
        probability = _("%(probability)s, 95 %% interval %(interval)s") % {
            "probability": probability,
            "interval": found.interval,
        }
    rows.append([str(found.probability_of), probability])
    rows.append([_("SSIM inside the breast"), found.ssim])
    rows.append([_("Plain SSIM, 150 × 150"), found.ssim_baseline])
    passed = _("passed") if found.registration_passed else _("not passed")
    rows.append([_("Alignment"), passed])
    lesion = lesion_block(
        recommendation.job,
        recommendation.comparison,
        lesions=followed_lesions_of(recommendation.patient, user=reader),
    )
    if lesion:
        rows += [[each.label, f"{each.prior} → {each.current}"] for each in lesion.rows]
    return rows


def _rules(recommendation: Recommendation) -> list[Content]:
    return [
        {
            "id": rule.id,
            "statement": rule.statement,
            "inputs": "; ".join(f"{each.label}: {each.value}" for each in rule.inputs),
            "fires": _("decides") if rule.decides else _("fires") if rule.fired else _("no"),
            "decides": rule.decides,
        }
        for rule in traced_rules(recommendation.trace)
    ]


def _limits() -> list[str]:
    return [
        _("The classes are 2 to 6: 0 and 1 are not among them, and a normal breast reads as 2."),
        _("A low similarity says that two pictures differ, not that a tumour shrank or grew."),
        _("The model learnt from small public collections. Expect it to be worse elsewhere."),
        _("Breast density, complaints, earlier surgery and other imaging are not considered."),
    ]


def _record(
    recommendation: Recommendation,
    decision: Decision | None,
    *,
    printed_by: User,
    printed_at: datetime,
) -> Rows:
    prediction, comparison = recommendation.current_prediction, recommendation.comparison
    head = head_of(str(recommendation.clinic_id))
    rows = [
        [_("Model"), f"{prediction.model_version}, SHA-256 {prediction.model_sha256}"],
        [_("Preparation"), prediction.preparation_version],
        [_("Rules"), recommendation.rules_version],
        [_("Analysis"), str(recommendation.job_id)],
        [_("Record SHA-256"), record_sha256(recommendation, decision)],
        [_("Audit trail at printing"), f"#{head.seq} {head.hash}"],
        [
            _("To check this file"),
            f"manage.py report_verify FILE, /api/v1/recommendations/{recommendation.pk}/reports/",
        ],
    ]
    if comparison:
        rows.insert(2, [_("Comparison"), comparison.algorithm_version])
    return rows


def record_sha256(recommendation: Recommendation, decision: Decision | None) -> str:
    """Of the evidence as signed; of today's, where nothing is signed."""
    return decision.evidence_sha256 if decision else digest(evidence_of(recommendation))


def record_code(content: str) -> bytes:
    """A QR code, to be read off paper, as SVG."""
    code: bytes = qrcode.make(content, image_factory=SvgPathImage).to_string()
    return code


def _position(mammogram: Mammogram) -> str:
    return f"{mammogram.laterality} {mammogram.view}"


def _day(mammogram: Mammogram) -> str:
    return date_format(mammogram.exam_date, "j M Y")


def _moment(at: datetime) -> str:
    return f"{date_format(timezone.localtime(at), 'j M Y, H:i')} UTC"
