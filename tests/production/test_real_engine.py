"""The same stack with the engine and the weights of production, on a real class photo."""

import os
import shutil
from pathlib import Path

import pytest

from tests.production.running import Production
from tests.production.stack import ProductionStack
from tests.production_files import ROOT
from tests.stack import wait_until
from tests.story.class_photos import ClassPhotos

pytestmark = [pytest.mark.stack, pytest.mark.real_faces, pytest.mark.timeout(900)]
STUDENTS = 6
LOADING_SECONDS = 400


@pytest.mark.skipif(not any((ROOT / "weights").glob("*.onnx")), reason="no weights here: python -m faces.weights fetch")
def test_a_real_class_photo_goes_through_the_whole_stack_and_nobody_absent_is_marked(tmp_path: Path) -> None:
    photos = ClassPhotos.load("class-01")
    name, present = max(photos.present.items(), key=lambda item: len(item[1]))
    roster = [*sorted(present)[: STUDENTS - 2], *[one for one in photos.roster if one not in present][:2]]
    selfies = tmp_path / "selfies"
    selfies.mkdir()
    for student in roster:
        shutil.copy(photos.folder / "roster" / f"{student}.jpg", selfies)
    more = {"WEIGHTS_DIR": os.environ.get("WEIGHTS_DIR", str(ROOT / "weights"))}
    with ProductionStack(tmp_path / "stack", more=more) as stack:
        production = Production(stack, str(selfies))
        embedded = f"FaceTemplate.objects.values('student').distinct().count() == {len(roster)}"
        wait_until(lambda: bool(production.ask_database(embedded)), seconds=LOADING_SECONDS, what="templates", every=2)
        production.teacher().send(f"{production.session}upload/", photos=(name, photos.photo(name), "image/jpeg"))
        done = "Snapshot.objects.filter(state='DONE').count() == 1"
        wait_until(lambda: bool(production.ask_database(done)), seconds=LOADING_SECONDS, what="the photo", every=2)
        marks = production.ask_database("list(AttendanceRecord.objects.values_list('student__sort_key', 'status'))")
    marked = {student for student, status in marks if status in {"PRESENT", "LATE"}}
    assert marked <= present & set(roster)
    assert len(marked) >= (STUDENTS - 2) // 2
