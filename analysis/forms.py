"""The shape of signatures, findings and marks; what may be recorded is the services' to say."""

from collections.abc import Sequence
from uuid import UUID

from django import forms
from django.utils.formats import date_format

from analysis.choices import Assessment, MassDensity, MassMargin, MassShape, Proposal, ReadCategory
from analysis.models import AnalysisJob, LesionMark
from scans.choices import Laterality


class SignatureForm(forms.Form):
    """Who signs proves again who they are."""

    password = forms.CharField(
        label="Your password",
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


class CountersignatureForm(SignatureForm):
    signatures_seen = forms.IntegerField(min_value=0, widget=forms.HiddenInput)


class DecisionForm(SignatureForm):
    """Nothing is chosen beforehand: the doctor chooses."""

    choice = forms.ChoiceField(
        label="Decision",
        choices=Proposal,
        widget=forms.RadioSelect,
        error_messages={"required": "Choose a decision."},
    )
    reason = forms.CharField(
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="Required when the decision differs from the proposal.",
    )
    field_order = ("choice", "reason", "password")


class AmendmentForm(DecisionForm, CountersignatureForm):
    """A new version of what was signed, always with a reason."""

    reason = forms.CharField(
        label="Reason for the amendment",
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 4}),
    )


class ReadingForm(forms.Form):
    """The category of each breast of an exam. Nothing is chosen beforehand."""

    pictures = forms.CharField(max_length=4000, widget=forms.HiddenInput)

    def __init__(self, *args: object, breasts: Sequence[str], **options: object) -> None:
        super().__init__(*args, **options)  # type: ignore[arg-type]
        self.breasts = breasts
        for laterality in breasts:
            self.fields[laterality] = forms.ChoiceField(
                label=f"{Laterality(laterality).label} breast",
                choices=ReadCategory.choices,
                widget=forms.RadioSelect,
                error_messages={"required": "Choose a category."},
            )

    @property
    def by_breast(self) -> list[forms.BoundField]:
        return [self[laterality] for laterality in self.breasts]

    @property
    def categories(self) -> dict[str, str]:
        return {laterality: self.cleaned_data[laterality] for laterality in self.breasts}

    def clean_pictures(self) -> list[UUID]:
        try:
            return [UUID(key) for key in self.cleaned_data["pictures"].split()]
        except ValueError as error:
            raise forms.ValidationError("Load the page again.") from error


class ArbitrationForm(forms.Form):
    category = forms.ChoiceField(
        choices=ReadCategory.choices,
        widget=forms.RadioSelect,
        error_messages={"required": "Choose a category."},
    )
    reason = forms.CharField(max_length=2000, widget=forms.Textarea(attrs={"rows": 3}))


class FindingForm(forms.Form):
    """One mass in BI-RADS words. Nothing is chosen beforehand; what cannot be said stays open."""

    shape = forms.ChoiceField(
        choices=[*MassShape.choices, ("", "Not described")],
        required=False,
        widget=forms.RadioSelect,
    )
    margin = forms.ChoiceField(
        choices=[*MassMargin.choices, ("", "Not described")],
        required=False,
        widget=forms.RadioSelect,
    )
    density = forms.ChoiceField(
        label="Density of the mass",
        choices=[*MassDensity.choices, ("", "Not described")],
        required=False,
        widget=forms.RadioSelect,
    )
    assessment = forms.ChoiceField(
        label="Your BI-RADS category",
        choices=[*Assessment.choices, ("", "Not given")],
        required=False,
        widget=forms.RadioSelect,
        help_text="Without one, the estimate rests on the description alone.",
    )
    supersedes = forms.IntegerField(min_value=0, widget=forms.HiddenInput())


class MarkForm(forms.Form):
    """A disc on one of the two pictures of an analysis: drawn by script, or typed."""

    picture = forms.ChoiceField(
        label="On which picture",
        widget=forms.RadioSelect,
        error_messages={"required": "Choose the picture."},
    )
    x = forms.FloatField(label="Column (px)")
    y = forms.FloatField(label="Row (px)")
    radius = forms.FloatField(label="Radius (px)")
    replaces = forms.ChoiceField(
        label="Instead of",
        required=False,
        help_text="A mark is never changed: the new one takes the place of the old one.",
    )

    def __init__(
        self,
        *args: object,
        job: AnalysisJob,
        on_prior: Sequence[LesionMark],
        on_current: Sequence[LesionMark],
        **options: object,
    ) -> None:
        super().__init__(*args, **options)  # type: ignore[arg-type]
        self.on_prior, self.on_current = on_prior, on_current
        self._is_first = job.prior is None
        self._marks = {str(mark.pk): mark for mark in (*on_prior, *on_current)}
        self.fields["picture"].choices = self._pictures(job)  # type: ignore[attr-defined]
        if len(self.fields["picture"].choices) == 1:  # type: ignore[attr-defined]
            self.initial.setdefault("picture", "current")
        if self._marks:
            replaceable = [
                *_named(on_prior, "the prior picture"),
                *_named(on_current, "the current picture"),
            ]
            self.fields["replaces"].choices = [  # type: ignore[attr-defined]
                ("", "No other mark: it is another lesion"),
                *replaceable,
            ]
            if job.mark_id and str(job.mark_id) in self._marks:
                self.initial.setdefault("replaces", str(job.mark_id))
        else:
            del self.fields["replaces"]

    @staticmethod
    def _pictures(job: AnalysisJob) -> list[tuple[str, str]]:
        day = date_format(job.current.exam_date, "j M Y")
        if job.prior is None:
            return [("current", f"This picture, {day}: a lesion to follow from here on")]
        return [
            ("prior", f"Prior, {date_format(job.prior.exam_date, 'j M Y')}: a lesion to follow"),
            ("current", f"Current, {day}: a new lesion, not there before"),
        ]

    @property
    def replaced(self) -> LesionMark | None:
        return self._marks.get(self.cleaned_data.get("replaces", ""))

    @property
    def is_new(self) -> bool:
        """As the replaced mark said; else what stands on the current picture was not there."""
        if self.replaced:
            return self.replaced.is_new
        return self.cleaned_data["picture"] == "current" and not self._is_first


def _named(marks: Sequence[LesionMark], where: str) -> list[tuple[str, str]]:
    return [
        (str(mark.pk), f"Lesion {number} on {where}, marked by {mark.marked_by.full_name}")
        for number, mark in enumerate(marks, start=1)
    ]
