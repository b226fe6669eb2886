"""The pages of the audit log, as its configuration has them: for the process that has the operators' HTTP edge."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.config.audit import AuditSection
from gateway.recording.pages import AUDIT, AuditPages
from gateway.web.pages import Page


def audit_pages(audit: AuditSection | None) -> Mapping[str, Page]:
    """Return them, by where they begin; none without a log."""
    return {} if audit is None else {AUDIT: AuditPages(audit.directory, entries=audit.serve_entries).answer}
