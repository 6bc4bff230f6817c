"""Backup and restore of database and private files, and the upgrade that rests on them."""

from attendance.services.backups.folder import BackupRefused, Manifest, read_manifest, verify
from attendance.services.backups.making import made_in, make_backup
from attendance.services.backups.restoring import Plan, Restored, plan, restore

__all__ = [
    "BackupRefused",
    "Manifest",
    "Plan",
    "Restored",
    "made_in",
    "make_backup",
    "plan",
    "read_manifest",
    "restore",
    "verify",
]
