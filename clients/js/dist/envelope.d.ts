/** The signed request `galaxy-request-v1`, and the proof of a new key: their exact bytes. */
import { type Bytes } from './bytes.js';
export interface SignedFields {
    deviceSessionId: string;
    /** Method and target of the request line as sent, such as `POST /orders?dry=1`. */
    messageType: string;
    timestampMs: number | bigint;
    requestId: string;
    /** SHA-256 of the whole body, also of an empty one. */
    payloadHash: Uint8Array;
}
/** The bytes that a request's signature covers. */
export declare function signedBytes(fields: SignedFields): Bytes;
/** The bytes that `client_key_proof` covers. `host` is in lower case without a port, `code` has six ASCII digits. */
export declare function proofBytes(host: string, challengeId: string, code: string): Bytes;
/** Method and target of the request line, as a browser sends them. */
export declare function messageTypeOf(method: string, url: string): string;
export interface Signing {
    deviceSessionId: string;
    messageType: string;
    timestampMs: number;
    body: Bytes;
    /** Default: 144 random bits. Every request needs another one. */
    requestId?: string;
}
/** The six headers of a request. */
export declare function envelopeOf(request: Signing, sign: (message: Bytes) => Promise<Uint8Array>): Promise<[string, string][]>;
