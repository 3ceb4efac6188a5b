"""What pip-audit found, as a verdict: silence about a package that nobody looked up is no good news."""

import json
import sys
from pathlib import Path


def verdict(report: str) -> tuple[int, list[str]]:
    """Exit code and lines: 0 all packages known and clean, 1 a vulnerability, 2 nothing can be concluded."""
    if not report.strip():
        return 2, [
            "The advisory service could not be reached, so nothing can be concluded. Try again with a connection."
        ]
    packages = json.loads(report)["dependencies"]
    skipped = [each["name"] for each in packages if "skip_reason" in each]
    found = [
        f"{each['name']} {each['version']}: {flaw['id']}, corrected in {', '.join(flaw['fix_versions']) or 'none'}"
        for each in packages
        for flaw in each.get("vulns", ())
    ]
    if found:
        return 1, found
    if skipped:
        named = ", ".join(skipped[:5]) + (", …" if len(skipped) > 5 else "")
        return 2, [
            f"{len(skipped)} of {len(packages)} packages are unknown to the advisory service that answered ({named}): "
            "nothing can be concluded of them. Ask the service itself, past any mirror."
        ]
    return 0, [f"{len(packages)} packages looked up, no known vulnerability."]


if __name__ == "__main__":
    path = Path(sys.argv[1])
    code, lines = verdict(path.read_text(encoding="utf-8") if path.exists() else "")
    print(*lines, sep="\n")
    sys.exit(code)
