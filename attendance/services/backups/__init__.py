"""Backup and restore of database and private files, and the upgrade that rests on them."""

from attendance.services.backups.folder import BackupRefused, Manifest, read_manifest, verify
from attendance.services.backups.making import make_backup, newest
from attendance.services.backups.restoring import Plan, Restored, plan, restore

__all__ = [
    "BackupRefused",
    "Manifest",
    "Plan",
    "Restored",
    "make_backup",
    "newest",
    "plan",
    "read_manifest",
    "restore",
    "verify",
]
