#!/usr/bin/env bash
# Make or refresh .venv: the pinned requirements by pip, with hashes, then phenoprot itself.
# Does nothing when neither requirements.lock nor pyproject.toml has changed since the last time.
# PYTHON names the interpreter; else python3 if it is in range, else the newest that is.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=.venv stamp=.venv/installed log=.phenoprot/install.log

die() { echo "phenoprot: $*" >&2; exit 1; }

# Prints 3.12, say; nothing for what is not a working Python.
version() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || true; }

command -v git >/dev/null || die "git was not found; install it (DVC works on a git clone)"
git rev-parse --git-dir >/dev/null 2>&1 ||
    die "$PWD is not a git clone that git can read; get the project with git clone"

found="" python=""
for name in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
    case $(version "$name") in
        3.11 | 3.12 | 3.13) python=$name && break ;;
        ?*) found+="${found:+, }$name is Python $(version "$name")" ;;
    esac
done
[[ $python ]] || die "needs Python 3.11, 3.12 or 3.13 (${found:-${PYTHON:-python3} was not found});" \
    "install one, or name it with PYTHON=/path/to/python3.12"
# The interpreter itself, should this be one of a virtual environment (.venv, even).
python=$("$python" -c 'import os, sys; print(os.path.realpath(sys._base_executable or sys.executable))')
"$python" -c 'import venv, ensurepip' 2>/dev/null ||
    die "$python lacks the venv module; install it (Debian, Ubuntu: apt install python3-venv)"

# One key for the pinned packages, one for phenoprot itself. A moved clone is a new environment.
digest() { "$python" -c 'import hashlib, pathlib, sys
print(hashlib.sha256(b"".join(map(pathlib.Path.read_bytes, map(pathlib.Path, sys.argv[1:])))).hexdigest())' "$@"; }
lock_key="$PWD|$python|$(version "$python")|$(digest requirements.lock scripts/bootstrap.sh)"
key="$lock_key|$(digest pyproject.toml)"
have=$(cat "$stamp" 2>/dev/null || true)
[[ $have != "$key" ]] || exit 0

mkdir -p .phenoprot
rm -f "$stamp" # so that an interrupted installation leaves none
pip() { "$venv/bin/python" -m pip --disable-pip-version-check --no-input install --no-compile "$@"; }

# setuptools goes first: what comes without a wheel is built with the pinned one, not the newest.
install_lock() {
    "$python" -m venv --clear "$venv" &&
        awk '/^[^ #]/ { keep = /^setuptools==/ } keep' requirements.lock >.phenoprot/setuptools.lock &&
        pip --require-hashes -r .phenoprot/setuptools.lock &&
        pip --require-hashes --no-build-isolation -r requirements.lock
}
install_package() { pip --no-deps --no-build-isolation --editable .; }
keep_bytecode() { "$venv/bin/python" scripts/bytecode.py; }
plots_page() { "$venv/bin/python" scripts/plots_page.py; }

step() { # function, message
    echo "phenoprot: $2 (log: $log)"
    SECONDS=0
    "$1" >"$log" 2>&1 || { tail -n 20 "$log" >&2 && die "$1 failed; the last lines of $log are above"; }
    echo "phenoprot: done in $SECONDS s"
}
if [[ ${have%|*} != "$lock_key" ]]; then
    step install_lock "installing the packages of requirements.lock into $venv, a few minutes"
fi
step install_package "installing phenoprot"
step keep_bytecode "compiling what the pipeline imports"
step plots_page "letting dvc plots do without a network"
echo "$key" >"$stamp"
