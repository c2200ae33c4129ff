"""The archive of a person's data: JSON files, and beside each a text that says what it is."""

from __future__ import annotations

import json
import tempfile
import zipfile
from collections.abc import Callable
from typing import IO, Any

from django.apps import apps
from django.utils import formats, timezone
from django.utils.text import slugify
from django.utils.translation import gettext as _

from django_ecomai.core.persons import Subject
from django_ecomai.core.registry import PersonalData, personal_data

_IN_MEMORY = 2 * 1024 * 1024


def archive_write(*, subject: Subject, reference: str = "") -> tuple[IO[bytes], dict[str, int]]:
    """A temporary file with a zip archive of all that is declared about the subject, and the records per part.

    Rows are streamed: a long history takes no more memory than a short one. The caller closes the file.
    """
    target: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - the response closes it
    counts: dict[str, int] = {}
    parts: list[tuple[str, PersonalData]] = []
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, declared in personal_data.items():
            with archive.open(f"{_file(name)}.json", "w", force_zip64=True) as handle:
                counts[name] = _records_write(handle.write, declared, subject)
            archive.writestr(f"{_file(name)}.txt", _explained(declared, counts[name]))
            parts.append((name, declared))
        archive.writestr("README.txt", _read_me(parts, counts))
        about = {
            "made_at": timezone.now().isoformat(),
            "reference": reference,
            "channel": subject.channel,
            "customers": sorted(subject.customer_ids),
            "visitors": sorted(subject.visitor_ids),
            "files": {f"{_file(name)}.json": count for name, count in counts.items()},
        }
        archive.writestr("about.json", json.dumps(about, indent=2))
    target.seek(0)
    return target, counts


def _file(name: str) -> str:
    return slugify(name.replace(".", "-"))


def _records_write(write: Callable[[bytes], Any], declared: PersonalData, subject: Subject) -> int:
    count = 0
    write(b"[")
    for record in declared.export(subject):
        write(b",\n" if count else b"\n")
        write(json.dumps(record, ensure_ascii=False, default=str).encode())
        count += 1
    write(b"\n]\n")
    return count


def _explained(declared: PersonalData, count: int) -> str:
    lines = [str(declared.label), "", str(declared.explanation)] if declared.explanation else [str(declared.label)]
    lines += ["", _("Used for: %(purpose)s.") % {"purpose": declared.purpose}]
    if declared.kept is not None:
        lines.append(_("Kept: %(time)s.") % {"time": declared.kept()})
    lines.append(_("Records in this file: %(count)d.") % {"count": count})
    columns = [
        f"  {field.name}: {field.verbose_name}"
        for table in declared.columns
        for field in apps.get_model(table)._meta.concrete_fields
        if not field.primary_key
    ]
    if columns:
        lines += ["", _("What stands in the tables it is from:"), *columns]
    return "\n".join(lines) + "\n"


def _read_me(parts: list[tuple[str, PersonalData]], counts: dict[str, int]) -> str:
    now = formats.date_format(timezone.localtime(), "DATETIME_FORMAT")
    lines = [
        _("Everything that this shop's suggestions know about you, as of %(now)s.") % {"now": now},
        "",
        _("Each .json file holds records that programs can read; the .txt file beside it explains them."),
        "",
    ]
    width = max((len(_file(name)) for name, _declared in parts), default=0)
    lines += [f"{_file(name).ljust(width)}  {counts[name]:>6}  {declared.label}" for name, declared in parts]
    return "\n".join(lines) + "\n"
