#!/bin/sh
# The providers' own Python clients as judges of oTo's fakes and of its signatures; see README.md.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
venv=${OTO_JUDGES_VENV:-${XDG_CACHE_HOME:-$HOME/.cache}/oto/judges}
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$here/requirements.txt"
cd "$root"
# The whole workspace, so that nothing is built with other features than usual.
cargo build --quiet --workspace --locked --example fake_provider --example verify_webhook
OTO_EXAMPLES="${CARGO_TARGET_DIR:-$root/target}/debug/examples" exec "$venv/bin/python" "$here/run.py"
