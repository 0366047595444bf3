# shellcheck shell=bash
# Sourced by the scripts beside it: where things are, and how what is missing gets installed. Does nothing by itself.

set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/locule
# Outside the clone, so that the next clone doesn't compile RocksDB again.
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$CACHE/target}
# rustup puts cargo there; a shell that isn't a login shell may not know.
PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
cd "$ROOT"

# shellcheck disable=SC2034  # the scripts that source this use them
if [ -t 1 ]; then
    BOLD=$'\e[1m' DIM=$'\e[2m' RED=$'\e[31m' GREEN=$'\e[32m' PLAIN=$'\e[0m'
else
    # shellcheck disable=SC2034
    BOLD='' DIM='' RED='' GREEN='' PLAIN=''
fi

die() {
    printf '%s%s%s\n' "$RED" "$*" "$PLAIN" >&2
    exit 1
}

need_rust() {
    command -v cargo >/dev/null || die "cargo isn't here: install Rust from https://rustup.rs, then run this again"
}

# What `cargo build` needs besides Rust: a C++ compiler for RocksDB, and libclang for its bindings.
need_build_tools() {
    local missing=()
    command -v g++ >/dev/null || missing+=(g++)
    command -v cc >/dev/null || missing+=(gcc libc6-dev)
    has_libclang || missing+=(libclang-dev)
    install_packages "${missing[@]}"
}

need_curl() {
    command -v curl >/dev/null || install_packages curl
}

need_python() {
    python3 -c 'import ensurepip, venv' 2>/dev/null || install_packages python3 python3-venv
}

# Prints the folder of a Python environment that holds what a requirements file names; makes it once for each content.
python_with() {
    local home
    home=$CACHE/python-$(sha256sum "$1" | cut -c1-12)
    if [ ! -e "$home/complete" ]; then
        echo "Installing what $1 names" >&2
        rm -rf "$home"
        python3 -m venv "$home" &&
            "$home/bin/pip" install --quiet --disable-pip-version-check --requirement "$1" >&2 &&
            touch "$home/complete" || return 1
    fi
    echo "$home"
}

# Prints a folder with the node_modules that a folder's package-lock.json names; makes it once for each content. Node comes
# from the Python environment that the folder's requirements.txt names: the same everywhere, and none of the system's.
node_with() {
    local node home
    node=$(python_with "$1/requirements.txt") || return 1
    home=$CACHE/node-$(cat "$1/requirements.txt" "$1/package-lock.json" | sha256sum | cut -c1-12)
    if [ ! -e "$home/complete" ]; then
        echo "Installing what $1/package-lock.json names" >&2
        rm -rf "$home"
        mkdir -p "$home"
        cp "$1/package.json" "$1/package-lock.json" "$1/.npmrc" "$home"
        (cd "$home" && PATH=$node/bin:$PATH npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2) || return 1
        ln -s "$node/bin/node" "$home/node"
        touch "$home/complete"
    fi
    echo "$home"
}

# The library and the compiler's own headers: one without the other isn't enough for bindgen.
has_libclang() {
    [ -n "${LIBCLANG_PATH:-}" ] && return
    compgen -G '/usr/lib*/llvm*/lib*/libclang*.so*' >/dev/null &&
        compgen -G '/usr/lib*/llvm*/lib*/clang/*/include/stddef.h' >/dev/null
}

# Installs Debian packages; says which when it can't.
install_packages() {
    [ $# -gt 0 ] || return 0
    command -v apt-get >/dev/null ||
        die "missing: $*. This isn't Debian or a relative of it: install what goes by these names here"
    local as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || die "missing: $*. Install them as root: apt-get install $*"
        as_root=(sudo)
    fi
    echo "Installing $*"
    local log
    log=$(mktemp)
    if ! {
        "${as_root[@]}" apt-get -o DPkg::Lock::Timeout=300 update &&
            "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
                apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "$@"
    } </dev/null >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        rm -f "$log"
        die "apt-get couldn't install $*"
    fi
    rm -f "$log"
}
