#!/usr/bin/env bash
# Sees to a Chromium: an installed one, else Debian's package, else Playwright's own download.
set -euo pipefail
cd "$(dirname "$0")/.."

for name in chromium chromium-browser google-chrome; do
  command -v "$name" >/dev/null && exit 0
done
ls "${PLAYWRIGHT_BROWSERS_PATH:-$HOME/.cache/ms-playwright}"/chromium-* >/dev/null 2>&1 && exit 0

if command -v apt-get >/dev/null; then
  if [ "$(id -u)" = 0 ]; then
    echo "setup: installing Debian's chromium"
    apt-get update -qq
    if DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null; then exit 0; fi
  else
    echo "setup: no Chromium here; the browser tests skip without one."
    echo "       Type: sudo apt-get install -y chromium"
  fi
fi
.venv/bin/playwright install chromium ||
  echo "setup: no Chromium could be had; everything but the browser tests works without it" >&2
