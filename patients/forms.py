"""The shape of what people type about a patient; the rules are the services'."""

from collections.abc import Iterable, Mapping
from typing import Any, cast
from uuid import UUID

from django import forms
from django.utils.translation import gettext_lazy as _

from mammotrack.accounts.models import Clinic
from patients.choices import (
    ConsentPurpose,
    DoseReason,
    Her2Status,
    Histology,
    HistoryItem,
    HistoryLaterality,
    Intent,
    Laterality,
    PathologyResult,
    ReceptorStatus,
    Relative,
    Sex,
    Specimen,
    StopReason,
    TherapyKind,
    VariantResult,
)
from patients.history import OF_A_BREAST, OF_GENES, OF_THE_FAMILY
from patients.partial_dates import PartialDate

UNSTATED = ("", _("Not stated"))
UNCHOSEN = ("", _("Choose"))  # nothing of a record is said by default


class DateInput(forms.DateInput):
    input_type = "date"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%d")


class PartialDateField(forms.CharField):
    """A day, a month or a year, as far as it is known."""

    widget = forms.TextInput(attrs={"autocomplete": "off", "inputmode": "numeric"})
    default_error_messages = {"invalid": _("Write it as 1961-03-14, 1961-03 or 1961.")}

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=10, **options)

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        if not text:
            return None
        try:
            return PartialDate.parse(text)
        except ValueError as error:
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid") from error


class IdentityForm(forms.Form):
    medical_record_number = forms.CharField(
        label=_("Medical record number"),
        max_length=64,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    family_name = forms.CharField(
        label=_("Family name"),
        max_length=100,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    given_name = forms.CharField(
        label=_("Given name"),
        max_length=100,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    birth_date = PartialDateField(
        label=_("Birth date"), help_text=_("1961-03-14; or 1961-03, or 1961, if no more is known.")
    )
    sex = forms.ChoiceField(label=_("Sex"), choices=[UNCHOSEN, *Sex.choices])
    phone = forms.CharField(
        label=_("Phone"),
        required=False,
        max_length=32,
        widget=forms.TextInput(attrs={"autocomplete": "off", "inputmode": "tel"}),
    )
    deceased_date = forms.DateField(
        label=_("Date of death"),
        required=False,
        widget=DateInput(),
        help_text=_("Empty while alive."),
    )


def _duplicate_reason() -> forms.CharField:
    return forms.CharField(
        label=_("Why this is another person"),
        required=False,
        max_length=500,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class RegistrationForm(IdentityForm):
    clinic_id = forms.TypedChoiceField(label=_("Clinic"), coerce=UUID)
    duplicate_reason = _duplicate_reason()

    def __init__(self, data: Mapping[str, Any] | None = None, *, clinics: Iterable[Clinic]) -> None:
        super().__init__(data)
        choices = [(str(clinic.pk), clinic.name) for clinic in clinics]
        field = cast(forms.ChoiceField, self.fields["clinic_id"])
        field.choices = choices
        if len(choices) == 1:
            field.initial = choices[0][0]
            field.widget = forms.HiddenInput()


class EmergencyForm(forms.Form):
    """Two identifiers of somebody whose record one does not see, and why it cannot wait."""

    clinic_id = forms.TypedChoiceField(label=_("Clinic that keeps the record"), coerce=UUID)
    medical_record_number = forms.CharField(
        label=_("Record number"),
        max_length=64,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    birth_date = PartialDateField(
        label=_("Birth date"), help_text=_("1961-03-14; or as far as the record knows it.")
    )
    reason = forms.CharField(
        label=_("Why it cannot wait"),
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("15 characters or more. The clinic's administrator reads it."),
    )

    def __init__(self, data: Mapping[str, Any] | None = None, *, clinics: Iterable[Clinic]) -> None:
        super().__init__(data)
        field = cast(forms.ChoiceField, self.fields["clinic_id"])
        field.choices = [UNCHOSEN, *((str(clinic.pk), clinic.name) for clinic in clinics)]


class EditForm(IdentityForm):
    duplicate_reason = _duplicate_reason()
    expected_version = forms.IntegerField(min_value=1, widget=forms.HiddenInput())


class CourseForm(forms.Form):
    kind = forms.ChoiceField(label=_("Kind of therapy"), choices=TherapyKind)
    regimen = forms.CharField(
        label=_("Regimen"), max_length=80, help_text=_("For example AC-T, or tamoxifen.")
    )
    intent = forms.ChoiceField(
        label=_("Intent"), required=False, choices=[UNSTATED, *Intent.choices]
    )
    planned_cycles = forms.IntegerField(
        label=_("Planned cycles"),
        required=False,
        min_value=1,
        max_value=100,
        help_text=_("Empty where there are none."),
    )
    start_date = forms.DateField(label=_("First day"), widget=DateInput())
    end_date = forms.DateField(
        label=_("Last day"),
        required=False,
        widget=DateInput(),
        help_text=_("Empty while it is ongoing."),
    )
    stop_reason = forms.ChoiceField(
        label=_("Why it ended"), required=False, choices=[UNSTATED, *StopReason.choices]
    )


class CycleForm(forms.Form):
    number = forms.IntegerField(label=_("Cycle number"), min_value=1, max_value=100)
    given_date = forms.DateField(label=_("Day 1"), widget=DateInput())
    last_date = forms.DateField(
        label=_("Last day of administration"),
        required=False,
        widget=DateInput(),
        help_text=_("Empty where all was given on day 1."),
    )
    dose_percent = forms.IntegerField(
        label=_("Dose, % of planned"), required=False, min_value=1, max_value=200, initial=100
    )
    dose_reason = forms.ChoiceField(
        label=_("Why the dose was changed"),
        required=False,
        choices=[("", _("Dose as planned")), *DoseReason.choices],
    )

    def clean_dose_percent(self) -> int:
        return self.cleaned_data["dose_percent"] or 100


class PathologyForm(forms.Form):
    laterality = forms.ChoiceField(label=_("Breast"), choices=Laterality, widget=forms.RadioSelect)
    result = forms.ChoiceField(label=_("Result"), choices=PathologyResult, widget=forms.RadioSelect)
    report_date = forms.DateField(label=_("Date of the report"), widget=DateInput())
    specimen = forms.ChoiceField(
        label=_("Specimen"), required=False, choices=[UNSTATED, *Specimen.choices]
    )
    histology = forms.ChoiceField(
        label=_("Histology"), required=False, choices=[UNSTATED, *Histology.choices]
    )
    grade = forms.IntegerField(
        label=_("Nottingham grade"),
        required=False,
        min_value=1,
        max_value=3,
        help_text=_("1 to 3."),
    )
    estrogen_receptor = forms.ChoiceField(
        label=_("Estrogen receptor (ER)"),
        required=False,
        choices=[UNSTATED, *ReceptorStatus.choices],
    )
    progesterone_receptor = forms.ChoiceField(
        label=_("Progesterone receptor (PR)"),
        required=False,
        choices=[UNSTATED, *ReceptorStatus.choices],
    )
    her2 = forms.ChoiceField(label="HER2", required=False, choices=[UNSTATED, *Her2Status.choices])
    ki67_percent = forms.IntegerField(
        label=_("Ki-67, % of cells"), required=False, min_value=0, max_value=100
    )


class ConsentForm(forms.Form):
    purpose = forms.ChoiceField(
        label=_("What for"), choices=ConsentPurpose, widget=forms.RadioSelect
    )
    given = forms.TypedChoiceField(
        label=_("The patient"),
        choices=[("yes", _("gives consent")), ("no", _("withdraws or refuses consent"))],
        coerce=lambda value: value == "yes",
        widget=forms.RadioSelect,
    )
    decided_on = forms.DateField(label=_("On"), widget=DateInput())
    document_version = forms.CharField(
        label=_("Version of the signed form"),
        required=False,
        max_length=40,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


def _group(items: Iterable[HistoryItem]) -> list[tuple[str, Any]]:
    return [(str(item.value), item.label) for item in HistoryItem if item in items]


HISTORY_GROUPS = [
    (_("Breasts"), _group(OF_A_BREAST)),
    (_("Medicines"), _group({HistoryItem.HRT, HistoryItem.SYSTEMIC_THERAPY})),
    (_("Family"), _group(OF_THE_FAMILY)),
    (_("Genes"), _group(OF_GENES)),
]


class HistoryForm(forms.Form):
    item = forms.ChoiceField(label=_("What"), choices=[UNCHOSEN, *HISTORY_GROUPS])
    laterality = forms.ChoiceField(
        label=_("Breast"), required=False, choices=[UNSTATED, *HistoryLaterality.choices]
    )
    began = PartialDateField(
        label=_("When"),
        required=False,
        help_text=_("2019-06-30, 2019-06 or 2019, as far as known."),
    )
    relative = forms.ChoiceField(
        label=_("Relative"),
        required=False,
        choices=[UNSTATED, *Relative.choices],
        help_text=_("For cancer in the family."),
    )
    age_at_onset = forms.IntegerField(
        label=_("Age of the relative at onset"), required=False, min_value=0, max_value=120
    )
    result = forms.ChoiceField(
        label=_("Result"),
        required=False,
        choices=[UNSTATED, *VariantResult.choices],
        help_text=_("For genes."),
    )
    note = forms.CharField(
        label=_("Note"),
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class ReasonForm(forms.Form):
    reason = forms.CharField(
        label=_("Reason"), max_length=200, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )


class MergeForm(forms.Form):
    record_number = forms.CharField(
        label=_("Record number of the other record"),
        max_length=64,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text=_("Everything on it moves to this record; the other one will lead here."),
    )
    reason = forms.CharField(
        label=_("Why they are one person"),
        max_length=200,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    compared_with = forms.UUIDField(required=False, widget=forms.HiddenInput())
