#!/bin/sh
# The operator's command on a machine whose node runs under systemd (ecolink.service):
#
#   install -m 0755 ecolink.sh /usr/local/bin/ecolink
#
# Given by root it acts as the node's own user, with the node's settings and, if its keys are encrypted, their
# passphrase: that goes through the environment of this one command, which other users cannot read, and through no
# command line, which they can. Given by anybody else it is the program as it is.
set -eu

program=/opt/ecolink/bin/ecolink
settings=/etc/ecolink/ecolink.toml
passphrase=/etc/ecolink/key_passphrase

[ "$(id -u)" -eq 0 ] || exec "$program" "$@"
umask 077
export HOME=/var/lib/ecolink ECOLINK_CONFIG="${ECOLINK_CONFIG:-$settings}"
if [ -z "${ECOLINK_KEY_PASSPHRASE:-}" ] && [ -f "$passphrase" ]; then
    ECOLINK_KEY_PASSPHRASE=$(cat "$passphrase")
    export ECOLINK_KEY_PASSPHRASE
fi
exec runuser -u ecolink -- "$program" "$@"
