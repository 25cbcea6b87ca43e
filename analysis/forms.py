"""The shape of signatures and findings; what may be recorded is the services' to say."""

from django import forms

from analysis.choices import Assessment, MassDensity, MassMargin, MassShape, Proposal


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
