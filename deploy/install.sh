#!/bin/sh
# Installs ecolink, or brings an installation up to this version, from the folder this script lies in; no network is used.
#
#   ./install.sh [FOLDER]      FOLDER is /opt/ecolink unless named; PYTHON names another interpreter than python3
set -eu

here=$(dirname "$0")
into=${1:-/opt/ecolink}
python=${PYTHON:-python3}

(cd "$here" && sha256sum --check --quiet SHA256SUMS)
"$python" -c 'import ensurepip' 2>/dev/null || {
    echo "$python makes no virtual environments: on Debian install python3-venv first (apt-get install python3-venv)" >&2
    exit 1
}
have=$("$python" -c 'import sys, sysconfig as s; print("cp%d%d-%s" % (*sys.version_info[:2], s.get_platform().replace("-", "_")))')
if [ "$have" != "$(cat "$here/PLATFORM")" ]; then
    echo "These wheels are for $(cat "$here/PLATFORM"), and $python is $have: name another with PYTHON=…" >&2
    exit 1
fi
[ -x "$into/bin/pip" ] || "$python" -m venv "$into"
# Everything anew and from here alone, whatever this machine's pip is told otherwise: --upgrade would leave what bears the
# same number, and what ecolink needs where an older one would still do.
PIP_CONFIG_FILE=/dev/null "$into/bin/pip" --isolated --disable-pip-version-check --quiet install --force-reinstall \
    --no-index --find-links "$here/wheels" ecolink
"$into/bin/ecolink" --version
