/** Messages to bytes, written a second time and without any of `protocol/`: what both agree on is the wire. */

export interface Encoding {
  readonly framing: "header" | "newline"
  readonly byteMessages: boolean
}

/** One message as it travels. */
export function encode(
  message: object,
  { framing, byteMessages }: Encoding = { framing: "header", byteMessages: false },
): Buffer {
  const { id, method, params } = message as { id?: unknown; method?: string; params?: { data?: unknown } }
  const data = params?.data
  if (framing === "newline") return Buffer.from(`${JSON.stringify(withBase64(message))}\n`)
  if (byteMessages && id === undefined && data instanceof Uint8Array) {
    return byteMessage(method as string, JSON.stringify({ ...params, data: undefined }), data)
  }
  return frame(JSON.stringify(withBase64(message)))
}

/** A body behind its header. */
export function frame(body: string | Uint8Array, header = ""): Buffer {
  const bytes = Buffer.from(body as string)
  return Buffer.concat([Buffer.from(`Content-Length: ${bytes.length}\r\n${header}\r\n`), bytes])
}

/** A byte message with `params` as given, JSON or not. */
export function byteMessage(method: string, params: string, body: string | Uint8Array): Buffer {
  return frame(body, `Content-Type: application/octet-stream\r\nMethod: ${method}\r\nParams: ${params}\r\n`)
}

function withBase64(message: object): object {
  const { params } = message as { params?: { data?: unknown } }
  if (params === undefined || params === null) return message
  const { data } = params
  if (data instanceof Uint8Array)
    return { ...message, params: { ...params, data: Buffer.from(data).toString("base64") } }
  if (!Array.isArray(data)) return message
  const pieces = data.map((each: unknown) => (each instanceof Uint8Array ? Buffer.from(each).toString("base64") : each))
  return { ...message, params: { ...params, data: pieces } }
}
