"""Template helpers of the example shop."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from django import template
from django.http import QueryDict

register = template.Library()


@register.filter
def money(value: object) -> str:
    """Pounds: 1234.5 becomes £1,234.50; negative amounts keep their sign in front."""
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return ""
    return f"{'−' if amount < 0 else ''}£{abs(amount):,.2f}"


@register.filter
def unbroken(text: str) -> str:
    """A title whose T-Lights do not break at the hyphen."""
    return text.replace("T-Light", "T\N{NON-BREAKING HYPHEN}Light")


@register.simple_tag(takes_context=True)
def query_with(context: template.Context, **changes: object) -> str:
    """The page's query string with some parameters replaced; an empty value removes one."""
    query: QueryDict = context["request"].GET.copy()
    for name, value in changes.items():
        if value in ("", None):
            query.pop(name, None)
        else:
            query[name] = str(value)
    return f"?{query.urlencode()}"
