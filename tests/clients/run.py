#!/usr/bin/env python3
"""Black-box tests of an XMPP server with real clients.

    run.py --subject rookery --bin target/debug [--only PATTERN]
    run.py --subject ejabberd

One line a test, a closing line `N passed, N failed`, exit code 0 only if none failed. A deviation which is
listed in allowed.txt with its reason counts as allowed; a listed test that passes is a failure too, so that
the list stays true (unless it is marked as one that deviates only sometimes).
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import inspect
import pathlib
import re
import sys
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from harness import lab as labs  # noqa: E402
from harness.subject import Subject, make  # noqa: E402

AT_ONCE = 8
SECONDS_PER_TEST = 60


def collect(only: str | None) -> list[tuple[str, object, tuple[object, ...]]]:
    """(name, coroutine function, arguments) of each test, files and functions in their order."""
    found = []
    for path in sorted(HERE.glob("test_*.py")):
        module = importlib.import_module(path.stem)
        for name, function in vars(module).items():
            if not name.startswith("test_") or not inspect.iscoroutinefunction(function):
                continue
            every = getattr(function, "cases", [()])
            firsts_differ = len({str(one[:1]) for one in every}) == len(every)
            for arguments in every:
                shown = " ".join(map(str, arguments[:1] if firsts_differ else arguments))
                label = f"{path.stem[5:]}::{name[5:]}" + (f"[{shown}]" if arguments else "")
                if only is None or re.search(only, label):
                    found.append((label, function, arguments))
    return found


def allowed(subject: str) -> dict[str, str]:
    """Tests in which this subject may deviate, with the reason. Line: subject, test, reason, split by ` | `."""
    # A subject with a question mark deviates only sometimes.
    table = {}
    for line in (HERE / "allowed.txt").read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            who, test, reason = (part.strip() for part in line.split(" | ", 2))
            if who.rstrip("?") == subject:
                table[test] = ("sometimes: " if who.endswith("?") else "") + reason
    return table


class Report:
    """Counts and prints."""

    def __init__(self, subject: str, verbose: bool) -> None:
        self.allowed = allowed(subject)
        self.verbose = verbose
        self.passed = self.failed = self.deviating = 0

    def line(self, name: str, seconds: float, error: BaseException | None) -> None:
        """One test's line."""
        reason = self.allowed.get(name)
        if error is None and (reason is None or reason.startswith("sometimes: ")):
            self.passed += 1
            print(f"ok      {name} ({seconds:.2f} s)", flush=True)
        elif error is not None and reason is not None:
            self.deviating += 1
            print(f"allowed {name} ({seconds:.2f} s): {reason}", flush=True)
            if self.verbose:
                traceback.print_exception(error)
        elif error is None:
            self.failed += 1
            print(f"FAILED  {name}: passes although allowed.txt says it deviates: delete that line", flush=True)
        else:
            self.failed += 1
            frames = [f for f in traceback.extract_tb(error.__traceback__) if "/test_" in f.filename]
            where = f" at {pathlib.Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
            print(f"FAILED  {name} ({seconds:.2f} s){where}: {type(error).__name__}: {error}", flush=True)
            if self.verbose:
                traceback.print_exception(error)


async def run_one(name: str, function: object, arguments: tuple[object, ...], subject: Subject, pool: labs.Pool,
                  report: Report) -> None:
    """Run one test with its own lab."""
    lab = labs.Lab(subject, pool)
    begin = time.monotonic()
    error: BaseException | None = None
    try:
        async with asyncio.timeout(SECONDS_PER_TEST):
            await function(lab, *arguments)
    except Exception as caught:  # Every failure of a test becomes its line.
        error = caught
    try:
        async with asyncio.timeout(10):
            await lab.stack.aclose()
    except Exception as caught:
        error = error or caught
    report.line(name, time.monotonic() - begin, error)


async def run_all(tests: list[tuple[str, object, tuple[object, ...]]], subject: Subject, report: Report) -> None:
    """Run the tests, some at once; those marked `alone` afterwards, one by one."""
    pool = labs.Pool(subject)
    gate = asyncio.Semaphore(AT_ONCE)

    async def gated(test: tuple[str, object, tuple[object, ...]]) -> None:
        async with gate:
            await run_one(*test, subject, pool, report)

    def alone(test: tuple[str, object, tuple[object, ...]]) -> bool:
        return getattr(test[1], "alone", False)

    # The slow ones first, so that nobody waits for them at the end.
    together = sorted((test for test in tests if not alone(test)), key=lambda t: not getattr(t[1], "slow", False))
    await asyncio.gather(*(gated(test) for test in together))
    for test in filter(alone, tests):
        await run_one(*test, subject, pool, report)


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subject", choices=("rookery", "ejabberd"), required=True)
    parser.add_argument("--bin", type=pathlib.Path, help="folder with rookery and rookeryctl (or ROOKERY_BIN)")
    parser.add_argument("--only", help="regular expression on test names")
    parser.add_argument("--list", action="store_true", help="print the test names only")
    parser.add_argument("--keep", action="store_true", help="keep the server's folder")
    parser.add_argument("--verbose", action="store_true", help="full tracebacks")
    options = parser.parse_args()
    try:
        tests = collect(options.only)
    except ImportError as error:
        print(f"{error}: install {HERE / 'requirements.txt'} into the Python that runs this", file=sys.stderr)
        return 2
    if options.list:
        print("\n".join(name for name, _, _ in tests))
        return 0
    if not tests:
        print("no test has such a name", file=sys.stderr)
        return 2
    begin = time.monotonic()
    report = Report(options.subject, options.verbose)
    config = (HERE / "ejabberd.yml").read_text()
    with make(options.subject, config, options.bin, keep=options.keep) as subject:
        subject.start()
        asyncio.run(run_all(tests, subject, report))
        if subject.process is None or subject.process.poll() is not None:
            report.failed += 1
            print(f"FAILED  the server did not survive the tests:\n{subject.log_tail()}")
        if options.keep:
            print(f"kept: {subject.folder}")
    extra = f", {report.deviating} allowed to deviate" if report.deviating else ""
    print(f"{report.passed} passed, {report.failed} failed{extra} on {options.subject} "
          f"in {time.monotonic() - begin:.0f} s")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
