/** Bytes of the contract: base64, and fields as uvarint length and bytes. */
/** `Uint8Array` over an `ArrayBuffer`, in words that TypeScript before 5.7 knows too. */
export type Bytes = ReturnType<TextEncoder['encode']>;
export declare function utf8(text: string): Bytes;
/** Padded standard base64. */
export declare function base64(bytes: Uint8Array): string;
/** The fields in order, each after its length. Text is UTF-8. */
export declare function lengthPrefixed(...fields: (string | Uint8Array)[]): Bytes;
export declare function concat(parts: Uint8Array[]): Bytes;
export declare function sha256(bytes: Bytes): Promise<Bytes>;
