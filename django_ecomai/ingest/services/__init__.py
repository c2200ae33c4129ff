"""Writing what shops elsewhere deliver. Everything that others may call is named here."""

from .answers import AnswerConflict, answer_begin, answer_finish, answer_kept, answer_release, answers_prune
from .deliveries import deliveries_prune
from .events import events_deliver
from .keys import BadKey, key_find, key_make, key_revoke, key_used
from .rows import rows_deliver

__all__ = [
    "AnswerConflict",
    "BadKey",
    "answer_begin",
    "answer_finish",
    "answer_kept",
    "answer_release",
    "answers_prune",
    "deliveries_prune",
    "events_deliver",
    "key_find",
    "key_make",
    "key_revoke",
    "key_used",
    "rows_deliver",
]
