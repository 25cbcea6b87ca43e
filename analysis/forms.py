"""The shape of signatures, findings and marks; what may be recorded is the services' to say."""

from collections.abc import Sequence
from uuid import UUID

from django import forms
from django.utils.formats import date_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from analysis.choices import Assessment, MassDensity, MassMargin, MassShape, Proposal, ReadCategory
from analysis.lesions import FollowedLesion
from analysis.models import AnalysisJob, LesionMark
from scans.choices import Laterality


class SignatureForm(forms.Form):
    """Who signs proves again who they are."""

    password = forms.CharField(
        label=_("Your password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


class CountersignatureForm(SignatureForm):
    signatures_seen = forms.IntegerField(min_value=0, widget=forms.HiddenInput)


class DecisionForm(SignatureForm):
    """Nothing is chosen beforehand: the doctor chooses."""

    choice = forms.ChoiceField(
        label=_("Decision"),
        choices=Proposal,
        widget=forms.RadioSelect,
        error_messages={"required": _("Choose a decision.")},
    )
    reason = forms.CharField(
        label=_("Reason"),
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=_("Required when the decision differs from the proposal."),
    )
    field_order = ("choice", "reason", "password")


class AmendmentForm(DecisionForm, CountersignatureForm):
    """A new version of what was signed, always with a reason."""

    reason = forms.CharField(
        label=_("Reason for the amendment"),
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
                label=_("Left breast") if laterality == Laterality.LEFT else _("Right breast"),
                choices=ReadCategory.choices,
                widget=forms.RadioSelect,
                error_messages={"required": _("Choose a category.")},
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
            raise forms.ValidationError(_("Load the page again.")) from error


class ArbitrationForm(forms.Form):
    category = forms.ChoiceField(
        label=_("Category"),
        choices=ReadCategory.choices,
        widget=forms.RadioSelect,
        error_messages={"required": _("Choose a category.")},
    )
    reason = forms.CharField(
        label=_("Reason"), max_length=2000, widget=forms.Textarea(attrs={"rows": 3})
    )


class FindingForm(forms.Form):
    """One mass in BI-RADS words. Nothing is chosen beforehand; what cannot be said stays open."""

    shape = forms.ChoiceField(
        label=_("Shape"),
        choices=[*MassShape.choices, ("", _("Not described"))],
        required=False,
        widget=forms.RadioSelect,
    )
    margin = forms.ChoiceField(
        label=_("Margin"),
        choices=[*MassMargin.choices, ("", _("Not described"))],
        required=False,
        widget=forms.RadioSelect,
    )
    density = forms.ChoiceField(
        label=_("Density of the mass"),
        choices=[*MassDensity.choices, ("", _("Not described"))],
        required=False,
        widget=forms.RadioSelect,
    )
    assessment = forms.ChoiceField(
        label=_("Your BI-RADS category"),
        choices=[*Assessment.choices, ("", _("Not given"))],
        required=False,
        widget=forms.RadioSelect,
        help_text=_("Without one, the estimate rests on the description alone."),
    )
    supersedes = forms.IntegerField(min_value=0, widget=forms.HiddenInput())


ANOTHER = "another"


class MarkForm(forms.Form):
    """A disc on one of the two pictures of an analysis: drawn by script, or typed.

    Where there are marks, nothing is chosen beforehand: a second lesion must not take the place of
    the first one by default.
    """

    picture = forms.ChoiceField(
        label=_("On which picture"),
        widget=forms.RadioSelect,
        error_messages={"required": _("Choose the picture.")},
    )
    x = forms.FloatField(label=_("Column (px)"))
    y = forms.FloatField(label=_("Row (px)"))
    radius = forms.FloatField(label=_("Radius (px)"))
    replaces = forms.ChoiceField(
        label=_("Instead of"),
        error_messages={"required": _("Choose the lesion, or that it is another one.")},
        help_text=_("A mark is never changed: the new one takes the place of the old one."),
    )

    def __init__(
        self,
        *args: object,
        job: AnalysisJob,
        lesions: Sequence[FollowedLesion],
        **options: object,
    ) -> None:
        """``lesions``: those of the patient; a mark of one on these pictures can be replaced."""
        super().__init__(*args, **options)  # type: ignore[arg-type]
        self.lesions = lesions
        self.on_prior = [lesion for lesion in lesions if lesion.is_on(job.prior)]
        self.on_current = [lesion for lesion in lesions if lesion.is_on(job.current)]
        self._is_first = job.prior is None
        self._marks = {str(each.mark.pk): each.mark for each in (*self.on_prior, *self.on_current)}
        self.fields["picture"].choices = self._pictures(job)  # type: ignore[attr-defined]
        if len(self.fields["picture"].choices) == 1:  # type: ignore[attr-defined]
            self.initial.setdefault("picture", "current")
        if self._marks:
            replaceable = [
                *_named(
                    self.on_prior,
                    gettext("Lesion %(number)s on the prior picture, marked by %(who)s"),
                ),
                *_named(
                    self.on_current,
                    gettext("Lesion %(number)s on the current picture, marked by %(who)s"),
                ),
            ]
            self.fields["replaces"].choices = [  # type: ignore[attr-defined]
                ("", _("Choose")),
                (ANOTHER, _("No other mark: it is another lesion")),
                *replaceable,
            ]
        else:
            del self.fields["replaces"]

    @staticmethod
    def _pictures(job: AnalysisJob) -> list[tuple[str, str]]:
        day = date_format(job.current.exam_date, "DATE_FORMAT")
        if job.prior is None:
            return [
                (
                    "current",
                    _("This picture, %(day)s: a lesion to follow from here on") % {"day": day},
                )
            ]
        before = date_format(job.prior.exam_date, "DATE_FORMAT")
        return [
            ("prior", _("Prior, %(day)s: a lesion to follow") % {"day": before}),
            ("current", _("Current, %(day)s: a new lesion, not there before") % {"day": day}),
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


def _named(lesions: Sequence[FollowedLesion], sentence: str) -> list[tuple[str, str]]:
    return [
        (
            str(lesion.mark.pk),
            sentence % {"number": lesion.number, "who": lesion.mark.marked_by.full_name},
        )
        for lesion in lesions
    ]
