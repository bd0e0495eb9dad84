/** Bytes of the contract: base64, and fields as uvarint length and bytes. */

const encoder = new TextEncoder()

/** `Uint8Array` over an `ArrayBuffer`, in words that TypeScript before 5.7 knows too. */
export type Bytes = ReturnType<TextEncoder['encode']>

export function utf8(text: string): Bytes {
  return encoder.encode(text)
}

/** Padded standard base64. */
export function base64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
}

/** The length in base 128, least significant group first, as protobuf writes it. */
function uvarint(length: number): number[] {
  const groups: number[] = []
  for (; length >= 0x80; length = Math.floor(length / 0x80)) groups.push((length & 0x7f) | 0x80)
  return [...groups, length]
}

/** The fields in order, each after its length. Text is UTF-8. */
export function lengthPrefixed(...fields: (string | Uint8Array)[]): Bytes {
  return concat(
    fields.flatMap((field) => {
      const bytes = typeof field === 'string' ? utf8(field) : field
      return [Uint8Array.from(uvarint(bytes.length)), bytes]
    }),
  )
}

export function concat(parts: Uint8Array[]): Bytes {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

export async function sha256(bytes: Bytes): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
}
