"""What the privacy capability tells others."""

from __future__ import annotations

from django.dispatch import Signal

subject_erased = Signal()
"""A person's rows have been erased; the shop may forget him too. ``request`` (``SubjectRequest``), ``subject``
(``core.persons.Subject``: ``customer_ids``, ``visitor_ids``, ``user_ids``, ``channel``).
"""
