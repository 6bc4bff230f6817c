"""Text that people type or paste, in one form for storing."""

import unicodedata


def clean_text(text: str) -> str:
    """Drop control characters, compose the others and fold white space: what is left looks like what was typed."""
    spaced = "".join(" " if character.isspace() else character for character in text)
    kept = "".join(character for character in spaced if unicodedata.category(character) not in {"Cc", "Cs"})
    return " ".join(unicodedata.normalize("NFC", kept).split())
