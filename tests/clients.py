"""Test clients of the staff: one who may do everything, or a clerk with single permissions."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Permission, User
from django.test import Client


def boss_client(name: str = "boss") -> Client:
    """Signed in as a new superuser."""
    client = Client()
    client.force_login(User.objects.create_superuser(name))
    return client


def clerk(*codenames: str) -> Client:
    """Signed in as a new member of staff called "clerk" with these permissions and no others."""
    user = User.objects.create_user("clerk", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client = Client()
    client.force_login(user)
    return client


def read(response: Any) -> str:
    """The HTML of an answer; spaces that do not break are told as any other."""
    return str(response.content.decode()).replace("\xa0", " ")
