"""Every skipped test must be listed with its reason in docs/testing.md; prints what was skipped, fails on the rest."""

from __future__ import annotations

import re
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

LISTED = Path("docs/testing.md")
REASON = re.compile(r"^\| `([^`]+)` \|", re.MULTILINE)  # the first column


def main() -> int:
    """Exit code 1 if a skip's reason stands in no row of the table of reasons in docs/testing.md."""
    reasons = REASON.findall(LISTED.read_text(encoding="utf-8").partition("| reason |")[2])
    unlisted = 0
    for report in sorted(Path(".reports").glob("test*.xml")):
        for case in ElementTree.parse(report).iter("testcase"):
            for skipped in case.findall("skipped"):
                reason = skipped.get("message", "")
                known = reason in reasons
                unlisted += not known
                print(f"skipped{'' if known else ', NOT LISTED'}: {case.get('classname')}.{case.get('name')}: {reason}")
    return 1 if unlisted else 0


if __name__ == "__main__":
    sys.exit(main())
