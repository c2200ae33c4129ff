"""What is done with requests of persons: made, carried out, followed up until no model knows the person any more."""

from __future__ import annotations

from .asking import objection_lift, request_cancel, request_confirm, request_make
from .carrying_out import request_carry_out, request_follow_up, requests_carry_out
from .copies import request_archive, requests_prune
from .erasing import erasures_replay, subject_erase
from .state import JOB, OBJECTED, RequestError

__all__ = [
    "JOB",
    "OBJECTED",
    "RequestError",
    "erasures_replay",
    "objection_lift",
    "request_archive",
    "request_cancel",
    "request_carry_out",
    "request_confirm",
    "request_follow_up",
    "request_make",
    "requests_carry_out",
    "requests_prune",
    "subject_erase",
]
