#!/usr/bin/env bash
# Installs the Debian packages that the tests need, in one apt-get call, and only when one is missing.
# usage: test/setup.sh
set -euo pipefail

packages=(
  gcc libc6-dev             # compiles the shim, and the C that the struct tests compare with
  busybox-static            # the small image
  debootstrap               # the large image: a Debian tree with nginx and python
  docker-registry           # a real registry on loopback
  erofs-utils               # checks the images that layers are stored as
  xz-utils zstd             # compress archives
  skopeo umoci buildah      # make images and push them in every format
  libarchive-tools python3  # write archives as other tools do not
  tmux                      # a real terminal
  openssl                   # the token server of the registry tests
  uidmap                    # maps IDs for an ordinary user
  libseccomp-dev            # decides what the seccomp tests compare with
  user-mode-linux           # a machine with cgroup v2 alone …
  systemd dbus              # … and with systemd as its first process
  podman containerd         # use currunt as their OCI runtime
  crun runc                 # the rivals that the conformance cases and the bench compare with
  criu                      # describes its protocol, as which checkpoints are checked
)

missing=()
for package in "${packages[@]}"; do
  status=$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null || true)
  [[ $status == installed ]] || missing+=("$package")
done
if ((${#missing[@]} == 0)); then exit 0; fi

install="apt-get install --no-install-recommends ${missing[*]}"
if ! command -v apt-get >/dev/null; then
  echo "test/setup.sh: the tests need ${missing[*]}, and this is not a Debian system: install them by its own means" >&2
  exit 1
fi
if ((EUID != 0)); then
  echo "test/setup.sh: the tests need root and these packages; as root: $install" >&2
  exit 1
fi

# Packages of services would start them, docker-registry's on every interface; the tests start their own.
policy=/usr/sbin/policy-rc.d
if [[ ! -e $policy ]]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
fi

echo "test/setup.sh: installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
install() { apt-get install --yes --quiet --no-install-recommends "${missing[@]}" </dev/null; }
# The package lists of a fresh machine are absent or stale; one that is up to date needs no update.
if ! install >/tmp/currunt-setup.$$ 2>&1; then
  apt-get update --quiet </dev/null
  install
fi
rm -f /tmp/currunt-setup.$$
