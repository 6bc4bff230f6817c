"""The gallery: consent, one-time links, selfies, templates, and who of a class can be recognised."""

from attendance.services.gallery.ageing import Advice, Retake, retakes
from attendance.services.gallery.confirmed import confirmed_templates, remove_confirmed
from attendance.services.gallery.consent import (
    give_consent,
    publish_policy,
    set_by_hand_only,
    standing_consent,
    withdraw_consent,
)
from attendance.services.gallery.embedding import embed_claimed, process_selfie
from attendance.services.gallery.links import (
    choose_by_hand,
    find_enrolment_link,
    make_enrolment_link,
    use_enrolment_link,
)
from attendance.services.gallery.readiness import Readiness, RosterRow, readiness, roster_rows
from attendance.services.gallery.selfies import (
    add_selfie,
    open_selfie_image,
    remove_selfie,
    retry_selfie,
    review_held_selfie,
)

__all__ = [
    "Advice",
    "Readiness",
    "Retake",
    "RosterRow",
    "add_selfie",
    "choose_by_hand",
    "confirmed_templates",
    "embed_claimed",
    "find_enrolment_link",
    "give_consent",
    "make_enrolment_link",
    "open_selfie_image",
    "process_selfie",
    "publish_policy",
    "readiness",
    "remove_confirmed",
    "remove_selfie",
    "retakes",
    "retry_selfie",
    "review_held_selfie",
    "roster_rows",
    "set_by_hand_only",
    "standing_consent",
    "use_enrolment_link",
    "withdraw_consent",
]
