#!/usr/bin/env python3
"""Black-box tests of STUN and TURN: run.py --bin target/debug [--only PATTERN]

One line a test, a closing line `N passed, N failed`, exit code 0 only if none failed. Nothing leaves this machine.
"""

from __future__ import annotations

import argparse
import importlib
import pathlib
import re
import sys
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from lab import Lab  # noqa: E402


def main() -> int:
    """Runs the tests one by one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", type=pathlib.Path, required=True, help="folder of the binaries")
    parser.add_argument("--only", help="regular expression for names of tests")
    options = parser.parse_args()
    tests = [(f"{module}::{name[5:]}", function) for module in ("test_wire", "test_clients")
             for name, function in vars(importlib.import_module(module)).items() if name.startswith("test_")]
    lab = Lab(options.bin.resolve())
    passed = failed = 0
    try:
        lab.start()
        for name, function in tests:
            if options.only and not re.search(options.only, name):
                continue
            begin = time.monotonic()
            try:
                function(lab)
            except Exception:  # Every failure of a test becomes its line.
                failed += 1
                print(f"FAILED  {name}\n{traceback.format_exc()}", flush=True)
            else:
                passed += 1
                print(f"ok      {name} ({time.monotonic() - begin:.2f} s)", flush=True)
    finally:
        lab.stop()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
