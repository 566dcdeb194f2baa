/** A certificate in the shape of Python's `ssl.SSLSocket.getpeercert()`: what asyncio's `peercert` is. Pure. */
import type { X509Certificate } from "node:crypto"

/** A distinguished name: each part is a set of pairs, nearly always of one. Tuples become arrays. */
export type Name = ReadonlyArray<ReadonlyArray<readonly [string, string]>>

export interface PeerCertificate {
  readonly subject: Name
  readonly issuer: Name
  readonly version: number
  readonly serialNumber: string
  readonly notBefore: string
  readonly notAfter: string
  readonly subjectAltName?: ReadonlyArray<readonly [string, string | Name]>
  readonly OCSP?: readonly string[]
  readonly caIssuers?: readonly string[]
}

/** OpenSSL's long names, which Python uses, for the short ones, which Node uses; others are the same in both. */
const LONG_NAMES: Readonly<Record<string, string>> = {
  C: "countryName",
  CN: "commonName",
  DC: "domainComponent",
  GN: "givenName",
  L: "localityName",
  O: "organizationName",
  OU: "organizationalUnitName",
  SN: "surname",
  ST: "stateOrProvinceName",
  UID: "userId",
  businessCategory: "businessCategory",
  dnQualifier: "dnQualifier",
  jurisdictionC: "jurisdictionCountryName",
  jurisdictionL: "jurisdictionLocalityName",
  jurisdictionST: "jurisdictionStateOrProvinceName",
  street: "streetAddress",
}

/** Source: CPython `_ssl.c`, `_decode_certificate`; distribution points of revocation lists, which Node has not, are left out. */
export function peerCertificate(certificate: X509Certificate): PeerCertificate {
  const { subject, issuer, serialNumber, validFrom, validTo, subjectAltName, infoAccess, raw } = certificate
  const alternatives = alternativeNames(subjectAltName ?? "")
  const access = (infoAccess ?? "").split("\n")
  const urls = (prefix: string): string[] =>
    access.filter((line) => line.startsWith(prefix)).map((line) => unquoted(line.slice(prefix.length)))
  const ocsp = urls("OCSP - URI:")
  const issuers = urls("CA Issuers - URI:")
  return {
    subject: nameOf(subject),
    issuer: nameOf(issuer),
    version: versionOf(raw),
    serialNumber,
    notBefore: validFrom,
    notAfter: validTo,
    ...(alternatives.length > 0 && { subjectAltName: alternatives }),
    ...(ocsp.length > 0 && { OCSP: ocsp }),
    ...(issuers.length > 0 && { caIssuers: issuers }),
  }
}

/** The subject on one line: enough to say in an error whose certificate it was. */
export function subjectOf(certificate: X509Certificate): string {
  return certificate.subject.split("\n").join(", ")
}

/** Node writes one line for each part, `A=x + B=y` for a part of several pairs, and escapes as RFC 2253 says. */
function nameOf(text: string | undefined): Name {
  if (text === undefined || text === "") return []
  return text.split("\n").map((part) => part.split(/(?<!\\) \+ /).map(pairOf))
}

function pairOf(text: string): readonly [string, string] {
  const at = text.indexOf("=")
  const name = text.slice(0, at)
  return [LONG_NAMES[name] ?? name, text.slice(at + 1).replaceAll(/\\(.)/g, "$1")]
}

/** `DNS:a, IP Address:1.2.3.4`: names that hold a comma or a quote are JSON strings. */
function alternativeNames(text: string): Array<readonly [string, string]> {
  const found = text.matchAll(/([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,]*)(?:, |$)/g)
  return [...found].map(([, kind, value]) => [kind as string, unquoted(value as string)] as const)
}

function unquoted(text: string): string {
  return text.startsWith('"') ? (JSON.parse(text) as string) : text
}

/** `Certificate ::= SEQUENCE { SEQUENCE { [0] { INTEGER version } …`; without it the version is 1 (RFC 5280 §4.1). */
function versionOf(der: Buffer): number {
  const at = content(der, content(der, 0))
  return der[at] === 0xa0 ? (der[at + 4] ?? 0) + 1 : 1
}

/** Where the content of the element at `at` begins: behind its tag and its length. */
function content(der: Buffer, at: number): number {
  const length = der[at + 1] ?? 0
  return at + 2 + (length > 0x80 ? length - 0x80 : 0)
}
