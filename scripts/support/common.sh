# What the scripts share: sourced, not run. It leaves the shell in the project's root.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

jobs="$(nproc)"

# say TEXT...: one line on the terminal that stands out between the tools' own.
say() { printf '\n==> %s\n' "$*"; }

# install PACKAGE...: installs the Debian or Ubuntu packages that are missing, as root or through sudo. Other systems are
# told what is needed, and go on: their packages have other names.
install() {
  local missing=()
  if ! command -v dpkg-query > /dev/null; then
    say "This is not Debian or Ubuntu; expected to be installed: $*"
    return
  fi
  local package
  for package in "$@"; do
    dpkg-query --show --showformat='${db:Status-Status}\n' "$package" 2> /dev/null | grep -qx installed || missing+=("$package")
  done
  if [ ${#missing[@]} -eq 0 ]; then return; fi
  say "Installing ${missing[*]}"
  local root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo > /dev/null || { echo "error: expected to run as root or to find sudo" >&2; exit 1; }
    root=(sudo)
  fi
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes --no-install-recommends "${missing[@]}" > /dev/null
}

# What every build needs.
build_packages=(cmake g++ make libeigen3-dev libfmt-dev)
# What the examples read, draw and write with, the photograph and the recordings.
example_packages=(libcli11-dev libstb-dev nlohmann-json3-dev libsndfile1-dev pkg-config xplanet-images alsa-utils gnuplot-nox
  fonts-dejavu-core)
