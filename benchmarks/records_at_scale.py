"""Pages, reports and exports of a school of 10,000 students and 4.5 million marks: times, memory and query plans.

    python -m benchmarks.records_at_scale [--students 10000] [--database sqlite postgresql] [--write-plans]

Makes the school in an empty database, then asks for each page or file in a process of its own: the time of the first
answer and of a later one, and the highest memory of that process. Ends with 1 where a plan reads or sorts all marks, or
where an export takes more than 200 MB. ``--write-plans`` puts the plans into docs/scaling.md.
"""

import argparse
import datetime as dt
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks import real_site
from tests.stack import PROJECT, Database, Stack

MOST_MEMORY_MB: Final = 200
MEMORY_LIMITED: Final = ("export", "at risk")
PLANS_PAGE: Final = PROJECT / "docs" / "scaling.md"


@dataclass(frozen=True, slots=True)
class Case:
    """Something that somebody asks for.

    Attributes:
        name: the line in the table.
        who: who asks, by user name.
        address: where, with the ids of the middle course, meeting and student.
    """

    name: str
    who: str
    address: str


CASES: Final = (
    Case("Today, teacher", "teacher1", "/"),
    Case("session page", "teacher1", "/sessions/{session}/"),
    Case("term report of a course", "teacher1", "/courses/{course}/report/"),
    Case("course export, CSV", "teacher1", "/courses/{course}/report.csv"),
    Case("course export, XLSX", "teacher1", "/courses/{course}/report.xlsx"),
    Case("a student's sessions", "teacher1", "/courses/{course}/report/{student}/"),
    Case("a student's own page", "student", "/me/"),
    Case("school report page", "admin", "/school/report/"),
    Case("school export, a month", "admin", "/school/report.csv?first_day={month}&last_day={last}"),
    Case("school export, the term", "admin", "/school/report.csv?first_day={first}&last_day={last}"),
    Case("at risk in the school", "admin", "/school/at-risk.csv?first_day={first}&last_day={last}"),
    Case("audit log", "admin", "/school/audit/"),
    Case("audit log of one action", "admin", "/school/audit/?action=record.set&first_day={month}&last_day={last}"),
    Case("queue", "admin", "/school/queue/"),
)


def main() -> int:
    """Make the school, measure, and print a table a database."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--students", type=int, default=10_000)
    parser.add_argument("--meetings", type=int, default=90)
    parser.add_argument("--database", nargs="+", choices=("sqlite", "postgresql"), default=["sqlite", "postgresql"])
    parser.add_argument("--write-plans", action="store_true")
    parser.add_argument("--inside", metavar="STEP", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        return _inside(options)
    faults = 0
    for database in options.database:
        results, wrong = measure(database, students=options.students, meetings=options.meetings)
        faults += wrong
        if options.write_plans:
            write_plans(database, results)
    return 1 if faults else 0


def measure(database: Database, *, students: int, meetings: int) -> tuple[list[dict[str, Any]], int]:
    """Fill a database of that kind, print a line a case; give the results and how many things are wrong."""
    with tempfile.TemporaryDirectory(prefix="rollcall-scale-") as folder:
        stack = Stack(Path(folder), database=database)
        try:
            (Path(folder) / "data").mkdir()
            if database == "postgresql":
                stack.start_postgres()
            stack.manage("migrate", "--verbosity", "0")
            real_site.collect_static(stack)
            size = ["--students", str(students), "--meetings", str(meetings)]
            made = _run(stack, "fill", size)
            print(f"\n{database}: made in {made['seconds']:.0f} s: {_counted(made['rows'])}", flush=True)
            print(f"{'':<26}{'first ms':>10}{'later ms':>10}{'peak MB':>9}{'answer KB':>11}{'queries':>9}  plans")
            results, wrong = [], 0
            for case in CASES:
                results.append(_run(stack, case.name, size))
                wrong += len(judge(results[-1]))
            return results, wrong
        finally:
            stack.stop()


def judge(result: dict[str, Any]) -> list[str]:
    """Print a case's line, and give what is wrong with it."""
    faults = [fault for plan in result["plans"] for fault in plan["faults"]]
    if result["peak_mb"] > MOST_MEMORY_MB and any(word in result["name"] for word in MEMORY_LIMITED):
        faults.append(f"takes more than {MOST_MEMORY_MB} MB")
    verdict = "good" if not faults else " | ".join(faults)
    print(
        f"{result['name']:<26}{result['first_ms']:>10.0f}{result['later_ms']:>10.0f}{result['peak_mb']:>9.0f}"
        f"{result['kilobytes']:>11.0f}{result['queries']:>9}  {verdict}",
        flush=True,
    )
    return faults


def write_plans(database: str, results: list[dict[str, Any]]) -> None:
    """Put a database's plans between its two marks in docs/scaling.md."""
    begin, end = f"<!-- plans of {database}: begin -->", f"<!-- plans of {database}: end -->"
    head, rest = PLANS_PAGE.read_text().split(begin, 1)
    parts = [
        f"{result['name']}:\n\n```\n"
        + "\n\n".join(dict.fromkeys("\n".join(plan["lines"]) for plan in result["plans"]))
        + "\n```\n"
        for result in results
        if result["plans"]
    ]
    PLANS_PAGE.write_text(f"{head}{begin}\n\n" + "\n".join(parts) + f"\n{end}" + rest.split(end, 1)[1])


def _counted(rows: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {table.removeprefix('attendance_')}s" for table, count in rows.items())


def _run(stack: Stack, step: str, size: list[str]) -> dict[str, Any]:
    """Do one step in a process of its own, whose memory is its own."""
    command = [sys.executable, "-m", "benchmarks.records_at_scale", "--inside", step, *size]
    done = subprocess.run(command, cwd=PROJECT, env=stack.environment, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise RuntimeError(f"{step} failed:\n{done.stdout}\n{done.stderr}")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def _inside(options: argparse.Namespace) -> int:
    """Be the process of one step."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "attendance.settings")
    import django  # noqa: PLC0415  only in the processes of the steps, after their environment is known

    django.setup()
    from benchmarks import big_school  # noqa: PLC0415  needs Django set up

    if options.inside == "fill":
        seconds = big_school.fill(big_school.Size(options.students, options.meetings))
        answer: dict[str, Any] = {"seconds": seconds, "rows": dict(big_school.counts())}
    else:
        answer = _ask(next(case for case in CASES if case.name == options.inside))
    print(json.dumps(answer))
    return 0


def _ask(case: Case) -> dict[str, Any]:
    from django.db import connection  # noqa: PLC0415
    from django.test import Client  # noqa: PLC0415  needs Django set up
    from django.test.utils import CaptureQueriesContext  # noqa: PLC0415

    from attendance.models import User  # noqa: PLC0415
    from benchmarks import plans  # noqa: PLC0415

    client = Client(headers={"host": "localhost"}, raise_request_exception=True)
    client.force_login(User.objects.get(username=case.who), backend="django.contrib.auth.backends.ModelBackend")
    address = addressed(case)

    def fetch() -> int:
        response = client.get(address)
        if response.status_code != 200:
            raise RuntimeError(f"{address} answers {response.status_code}")
        pieces = response.streaming_content if response.streaming else [response.content]  # type: ignore[attr-defined]
        return sum(len(piece) for piece in pieces)

    first_ms, size = _timed(fetch)
    later_ms, _size = _timed(fetch) if first_ms < 20_000 else (first_ms, size)
    peak_mb = _peak_mb()
    with CaptureQueriesContext(connection) as sent, plans.recorded() as queries:
        fetch()
    told = [plans.plan_of(query) for query in queries]
    return {
        "name": case.name,
        "first_ms": first_ms,
        "later_ms": later_ms,
        "peak_mb": peak_mb,
        "kilobytes": size / 1024,
        "queries": len(sent),
        "plans": [{"lines": plan.lines, "faults": plan.faults} for plan in told],
    }


def _timed(work: Callable[[], int]) -> tuple[float, int]:
    started = time.perf_counter()
    result = work()
    return (time.perf_counter() - started) * 1000, result


def addressed(case: Case) -> str:
    """Give the address with ids from the middle of the school, and its days."""
    from attendance.models import ClassSession, Enrolment, Term  # noqa: PLC0415  needs Django set up

    term = Term.objects.get()
    session = ClassSession.objects.filter(course__teachers__username="teacher1", held_on=term.ends_on)[0]
    enrolment = Enrolment.objects.filter(course=session.course_id)[0]
    month = max(term.starts_on, term.ends_on - dt.timedelta(days=30))
    days = {"first": term.starts_on, "last": term.ends_on, "month": month}
    return case.address.format(session=session.pk, course=session.course_id, student=enrolment.student_id, **days)


def _peak_mb() -> float:
    """The most memory that this process has held; what its parent held does not count."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    sys.exit(main())
