/** Addresses as people write them, and the sentences for those that make no sense. */
import { describe, expect, it } from "vitest"
import { describeAddress, formatAddress, parseAddress } from "../../cli/address.ts"
import { Failure } from "../../cli/failure.ts"

describe("an address", () => {
  it.each([
    [["example.com:80"], "example.com", 80],
    [["127.0.0.1:0"], "127.0.0.1", 0],
    [["[::1]:65535"], "::1", 65_535],
    [["[fe80::1%eth0]:22"], "fe80::1%eth0", 22],
    [["example.com", "80"], "example.com", 80],
    [["::1", "80"], "::1", 80],
    [["[::1]", "80"], "::1", 80],
    [["*:80"], "*", 80],
  ])("%j is %s and %i", (operands, host, port) => {
    expect(parseAddress(operands)).toEqual({ host, port })
  })

  it("takes the other host where only a port is given", () => {
    expect(parseAddress(["8080"], "127.0.0.1")).toEqual({ host: "127.0.0.1", port: 8080 })
    expect(parseAddress([":8080"], "127.0.0.1")).toEqual({ host: "127.0.0.1", port: 8080 })
  })

  it.each([
    [["8080"], "names no host"],
    [[":8080"], "names no host"],
    [["example.com"], "names no host"],
    [["example.com:"], "no port"],
    [["example.com:http"], "no port"],
    [["example.com:65536"], "no port"],
    [["example.com:-1"], "no port"],
    [["example.com:8e1"], "no port"],
    [["::1:80"], "several ways"],
    [["[::1:80"], "bracket"],
    [["a", "1", "2"], "more than"],
  ])("%j is refused with a sentence", (operands, why) => {
    const parse = (): unknown => parseAddress(operands)
    expect(parse).toThrow(Failure)
    expect(parse).toThrow(why)
    expect(parse).toThrow("write HOST:PORT, [::1]:80 or HOST PORT")
  })

  it("is written so that it can be read again", () => {
    for (const host of ["example.com", "127.0.0.1", "::1"]) {
      expect(parseAddress([formatAddress({ host, port: 80 })])).toEqual({ host, port: 80 })
    }
  })

  it("of the daemon is one word", () => {
    expect(describeAddress({ host: "::1", port: 80, family: "IPv6" })).toBe("[::1]:80")
    expect(describeAddress({ path: "/tmp/a.sock" })).toBe("/tmp/a.sock")
    expect(describeAddress(undefined)).toBe("?")
  })
})
