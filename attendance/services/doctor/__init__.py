"""What is wrong with this installation, in plain words, and what to do. Nothing that it looks at is changed."""

from collections.abc import Iterator
from typing import Final

from attendance.services import bounded
from attendance.services.doctor import copies, machine, recogniser, site, stores, work
from attendance.services.doctor.finding import Check, Finding, Level, wrong
from attendance.services.doctor.recogniser import trial_as_json

__all__ = ["CHECKS", "Finding", "Level", "examine", "trial_as_json"]
SECONDS: Final = 10.0
CHECKS: Final[tuple[Check, ...]] = (
    *(machine.python, machine.processor, machine.memory, machine.disk, machine.key_files),
    *(site.developer_mode, site.addresses, site.mail),
    *(stores.database, stores.migrations, stores.broker, stores.clock, stores.photo_store),
    *(work.master_key, work.workers, work.sweeper, work.backlog, work.failures),
    *(copies.backup, copies.old_backups, copies.installation, copies.list_of_the_forgotten),
    recogniser.weights,
)


def examine(*, with_photo: bool) -> Iterator[Finding]:
    """Make every check, each in a limited time, and give what it found as soon as it has.

    Args:
        with_photo: also load the models in a process of their own and recognise a photo.
    """
    for check in CHECKS:
        yield made(check)
    if with_photo:
        yield from recogniser.trial_photo()


def made(check: Check) -> Finding:
    """Make a check; one that breaks or hangs is a finding too."""
    about = check.__name__.replace("_", " ").capitalize()
    try:
        found = bounded.ask(check, seconds=SECONDS)
    # Whatever a broken machine can raise: the other checks must still be made.
    except Exception as error:
        return wrong(about, f"It could not be looked at ({type(error).__name__}).", "Mend what is wrong above first.")
    if found is None:
        return wrong(about, f"No answer within {SECONDS:.0f} seconds.", "Whatever it asks is frozen: restart that.")
    return found
