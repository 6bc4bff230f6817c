"""Everything that can go wrong with a picture or a vector, under one root."""


class FaceError(Exception):
    """Root of all errors raised by ``faces``; the message is fit to show to a person."""


class UnreadableImage(FaceError):
    """The bytes are not a picture that can be decoded (empty, truncated, not a picture at all)."""


class UnsupportedImage(FaceError):
    """A readable file of a kind that is not accepted (SVG, PDF, GIF, animation)."""


class ImageTooLarge(FaceError):
    """The header declares more pixels than the limit; nothing was decoded."""


class NoFace(FaceError):
    """A selfie without a face that can be used."""


class SeveralFaces(FaceError):
    """A selfie with more than one face."""


class PoorQuality(FaceError):
    """A selfie whose face is too small, blurred, dark, or turned away.

    Attributes:
        code: short, stable reason (``small``, ``blurred``, ``dark``, ``bright``, ``turned``), the same everywhere.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class ModelMismatch(FaceError):
    """Embeddings of two different models met."""


class WeightsError(FaceError):
    """A weights file is missing, or its bytes are not those of the manifest."""


class UnknownModel(FaceError):
    """No detector or recogniser goes by this name."""


class TooFewScores(FaceError):
    """Too few comparisons of different people to state a rate of errors.

    Attributes:
        found: how many there are.
        needed: how many it takes.
    """

    def __init__(self, found: int, needed: int) -> None:
        super().__init__(f"There are {found} comparisons of different people; to state this rate takes {needed}.")
        self.found = found
        self.needed = needed
