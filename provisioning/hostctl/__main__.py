"""Entry point of the packed hostctl; also lets `python3 provisioning/hostctl` run it from the sources."""

import hashlib
import os
import sys

packed = sys.path[0]
if os.path.isfile(packed) and os.geteuid() == 0:
    # Python keeps the bytecode of folders, not of zips: unpacked once per version and boot, a run is 50 ms shorter. And when
    # hostctl replaces itself, what is loaded later still comes from the folder of the version that runs.
    with open(packed, "rb") as file:
        folder = f"/run/bascule/code/{hashlib.file_digest(file, 'sha256').hexdigest()[:16]}"
    try:
        if not os.path.isdir(folder):
            import zipfile
            with zipfile.ZipFile(packed) as archive:
                archive.extractall(f"{folder}.{os.getpid()}")
            os.rename(f"{folder}.{os.getpid()}", folder)
    except OSError:
        pass  # Another was faster, or there is no room: the zip itself serves, too.
    if os.path.isdir(folder):
        sys.path[0] = folder

from hostctl.cli import main  # noqa: E402

sys.exit(main(sys.argv[1:]))
