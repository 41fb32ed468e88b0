#!/bin/sh
# Downloads and unpacks the newest Debian cloud kernel of a series: kernel.sh SERIES DIRECTORY
# Nothing is installed, and no root is needed. What is there already is kept.
set -eu
series=$1 directory=$2

if [ -e "$directory/done" ]; then exit 0; fi
for tool in apt-cache apt-get dpkg-deb; do
  command -v "$tool" >/dev/null || { echo "\`$tool\` is not installed: the kernels are Debian's" >&2; exit 1; }
done

# 6.1 is linux-image-6.1.0-56-cloud-amd64, 6.12 is linux-image-6.12.117+deb12-cloud-amd64.
pattern="^linux-image-$(echo "$series" | sed 's/\./\\./g')\.[0-9][0-9a-z.+-]*-cloud-amd64\$"
package=$(apt-cache search --names-only "$pattern" | cut -d ' ' -f 1 | sort -V | tail -n 1)
if [ -z "$package" ]; then
  echo "apt knows no kernel of the series $series for the cloud (\`apt-get update\` first?)" >&2
  exit 1
fi

rm -rf "$directory"
mkdir -p "$directory"
cd "$directory"
apt-get download -qq "$package" >log 2>&1 || { cat log >&2; exit 1; }
dpkg-deb -x ./*.deb .
rm -f ./*.deb
touch ./done
