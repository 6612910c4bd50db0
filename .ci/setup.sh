#!/bin/sh
# Makes .venv/ in the clone and installs into it: setup.sh demo|test|models
#
# Rules of this file:
#  1. Nothing is written outside the clone and pip's cache.
#  2. A stamp is written only after success, and holds what it was made from.
#  3. A run that was cut short leaves .venv/.unfinished; the next one starts over.
# PYTHON chooses the interpreter; without it an existing .venv is kept, else python3 makes one.
set -eu
cd "$(dirname "$0")/.."
level=${1:?which level: demo, test or models}

# An inherited search path would hide packages that are missing from .venv.
unset PYTHONPATH PYTHONHOME
if [ "${OS:-}" = Windows_NT ]; then bin=.venv/Scripts; else bin=.venv/bin; fi
pins=constraints/pins.txt

say() { echo "setup: $*"; }
fail() { echo "$*" >&2; exit 2; }

identity_of() {  # what a .venv depends on besides its packages: interpreter and place
    "$1" -c 'import os, sys; print(sys.version_info[:3], sys.base_prefix, os.getcwd())'
}

python=${PYTHON:-}
if [ -z "$python" ]; then
    if [ -f .venv/.stamp-venv ] && [ -x "$bin/python" ]; then python=$bin/python; else python=python3; fi
fi
command -v "$python" >/dev/null 2>&1 ||
    fail "There is no '$python' here; install Python 3.11 or later, or name one: make PYTHON=python3.12 ..."
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "'$python' is older than Python 3.11; name a newer one: make PYTHON=python3.12 ..."

identity=$(identity_of "$python")
if [ -e .venv/.unfinished ] || [ ! -x "$bin/python" ] ||
    [ "$(cat .venv/.stamp-venv 2>/dev/null)" != "$identity" ]; then
    if [ -e .venv ]; then
        say ".venv is unfinished, or made for another Python or folder: making it anew"
        # The interpreter may be the one inside the folder that goes: use the one it came from.
        case $python in "$bin"/*)
            python=$("$python" -c 'import sys; print(sys._base_executable)' 2>/dev/null || echo python3)
        esac
        rm -rf .venv
    fi
    # pip may belong to another interpreter than the chosen one; it only has to be 22.3 or later.
    for pip_from in "$python" python3 none; do
        if [ "$pip_from" != none ] && "$pip_from" -m pip --version >/dev/null 2>&1; then break; fi
    done
    [ "$pip_from" != none ] || fail "'$python' has no pip; on Debian and Ubuntu: apt-get install python3-pip"
    mkdir -p .venv
    : >.venv/.unfinished
    "$python" -m venv --without-pip .venv
    "$pip_from" -m pip --python "$bin/python" install --quiet --disable-pip-version-check pip
    identity_of "$bin/python" >.venv/.stamp-venv
    rm .venv/.unfinished
fi

case $level in
    demo) levels="demo" extras="demo" megabytes="300 MB" ;;
    test) levels="demo test" extras="analysis,demo,dev,test" megabytes="550 MB" ;;
    models) levels="demo test models" extras="analysis,demo,dev,test,models"
        megabytes="600 MB (with torch's GPU libraries, where its package brings them, 3 GB)" ;;
    *) fail "setup.sh has no level '$level'; it has demo, test and models" ;;
esac

made_from=$(cat pyproject.toml hatch_build.py "$pins" .ci/setup.sh | cksum)
if [ "$(cat ".venv/.stamp-$level" 2>/dev/null)" = "$made_from" ]; then exit 0; fi

say "installing into .venv; downloads about $megabytes, less what pip's cache already has"
TMPDIR=$PWD/.venv/tmp  # /tmp may be small, and an interrupted pip leaves its folders behind
export TMPDIR
mkdir -p "$TMPDIR"
: >.venv/.unfinished
pip() { "$bin/python" -m pip --disable-pip-version-check "$@"; }
pip install --quiet --only-binary=:all: --upgrade --constraint "$pins" pip
# pyworld has no wheels: it is compiled, and needs g++. So is python-rtmidi from Python 3.13 on.
compiled=pyworld
if [ "$level" != demo ] && [ "$(uname)" = Linux ] &&
    "$bin/python" -c 'import sys; sys.exit(sys.version_info < (3, 13))'; then
    "$bin/python" .ci/system_packages.py test-midi
    extras=$extras,midi compiled=$compiled,python-rtmidi
fi
pip install --only-binary=:all: --constraint "$pins" --build-constraint "$pins" \
    --no-binary="$compiled" --editable ".[$extras]"
for each in $levels; do echo "$made_from" >".venv/.stamp-$each"; done
rm -rf "$TMPDIR" .venv/.unfinished
