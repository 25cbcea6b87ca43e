"""Analyses and decisions, to read: ids and codes, no names and no free text."""

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from unfold.decorators import action

from analysis.model_admin import answered, report_rows, version_rows
from analysis.models import (
    AnalysisJob,
    Comparison,
    Countersignature,
    Decision,
    Prediction,
    Recommendation,
)
from analysis.services.releases import MEANING
from mammotrack.admin import ReadOnlyAdmin


class FindingAdmin(ReadOnlyAdmin):
    list_select_related: tuple[str, ...] = ("clinic",)
    search_fields: tuple[str, ...] = ("id", "patient_id")
    search_help_text = "The full id of a row or of a patient"


@admin.register(AnalysisJob)
class AnalysisJobAdmin(FindingAdmin):
    list_display = ("id", "state", "attempt", "error_code", "clinic", "created_at", "finished_at")
    list_filter = ("state", "clinic")
    search_fields = ("id", "patient_id", "current_id", "prior_id")
    search_help_text = "The full id of a job, a patient or a mammogram"


@admin.register(Prediction)
class PredictionAdmin(FindingAdmin):
    list_display = ("id", "mammogram_id", "model_version", "assessable", "abstained", "created_at")
    list_filter = ("assessable", "abstained", "clinic")
    actions_list = ("models",)

    @action(description="Model versions", url_path="models", permissions=("view",))
    def models(self, request: HttpRequest) -> HttpResponse:
        """What there is, and the activation of another by a report that somebody else signed."""
        page = answered(request)
        if page.activated:
            messages.success(request, f"{page.activated} answers from now on.")
            return redirect("admin:analysis_prediction_models")
        headers = ["Version", "State here", "Architecture", "Preparation", "SHA-256", "Licence"]
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Model versions",
            "table": {"headers": headers, "rows": version_rows()},
            "page": page,
            "meaning": MEANING,
            "report": page.report and {"rows": report_rows(page.report)},
        }
        return TemplateResponse(request, "admin/analysis/prediction/models.html", context)


@admin.register(Comparison)
class ComparisonAdmin(FindingAdmin):
    list_display = ("id", "algorithm_version", "comparable", "verdict", "clinic", "created_at")
    list_filter = ("comparable", "clinic")


@admin.register(Recommendation)
class RecommendationAdmin(FindingAdmin):
    list_display = ("id", "proposal", "status", "rules_version", "clinic", "created_at")
    list_filter = ("proposal", "status", "clinic")
    exclude = ("trace", "record")


@admin.register(Decision)
class DecisionAdmin(FindingAdmin):
    list_display = (
        "id",
        "version",
        "choice",
        "follows_proposal",
        "signed_by",
        "signed_at",
        "clinic",
    )
    list_filter = ("choice", "follows_proposal", "clinic")
    list_select_related = ("clinic", "signed_by")
    exclude = ("reason", "evidence")


@admin.register(Countersignature)
class CountersignatureAdmin(FindingAdmin):
    list_display = ("id", "decision_id", "signed_by", "signed_at", "clinic")
    list_filter = ("clinic",)
    list_select_related = ("clinic", "signed_by")
