"""Pack the PoseTrack scoring references into `cases.zip`: generated annotations and what the official kit said of them.

    python tests/data/poseval/make_cases.py ../shared/parity/eval/poseval

The annotations are generated (no data set's), the numbers are outputs of leonid-pishchulin/poseval 4258a15 (BSD).
"""

import json
import sys
import zipfile
from pathlib import Path

KEPT = ("case", "what", "joints", "AP", "MOT", "PCKh", "AP_stable_sort")


def main(source: Path) -> None:
    target = Path(__file__).parent / "cases.zip"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for file in sorted(source.glob("*/*/*.json")) + sorted(source.glob("*/expected.json")):
            content = json.loads(file.read_text())
            if file.name == "expected.json":
                content = {key: value for key, value in content.items() if key in KEPT}
            entry = zipfile.ZipInfo(
                str(file.relative_to(source))
            )  # a fixed date, so that the same input packs the same
            archive.writestr(entry, json.dumps(content, separators=(",", ":")), zipfile.ZIP_DEFLATED)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
