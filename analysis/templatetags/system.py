"""How the analyses stand, for pages of other parts."""

from django import template

from analysis.system import is_delayed
from analysis.versions import Versions, current_versions

register = template.Library()


@register.simple_tag
def analyses_delayed() -> bool:
    return is_delayed()


@register.simple_tag
def analysis_versions() -> Versions:
    return current_versions()
