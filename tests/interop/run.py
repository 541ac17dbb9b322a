"""Runs all tests of this folder and prints a table of them. Skipped tests and no tests at all are failures too."""

import sys
import time
import unittest
from pathlib import Path


class Table(unittest.TestResult):
    """One line for each test, as soon as it is over."""

    def __init__(self):
        super().__init__()
        self.passed = 0
        self._faults: list[str] = []
        self._began = 0.0

    def startTest(self, test):
        super().startTest(test)
        self._faults = []
        self._began = time.monotonic()

    def stopTest(self, test):
        super().stopTest(test)
        self.passed += not self._faults
        self._line("FAILED" if self._faults else "passed", test.id(), time.monotonic() - self._began)
        for fault in self._faults:
            print(fault, file=sys.stderr)

    def addError(self, test, err):
        super().addError(test, err)
        self._fault(test, self.errors[-1][1])

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._fault(test, self.failures[-1][1])

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._faults.append(f"{subtest}\n{self._exc_info_to_string(err, test)}")

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self._fault(test, f"skipped: {reason}")

    def _fault(self, test, text: str) -> None:
        self._faults.append(text)
        if not isinstance(test, unittest.TestCase):
            # What prepares a class or a module is no test: nothing else would tell of it.
            self._line("FAILED", test.id(), 0.0)
            print(text, file=sys.stderr)

    @staticmethod
    def _line(verdict: str, name: str, seconds: float) -> None:
        print(f"{verdict}  {seconds:6.1f} s  {name}", flush=True)


def main() -> int:
    table = Table()
    unittest.defaultTestLoader.discover(str(Path(__file__).parent)).run(table)
    faults = len(table.failures) + len(table.errors) + len(table.skipped)
    print(f"tests of the foreign client: {table.passed} of {table.testsRun} passed", flush=True)
    return 0 if table.passed and table.passed == table.testsRun and not faults else 1


if __name__ == "__main__":
    sys.exit(main())
