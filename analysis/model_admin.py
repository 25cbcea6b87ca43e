"""Model versions in the administration: what there is, and how a second person activates one.

A shadow report, signed by somebody else, is shown before its candidate can be activated by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminFileFieldWidget

from analysis.models import ModelVersion
from analysis.services.releases import activate_model
from analysis.services.shadow import Report
from mammotrack.accounts.models import User
from mammotrack.accounts.reauthentication import confirm_identity
from mammotrack.errors import MammoTrackError
from ml_models import registry
from ml_models.errors import ModelError

MOST_BYTES = 2**20
NEEDED = ("active", "candidate", "n")


class ReportField(forms.JSONField):
    """A shadow report as ``shadow_run`` writes it."""

    def clean(self, value: Any) -> Report:
        report = super().clean(value)
        models = [report["active"], report["candidate"]] if _holds(report, *NEEDED) else []
        if not models or not all(_holds(model, "version", "sha256") for model in models):
            raise forms.ValidationError(_("This is no report of shadow_run."))
        return report


class ReportForm(forms.Form):
    report = forms.FileField(
        label=gettext_lazy("Signed shadow report (JSON)"), widget=UnfoldAdminFileFieldWidget
    )

    def clean_report(self) -> Report:
        file = cast(UploadedFile, self.cleaned_data["report"])
        if (file.size or 0) > MOST_BYTES:
            raise forms.ValidationError(_("This file is too large to be a report."))
        return ReportField().clean(file.read().decode("utf-8", errors="replace"))


class ActivationForm(forms.Form):
    signed = ReportField(widget=forms.HiddenInput)
    password = forms.CharField(
        label=gettext_lazy("Your password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


@dataclass(frozen=True)
class ModelPage:
    """``report`` is what was sent to be looked at; ``activated`` the version that answers now."""

    report_form: ReportForm
    activation_form: ActivationForm | None = None
    report: Report | None = None
    activated: str = ""


def answered(request: HttpRequest) -> ModelPage:
    """The page after what was sent: a report to be shown, or the activation by it."""
    if "signed" in request.POST:
        return _activation(request)
    form = ReportForm(request.POST or None, request.FILES or None)
    if not form.is_valid():
        return ModelPage(form)
    report = form.cleaned_data["report"]
    activation = ActivationForm(initial={"signed": report})
    return ModelPage(form, activation, report)


def _activation(request: HttpRequest) -> ModelPage:
    form = ActivationForm(request.POST)
    if not form.is_valid():
        return ModelPage(ReportForm(), form, form.cleaned_data.get("signed"))
    user, report = cast(User, request.user), form.cleaned_data["signed"]
    try:
        confirm_identity(user, password=form.cleaned_data["password"])
        version = str(report["candidate"]["version"])
        activate_model(version, report=report, activated_by=user)
    except (MammoTrackError, ModelError) as error:
        form.add_error(None, error.detail)
        return ModelPage(ReportForm(), form, report)
    return ModelPage(ReportForm(), activated=version)


def version_rows() -> list[list[str]]:
    """Each version with its state on this server, which is its release's until it was changed."""
    here = dict(ModelVersion.objects.values_list("version", "state"))
    return [
        [
            each.version,
            here.get(each.version, each.state).lower(),
            each.architecture,
            each.preparation_version,
            each.sha256,
            each.licence,
        ]
        for each in registry.versions()
    ]


def report_rows(report: Report) -> list[list[str]]:
    """What an administrator weighs before activating: who signed, on how much, what changes."""
    signature = report.get("signature") or {}
    suspicious = report.get("suspicious_probability") or {}
    changes = report.get("changes") or {}
    signed = f"{signature.get('name')}, {signature.get('signed_at')}" if signature else _("nobody")
    return [
        [_("Answers now"), _named(report["active"])],
        [_("Would answer"), _named(report["candidate"])],
        [_("Signed by"), signed],
        [_("Pictures compared"), str(report["n"])],
        [_("Same category"), f"{report.get('agreed')} ({report.get('agreement')})"],
        [
            _("Category changes"),
            ", ".join(f"{change}: {count}" for change, count in changes.items()) or _("none"),
        ],
        [_("Mean shift of the probability of 4 or higher"), str(suspicious.get("mean_shift"))],
        [_("Largest shift"), str(suspicious.get("largest_shift"))],
    ]


def _named(model: dict[str, str]) -> str:
    return f"{model['version']}, {model['sha256']}"


def _holds(value: Any, *names: str) -> bool:
    return isinstance(value, dict) and set(names) <= value.keys()
