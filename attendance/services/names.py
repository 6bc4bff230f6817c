"""Text that people type or paste, in one form for storing."""

import unicodedata


def clean_text(text: str) -> str:
    """Compose characters, drop control characters and fold white space: what is left looks like what was typed."""
    composed = unicodedata.normalize("NFC", text)
    spaced = "".join(" " if character.isspace() else character for character in composed)
    return " ".join("".join(c for c in spaced if unicodedata.category(c) not in {"Cc", "Cs"}).split())
