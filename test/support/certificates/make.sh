#!/bin/sh
# Makes the certificates of the tests, next to this script: an authority, what it signed, and what it did not.
# They are committed, so this runs only when one is to change. They are valid from 2020 to 2120 and protect nothing.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
: >"$work/index"

cat >"$work/ca.cnf" <<CNF
[ca]
default_ca = authority
[authority]
database = $work/index
new_certs_dir = $work
rand_serial = yes
default_md = sha256
policy = anything
unique_subject = no
[anything]
C = optional
O = optional
OU = optional
CN = supplied
[authority_extensions]
basicConstraints = critical, CA:TRUE
subjectKeyIdentifier = hash
[server_extensions]
basicConstraints = CA:FALSE
extendedKeyUsage = serverAuth
subjectAltName = DNS:localhost, DNS:*.example.test, IP:127.0.0.1, IP:::1, URI:https://localhost/, email:ada@example.test
authorityInfoAccess = OCSP;URI:http://ocsp.example.test/, caIssuers;URI:http://example.test/ca.cer
[client_extensions]
basicConstraints = CA:FALSE
extendedKeyUsage = clientAuth
CNF

# certificate NAME SUBJECT EXTENSIONS FIRST_YEAR LAST_YEAR [HOW IT IS SIGNED]
certificate() {
  name=$1 subject=$2 extensions=$3 first=$4 last=$5
  shift 5
  openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$name.key"
  openssl req -new -config /dev/null -key "$name.key" -subj "$subject" -out "$work/$name.csr"
  openssl ca -batch -notext -config "$work/ca.cnf" -extensions "${extensions}_extensions" \
    -startdate "${first}0101000000Z" -enddate "${last}0101000000Z" -in "$work/$name.csr" -out "$name.pem" "$@"
}

certificate ca "/O=transportd tests/CN=Test Authority" authority 2020 2120 -selfsign -keyfile ca.key
by_authority="-cert ca.pem -keyfile ca.key"
# shellcheck disable=SC2086
{
  certificate server '/C=GB/O=Engines, Ltd/OU=Mill \+ Store/CN=localhost' server 2020 2120 $by_authority
  certificate client "/O=transportd tests/CN=ada" client 2020 2120 $by_authority
  certificate expired "/CN=localhost" server 2000 2001 $by_authority
}
certificate stranger "/CN=localhost" server 2020 2120 -selfsign -keyfile stranger.key
openssl ec -in client.key -aes128 -passout pass:secret -out client.encrypted.key
