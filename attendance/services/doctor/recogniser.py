"""The face engine: weights, cards, and a photo from file to faces in a process of its own."""

import json
import shutil
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from typing import Any, Final

from django.conf import settings

from attendance.services import engine, face_model
from attendance.services.doctor.finding import Finding, ok, warning, wrong

TRIAL_SECONDS: Final = 240
SLOW_SECONDS: Final = 20
PHOTO: Final = settings.BASE_DIR / "attendance" / "demo_school" / "photo-1.jpg"
TRUTH: Final = settings.BASE_DIR / "attendance" / "demo_school" / "truth.json"
ELSEWHERE: Final = "As on a machine that runs the site alone; run `python manage.py doctor` on a worker too."


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of the demo school's photo.

    Attributes:
        cards: that TensorFlow sees.
        load_seconds: until the models were ready.
        photo_seconds: from the file to embedded faces, models loaded and warm.
        faces: how many were found.
    """

    cards: list[str]
    load_seconds: float
    photo_seconds: float
    faces: int


def weights() -> Finding:
    """The weights hold the right bytes, under licences that are known."""
    if not settings.WEIGHTS_DIR.is_dir():
        return warning("Weights", f"There is no folder {settings.WEIGHTS_DIR}.", ELSEWHERE)
    here = engine.weights_here()
    problems = [state.problem for state in here if state.problem]
    if problems:
        return wrong("Weights", " ".join(problems), "Run: python -m faces.weights fetch. Photos wait until then.")
    licences = ", ".join(f"{state.file} ({state.licence})" for state in here)
    return ok("Weights", f"All there, with the right bytes: {licences}.")


def run_trial() -> Trial:
    """Load the models and recognise the demo school's photo twice; touches no row. For a child process.

    Raises:
        EngineNotReady: the weights are missing or wrong.
    """
    started = time.monotonic()
    pipeline = engine.pipeline(face_model.active_recogniser())
    jpeg = PHOTO.read_bytes()
    engine.find_and_measure(pipeline, jpeg)  # the first photo also builds the network's functions
    loaded = time.monotonic()
    found = engine.find_and_measure(pipeline, jpeg)
    ended = time.monotonic()
    return Trial(engine.cards_seen(), round(loaded - started, 2), round(ended - loaded, 2), len(found))


def trial_as_json() -> str:
    """Run the trial and put what came of it, or why it could not be run, into one line."""
    try:
        return json.dumps(asdict(run_trial()))
    # Whatever stops a network: the line says so to the doctor.
    except Exception as error:
        return json.dumps({"error": f"{type(error).__name__}: {error}", "no_engine": isinstance(error, ImportError)})


def trial_photo() -> list[Finding]:
    """Recognise a photo in a child process, and say what it took and which card it saw."""
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "doctor", "--only-trial"]
    try:
        done = subprocess.run(  # noqa: S603  our own program
            command, capture_output=True, text=True, timeout=TRIAL_SECONDS, check=False, cwd=settings.BASE_DIR
        )
    except subprocess.TimeoutExpired:
        return [
            wrong("Test photo", f"It was not done after {TRIAL_SECONDS} seconds.", "Use a faster machine for workers.")
        ]
    return findings_of(done.stdout, code=done.returncode)


def findings_of(output: str, *, code: int) -> list[Finding]:
    """Read what the child said; one that was killed said nothing."""
    lines = [line for line in output.splitlines() if line.startswith("{")]
    if not lines:
        return [
            wrong(
                "Test photo",
                f"The engine ended with code {code} before it could say anything.",
                "Memory ran out, or the processor lacks AVX: see the lines above.",
            )
        ]
    said: dict[str, Any] = json.loads(lines[-1])
    if "error" in said:
        about = "Test photo"
        if said["no_engine"]:
            return [warning(about, "TensorFlow is not installed here.", ELSEWHERE)]
        return [wrong(about, f"It could not be recognised: {said['error']}", "Mend that; photos wait until then.")]
    trial = Trial(**said)
    return [photo_of(trial), card_of(trial, driver_cards())]


def photo_of(trial: Trial) -> Finding:
    """Say whether the photo was read as it should be."""
    about = "Test photo"
    known = people_in_photo()
    took = f"{trial.photo_seconds:.1f} s a photo, and {trial.load_seconds:.0f} s once to load the models"
    if trial.faces < known:
        return wrong(
            about,
            f"{trial.faces} faces were found where {known} people stand ({took}).",
            "Run: python -m faces.weights check. If the weights are right, report this.",
        )
    if trial.photo_seconds > SLOW_SECONDS:
        return warning(about, f"{trial.faces} faces; {took}.", "Use a faster machine or a GPU (docs/scaling.md).")
    return ok(about, f"{trial.faces} faces; {took}.")


def people_in_photo() -> int:
    """Give how many people of the demo school's roster stand in its photo."""
    truth = json.loads(TRUTH.read_text())
    return len(truth["present"][PHOTO.name]) + int(truth["strangers"][PHOTO.name])


def driver_cards() -> list[str]:
    """Name the cards that the driver sees, with their memory."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    asked = [program, "--query-gpu=name,memory.total,memory.free", "--format=csv,noheader"]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=30, check=False)  # noqa: S603  found on PATH
    return [line.strip() for line in done.stdout.splitlines() if line.strip()] if done.returncode == 0 else []


def card_of(trial: Trial, driver: list[str]) -> Finding:
    """Say whether the networks compute on a card, and how much memory it has."""
    if trial.cards:
        return ok("GPU", f"TensorFlow sees {', '.join(trial.cards)}" + (f" ({'; '.join(driver)})." if driver else "."))
    if driver:
        return warning(
            "GPU",
            f"The driver sees {'; '.join(driver)}, TensorFlow does not: photos are recognised on the processor.",
            "Use the worker image for GPUs, or TensorFlow with its CUDA libraries; give the container the card.",
        )
    return ok("GPU", "None; photos are recognised on the processor.")
