"""For our own admin pages; shops have their own ways."""

from django import template

from django_ecomai.core.prose import prose

register = template.Library()
register.filter("prose", prose, is_safe=True)
