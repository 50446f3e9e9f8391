"""`python -m thermend`, which is the command `thermend`."""

import sys
from pathlib import Path

# Python puts the current folder first on the path of `-m`: a module that lies beside somebody's images is never run.
# (Where thermend itself is run from the folder that holds it, that folder is needed.)
if sys.path and Path(sys.path[0]).resolve() == Path.cwd() != Path(__file__).resolve().parents[1]:
    del sys.path[0]

from thermend.app.cli.begin import run

if __name__ == "__main__":
    run()
